"""Wall clocks that jump: nothing is forgotten early, nobody is shut out for years."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_recognizer import FakeRecognizer
from journal_reports import heard

from recognizer.base.settings import ServerSettings
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome, CallRequest
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.runners import InProcessRunner
from recognizer.web.jobs.submissions import Submission
from recognizer.web.pages.review import LabelledClips, Reviews

pytestmark = pytest.mark.system

DAY_S = 86_400.0
YEAR_S = 365 * DAY_S


@dataclass
class Time:
    """Both clocks of a machine: the one on the wall can be set."""

    wall_s: float = 1_800_000_000.0
    monotonic_s: float = 1000.0

    def time(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return self.monotonic_s

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Time:
    now = Time()
    monkeypatch.setattr(time, "time", now.time)
    return now


def jobs_with(folder: Path, now: Time) -> Jobs:
    settings = ServerSettings(state_dir=folder, keep_results_s=DAY_S)
    return Jobs(settings, InProcessRunner(FakeRecognizer()), clock=now.monotonic)


def hand_in(jobs: Jobs, folder: Path, name: str) -> str:
    path = folder / "uploads" / name
    path.write_text("silence")
    job = jobs.submit(path, Submission(call=CallRequest(name=name)), owner="me")
    jobs.finished(job.id).result(60)
    return job.id


@pytest.mark.parametrize("jump_s", [YEAR_S, -YEAR_S])
def test_a_jump_forgets_no_result_early_and_keeps_none_for_ever(
    tmp_path: Path, now: Time, jump_s: float
) -> None:
    jobs = jobs_with(tmp_path, now)
    job = hand_in(jobs, tmp_path, "a.wav")
    now.wall_s += jump_s
    jobs.purge()
    assert jobs.get(job) is not None
    now.pass_s(DAY_S - 60)
    jobs.purge()
    assert jobs.get(job) is not None
    now.pass_s(120)
    jobs.purge()
    assert jobs.get(job) is None
    jobs.close()


def test_a_restart_begins_no_day_anew(tmp_path: Path, now: Time) -> None:
    jobs = jobs_with(tmp_path, now)
    job = hand_in(jobs, tmp_path, "a.wav")
    for _ in range(24):
        now.pass_s(3500)
        jobs.settle()
        jobs.close()
        now.wall_s += YEAR_S
        now.monotonic_s = 5.0  # the machine was started again
        jobs = jobs_with(tmp_path, now)
        jobs.purge()
        assert jobs.get(job) is not None
    now.pass_s(3500)
    jobs.purge()
    assert jobs.get(job) is None
    jobs.close()


def test_jobs_stand_in_the_order_they_came_whatever_the_clock_says(
    tmp_path: Path, now: Time
) -> None:
    jobs = jobs_with(tmp_path, now)
    names = ["first", "second", "third"]
    for name in names:
        hand_in(jobs, tmp_path, name)
        now.wall_s -= DAY_S
    assert [job.submission.name for job in jobs.recent()] == names[::-1]
    jobs.close()


def test_results_of_an_earlier_version_are_kept_a_day_more(tmp_path: Path, now: Time) -> None:
    jobs = jobs_with(tmp_path, now)
    job = hand_in(jobs, tmp_path, "a.wav")
    jobs.close()
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as database:
        database.execute("DROP TABLE lived")
        database.execute("ALTER TABLE jobs DROP COLUMN finished_lived_s")
    database.close()
    jobs = jobs_with(tmp_path, now)
    now.pass_s(DAY_S / 2)
    jobs.purge()
    assert jobs.get(job) is not None
    now.pass_s(DAY_S)
    jobs.purge()
    assert jobs.get(job) is None
    jobs.close()


def test_a_reservation_of_a_clock_that_was_ahead_holds_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Time()
    monkeypatch.setattr(time, "time", now.time)
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        call = journal.record_attempt(heard(CallOutcome.UNDETERMINED), digest="d").id
        reviews = Reviews(journal, LabelledClips(tmp_path / "clips"))
        now.wall_s += YEAR_S
        reviews.reservations.reserve(call, "anna", "Анна")
        assert reviews.first("boris") is None
        now.wall_s -= YEAR_S
        assert reviews.first("boris") == call
        assert reviews.reservations.reserve(call, "boris", "Борис").login == "boris"
        assert reviews.first("anna") is None
