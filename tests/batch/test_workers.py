"""A worker process may die or hang; the caller gets a report all the same."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_recognizer import FakeRecognizer, load_nothing, loader

from recognizer.base.errors import EngineError
from recognizer.batch import jobs
from recognizer.batch.held_files import HeldFile
from recognizer.batch.jobs import Job
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker import Worker, WorkerClosedError
from recognizer.batch.worker_pool import WorkerPool
from recognizer.model import CallOutcome, CallRequest

pytestmark = pytest.mark.system


def job(folder: Path, content: str, name: str = "call.wav") -> Job:
    path = folder / name
    path.write_text(content)
    return Job(path=str(path), request=CallRequest(name=name))


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(loader(), limits=TimeLimits(base_s=3.0)) as worker:
        worker.start()
        yield worker


def test_a_worker_answers_with_the_report_and_the_digest(worker: Worker, tmp_path: Path) -> None:
    finished = worker.run(job(tmp_path, "busy_tone"))
    assert finished.report.outcome is not None
    assert finished.report.outcome.kind is CallOutcome.BUSY_TONE
    # printf busy_tone | sha256sum
    assert finished.sha256 == "db02ce8299651e3b04145d1a73f28c7974b88db589627121fa2f691fb4779b23"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ("segfault", "worker_crashed", "SIGSEGV, twice"),
        ("exit", "worker_crashed", "ended with status 3, twice"),
        ("hang", "time_limit", "time limit"),
        ("bug", "internal", "ZeroDivisionError"),
        ("damaged", "unreadable_audio", "not a recording"),
    ],
)
def test_a_file_that_kills_or_hangs_its_worker_costs_that_file_only(
    worker: Worker, tmp_path: Path, content: str, kind: str, words: str
) -> None:
    error = worker.run(job(tmp_path, content)).report.error
    assert error is not None
    assert error.kind == kind
    assert "call.wav" in error.message
    assert words in error.message
    assert worker.run(job(tmp_path, "silence")).report.error is None


def load_with_a_file_that_does_not_open() -> FakeRecognizer:
    class Held(HeldFile):
        def __init__(self, path: str, name: str) -> None:
            if name == "stalled.wav":
                time.sleep(3600)
            super().__init__(path, name)

    jobs.HeldFile = Held  # type: ignore[attr-defined]
    return FakeRecognizer()


@pytest.mark.slow
def test_a_file_that_does_not_open_costs_its_group_one_limit_not_one_for_each(
    tmp_path: Path,
) -> None:
    names = [f"{number:02}.wav" for number in range(16)]
    names[4] = "stalled.wav"
    given = [job(tmp_path, "silence", name) for name in names]
    limits = TimeLimits(base_s=3.0)
    with Worker(load_with_a_file_that_does_not_open, limits=limits) as worker:
        worker.start()
        began = time.monotonic()
        finished = list(worker.run_together(given))
        assert time.monotonic() - began < 3.0 + 20.0  # and a new process; it was 16 x 3
    kinds = [each.report.error and each.report.error.kind for each in finished]
    assert kinds == [None] * 4 + ["time_limit"] + [None] * 11
    error = finished[4].report.error
    assert error is not None
    assert "stalled.wav" in error.message
    assert "did not answer within its time limit" in error.message


@pytest.mark.slow
def test_recordings_given_together_are_each_answered_once_whatever_one_of_them_does(
    worker: Worker, tmp_path: Path
) -> None:
    contents = ["busy_tone", "segfault", "bug", "silence", "damaged", "hang"]
    given = [job(tmp_path, content, f"{content}.wav") for content in contents]
    reports = [finished.report for finished in worker.run_together(given)]
    assert [report.recording for report in reports] == [each.name for each in given]
    kinds = [report.error.kind if report.error else "recognised" for report in reports]
    assert dict(zip(contents, kinds, strict=True)) == {
        "busy_tone": "recognised",
        "segfault": "worker_crashed",
        "bug": "internal",
        "silence": "recognised",
        "damaged": "unreadable_audio",
        "hang": "time_limit",
    }


@pytest.mark.slow
def test_answers_nobody_waited_for_are_not_taken_for_those_of_the_next_recording(
    worker: Worker, tmp_path: Path
) -> None:
    together = worker.run_together([job(tmp_path, "silence", f"{name}.wav") for name in "abc"])
    next(together)
    together.close()
    assert worker.run(job(tmp_path, "busy_tone", "z.wav")).report.recording == "z.wav"


def test_whatever_goes_wrong_in_a_group_is_told_to_whoever_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_worker: Worker, _jobs: object) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr(Worker, "run_together", fail)
    with WorkerPool(loader(), 1) as pool:
        futures = pool.submit_together([job(tmp_path, "silence", f"{name}.wav") for name in "ab"])
        assert [str(future.exception(30)) for future in futures] == ["too many open files"] * 2


def test_a_pool_that_is_closed_cancels_what_was_given_together_and_waits(tmp_path: Path) -> None:
    pool = WorkerPool(loader(), 1)
    taken = threading.Event()
    pool.submit(job(tmp_path, "hang"), taken.set)
    waiting = pool.submit_together([job(tmp_path, "silence", "next.wav")])
    assert taken.wait(30)
    pool.close()
    assert [future.cancelled() for future in waiting] == [True]


@pytest.mark.slow
def test_a_worker_killed_by_chance_is_replaced_and_the_file_done(
    worker: Worker, tmp_path: Path
) -> None:
    finished = worker.run(job(tmp_path, f"die-once {tmp_path / 'mark'}"))
    assert finished.report.error is None


@pytest.mark.slow
def test_an_idle_worker_that_was_killed_is_replaced(worker: Worker, tmp_path: Path) -> None:
    worker.start()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.run(job(tmp_path, "silence")).report.error is None


def test_workers_ignore_the_ctrl_c_meant_for_their_parent(worker: Worker, tmp_path: Path) -> None:
    worker.start()
    before = worker.pid
    assert before is not None
    os.kill(before, signal.SIGINT)
    os.kill(before, signal.SIGTERM)
    assert worker.run(job(tmp_path, "silence")).report.error is None
    assert worker.pid == before


@pytest.mark.slow
def test_a_recogniser_that_cannot_be_loaded_says_why_at_once() -> None:
    with WorkerPool(load_nothing, 1) as pool, pytest.raises(EngineError, match="models install"):
        pool.start()


def test_closing_stops_a_worker_in_the_middle_of_a_file(tmp_path: Path) -> None:
    pool = WorkerPool(loader(), 1)
    taken = threading.Event()
    future = pool.submit(job(tmp_path, "hang"), taken.set)
    waiting = pool.submit(job(tmp_path, "silence", "next.wav"))
    assert taken.wait(30)
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 10
    assert isinstance(future.exception(), WorkerClosedError)
    assert waiting.cancelled()
    assert pool.pids == ()


def test_workers_die_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_text("hang")
    program = textwrap.dedent(f"""
        import sys, threading, time
        sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
        from fake_recognizer import loader
        from recognizer.batch.jobs import Job
        from recognizer.batch.worker import Worker
        from recognizer.model import CallRequest
        if __name__ == "__main__":
            worker = Worker(loader())
            worker.start()
            print(worker.pid, flush=True)
            worker.run(Job(path={str(path)!r}, request=CallRequest(name="call.wav")))
    """)
    script = tmp_path / "parent.py"
    script.write_text(program)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone_within(pid, 10)


def gone_within(pid: int, limit_s: float) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z":
                time.sleep(0.05)
                continue
        return True
    return False
