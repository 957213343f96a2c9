"""A card that gets a number after it was marked for the lack of one: called, or looked at."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journal_reports import day, heard

from recognizer.crm.contacts import ContactCard
from recognizer.crm.import_forecast import forecast_import
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

BARE = ContactCard(ref="1", owner="Клиент Первый", comments="04/01 Не отвечает")
MOBILE = "8 926 555-01-02"


@pytest.fixture
def journal(tmp_path: Path, sqlite_journal: Path) -> Iterator[Journal]:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    with Journal.open(f"sqlite:///{path}") as opened:
        yield opened


def take_in(journal: Journal, card: ContactCard, fields: Any = None) -> int:
    number = journal.begin_import("cards.csv", made_by="operator7")
    more = {} if fields is None else {"fields": fields}
    list(journal.import_contacts([card], source="import", import_id=number, **more))
    return number


def marked(journal: Journal) -> bool:
    return journal.contact("1").incorrect_contact


@pytest.mark.journal
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"mobile_phone": MOBILE}),
        ({}, {"trusted_phone": "спросить у жены"}),
        ({"mobile_phone": "8 926 555"}, {"mobile_phone": MOBILE}),
        ({"mobile_phone": "8 926 555"}, {"mobile_phone": "8 926 555-XX-XX"}),
        ({"mobile_phone": "8 495 730-44-87"}, {"mobile_phone": MOBILE}),
        ({"mobile_phone": "8 495 730-44-87"}, {"owner": "Авилон АО"}),
        ({"mobile_phone": "8 495 730-44-87"}, {"trusted_phone": MOBILE}),
        ({}, {"comments": f"{BARE.comments}\n05/01 новый номер {MOBILE}"}),
        ({}, {"make": f"Марка, тел. {MOBILE}"}),
        ({}, {"number_unknown": True}),
    ],
)
def test_a_mark_on_the_card_alone_goes_with_what_bore_it_and_comes_back_with_it(
    journal: Journal, before: dict[str, Any], after: dict[str, Any]
) -> None:
    take_in(journal, dataclasses.replace(BARE, **before))
    decided = journal.decide_card("1")
    assert decided is not None
    assert marked(journal)
    stored = journal.contact("1").card
    # The CRM was told of the mark and gives it back with what somebody mended there.
    told = dataclasses.replace(stored, result="Недоступен", incorrect_contact=True)
    comments = (
        {"comments": f"{stored.comments}\n{after['comments']}"} if "comments" in after else {}
    )
    mended = dataclasses.replace(told, **(after | comments))
    number = take_in(journal, mended)
    for _ in range(3):
        assert not marked(journal)
        assert journal.contact("1").status == ""
        assert journal.decide_card("1") is None
        take_in(journal, mended)
    assert journal.contact("1").card.comments.startswith(BARE.comments)
    assert journal.undo_import(number, made_by="supervisor").restored == ("1",)
    assert marked(journal)


@pytest.mark.journal
@pytest.mark.parametrize("column", ["result", "incorrect_contact"])
def test_a_file_with_one_of_the_crm_s_two_columns_gives_back_what_it_was_told(
    journal: Journal, column: str
) -> None:
    take_in(journal, BARE)
    before = journal.decide_card("1")
    told = dataclasses.replace(BARE, result="Недоступен", incorrect_contact=True)
    take_in(journal, told, {"ref", column})
    assert journal.contact("1").deciding == before
    assert (journal.contact("1").card.result, journal.contact("1").card.incorrect_contact) == (
        "",
        False,
    )


@pytest.mark.journal
def test_what_the_crm_says_of_its_own_after_another_word_is_its_word(journal: Journal) -> None:
    take_in(journal, dataclasses.replace(BARE, mobile_phone=MOBILE))
    journal.record_attempt(heard(CallOutcome.DOES_NOT_EXIST), contact="1", called_at=day(0))
    stored = journal.contact("1").card
    take_in(journal, dataclasses.replace(stored, result="Эффективный"))
    assert (journal.contact("1").status, marked(journal)) == ("Эффективный", False)
    take_in(journal, dataclasses.replace(stored, result="Недоступен", incorrect_contact=True))
    assert (journal.contact("1").status, marked(journal)) == ("Недоступен", True)


@pytest.mark.journal
def test_the_mark_of_a_call_to_another_number_is_not_given_back_by_the_crm(
    journal: Journal,
) -> None:
    take_in(journal, dataclasses.replace(BARE, mobile_phone=MOBILE))
    journal.record_attempt(heard(CallOutcome.DOES_NOT_EXIST), contact="1", called_at=day(0))
    assert marked(journal)
    stored = journal.contact("1").card
    told = dataclasses.replace(
        stored, mobile_phone="8 926 555-01-09", result="Недоступен", incorrect_contact=True
    )
    for _ in range(2):
        take_in(journal, told)
        assert not marked(journal)


@pytest.mark.journal
def test_a_mark_of_the_crm_s_own_is_named_when_the_card_gets_a_number(journal: Journal) -> None:
    own = dataclasses.replace(BARE, result="Недоступен", incorrect_contact=True)
    take_in(journal, own)
    with_number = dataclasses.replace(own, mobile_phone=MOBILE)
    forecast = forecast_import([with_number], {"mobile_phone", "incorrect_contact"}, journal)
    assert (forecast.marked_in_crm, forecast.n_unmarked) == (("1",), 1)
    without = dataclasses.replace(own, owner="Другой")
    assert forecast_import([without], {"owner"}, journal).marked_in_crm == ()
