"""A recording is one attempt wherever it stands, whatever becomes of cards and numbers between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from journal_reports import MORNING, day, heard

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal import entries
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
NUMBER = "+79261234567"


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        yield opened


def record(
    journal: Journal,
    content: str,
    outcome: CallOutcome = O.BUSY_TONE,
    at: dt.datetime | None = MORNING,
    **more: Any,
) -> Any:
    more = {"number": NUMBER, **more}
    name = f"calls/{at or content}.wav"
    return journal.record_attempt(heard(outcome, name), digest=content, called_at=at, **more)


def import_card(journal: Journal, ref: str, number: str = NUMBER) -> None:
    journal.upsert_contact(ContactCard(ref=ref, mobile_phone=number))


def refs(journal: Journal) -> list[str | None]:
    return [attempt.contact_ref for attempt in reversed(journal.attempts().items)]


@pytest.mark.parametrize("which", [{}, {"contact": "1001"}, {"contact": "1001", "number": None}])
@pytest.mark.parametrize("at", [MORNING, None])
def test_a_card_imported_between_two_hearings_gets_the_call_once(
    journal: Journal, which: dict[str, Any], at: dt.datetime | None
) -> None:
    first = record(journal, "a", O.DOES_NOT_EXIST, at)
    import_card(journal, "1001")
    for _ in range(2):
        again = record(journal, "a", O.DOES_NOT_EXIST, at, **which)
        assert (again.id, again.is_new) == (first.id, False)
        card = journal.contact("1001")
        assert (card.incorrect_contact, card.n_counted) == (True, 1)
        assert len(card.card.comments.splitlines()) == 1
    assert refs(journal) == ["1001"]
    (moved,) = journal.assignments(first.id)
    assert (moved.from_ref, moved.ref, moved.made_by) == (None, "1001", "recognizer")


def test_the_mark_of_what_was_replaced_before_the_card_came_goes(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    import_card(journal, "1001")
    record(journal, "b")
    card = journal.contact("1001")
    assert (card.incorrect_contact, card.n_counted) == (False, 1)
    assert all(
        not attempt.decision.decision.incorrect_contact
        for attempt in journal.attempts().items
        if attempt.decision
    )


def test_only_the_recording_itself_comes_to_the_card(journal: Journal) -> None:
    record(journal, "a")
    record(journal, "b", at=day(1))
    import_card(journal, "1001")
    record(journal, "b", at=day(1))
    assert refs(journal) == [None, "1001"]
    assert journal.contact("1001").n_counted == 1
    assert record(journal, "a").decision.decision.attempt == 1
    assert [a.decision.decision.attempt for a in journal.history("1001") if a.decision] == [1, 2]


def test_three_silent_calls_with_one_content_come_to_the_card_as_three(journal: Journal) -> None:
    for n in range(3):
        record(journal, "s", O.SILENCE, day(n))
    import_card(journal, "1001")
    for n in (2, 0, 1):
        record(journal, "s", O.SILENCE, day(n))
    card = journal.contact("1001")
    assert (journal.count_attempts(), card.n_counted, card.status) == (3, 3, "Недоступен")


@pytest.mark.parametrize("content", ["a", "b"])
def test_a_second_card_with_the_number_takes_nothing_away(journal: Journal, content: str) -> None:
    import_card(journal, "1001")
    record(journal, "a", O.DOES_NOT_EXIST)
    import_card(journal, "1002")
    record(journal, content, O.DOES_NOT_EXIST if content == "a" else O.BUSY_TONE)
    assert set(refs(journal)) == {"1001"}
    card = journal.contact("1001")
    assert (card.incorrect_contact, card.n_counted) == (content == "a", 1)


def test_a_number_that_went_to_another_card_takes_no_old_call_along(journal: Journal) -> None:
    import_card(journal, "1001")
    record(journal, "a")
    import_card(journal, "1001", "+79265550102")
    import_card(journal, "1002")
    record(journal, "a")
    assert refs(journal) == ["1001"]
    assert record(journal, "new", at=day(1)).contact_ref == "1002"


@pytest.mark.parametrize("target", ["1002", None])
@pytest.mark.parametrize("content", ["a", "b"])
@pytest.mark.parametrize("which", [{}, {"contact": "1001"}, {"contact": "1001", "number": None}])
def test_a_call_that_a_person_moved_stays_there(
    journal: Journal, target: str | None, content: str, which: dict[str, Any]
) -> None:
    import_card(journal, "1001")
    import_card(journal, "1002", "+79265550102")
    first = record(journal, "a", O.DOES_NOT_EXIST)
    journal.move_attempt(first.id, target, made_by="Анна")
    record(journal, content, O.DOES_NOT_EXIST if content == "a" else O.BUSY_TONE, **which)
    assert journal.history("1001") == ()
    assert set(refs(journal)) == {target}
    if target is not None:
        assert journal.contact(target).n_counted == 1


def test_a_recording_that_a_program_gives_to_two_cards_is_of_both(journal: Journal) -> None:
    import_card(journal, "1001")
    import_card(journal, "1002")
    for _ in range(2):
        for ref in ("1001", "1002"):
            record(journal, "a", contact=ref)
    assert sorted(map(str, refs(journal))) == ["1001", "1002"]


def test_a_call_that_was_added_twice_before_decides_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record(journal, "a", O.DOES_NOT_EXIST)
    import_card(journal, "1001")
    with monkeypatch.context() as earlier:
        earlier.setattr(entries, "attempts_without_card", lambda *_: [])
        assert record(journal, "a", O.DOES_NOT_EXIST).is_new
    record(journal, "a", O.DOES_NOT_EXIST)
    assert refs(journal) == [None, "1001"]
    stray = journal.attempt(first.id)
    assert stray.decision is not None
    assert stray.decision.source == "replaced"
    assert journal.contact("1001").incorrect_contact


def test_silent_calls_with_one_content_can_be_given_to_one_card_by_a_person(
    journal: Journal,
) -> None:
    made = [record(journal, "s", O.SILENCE, day(n), number=f"+7926555010{n}") for n in range(2)]
    import_card(journal, "1001")
    for each in made:
        journal.assign_contact(each.id, "1001", made_by="Анна")
    assert journal.contact("1001").n_counted == 2
    assert {each.digest for each in journal.history("1001")} == {"s"}


def test_a_recording_of_two_cards_that_were_merged_is_of_the_one_that_is_left(
    journal: Journal,
) -> None:
    import_card(journal, "1001")
    import_card(journal, "1002")
    for ref in ("1001", "1002"):
        record(journal, "a", O.DOES_NOT_EXIST, contact=ref)
    journal.merge_contacts("1001", "1002", made_by="Анна")
    record(journal, "b")
    card = journal.contact("1002")
    assert (card.incorrect_contact, card.n_counted) == (False, 1)
    assert {each.digest for each in journal.history("1002")} == {"a", "b"}
