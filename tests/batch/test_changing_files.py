"""A recording that changes under a run: what is recorded is what was heard, or nothing."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import load_fake, loader

from recognizer.batch.held_files import HeldFile
from recognizer.batch.jobs import Job, run_jobs
from recognizer.batch.recordings import FactFinder, recordings_in
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.runner import Summary, pending, run_batch
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker import Worker
from recognizer.batch.worker_pool import WorkerPool
from recognizer.crm.journal.journal import REHEARING, Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallOutcome
from recognizer.regulation.signalling import load_signalling

PROGRAM = Path(__file__).parents[1].joinpath("support", "batch_program.py")


def replace(path: Path) -> None:
    new = path.with_name("new.part")
    new.write_text("switched_off_or_out_of_coverage")
    new.replace(path)


def write_in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"busy_tone     ")


def write_in_place_unseen(path: Path) -> None:
    """Change the bytes, keep size and times."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"X")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def cut(path: Path) -> None:
    os.truncate(path, 5)


def into_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES = [replace, write_in_place, write_in_place_unseen, grow, cut, Path.unlink, into_a_pipe]


@pytest.mark.parametrize("n_bytes", [100, 5 * 2**20])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_says_so_and_one_that_did_not_does_not(
    tmp_path: Path, change: Callable[[Path], None], n_bytes: int
) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"does_not_exist".ljust(n_bytes))
    held = HeldFile(str(path), "call.wav")
    digest = held.digest()
    assert digest == hashlib.sha256(b"does_not_exist".ljust(n_bytes)).hexdigest()
    assert held.why_changed() is None
    path.chmod(0o600)
    change(path)
    assert held.why_changed() in {"replaced", "written to", "removed"}
    held.close()


def run(folder: Path, results: Path, journal: str, n_workers: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PROGRAM, folder, results, results.with_suffix(".asked"),
         str(n_workers), journal],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_recording_changed_while_a_batch_hears_it_is_not_recorded_and_the_next_run_takes_it(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder, results = tmp_path / "calls", tmp_path / "results.jsonl"
    folder.mkdir()
    names = [f"20261122-09{index:02}00_7999111{index:04}_1.{index}.wav" for index in range(41)]
    for name in names:
        (folder / name).write_text("slow 0.1")
    path = folder / names[5]
    path.write_text("does_not_exist")
    url = f"sqlite:///{tmp_path}/journal.sqlite3"
    program = run(folder, results, url)
    asked = results.with_suffix(".asked")
    while not asked.exists():  # the first group is open
        time.sleep(0.01)
    change(path)
    program.communicate(timeout=120)
    (line,) = [line for line in read_results(results) if line["recording"] == str(path)]
    assert line["error"]["kind"] == "changed"
    assert line["outcome"] is None
    assert "journal" not in line
    with Journal.open(url) as journal:
        assert journal.count_attempts() > 30
        outcomes = {each.outcome for each in journal.attempts(limit=100).items}
    assert {outcome.value for outcome in outcomes if outcome} == {"silence"}
    if change is replace:
        run(folder, results, url).communicate(timeout=120)
        *_, line = [line for line in read_results(results) if line["recording"] == str(path)]
        assert line["outcome"] == "switched_off_or_out_of_coverage"
        assert line["file"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        n_lines = sum(1 for _ in read_results(results))
        run(folder, results, url).communicate(timeout=120)
        assert sum(1 for _ in read_results(results)) == n_lines


def batch(folder: Path, results: Path, limits: TimeLimits) -> dict[str, dict[str, Any]]:
    summary = Summary()
    with ResultLog(results) as log, WorkerPool(loader(), 1, limits=limits) as pool:
        todo = pending(recordings_in([folder], FactFinder()), log, summary)
        run_batch(todo, pool, log, summary)
    return {Path(line["recording"]).name: line for line in read_results(results)}


@pytest.mark.slow
def test_no_file_that_is_none_holds_up_another(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "good.wav").write_text("silence")
    os.mkfifo(folder / "pipe.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "kernel.wav").symlink_to("/proc/kmsg")  # no size, and a read waits
    (folder / "made.wav").symlink_to("/proc/self/status")  # no size, and bytes in it
    (folder / "tty.wav").symlink_to("/dev/tty")
    (folder / "link-to-pipe.wav").symlink_to(folder / "pipe.wav")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "nowhere.wav").symlink_to(folder / "nothing")
    (folder / "new\nline.wav").write_text("silence")
    (folder / "-dash.wav").write_text("silence")
    (folder / os.fsdecode(b"\xff\xfe.wav")).write_text("silence")
    (folder / ("n" * 250 + ".wav")).write_text("silence")
    began = time.monotonic()
    lines = batch(folder, tmp_path / "results.jsonl", TimeLimits(base_s=5.0))
    assert time.monotonic() - began < 60
    kinds = {name: (line["error"] or {}).get("kind") for name, line in lines.items()}
    assert kinds == {
        "good.wav": None,
        "pipe.wav": "not_a_file",
        "zero.wav": "not_a_file",
        "kernel.wav": "empty_file" if os.geteuid() == 0 else "permission",
        "made.wav": "empty_file",
        "tty.wav": "not_a_file",
        "link-to-pipe.wav": "not_a_file",
        "loop.wav": "unreadable_file",
        "nowhere.wav": "not_found",
        "new\nline.wav": None,
        "-dash.wav": None,
        "\\xff\\xfe.wav": None,
        "n" * 250 + ".wav": None,
    }


def flac_that_claims(total_samples: int) -> bytes:
    """Return a short FLAC recording whose header claims another length."""
    import io

    import numpy as np
    import soundfile

    file = io.BytesIO()
    noise = np.random.default_rng(1).normal(0, 0.1, 8000)
    soundfile.write(file, noise, 8000, format="FLAC")
    content = bytearray(file.getvalue())
    content[21] = content[21] & 0xF0 | total_samples >> 32
    content[22:26] = (total_samples & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("total", [2**36 - 1, 2**35, 8000 * 3600 * 5])
def test_a_length_that_a_header_claims_ends_nothing(tmp_path: Path, total: int) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "claims.flac").write_bytes(flac_that_claims(total))
    (folder / "good.wav").write_text("silence")
    lines = batch(folder, tmp_path / "results.jsonl", TimeLimits(base_s=20.0))
    assert lines["good.wav"]["outcome"] == "silence"
    assert lines["claims.flac"]["error"]["kind"] == "unreadable_audio"  # as the fake hears it


@pytest.mark.slow
def test_a_recording_longer_than_accepted_is_refused_before_it_is_heard(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    import soundfile

    path = folder / "sparse.wav"
    soundfile.write(path, [0.0] * 8000, 8000)
    os.truncate(path, 3 * 2**30)
    began = time.monotonic()
    line = batch(folder, tmp_path / "results.jsonl", TimeLimits(base_s=20.0))["sparse.wav"]
    assert line["error"]["kind"] == "too_long"
    assert time.monotonic() - began < 40


@pytest.mark.parametrize("head", [b"", b"RIFF\0\0\0\0WAVEfmt ", b"fLaC", b"OggS", b"#!AMR\n"])
def test_what_is_far_too_large_and_says_no_length_is_refused_unread(
    tmp_path: Path, head: bytes
) -> None:
    path = tmp_path / "sparse.wav"
    path.write_bytes(head)
    os.truncate(path, 3 * 2**30)
    began = time.monotonic()
    (finished,) = run_jobs(
        load_fake(), [Job(path=str(path))], load_signalling(), max_duration_s=9e3
    )
    assert finished.report.error is not None
    assert finished.report.error.kind == "too_long"
    assert "9000 s" in finished.report.error.message
    assert time.monotonic() - began < 2


def test_what_no_header_tells_and_is_not_too_large_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "small.wav"
    path.write_text("silence")
    os.truncate(path, 32_000)
    for limit_s, kind in ((0.99, "too_long"), (1.0, "unreadable_audio")):
        (finished,) = run_jobs(
            load_fake(), [Job(path=str(path))], load_signalling(), max_duration_s=limit_s
        )
        assert finished.report.error is not None
        assert finished.report.error.kind == kind


@pytest.mark.parametrize("duration_s", [0.0, 9.0, 1e9, 1e300, float("inf"), float("nan"), -1.0])
def test_no_length_makes_a_wait_longer_than_the_longest(duration_s: float) -> None:
    limits = TimeLimits(base_s=3.0, max_s=100.0)
    assert 3.0 <= limits.of(duration_s) <= 100.0


@pytest.mark.slow
def test_what_goes_wrong_in_the_parent_about_one_file_costs_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.wav").write_text("silence")
    asked = Worker._ask

    def fail(worker: Worker, jobs: Any) -> Any:
        if any(job.path.endswith("b.wav") for job in jobs):
            raise OverflowError("timeout is too large")
        return asked(worker, jobs)

    monkeypatch.setattr(Worker, "_ask", fail)
    lines = batch(folder, tmp_path / "results.jsonl", TimeLimits(base_s=20.0))
    assert {name: (line["error"] or {}).get("kind") for name, line in lines.items()} == {
        "a.wav": None,
        "b.wav": "internal",
        "c.wav": None,
    }
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_wrong_row_is_corrected_by_a_new_hearing_unless_a_person_has_said_what_it_was(
    tmp_path: Path,
) -> None:
    report = load_fake().recognize
    wrong, right = tmp_path / "wrong.wav", tmp_path / "right.wav"
    wrong.write_text("does_not_exist")
    right.write_text("switched_off_or_out_of_coverage")
    damaged = tmp_path / "damaged.wav"
    damaged.write_text("damaged")
    with Journal.open(f"sqlite:///{tmp_path}/j.sqlite3") as journal:

        def record(path: Path, digest: str) -> AttemptRecord:
            return journal.record_attempt(report(path), number="+79991112233", digest=digest)

        first = record(wrong, "a" * 64)
        assert first.decision is not None
        assert first.decision.decision.incorrect_contact is True
        for _ in range(2):  # heard twice as the same is corrected once
            again = record(right, "a" * 64)
            assert (again.id, again.is_new) == (first.id, False)
            assert len(journal.corrections(first.id)) == 1
            assert not again.is_corrected  # by nobody: the program heard it again
            assert again.decision is not None
            assert again.decision.decision.incorrect_contact is not True
        record(damaged, "a" * 64)
        assert len(journal.corrections(first.id)) == 1
        assert journal.corrections(first.id)[0].made_by == REHEARING
        journal.correct(first.id, made_by="operator7", outcome=CallOutcome.LIVE_PERSON)
        stays = record(wrong, "a" * 64)
        assert stays.n_corrections == 1
        assert stays.decision is not None
        assert stays.decision.decision.incorrect_contact is not True
        # never the other way: the mark of what was heard as something else is a person's
        other = record(right, "c" * 64)
        record(wrong, "c" * 64)
        assert journal.corrections(other.id) == ()
        assert other.outcome is CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE
        # a recording nobody could read, readable now
        record(damaged, "b" * 64)
        readable = record(right, "b" * 64)
        assert readable.decision is not None
        assert readable.decision.decision.status is not None
        assert journal.count_attempts() == 3
