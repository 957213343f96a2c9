"""A card that stands in several rows of a file is one card, read once, however often it comes."""

import dataclasses
from pathlib import Path

import pytest
from journal_reports import day, heard

from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

COLUMNS = load_card_columns()
HEADING = "Номер контакта;Телефон;Мобильный;Владелец;Комментарии;Предупреждение\n"
TWO_NUMBERS = HEADING + (
    "44;8 926 555-01-02;;Клиент Первый;04/01 Не отвечает;\n"
    "45;8 926 555-01-09;;Клиент Второй;;\n"
    "44;8 926 555-01-03;;;05/01 Занято;Не звонить\n"
    "46;8 926 555-01-08;;Клиент Третий;;\n"
)


def read(tmp_path: Path, text: str) -> list[ContactCard | RejectedRow]:
    path = tmp_path / "cards.csv"
    path.write_text(text, encoding="utf-8")
    with open_cards(path, COLUMNS) as reader:
        return list(reader)


def cards(tmp_path: Path, text: str) -> list[ContactCard]:
    rows = read(tmp_path, text)
    return [row for row in rows if isinstance(row, ContactCard)]


def test_rows_of_one_card_come_as_one_with_all_they_say(tmp_path: Path) -> None:
    found = {card.ref: card for card in cards(tmp_path, TWO_NUMBERS)}
    assert list(found) == ["45", "44", "46"]
    both = found["44"]
    assert [number.e164 for number in both.numbers()] == ["+79265550102", "+79265550103"]
    assert both.owner == "Клиент Первый"
    assert both.comments == "04/01 Не отвечает\n05/01 Занято"
    assert both.do_not_call


@pytest.mark.parametrize(
    ("rows", "comments"),
    [
        (["a", "a"], "a"),
        (["a", ""], "a"),
        (["", "a"], "a"),
        (["a", "a с ещё"], "a с ещё"),
        (["a", "b", "a"], "a\nb"),
    ],
)
def test_no_comment_of_a_row_is_lost_or_doubled(
    tmp_path: Path, rows: list[str], comments: str
) -> None:
    lines = [f"44;8 926 555-01-0{n};;К;{text};\n" for n, text in enumerate(rows)]
    (card,) = cards(tmp_path, HEADING + "".join(lines))
    assert card.comments == comments


def test_the_last_row_that_says_something_of_a_field_is_believed(tmp_path: Path) -> None:
    heading = HEADING.replace("Владелец", "Доверенное лицо")
    lines = ["44;89265550102;;Первый;;\n", "44;89265550102;;Второй;;\n", "44;89265550102;;;;\n"]
    (card,) = cards(tmp_path, heading + "".join(lines))
    assert (card.trusted_person, card.trusted_phone) == ("Второй", "89265550102")


@pytest.mark.journal
def test_a_file_with_a_row_for_each_number_changes_nothing_the_second_time(
    tmp_path: Path, journal_url: str
) -> None:
    with Journal.open(journal_url) as journal:
        list(journal.import_contacts(cards(tmp_path, TWO_NUMBERS), source="first"))
        journal.record_attempt(heard(CallOutcome.BUSY_TONE), contact="44", called_at=day(0))
        for at in (1, 2):
            journal.record_attempt(heard(CallOutcome.BUSY_TONE), contact="44", called_at=day(at))
        standing = journal.contact("44")
        assert standing.deciding is not None
        for _ in range(2):
            changes = list(journal.import_contacts(cards(tmp_path, TWO_NUMBERS), source="again"))
            assert [change.changes for change in changes] == [{}, {}, {}]
            assert journal.contact("44") == standing


@pytest.mark.journal
def test_the_same_numbers_in_another_order_leave_the_standing_decision(
    tmp_path: Path, journal_url: str
) -> None:
    turned = HEADING + "".join(reversed(TWO_NUMBERS.removeprefix(HEADING).splitlines(True)))
    with Journal.open(journal_url) as journal:
        list(journal.import_contacts(cards(tmp_path, TWO_NUMBERS), source="first"))
        for at in range(3):
            journal.record_attempt(heard(CallOutcome.BUSY_TONE), contact="44", called_at=day(at))
        before = journal.contact("44")
        list(journal.import_contacts(cards(tmp_path, turned), source="turned"))
        after = journal.contact("44")
    assert after.deciding == before.deciding is not None
    assert {number.e164 for number in after.card.numbers()} == {
        number.e164 for number in before.card.numbers()
    }


def test_a_card_without_a_column_of_numbers_is_one_too(tmp_path: Path) -> None:
    path = tmp_path / "cards.csv"
    path.write_text("Номер контакта;Владелец;Марка\n4;Один;\n4;;Марка\n", encoding="utf-8")
    with open_cards(path, COLUMNS, no_phone=True) as reader:
        (card,) = list(reader)
    assert isinstance(card, ContactCard)
    assert card == dataclasses.replace(
        ContactCard(ref="4"), owner="Один", make="Марка", number_unknown=True
    )


@pytest.mark.parametrize("phone", ["8 926 555-01-02", ""])
def test_comments_torn_by_a_bare_line_break_are_rejected_rows_not_half_a_line(
    tmp_path: Path, phone: str
) -> None:
    heading = "Номер контакта;Телефон;Владелец;Комментарии\n"
    torn = f"1;{phone};К;04/01 Не\nотвечает\n2;8 926 555-01-03;К;05/01 Занято\n"
    first, rest, whole = read(tmp_path, heading + torn)
    assert isinstance(first, RejectedRow)
    assert isinstance(rest, RejectedRow)
    assert isinstance(whole, ContactCard)
    assert whole.comments == "05/01 Занято"
    quoted = torn.replace("04/01 Не\nотвечает", '"04/01 Не\nотвечает"')
    card, _ = read(tmp_path, heading + quoted)
    assert isinstance(card, ContactCard)
    assert card.comments == "04/01 Не\nотвечает"


@pytest.mark.parametrize("other", ["159273.0", "159273,00", "159 273", " 159273 "])
def test_a_card_is_the_same_however_a_program_writes_its_whole_number(
    tmp_path: Path, other: str
) -> None:
    (card,) = cards(tmp_path, f"{HEADING}159273;89265550102;;К;;\n{other};89265550103;;К;;\n")
    assert card.ref == "159273"
    assert len(card.numbers()) == 2
