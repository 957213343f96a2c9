"""The queue's file: what a server of an earlier version left in it is heard by this one."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from pathlib import Path

import pytest
from fake_recognizer import FakeRecognizer

pytest.importorskip("sqlalchemy", reason="the extra `server` is not installed")

from recognizer.base.settings import ServerSettings
from recognizer.model import CallRequest, SignallingCode
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.runners import InProcessRunner
from recognizer.web.jobs.submissions import JobState, Submission
from recognizer.web.jobs.uploads import UploadFolder

# As versions before 0.4 wrote them, without the columns `owed` and `finished_lived_s`.
SCHEMA = """
CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, owner TEXT NOT NULL,
    name TEXT NOT NULL, request TEXT NOT NULL, file TEXT, submitted_at_s REAL NOT NULL,
    started_at_s REAL, finished_at_s REAL, result TEXT);
"""
REQUEST = (
    '{"name": "a.wav", "contact": null, "number": "+79265550102", "in_journal": false, '
    '"attempt": 2, "channel": "mix", "called_on": "2026-11-22", '
    '"codes": [{"protocol": "sip", "code": 404}], "keep_recording": false, "record_later": true}'
)
SUBMISSION = Submission(
    call=CallRequest(
        name="a.wav",
        attempt=2,
        channel="mix",
        called_on=dt.date(2026, 11, 22),
        codes=(SignallingCode("sip", 404),),
    ),
    number="+79265550102",
)


def test_what_waited_in_an_earlier_version_is_heard(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "one").write_text("does_not_exist")
    database = sqlite3.connect(tmp_path / "jobs.sqlite3")
    database.executescript(SCHEMA)
    row = ("j", "running", "me", "a.wav", REQUEST, "one", 1.0, 2.0)
    database.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)", row)
    database.commit()
    database.close()
    jobs = Jobs(ServerSettings(state_dir=tmp_path), InProcessRunner(FakeRecognizer()))
    jobs.finished("j").result(60)
    job = jobs.get("j")
    jobs.close()
    assert job is not None
    assert job.state is JobState.DONE
    assert job.submission == SUBMISSION
    assert job.result is not None
    assert job.result["decision"]["attempt"] == 2
    assert job.result["signalling"]["agreement"] == "agrees"
    assert list(uploads.iterdir()) == []


def test_who_waits_is_answered_when_the_recording_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removing, may_go_on = threading.Event(), threading.Event()
    remove = UploadFolder.remove

    def slowly(folder: UploadFolder, name: str | None) -> None:
        removing.set()
        assert may_go_on.wait(60)
        remove(folder, name)

    monkeypatch.setattr(UploadFolder, "remove", slowly)
    jobs = Jobs(ServerSettings(state_dir=tmp_path), InProcessRunner(FakeRecognizer()))
    upload = tmp_path / "uploads" / "one"
    upload.write_text("does_not_exist")
    job = jobs.submit(upload, SUBMISSION, owner="me")
    assert removing.wait(60)
    asked_in_the_midst = jobs.finished(job.id)
    was_answered = asked_in_the_midst.done()
    may_go_on.set()
    asked_in_the_midst.result(60)
    is_there = upload.exists()
    jobs.close()
    assert (was_answered, is_there) == (False, False)


def test_a_submission_is_written_as_it_was() -> None:
    assert Submission.from_json(REQUEST, 1.0) == SUBMISSION
    assert Submission.from_json(SUBMISSION.to_json(), 1.0) == SUBMISSION
