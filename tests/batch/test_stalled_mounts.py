"""A mount that stalls holds up neither the parent nor any other recording beyond its limit."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_recognizer import loader
from stalled_mount import stalled_mount

from recognizer.batch import file_stability
from recognizer.batch.file_stability import files_being_written
from recognizer.batch.jobs import Job
from recognizer.batch.recording_files import files_below
from recognizer.batch.results import read_results
from recognizer.batch.stalled_mounts import Looks, _Looker
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker import Worker, WorkerClosedError

PROGRAM = Path(__file__).parents[1].joinpath("support", "command_program.py")


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("a.wav", "z.wav"):
        (folder / name).write_text("silence")
    with stalled_mount(folder / "m-stalled") as stalled:
        (folder / "link.wav").symlink_to(stalled / "0001.wav")
        yield folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(PROGRAM), *map(str, arguments)]


def said(results: Path) -> dict[str, str]:
    return {
        Path(line["recording"]).name: line["outcome"] or line["error"]["kind"]
        for line in read_results(results)
    }


@pytest.mark.slow
def test_batch(calls: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    began = time.monotonic()
    # To a file: a worker that cannot die before its disk answers would hold a pipe open.
    with (tmp_path / "said").open("w") as out:
        done = subprocess.run(
            command("batch", calls, calls / "m-stalled" / "0002.wav", "--results", results,
                    "--time-limit", 3, "--workers", 1),
            check=False, stdout=out, stderr=out, timeout=180,
        )  # fmt: skip
    assert time.monotonic() - began < 150
    assert done.returncode == 1
    assert said(results) == {
        "a.wav": "silence",
        "z.wav": "silence",
        "link.wav": "time_limit",
        "0002.wav": "time_limit",
    }
    assert "m-stalled: cannot be searched: its disk or network folder does not answer" in (
        " ".join((tmp_path / "said").read_text().split())
    )


@pytest.mark.slow
def test_many_links_to_a_stalled_mount_cost_no_limit_each(calls: Path, tmp_path: Path) -> None:
    for number in range(40):
        (calls / f"link-{number:02}.wav").symlink_to(calls / "m-stalled" / f"{number}.wav")
    results = tmp_path / "results.jsonl"
    began = time.monotonic()
    with (tmp_path / "said").open("w") as out:
        done = subprocess.run(
            command("batch", calls, "--results", results, "--time-limit", 60, "--workers", 2),
            check=False, stdout=out, stderr=out, timeout=300,
        )  # fmt: skip
    assert time.monotonic() - began < 100  # at a limit each it would be twenty minutes
    assert done.returncode == 1
    outcomes = list(said(results).values())
    assert (outcomes.count("silence"), outcomes.count("time_limit")) == (2, 41)


@pytest.mark.slow
def test_many_links_cost_classify_no_limit_each_either(calls: Path, tmp_path: Path) -> None:
    for number in range(9):
        (calls / f"link-{number}.wav").symlink_to(calls / "m-stalled" / f"{number}.wav")
    began = time.monotonic()
    with (tmp_path / "said").open("w") as out, (tmp_path / "lines").open("w") as lines:
        subprocess.run(
            command("classify", calls, "--format", "jsonl", "--time-limit", 60),
            check=False, stdout=lines, stderr=out, timeout=700,
        )  # fmt: skip
    assert time.monotonic() - began < 100
    found = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    kinds = [line["outcome"] or line["error"]["kind"] for line in found]
    assert (kinds.count("silence"), kinds.count("time_limit")) == (2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("looks", [True, False])
def test_a_batch_is_stopped_within_seconds_while_it_looks_or_both_workers_wait(
    tmp_path: Path, looks: bool
) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for number in range(60):
        (folder / f"c{number:02}.wav").write_text("silence")
    results = tmp_path / "results.jsonl"
    with stalled_mount(tmp_path / "stalled") as stalled:
        for name in ("b.wav", "c30x.wav"):
            (folder / name).write_text(f"open {stalled / name}")
        others = [stalled / "1.wav"] if looks else []
        program = subprocess.Popen(
            command("batch", folder, *others, "--results", results,
                    "--time-limit", 60, "--workers", 2),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(3 if looks else 20)
        program.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert program.wait(60) == 143
        assert time.monotonic() - began < 20  # with a worker that cannot die
    if looks:
        assert not results.exists() or said(results) == {}
    else:
        assert set(said(results).values()) == {"silence"}


@pytest.mark.slow
def test_a_worker_that_cannot_die_is_closed_within_seconds(calls: Path) -> None:
    with Worker(loader(), limits=TimeLimits(base_s=120.0)) as worker:
        worker.start()
        asked = threading.Thread(target=ask, args=(worker, calls / "link.wav"))
        asked.start()
        time.sleep(2)
        began = time.monotonic()
        worker.close()
        assert time.monotonic() - began < 30
        asked.join(10)
        assert not asked.is_alive()


def ask(worker: Worker, path: Path) -> None:
    with contextlib.suppress(WorkerClosedError):
        worker.run(Job(path=str(path)))


@pytest.mark.slow
def test_classify(calls: Path, tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as out, (tmp_path / "lines").open("w") as lines:
        done = subprocess.run(
            command("classify", calls, "--format", "jsonl", "--time-limit", 3),
            check=False, stdout=lines, stderr=out, timeout=180,
        )  # fmt: skip
    assert done.returncode == 1
    found = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert {
        Path(line["recording"]).name: line["outcome"] or line["error"]["kind"] for line in found
    } == {"a.wav": "silence", "z.wav": "silence", "link.wav": "time_limit"}


@pytest.mark.slow
def test_watch(calls: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    program = subprocess.Popen(
        command("watch", calls, "--results", results, "--time-limit", 3, "--workers", 1,
                "--settle", 0.2, "--rescan", 1),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        for n_lines, late in ((2, "late.wav"), (3, "later.wav"), (4, None)):
            while not results.exists() or len(said(results)) < n_lines:
                assert time.monotonic() < end
                time.sleep(0.2)
            if late is not None:
                (calls / late).write_text("busy_tone")
    finally:
        program.send_signal(signal.SIGTERM)
        _, warnings = program.communicate(timeout=60)
    assert said(results) == {
        "a.wav": "silence",
        "z.wav": "silence",
        "late.wav": "busy_tone",
        "later.wav": "busy_tone",
    }
    assert warnings.count("m-stalled: cannot be searched") == 1


# -- the same without a mount -------------------------------------------------------------------


class Disk:
    """Answers once it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.n_asked = 0

    def stat(self) -> str:
        self.n_asked += 1
        assert self.answers.wait(60)
        return "looked"


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.answers.set()


@pytest.mark.slow
def test_what_stalls_is_asked_once_until_it_has_answered(tmp_path: Path, disk: Disk) -> None:
    look = Looks(limit_s=0.2)
    stalled, other = tmp_path / "stalled.wav", tmp_path / "other.wav"
    for _ in range(3):
        with pytest.raises(TimeoutError, match="does not answer"):
            look(stalled, disk.stat)
    assert disk.n_asked == 1
    assert look(other, lambda: "other") == "other"
    disk.answers.set()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            assert look(stalled, disk.stat) == "looked"
            break
        except TimeoutError:
            time.sleep(0.01)
    assert disk.n_asked == 2


def test_what_a_look_raises_is_raised(tmp_path: Path) -> None:
    look = Looks(limit_s=5.0)
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "a", (tmp_path / "a").stat)
    assert look(tmp_path, lambda: 1) == 1


def test_an_interrupted_look_answers_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    look = Looks(limit_s=20.0)
    asked = _Looker.ask

    def interrupted(looker: _Looker, call: Callable[[], object], limit_s: float) -> object:
        with pytest.raises(queue.Empty):
            asked(looker, call, 0.1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_Looker, "ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            look(tmp_path, disk.stat)
    disk.answers.set()
    assert look(tmp_path, lambda: "mine") == "mine"


@pytest.mark.slow
def test_files_of_other_programs_on_a_stalled_disk_hide_no_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    stalled, written = tmp_path / "stalled", tmp_path / "written"
    stat = Path.stat

    def slow(path: Path, **how: bool) -> os.stat_result:
        if path.parent.name == "fd" and path.readlink() == stalled:
            disk.stat()
        return stat(path, **how)

    monkeypatch.setattr(file_stability, "look", Looks(limit_s=0.2))
    monkeypatch.setattr(Path, "stat", slow)
    with stalled.open("w"), written.open("w"):
        inode = (written.stat().st_dev, written.stat().st_ino)
        assert files_being_written({inode}) == {inode}
        assert files_being_written({inode}) == {inode}
    assert disk.n_asked == 1


def test_folders_are_searched_in_order_and_links_to_them_are_not_followed(tmp_path: Path) -> None:
    for name in ("b/2.wav", "b/c/3.wav", "1.wav", "z.wav", ".hidden/x.wav", "b/.y.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop.wav").symlink_to(tmp_path)
    (tmp_path / "nowhere.wav").symlink_to(tmp_path / "nothing")
    complaints: list[str] = []
    found = [str(path.relative_to(tmp_path)) for path in files_below(tmp_path, complaints.append)]
    assert found == ["1.wav", "nowhere.wav", "z.wav", "b/.y.wav", "b/2.wav", "b/c/3.wav"]
    assert complaints == []
