"""New recordings are taken when they are complete, once, and left as they were."""

import errno
import hashlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FakeRecognizer, InProcess

from recognizer.batch.file_stability import Candidates, files_being_written
from recognizer.batch.moving import move_recording
from recognizer.batch.recordings import FactFinder, identify, is_wanted
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.seen_files import SeenFiles
from recognizer.batch.watch import Watcher, WatchOptions

pytestmark = pytest.mark.slow  # a watched folder is waited for, a second or two each

TESTS = Path(__file__).parents[1] / "support"


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def touch_old(path: Path, content: str = "silence") -> Path:
    """Write a file as a writer that has just begun: written and changed at one moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names(taken: list[tuple[Path, Any]]) -> list[str]:
    return [path.name for path, _ in taken]


# -- complete or not ---------------------------------------------------------------------------


def test_a_file_is_complete_once_it_has_stayed_the_same(tmp_path: Path) -> None:
    clock = Clock()
    candidates = Candidates(5.0, 100, clock=clock)
    path = touch_old(tmp_path / "a.wav")
    candidates.add(path)
    assert candidates.take_complete(9) == []
    clock.now_s += 4.9
    assert candidates.take_complete(9) == []
    clock.now_s += 0.2
    assert candidates.take_complete(9) == [(path, identify(path))]
    assert len(candidates) == 0


def test_a_file_that_grows_is_waited_for_however_old_it_says_it_is(tmp_path: Path) -> None:
    clock = Clock()
    candidates = Candidates(5.0, 100, clock=clock)
    path = touch_old(tmp_path / "a.wav")
    candidates.add(path)
    for _ in range(5):
        clock.now_s += 4.0
        with path.open("a") as file:
            file.write("more")
        assert candidates.take_complete(9) == []
    clock.now_s += 5.0
    assert names(candidates.take_complete(9)) == ["a.wav"]


def test_a_file_open_for_writing_is_not_complete_however_quiet(tmp_path: Path) -> None:
    if not Path("/proc/self/fdinfo").exists():
        pytest.skip("no /proc")
    clock = Clock()
    candidates = Candidates(5.0, 100, clock=clock)
    path = touch_old(tmp_path / "a.wav")
    with path.open("a"):
        candidates.add(path)
        clock.now_s += 60.0
        assert candidates.take_complete(9) == []
        inode = (path.stat().st_dev, path.stat().st_ino)
        assert files_being_written({inode}) == {inode}
    with path.open():  # a reader is no writer
        assert names(candidates.take_complete(9)) == ["a.wav"]


def _renamed(path: Path) -> None:
    path.rename(path.with_suffix(".part")).rename(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.chmod(0o600),
        lambda path: path.with_suffix(".link").hardlink_to(path),
        _renamed,
    ],
    ids=["chmod", "hard link", "rename"],
)
def test_a_change_of_attributes_completes_nothing(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    path = touch_old(tmp_path / "a.wav")
    time.sleep(0.02)  # times of files tick every few milliseconds
    change(path)
    candidates = Candidates(3600.0, 100)
    candidates.add(path)
    assert candidates.take_complete(9) == []
    change_again = path.stat().st_mode
    path.chmod(change_again ^ 0o100)
    assert candidates.take_complete(9) == []


def test_an_empty_file_renamed_into_place_is_waited_for(tmp_path: Path) -> None:
    written = touch_old(tmp_path / "a.wav.part", "")
    time.sleep(0.02)
    candidates = Candidates(3600.0, 100)
    candidates.add(written.rename(tmp_path / "a.wav"))
    assert candidates.take_complete(9) == []


def test_what_disappears_or_is_no_file_is_forgotten(tmp_path: Path) -> None:
    candidates = Candidates(0.0, 100)
    path = touch_old(tmp_path / "a.wav")
    candidates.add(path)
    path.unlink()
    assert candidates.take_complete(9) == []
    assert len(candidates) == 0
    candidates.add(tmp_path)
    os.mkfifo(tmp_path / "b.wav")
    candidates.add(tmp_path / "b.wav")
    assert len(candidates) == 0


def test_no_more_is_remembered_than_allowed_nor_taken_than_asked(tmp_path: Path) -> None:
    candidates = Candidates(0.0, 3)
    for index in range(5):
        candidates.add(touch_old(tmp_path / f"{index}.wav"))
    assert len(candidates) == 3
    assert candidates.is_full
    assert names(candidates.take_complete(2)) == ["0.wav", "1.wav"]
    assert not candidates.is_full


# -- watching ----------------------------------------------------------------------------------


@contextmanager
def watching(
    folder: Path, results: Path, *, asked: Path | None = None, **options: Any
) -> Iterator[Watcher]:
    """Watch in a thread of this process until the block ends; `asked` gets what is heard."""
    options = {"settle_s": 0.2, "rescan_s": 0.3, "use_events": False} | options
    ready = threading.Event()
    holder: list[Watcher] = []
    problems: list[BaseException] = []

    def work() -> None:
        pool = InProcess(FakeRecognizer(asked))
        try:
            with (
                ResultLog(results, remember=False) as log,
                SeenFiles(results.with_suffix(".seen")) as seen,
            ):
                seen.catch_up(results)
                watcher = Watcher(
                    [folder], pool, log, seen, finder=FactFinder(), options=WatchOptions(**options)
                )
                holder.append(watcher)
                ready.set()
                watcher.run()
        except BaseException as problem:  # noqa: BLE001  the test must see it
            problems.append(problem)
            ready.set()
        finally:
            pool.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(10)
    try:
        yield holder[0]
    finally:
        holder[0].stop()
        thread.join(30)
    assert problems == []


def wait_until(holds: Callable[[], bool], limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def done(results: Path) -> Counter[str]:
    return Counter(Path(line["recording"]).name for line in read_results(results))


@pytest.mark.parametrize("size", [10, 5 * 2**20])
def test_what_moved_while_it_was_heard_is_said_and_heard_again_when_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    folder, results, asked = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "asked"
    touch_old(folder / "a.wav", "slow 2 ".ljust(size))
    with watching(folder, results, asked=asked):
        wait_until(asked.exists)
        (tmp_path / "new").write_text("busy_tone")
        (tmp_path / "new").replace(folder / "a.wav")
        wait_until(lambda: "was replaced while it was heard" in caplog.text)
        wait_until(lambda: done(results)["a.wav"] == 1)
    (line,) = read_results(results)
    assert line["outcome"] == "busy_tone"
    assert line["file"]["sha256"] == hashlib.sha256(b"busy_tone").hexdigest()


def test_a_recording_that_a_recorder_goes_on_with_is_heard_once_it_is_whole(
    tmp_path: Path,
) -> None:
    folder, results, asked = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "asked"
    touch_old(folder / "a.wav", "slow 1 ")
    with watching(folder, results, asked=asked, settle_s=1.0):
        wait_until(asked.exists)
        for _ in range(3):
            with (folder / "a.wav").open("a") as file:
                file.write(" ")
            time.sleep(0.15)
        wait_until(lambda: done(results)["a.wav"] == 1)
        time.sleep(1)
    (line,) = read_results(results)
    assert line["file"]["sha256"] == hashlib.sha256((folder / "a.wav").read_bytes()).hexdigest()


def test_recordings_are_found_without_any_event_in_folders_old_and_new(tmp_path: Path) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "before.wav")
    with watching(folder, results):
        wait_until(lambda: done(results)["before.wav"] == 1)
        touch_old(folder / "2026" / "11" / "new.wav")
        touch_old(folder / "notes.txt")
        wait_until(lambda: done(results)["new.wav"] == 1)
    assert done(results) == {"before.wav": 1, "new.wav": 1}


def test_events_bring_recordings_long_before_the_next_search(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "first.wav")
    with watching(folder, results, use_events=True, rescan_s=3600.0):
        wait_until(lambda: done(results)["first.wav"] == 1)
        time.sleep(0.5)
        touch_old(folder / "sub" / "folder" / "second.wav")
        wait_until(lambda: done(results)["second.wav"] == 1)


def test_a_listener_that_was_killed_is_said_and_the_search_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("watchfiles")
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "first.wav")
    with watching(folder, results, use_events=True):
        wait_until(lambda: done(results)["first.wav"] == 1)
        (listener,) = [
            one for one in multiprocessing.active_children() if one.name == "recognizer-events"
        ]
        listener.kill()
        wait_until(lambda: "the process that listened has ended" in caplog.text)
        touch_old(folder / "second.wav")
        wait_until(lambda: done(results)["second.wav"] == 1, 20.0)
    assert caplog.text.count("no events") == 1


def test_a_name_that_is_no_utf8_silences_no_other(tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "first.wav")
    with watching(folder, results, use_events=True, rescan_s=3600.0):
        wait_until(lambda: done(results)["first.wav"] == 1)
        time.sleep(0.5)
        for number in (1, 2):
            Path(os.fsdecode(bytes(folder) + b"/\xff%d.wav" % number)).write_text("silence")
            wait_until(lambda name=f"\\xff{number}.wav": done(results)[name] == 1, 20.0)  # type: ignore[misc]
            touch_old(folder / f"after-{number}.wav")
            wait_until(lambda name=f"after-{number}.wav": done(results)[name] == 1, 20.0)  # type: ignore[misc]


def test_a_thousand_at_once_are_all_done_once(tmp_path: Path) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    folder.mkdir()
    with watching(folder, results) as watcher:
        watcher._candidates = Candidates(0.2, 50)  # fewer are remembered than there are
        for index in range(1000):
            touch_old(folder / f"{index % 7}" / f"{index}.wav", "damaged")
        wait_until(lambda: len(done(results)) == 1000, 60.0)
    assert set(done(results).values()) == {1}


def test_recordings_are_left_as_they_were(tmp_path: Path) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    path = touch_old(folder / "a.wav")
    before = path.stat()
    with watching(folder, results):
        wait_until(lambda: done(results)["a.wav"] == 1)
    after = path.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_nothing_is_done_twice_after_a_restart_even_if_the_index_is_lost(tmp_path: Path) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "a.wav")
    with watching(folder, results):
        wait_until(lambda: done(results)["a.wav"] == 1)
    (tmp_path / "r.seen").unlink()
    touch_old(folder / "b.wav")
    with watching(folder, results):
        wait_until(lambda: done(results)["b.wav"] == 1)
    assert done(results) == {"a.wav": 1, "b.wav": 1}


def test_the_index_catches_up_with_a_log_it_did_not_see_written(tmp_path: Path) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    paths = [touch_old(folder / f"{name}.wav") for name in "abc"]
    with watching(folder, results):
        wait_until(lambda: len(done(results)) == 3)
    lines = results.read_bytes().splitlines(keepends=True)
    with SeenFiles(tmp_path / "other.seen") as seen:
        results.write_bytes(lines[0])
        seen.catch_up(results)
        results.write_bytes(b"".join(lines))
        seen.catch_up(results)
        assert all(seen.has(identify(path)) for path in paths)
        results.write_bytes(lines[2])  # rotated away and begun anew
        seen.catch_up(results)
        assert all(seen.has(identify(path)) for path in paths)


def across_file_systems(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let nothing be renamed out of a folder, as if it were a disk of its own."""
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if source.is_relative_to(folder):
            raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
        replace(source, target)

    monkeypatch.setattr("recognizer.batch.moving.os.replace", refuse)


def moved(path: Path, target: Path) -> bool:
    heard = identify(path)
    return move_recording(path, target, size_bytes=heard.size_bytes, modified_ns=heard.modified_ns)


def test_a_recording_renamed_over_one_that_is_being_copied_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = touch_old(tmp_path / "calls" / "a.wav"), tmp_path / "done" / "a.wav"
    copy = shutil.copyfileobj

    def replaced_meanwhile(*args: Any) -> None:
        copy(*args)
        touch_old(tmp_path / "new", "newer").rename(path)

    across_file_systems(monkeypatch, path.parent)
    monkeypatch.setattr("recognizer.batch.moving.shutil.copyfileobj", replaced_meanwhile)
    assert not moved(path, target)
    assert path.read_text() == "newer"
    assert [each.name for each in target.parent.iterdir()] == ["a.wav"]
    assert target.read_text() == "silence"


def test_a_killed_copy_leaves_nothing_under_the_name_and_nothing_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, target = touch_old(tmp_path / "calls" / "a.wav"), tmp_path / "done" / "a.wav"
    across_file_systems(monkeypatch, path.parent)
    found: list[str] = []

    def killed(_: Any, copy: Any, *args: Any) -> None:
        copy.write(b"sil")
        copy.flush()
        found.extend(each.name for each in target.parent.iterdir())
        os.link(target.parent / found[0], tmp_path / "left")  # what a kill leaves
        raise OSError(errno.EIO, "killed")

    with monkeypatch.context() as once:
        once.setattr("recognizer.batch.moving.shutil.copyfileobj", killed)
        with pytest.raises(OSError, match="killed"):
            moved(path, target)
    (left,) = found
    assert not is_wanted(Path(left), ())
    (tmp_path / "left").rename(target.parent / left)
    assert moved(path, target)
    assert {each.name for each in target.parent.iterdir()} == {"a.wav"}
    assert target.read_text() == "silence"
    assert not path.exists()


def test_a_new_file_as_long_and_as_old_as_one_that_was_moved_is_heard(tmp_path: Path) -> None:
    folder, results, finished = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "done"
    path = touch_old(folder / "a.wav")
    was = path.stat()
    with watching(folder, results, move_to=finished):
        wait_until((finished / "a.wav").exists)
        other = touch_old(tmp_path / "other.wav", "blocked")
        assert other.stat().st_size == was.st_size
        os.utime(other, ns=(was.st_mtime_ns, was.st_mtime_ns))
        other.rename(path)
        wait_until((finished / "a.2.wav").exists)
    assert done(results) == {"a.wav": 2}


def test_what_may_be_read_but_not_removed_is_not_copied_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, finished = tmp_path / "calls", tmp_path / "done"
    results = tmp_path / "results.jsonl"
    touch_old(folder / "one.wav")

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.parent == folder:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        unlink(path, missing_ok)

    unlink = Path.unlink
    across_file_systems(monkeypatch, folder)
    monkeypatch.setattr(Path, "unlink", refuse)
    with watching(folder, results, move_to=finished):
        wait_until(lambda: "stays" in caplog.text)
        time.sleep(1.0)  # three searches more
    assert (folder / "one.wav").exists()
    assert list(finished.iterdir()) == []
    assert caplog.text.count("stays") == 1


def test_what_another_program_moved_first_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder, finished = tmp_path / "calls", tmp_path / "done"
    results = tmp_path / "results.jsonl"
    touch_old(folder / "one.wav")
    replace = os.replace

    def too_late(source: Path, target: Path) -> None:
        if source == folder / "one.wav":
            source.unlink()
        replace(source, target)

    monkeypatch.setattr("recognizer.batch.moving.os.replace", too_late)
    with watching(folder, results, move_to=finished):
        wait_until(lambda: "cannot be moved" in caplog.text)
    assert list(finished.iterdir()) == []


def test_finished_recordings_are_moved_when_asked_and_replace_nothing(tmp_path: Path) -> None:
    folder, results, finished = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "done"
    touch_old(folder / "sub" / "a.wav")
    touch_old(finished / "sub" / "a.wav", "of yesterday")
    with watching(folder, results, move_to=finished):
        wait_until(lambda: not (folder / "sub" / "a.wav").exists())
    assert (finished / "sub" / "a.wav").read_text() == "of yesterday"
    assert (finished / "sub" / "a.2.wav").read_text() == "silence"


def test_a_recording_finished_but_not_yet_moved_is_moved_after_the_restart(tmp_path: Path) -> None:
    folder, results, finished = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "done"
    touch_old(folder / "a.wav")
    with watching(folder, results):
        wait_until(lambda: done(results)["a.wav"] == 1)
    with watching(folder, results, move_to=finished):
        wait_until((finished / "a.wav").exists)
    assert done(results) == {"a.wav": 1}


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from fake_recognizer import loader
from recognizer.batch import worker_pool
from recognizer.cli import watch


class Pool(worker_pool.WorkerPool):
    def __init__(self, load, n_workers, **more):
        super().__init__(loader(), n_workers, **more)


worker_pool.WorkerPool = Pool
if __name__ == "__main__":
    watch.watch([Path({folder!r})], results=Path({results!r}), settle=0.1, rescan=1.0, workers=1,
                events=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_program_finishes_what_is_in_work_and_loses_nothing_when_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder, results = tmp_path / "calls", tmp_path / "r.jsonl"
    touch_old(folder / "79990000000-a.wav", "slow 1")
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(PROGRAM).format(tests=str(TESTS), folder=str(folder), results=str(results))
    )
    environment = {**os.environ, "HOME": str(tmp_path)}

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment
        )

    program = start()
    assert program.stdout is not None
    assert "watching" in program.stdout.readline()
    time.sleep(1.2)  # the recording is in work
    program.send_signal(number)
    said = program.stdout.read()
    assert program.wait(30) == (0 if number == signal.SIGTERM else -9)
    program.stdout.close()
    if number == signal.SIGTERM:
        assert "silence" in said
        assert "79990000000" not in said
    else:
        again = start()
        wait_until(lambda: results.exists() and len(done(results)) == 1)
        again.terminate()
        again.communicate(timeout=30)
    assert done(results) == {"79990000000-a.wav": 1}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_link_that_is_another_file_to_every_process_is_not_heard_at_every_search(
    tmp_path: Path,
) -> None:
    folder, results, said = tmp_path / "calls", tmp_path / "r.jsonl", tmp_path / "said"
    touch_old(folder / "first.wav")
    (folder / "self.wav").symlink_to("/proc/self/status")
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(PROGRAM).format(tests=str(TESTS), folder=str(folder), results=str(results))
    )
    with said.open("w") as output:
        program = subprocess.Popen(
            [sys.executable, script], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "is another file to every program" in said.read_text(), 40.0)
        for number in range(3):  # searches go on
            touch_old(folder / f"{number}.wav")
        wait_until(lambda: done(results).total() == 7)
    finally:
        program.terminate()
        assert program.wait(30) == 0
    assert done(results) == {
        "self.wav": 3,
        **dict.fromkeys(["first.wav", "0.wav", "1.wav", "2.wav"], 1),
    }
    assert said.read_text().count("is another file to every program") == 1
