"""One server a state folder: a second is refused before it touches what the first works with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_recognizer import FakeRecognizer

pytest.importorskip("sqlalchemy", reason="the extra `server` is not installed")

from recognizer.base.errors import RecognizerError
from recognizer.base.settings import ServerSettings
from recognizer.model import CallRequest
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.runners import InProcessRunner
from recognizer.web.jobs.submissions import JobState, Submission

HOLDING = """
import pathlib, sys, time
from recognizer.web.jobs.state_lock import StateLock
lock = StateLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def jobs_in(folder: Path) -> Jobs:
    return Jobs(ServerSettings(state_dir=folder), InProcessRunner(FakeRecognizer()))


def test_a_second_server_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    first = jobs_in(tmp_path)
    in_flight = tmp_path / "uploads" / "in-flight"
    in_flight.write_text("half of a recording")
    upload = tmp_path / "uploads" / "heard"
    upload.write_text("slow 0.5")
    job = first.submit(upload, Submission(call=CallRequest(name="a.wav")), owner="me")
    while first.counts() != (0, 1):
        time.sleep(0.01)
    for _ in range(2):  # who holds it is still known after somebody tried
        with pytest.raises(RecognizerError, match=f"process {os.getpid()} on .*stop it first"):
            jobs_in(tmp_path)
    assert first.counts() == (0, 1)
    assert in_flight.exists()
    assert upload.exists()
    first.finished(job.id).result(20)
    done = first.get(job.id)
    assert done is not None
    assert done.state is JobState.DONE
    first.close()
    jobs_in(tmp_path).close()
    assert not in_flight.exists()


def test_a_start_that_fails_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").mkdir()
    with pytest.raises(RecognizerError, match="cannot keep its state"):
        jobs_in(tmp_path)
    (tmp_path / "jobs.sqlite3").rmdir()
    jobs_in(tmp_path).close()


def test_a_server_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDING, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    with program, program.stdout:
        assert program.stdout.readline() == "held\n"
        with pytest.raises(RecognizerError, match=f"process {program.pid} on"):
            jobs_in(tmp_path)
        program.send_signal(signal.SIGKILL)
        program.wait(20)
    jobs_in(tmp_path).close()
