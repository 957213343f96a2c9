"""A card whose number comes with another owner or car: refused by an import, undecided if taken."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from journal_reports import day, heard

from recognizer.crm.card_files import load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard
from recognizer.crm.import_forecast import forecast_import, refused_row
from recognizer.crm.journal.journal import Journal
from recognizer.crm.same_client import contradictions
from recognizer.model import CallOutcome

CLIENT = ContactCard(
    ref="1",
    mobile_phone="8 926 555-01-02",
    owner="Иванов Иван",
    vin="XW8ZZZ61ZJG000001",
    plate="А123ВС77",
)
OTHERS: list[dict[str, Any]] = [
    {"owner": "Петров Пётр"},
    {"owner": "ООО «Ромашка»"},
    {"vin": "XW8ZZZ61ZJG000002"},
    {"plate": "В456ОР99"},
    {"owner": "Петров Пётр", "mobile_phone": ""},
]


@pytest.fixture
def journal(tmp_path: Path, sqlite_journal: Path) -> Iterator[Journal]:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    with Journal.open(f"sqlite:///{path}") as opened:
        opened.upsert_contact(CLIENT)
        opened.record_attempt(heard(CallOutcome.DOES_NOT_EXIST), contact="1", called_at=day(0))
        assert opened.contact("1").incorrect_contact
        yield opened


@pytest.mark.journal
@pytest.mark.parametrize("other", OTHERS)
def test_an_import_refuses_another_client_and_says_what_differs(
    journal: Journal, other: dict[str, Any]
) -> None:
    card = dataclasses.replace(CLIENT, **other)
    before = journal.contact("1")
    (change,) = journal.import_contacts([card], source="file", other_clients=False)
    assert change.changes == {}
    differing = set(other) - {"mobile_phone"}
    assert change.refused == {
        name: (getattr(CLIENT, name), getattr(card, name)) for name in differing
    }
    after = journal.contact("1")
    assert (after.card, after.incorrect_contact) == (before.card, True)
    forecast = forecast_import([card], ContactCard.__slots__, journal)
    assert (forecast.n_refused, forecast.refused, forecast.n_cards) == (1, (change,), 0)


@pytest.mark.journal
@pytest.mark.parametrize("other", OTHERS)
def test_no_mark_passes_to_another_client_who_is_taken_over(
    journal: Journal, other: dict[str, Any]
) -> None:
    card = dataclasses.replace(CLIENT, **other)
    (change,) = journal.import_contacts([card], source="file")
    assert change.changes.keys() >= set(other)
    after = journal.contact("1")
    assert (after.incorrect_contact, after.deciding) == (False, None)


@pytest.mark.journal
@pytest.mark.parametrize(
    "same",
    [
        {"owner": "Иванов И. И."},
        {"owner": "ИВАНОВ ИВАН ИВАНОВИЧ"},
        {"owner": "Клиент"},
        {"owner": "не указан"},
        {"owner": ""},
        {"vin": "zjg000001"},
        {"plate": "A 123 BC 77"},
        {"make": "Kia"},
    ],
)
def test_the_same_client_written_otherwise_is_taken_over_and_stays_decided(
    journal: Journal, same: dict[str, Any]
) -> None:
    (change,) = journal.import_contacts(
        [dataclasses.replace(CLIENT, **same)], source="file", other_clients=False
    )
    assert (change.changes.keys(), change.refused) == (same.keys(), {})
    assert journal.contact("1").incorrect_contact


def test_fields_that_a_file_lacks_contradict_nothing() -> None:
    other = dataclasses.replace(CLIENT, owner="Петров")
    assert contradictions(CLIENT, other) == ("owner",)
    assert contradictions(CLIENT, other, {"ref", "vin"}) == ()


def test_a_refused_card_is_a_row_of_its_file_with_both_owners(
    journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "cards.csv"
    path.write_text("Номер контакта;Прим;Телефон;Владелец\n1;x;89265550102;Петров\n", "utf-8")
    columns = load_card_columns()
    with open_cards(path, columns) as reader:
        (change,) = journal.import_contacts(
            (card for card in reader if isinstance(card, ContactCard)),
            source="file",
            fields=reader.present,
            other_clients=False,
        )
        row = refused_row(change, reader, columns)
    assert "«Иванов Иван», в файле «Петров»" in row.reason
    assert row.cells == ("1", "", "89265550102", "Петров")


@pytest.mark.journal
def test_what_is_left_of_imports_is_asked_at_once(journal: Journal) -> None:
    for number in range(5):
        made = journal.begin_import(f"{number}.csv", made_by="operator7")
        card = ContactCard(ref=f"n{number}", mobile_phone="8 926 555-01-03")
        list(journal.import_contacts([card], source="file", import_id=made))
        journal.undo_import(made, made_by="supervisor")
    asked: list[str] = []
    engine = journal.database.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *seen: asked.append(seen[2]))
    assert [one.n_left for one in journal.imports()] == [0] * 5
    assert (
        sum(text.startswith("SELECT") for text in asked) == 4
    )  # the imports, what they added, what they changed, what is left
