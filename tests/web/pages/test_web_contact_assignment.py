"""A call without a card gets its card afterwards (`Journal.assign_contact`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome

FIRST_CALL = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as opened:
        opened.upsert_contact(ContactCard(ref="C-1", trusted_phone="+7 926 555-01-02"))
        opened.upsert_contact(ContactCard(ref="C-2", trusted_phone="+7 926 555-01-03"))
        yield opened


def heard(journal: Journal, outcome: CallOutcome, day: int, **whose: Any) -> int:
    report = CallReport("a.wav", Evidence(1.0), Outcome(outcome, 0.99), None, 0.1)
    return journal.record_attempt(
        report,
        digest=f"{day:064x}",
        called_at=FIRST_CALL + dt.timedelta(days=day),
        **whose,
    ).id


def test_the_card_brings_its_earlier_attempts(journal: Journal) -> None:
    for day in (0, 1):
        heard(journal, CallOutcome.RINGBACK_ONLY, day, contact="C-1")
    loose = heard(journal, CallOutcome.BUSY_TONE, 2)
    assert journal.attempt(loose).decision.decision.attempt == 1  # type: ignore[union-attr]

    decision = journal.assign_contact(loose, "C-1").decision

    assert decision is not None
    assert (decision.decision.attempt, decision.decision.final) == (3, True)
    assert journal.contact("C-1").status == "Недоступен"
    assert journal.contact("C-1").card.comments.count("\n") == 2
    assert [d.decision.attempt for d in journal.decisions(loose)] == [1, 3]


def test_all_calls_to_the_number_come_along(journal: Journal) -> None:
    calls = [
        heard(journal, CallOutcome.RINGBACK_ONLY, day, number="+7 926 555-09-09") for day in (0, 1)
    ]
    journal.upsert_contact(ContactCard(ref="C-3", trusted_phone="+7 926 555-09-09"))
    journal.assign_contact(calls[1], "C-3")
    assert [a.id for a in journal.history("C-3")] == calls
    numbers = [a.decision.decision.attempt for a in journal.history("C-3") if a.decision]
    assert numbers == [1, 2]


def test_a_correction_survives_the_card(journal: Journal) -> None:
    loose = heard(journal, CallOutcome.UNDETERMINED, 0)
    journal.correct(loose, made_by="Анна", outcome=CallOutcome.BLOCKED)
    decision = journal.assign_contact(loose, "C-1").decision
    assert decision is not None
    assert decision.outcome is CallOutcome.BLOCKED
    assert journal.contact("C-1").incorrect_contact


def test_another_card_is_refused_and_the_same_one_changes_nothing(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    with pytest.raises(JournalError, match="another card"):
        journal.assign_contact(call, "C-2")
    journal.assign_contact(call, "C-1")
    assert len(journal.decisions(call)) == 1
    with pytest.raises(ContactError):
        journal.assign_contact(call, "C-9")


def test_a_recording_the_card_has_is_not_counted_twice(journal: Journal) -> None:
    heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    loose = heard(journal, CallOutcome.BUSY_TONE, 0)
    with pytest.raises(JournalError, match="already"):
        journal.assign_contact(loose, "C-1")
    assert journal.contact("C-1").n_counted == 1
