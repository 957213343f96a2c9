"""What was heard on one number says nothing of another number of the card."""

from collections.abc import Iterator

import pytest
from journal_reports import day, heard

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("phone", "dialled", "marked"),
    [
        ("8 926 555-01-02", "89265550102", True),
        ("8 926 555-01-02", None, True),
        ("8 926 555-01-02", "89265550103", False),
        ("8 926 555-01-02, 8 926 555-01-03", "89265550102", False),
        ("8 926 555-01-02, 8 926 555-01-03", None, False),
    ],
)
def test_a_number_that_does_not_exist_marks_only_a_card_of_that_number_alone(
    journal: Journal, phone: str, dialled: str | None, marked: bool
) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=phone, owner="Иванов"))
    report = heard(CallOutcome.DOES_NOT_EXIST)
    done = journal.record_attempt(report, contact="1", number=dialled, called_at=day(1))
    assert done.decision is not None
    assert (done.decision.decision.incorrect_contact is True) == marked
