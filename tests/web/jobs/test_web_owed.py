"""What the journal is owed: written later, once, with its own moment; what is lost is said."""

from __future__ import annotations

import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FakeRecognizer
from fastapi.testclient import TestClient

from recognizer.base.errors import JournalError
from recognizer.base.settings import ServerSettings, Settings
from recognizer.batch.jobs import Finished
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal import database
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptFilter
from recognizer.model import CallRequest
from recognizer.web import app as application
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.runners import InProcessRunner
from recognizer.web.jobs.submissions import JobState, Submission

pytestmark = pytest.mark.system


def eventually(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.02)


class Office:
    """A queue whose journal can be away, with a clock that is put by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s, self.is_away = folder, 1000.0, True
        self.refused: set[str] = set()
        self.tries: list[str] = []
        self.recorded: list[Submission] = []
        self.jobs = self.opened()

    def opened(self) -> Jobs:
        return Jobs(
            ServerSettings(state_dir=self.folder),
            InProcessRunner(FakeRecognizer()),
            record=self._record,
            can_record=lambda: not self.is_away,
            clock=lambda: self.now_s,
        )

    def _record(self, submission: Submission, finished: Finished) -> dict[str, Any]:
        self.tries.append(submission.name)
        if self.is_away:
            raise JournalError("locked")
        if submission.name in self.refused:
            raise ZeroDivisionError("a bug that this one meets")
        self.recorded.append(submission)
        return {"recording": finished.report.recording, "journal": {"attempt_id": 1}}

    def hand_in(self, name: str, **about: Any) -> str:
        path = self.folder / "uploads" / name
        path.write_text("busy_tone")
        asked = Submission(call=CallRequest(name=name), contact="1", **about)
        job = self.jobs.submit(path, asked, owner="me")
        self.jobs.finished(job.id).result(20)
        return job.id

    def settle(self) -> None:
        """Let everything that is due be tried, and wait for it."""
        self.jobs.settle()
        eventually(lambda: not self.jobs._recording, "what was tried has ended")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(tmp_path)
    yield office
    office.jobs.close()


def test_each_is_tried_later_the_more_often_it_failed(office: Office) -> None:
    office.refused = {"a.wav"}
    office.hand_in("a.wav")
    office.is_away = False
    tried_at_s = []
    for _ in range(1400):
        office.tries.clear()
        office.settle()
        tried_at_s += [office.now_s - 1000.0] * len(office.tries)
        office.now_s += 1.0
    waits_s = [after - before for before, after in pairwise(tried_at_s)]
    assert waits_s[:8] == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0]


def test_many_that_fail_starve_no_other_also_after_a_restart(office: Office) -> None:
    office.refused = {f"{number}.wav" for number in range(40)}
    for name in sorted(office.refused):
        office.hand_in(name)
    office.hand_in("good.wav")
    office.is_away = False
    for _ in range(2):
        office.settle()
    office.jobs.close()
    office.jobs = office.opened()
    office.settle()
    assert [one.name for one in office.recorded] == ["good.wav"]
    assert office.jobs.debts() == (40, 0)


@pytest.mark.parametrize("how", ["removed", "a folder", "a link to nothing"])
def test_what_can_no_longer_be_heard_is_lost_and_said_once(
    office: Office, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    identifier = office.hand_in("+79265550102.wav")
    path = office.folder / "uploads" / "+79265550102.wav"
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "a link to nothing":
        path.symlink_to(office.folder / "nothing")
    assert office.jobs.debts() == (1, 0)
    for _ in range(3):
        office.settle()  # that the journal is away or not makes no difference
        office.now_s += 1000.0
        office.is_away = False
    assert office.jobs.debts() == (0, 1)
    job = office.jobs.get(identifier)
    assert job is not None
    assert job.state is JobState.DONE
    assert job.result is not None
    assert job.result["outcome"] == "busy_tone"  # what was heard stays
    assert job.result["journal_error"]["kind"] == "recording_gone"
    said = [record.getMessage() for record in caplog.records if "is gone" in record.getMessage()]
    assert len(said) == 1
    assert identifier in said[0]
    assert "5550102" not in said[0]
    assert office.jobs.delete(identifier)
    assert office.jobs.debts() == (0, 0)


def test_what_waits_behind_a_write_that_fails_does_not_wait_as_long_again(office: Office) -> None:
    began_s = time.monotonic()

    def slow(submission: Submission, _: Finished) -> dict[str, Any]:
        if submission.contact is None:
            return {}
        office.tries.append(submission.name)
        time.sleep(0.5)
        raise JournalError("locked")

    office.jobs._recorder._record = slow
    names = [f"{number}.wav" for number in range(20)]
    waiting = []
    for name in names:
        path = office.folder / "uploads" / name
        path.write_text("busy_tone")
        asked = Submission(call=CallRequest(name=name), contact="1")
        waiting.append(office.jobs.submit(path, asked, owner="me").id)
    unrecorded = office.folder / "uploads" / "free.wav"
    unrecorded.write_text("silence")
    free = office.jobs.submit(unrecorded, Submission(call=CallRequest(name="f")), owner="me").id
    office.jobs.finished(free).result(20)
    assert len(office.tries) == 1  # heard and answered while the first write waited
    for identifier in waiting:
        office.jobs.finished(identifier).result(20)
    assert time.monotonic() - began_s < 5
    assert office.jobs.debts() == (20, 0)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.5)
    monkeypatch.setattr(application, "_SETTLE_EVERY_S", 0.1)
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        journal.upsert_contact(ContactCard(ref="1", trusted_phone="+79265550102"))
        yield journal


def test_a_call_recorded_later_is_of_the_moment_it_was_handed_in(
    tmp_path: Path, journal: Journal
) -> None:
    _, secret = ApiKeys(tmp_path / "state" / "api_keys.json").create("test")
    settings = Settings(server=ServerSettings(state_dir=tmp_path / "state"))
    app = create_app(settings, recognizer=FakeRecognizer(), journal=journal)
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    with TestClient(app, headers={"Authorization": f"Bearer {secret}"}) as client:

        def classify(content: bytes) -> Any:
            return client.post("/api/v1/classifications?contact=1", content=content).json()

        other.execute("BEGIN IMMEDIATE")
        before = dt.datetime.now(dt.UTC)
        assert "journal_error" in classify(b"busy_tone")
        ready = client.get("/health/ready").json()
        assert (ready["status"], ready["n_owed"], ready["n_lost"]) == ("ok", 1, 0)
        assert 'recognizer_journal_debts{state="owed"} 1.0' in client.get("/metrics").text
        time.sleep(2.0)
        other.execute("ROLLBACK")
        other.close()
        later = classify(b"no_answer")["journal"]
        eventually(lambda: journal.count_attempts() == 2, "it is recorded")
        again = classify(b"busy_tone")["journal"]
    found = journal.attempts(AttemptFilter(contact="1")).items
    owed, second = sorted(found, key=lambda one: one.called_at)
    assert before < owed.called_at < before + dt.timedelta(seconds=1)
    assert owed.outcome is not None
    assert owed.outcome.value == "busy_tone"  # handed in first: the first attempt
    assert [one.decision and one.decision.decision.attempt for one in (owed, second)] == [1, 2]
    assert later["attempt_id"] == second.id
    # Sent again by a client that saw the error: its moment is no second call.
    assert again == {"attempt_id": owed.id, "is_new": False, "error": None}
