"""An import is taken back as far as nothing rests on it; what rests on it stays and is named."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from journal_reports import day, heard

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
GOOD = ContactCard(
    ref="1",
    mobile_phone="8 926 123-45-67",
    owner="Клиент Первый",
    contact_date=dt.date(2026, 2, 5),
    comments="04/01 Не отвечает",
)
SECOND = dataclasses.replace(GOOD, ref="2", mobile_phone="8 926 123-45-68")
EMPTIED = dataclasses.replace(
    GOOD, mobile_phone="", owner="Петров", contact_date=None, comments="04/01 Не отвечает\nвежливый"
)


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        yield opened


def take_in(journal: Journal, *cards: ContactCard) -> int:
    number = journal.begin_import("cards.csv", made_by="operator7")
    list(journal.import_contacts(cards, source="import cards.csv", import_id=number))
    return number


def undo(journal: Journal, number: int) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    done = journal.undo_import(number, made_by="supervisor")
    return done.closed, done.restored, {card.ref: card.reason for card in done.left}


def test_changed_cards_have_every_field_they_had(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, EMPTIED)
    assert journal.contact("1").card == EMPTIED
    assert undo(journal, number) == ((), ("1",), {})
    assert journal.contact("1").card == GOOD
    assert [record.card.ref for record in journal.contacts_with_number("89261234567")] == ["1"]
    assert journal.find_contacts("Петров") == ()


def test_every_field_of_a_card_comes_back(journal: Journal) -> None:
    texts: dict[str, Any] = {
        field.name: f"прежнее {field.name}"
        for field in dataclasses.fields(ContactCard)
        if field.type == "str" and field.name != "ref"
    }
    full = ContactCard(ref="1", **texts)
    bare = ContactCard(ref="1")
    journal.upsert_contact(full)
    number = take_in(journal, dataclasses.replace(bare, comments=full.comments, do_not_call=True))
    assert len(texts) > 10
    undo(journal, number)
    assert journal.contact("1").card == full


def test_added_cards_are_as_if_they_were_not_there(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, SECOND)
    assert undo(journal, number) == (("2",), (), {})
    assert [record.card.ref for record in journal.all_contacts()] == ["1"]
    assert [record.card.ref for record in journal.find_contacts()] == ["1"]
    assert journal.find_contacts("2") == ()
    assert journal.find_contacts("123-45-68") == ()
    assert journal.contacts_with_number("89261234568") == ()
    with pytest.raises(ContactError, match=f"taken back with import {number}"):
        journal.contact("2")
    with pytest.raises(ContactError):
        journal.record_attempt(heard(O.BUSY_TONE), contact="2", called_at=day(1))
    with pytest.raises(ContactError):
        journal.decide_card("2")
    by_number = journal.record_attempt(
        heard(O.BUSY_TONE), number="89261234568", digest="a" * 64, called_at=day(1)
    )
    assert by_number.contact_ref is None


def test_a_closed_card_that_is_imported_again_is_new(journal: Journal) -> None:
    number = take_in(journal, dataclasses.replace(SECOND, mobile_phone="", make="Kia"))
    journal.decide_card("2")
    undo(journal, number)
    (change,) = journal.import_contacts([SECOND], source="test", dry_run=True)
    assert change.is_new
    again = take_in(journal, SECOND)
    record = journal.contact("2")
    assert (record.card, record.deciding, record.incorrect_contact) == (SECOND, None, False)
    assert journal.contacts_with_number("89261234568")[0].card.ref == "2"
    # A late, or a second, recording brings back nothing of what was taken back.
    for at in (3, 2, 1):
        journal.record_attempt(heard(O.UNDETERMINED), contact="2", called_at=day(at))
    assert not journal.contact("2").incorrect_contact
    _, _, left = undo(journal, again)
    assert left == {"2": "called since"}


@pytest.mark.slow
def test_marks_of_a_whole_file_go_with_it_and_the_journal_tells(journal: Journal) -> None:
    cards = [dataclasses.replace(GOOD, ref=str(n), mobile_phone="") for n in range(1200)]
    number = take_in(journal, *cards)
    for card in cards[:3]:
        decided = journal.decide_card(card.ref)
        assert decided is not None
        assert decided.decision.incorrect_contact
    closed, restored, left = undo(journal, number)
    assert (len(closed), restored, left) == (1200, (), {})
    assert list(journal.all_contacts()) == []
    (record,) = journal.imports()
    assert (record.id, record.made_by, record.n_added, record.n_changed) == (
        number,
        "operator7",
        1200,
        0,
    )
    assert record.undone_by == "supervisor"
    assert record.undone_at is not None


def test_a_mark_that_an_import_led_to_is_withdrawn(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, EMPTIED)
    journal.decide_card("1")
    assert journal.contact("1").incorrect_contact
    undo(journal, number)
    after = journal.contact("1")
    assert (after.incorrect_contact, after.deciding, after.status) == (False, None, "")
    assert after.card.mobile_phone == GOOD.mobile_phone
    # What was said stays, the import's own line goes.
    assert after.card.comments.startswith(GOOD.comments + "\n")
    assert "вежливый" not in after.card.comments
    assert "В карточке нет номера" in after.card.comments


def test_a_decision_that_an_import_ended_stands_again(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    journal.record_attempt(heard(O.DOES_NOT_EXIST), contact="1", called_at=day(0))
    number = take_in(journal, dataclasses.replace(GOOD, mobile_phone="8 926 123-45-60"))
    assert journal.contact("1").deciding is None
    undo(journal, number)
    after = journal.contact("1")
    assert after.incorrect_contact
    assert after.deciding is not None
    assert after.deciding.decision.rule_id == "does-not-exist"


def test_a_result_of_the_crm_that_an_import_brought_goes(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(GOOD, result="Эффективный"))
    number = take_in(
        journal, dataclasses.replace(GOOD, result="Недоступен", incorrect_contact=True)
    )
    assert journal.contact("1").incorrect_contact
    undo(journal, number)
    after = journal.contact("1")
    assert (after.status, after.incorrect_contact) == ("Эффективный", False)


def test_cards_called_since_are_left_with_their_calls(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, EMPTIED, SECOND)
    for ref in "12":
        journal.record_attempt(heard(O.BUSY_TONE), contact=ref, called_at=day(0))
    assert undo(journal, number) == ((), (), {"1": "called since", "2": "called since"})
    assert len(journal.history("1")) == len(journal.history("2")) == 1
    assert journal.contact("2").card.mobile_phone == SECOND.mobile_phone


def test_calls_before_an_import_do_not_hold_it(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    journal.record_attempt(heard(O.BUSY_TONE), contact="1", called_at=day(0))
    number = take_in(journal, dataclasses.replace(GOOD, owner="Петров"))
    assert undo(journal, number) == ((), ("1",), {})
    assert len(journal.history("1")) == 1
    assert journal.contact("1").n_counted == 1


def test_cards_a_person_spoke_of_since_are_left(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    attempt = journal.record_attempt(heard(O.FAX), contact="1", called_at=day(0))
    number = take_in(journal, dataclasses.replace(GOOD, owner="Петров"))
    journal.correct(attempt.id, made_by="operator7", outcome=O.BUSY_TONE)
    assert undo(journal, number) == ((), (), {"1": "a person said what a call was since"})


def test_a_call_given_to_an_added_card_leaves_it(journal: Journal) -> None:
    attempt = journal.record_attempt(
        heard(O.BUSY_TONE), number="89261234568", digest="a" * 64, called_at=day(0)
    )
    number = take_in(journal, SECOND)
    journal.assign_contact(attempt.id, "2", made_by="operator7")
    assert undo(journal, number) == ((), (), {"2": "calls were given to it"})


def test_what_was_changed_since_is_left(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, dataclasses.replace(GOOD, owner="Петров", payer="Третий"), SECOND)
    take_in(journal, dataclasses.replace(GOOD, owner="Четвёртый", payer="Третий"))
    journal.upsert_contact(dataclasses.replace(SECOND, make="Марка"), source="page:operator7")
    closed, restored, left = undo(journal, number)
    assert (closed, restored) == ((), ())
    assert left == {"1": "owner changed since", "2": "changed since (page:operator7)"}
    assert journal.contact("1").card.owner == "Четвёртый"


def test_merged_cards_are_left(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, SECOND, dataclasses.replace(GOOD, ref="3"))
    journal.merge_contacts("2", "3", made_by="operator7")
    assert undo(journal, number) == (
        (),
        (),
        {"2": "merged into another card", "3": "another card was merged into it"},
    )


def test_a_card_that_stands_twice_in_a_file_has_what_it_had_before_both(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(
        journal,
        dataclasses.replace(GOOD, owner="Второй"),
        dataclasses.replace(GOOD, owner="Третий", mobile_phone=""),
        SECOND,
        dataclasses.replace(SECOND, owner="Пятый"),
    )
    assert undo(journal, number) == (("2",), ("1",), {})
    assert journal.contact("1").card == GOOD


def test_a_dry_run_says_the_same_and_changes_nothing(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    number = take_in(journal, EMPTIED, SECOND)
    journal.decide_card("1")
    before = list(journal.all_contacts())
    dry = journal.undo_import(number, made_by="supervisor", dry_run=True)
    assert list(journal.all_contacts()) == before
    assert journal.imports()[0].undone_at is None
    assert journal.undo_import(number, made_by="supervisor") == dry


def test_an_import_is_taken_back_once(journal: Journal) -> None:
    number = take_in(journal, SECOND)
    undo(journal, number)
    with pytest.raises(JournalError, match="was taken back already"):
        undo(journal, number)
    with pytest.raises(JournalError, match="there is no such import"):
        undo(journal, number + 1)


def test_imports_are_taken_back_one_after_the_other(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    first = take_in(journal, dataclasses.replace(GOOD, owner="Второй"))
    second = take_in(journal, dataclasses.replace(GOOD, owner="Третий"))
    undo(journal, second)
    undo(journal, first)
    assert journal.contact("1").card == GOOD
    assert [record.id for record in journal.imports()] == [second, first]


@pytest.mark.parametrize("n_later", [1, 2])
def test_an_added_card_goes_once_every_later_import_of_it_was_taken_back(
    journal: Journal, n_later: int
) -> None:
    """As what was changed is restored then: nothing stands of the later ones."""
    first = take_in(journal, GOOD)
    later = [
        take_in(journal, dataclasses.replace(GOOD, owner=f"{n}-й", mobile_phone=""))
        for n in range(n_later)
    ]
    for number in reversed(later):
        assert undo(journal, number) == ((), ("1",), {})
    assert journal.contact("1").card == GOOD
    assert undo(journal, first) == (("1",), (), {})
    with pytest.raises(ContactError, match="was taken back"):
        journal.contact("1")


def test_an_added_card_stays_while_one_later_import_of_it_stands(journal: Journal) -> None:
    first = take_in(journal, GOOD)
    take_in(journal, dataclasses.replace(GOOD, owner="Второй"))
    last = take_in(journal, dataclasses.replace(GOOD, owner="Третий"))
    undo(journal, last)
    assert undo(journal, first)[2] == {"1": "changed since (import cards.csv)"}
    assert journal.contact("1").card.owner == "Второй"


def test_an_added_card_stays_where_a_person_changed_it_between_imports(journal: Journal) -> None:
    """Also where the person's value is the one that stood before: they looked at it."""
    first = take_in(journal, GOOD)
    journal.upsert_contact(dataclasses.replace(GOOD, make="Марка"), source="page:operator7")
    journal.upsert_contact(GOOD, source="page:operator7")
    undo(journal, take_in(journal, dataclasses.replace(GOOD, owner="Второй")))
    assert undo(journal, first)[2] == {"1": "changed since (page:operator7)"}


def test_what_a_later_import_held_is_taken_once_that_was_taken_back(journal: Journal) -> None:
    journal.upsert_contact(GOOD)
    free = dataclasses.replace(SECOND, ref="3", mobile_phone="8 926 123-45-69")
    first = take_in(journal, dataclasses.replace(GOOD, owner="Второй"), SECOND, free)
    later = take_in(
        journal,
        dataclasses.replace(GOOD, owner="Третий"),
        dataclasses.replace(SECOND, owner="Третий"),
    )
    closed, restored, left = undo(journal, first)
    assert (closed, restored, set(left)) == (("3",), (), {"1", "2"})
    assert {one.id: one.n_left for one in journal.imports()} == {first: 2, later: 0}
    with pytest.raises(JournalError, match="nothing of it can be taken back now"):
        undo(journal, first)
    undo(journal, later)
    assert undo(journal, first) == (("2",), ("1",), {})
    assert journal.contact("1").card == GOOD
    assert journal.imports()[1].n_left == 0
    with pytest.raises(JournalError, match="was taken back already"):
        undo(journal, first)


def test_undoing_again_leaves_what_a_person_changed_or_called(journal: Journal) -> None:
    third = dataclasses.replace(SECOND, ref="3", mobile_phone="8 926 123-45-69")
    first = take_in(journal, GOOD, SECOND, third)
    later = take_in(
        journal, *(dataclasses.replace(card, owner="Третий") for card in (GOOD, SECOND, third))
    )
    undo(journal, first)
    undo(journal, later)
    journal.upsert_contact(dataclasses.replace(GOOD, make="Марка"), source="page:operator7")
    journal.record_attempt(heard(O.BUSY_TONE), contact="2", digest="a" * 64, called_at=day(0))
    assert undo(journal, first) == (
        ("3",), (), {"1": "changed since (page:operator7)", "2": "called since"},
    )  # fmt: skip


@pytest.mark.parametrize("again", ["import", "api"])
def test_undoing_again_leaves_a_card_that_was_closed_and_came_anew(
    journal: Journal, again: str
) -> None:
    """It stood twice in the first file: what it was between the two is nothing to go back to."""
    last = dataclasses.replace(GOOD, owner="Второй")
    first = take_in(journal, GOOD, last, SECOND)
    later = take_in(journal, dataclasses.replace(SECOND, owner="Третий"))
    assert undo(journal, first)[0] == ("1",)
    if again == "import":
        take_in(journal, last)
    else:
        journal.upsert_contact(last)
    undo(journal, later)
    assert undo(journal, first) == (("2",), (), {})
    assert journal.contact("1").card.owner == "Второй"
