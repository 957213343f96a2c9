"""An error, a formula without a value, a number a spreadsheet changed: said, never taken."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from workbook_writers import DIALECTS, Error, Formula, write_book

from recognizer.crm.card_facts import card_facts
from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard
from recognizer.crm.office import load_office
from recognizer.regulation.loading import load_regulation

COLUMNS = load_card_columns()
OFFICE = load_office()
OWN = "8 495 730-44-87"
PHONE = "8 905 770-89-45"


def read(path: Path) -> list[ContactCard | RejectedRow]:
    with open_cards(path, COLUMNS, own_numbers=OFFICE.own_numbers) as reader:
        return list(reader)


def csv_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cards.csv"
    path.write_text(text, encoding="utf-8")
    return path


def rule(row: ContactCard | RejectedRow) -> str | None:
    """Return the rule that marks a card without a call."""
    assert isinstance(row, ContactCard)
    ruling = load_regulation().rule_on_card(card_facts(row, OFFICE))
    return None if ruling is None else ruling.decision.rule_id


@pytest.mark.parametrize("error", ["#N/A", "#ССЫЛКА!", "########", "Err:502"])
@pytest.mark.parametrize(
    "heading", ["Номер контакта", "Владелец", "Комментарии", "Марка", "Предупреждение"]
)
def test_an_error_in_any_column_is_a_rejected_row(tmp_path: Path, heading: str, error: str) -> None:
    values = {"Номер контакта": "1", "Телефон": OWN, "Владелец": "Иванов", heading: error}
    text = ";".join(values) + "\n" + ";".join(values.values()) + "\n"
    (row,) = read(csv_file(tmp_path, text))
    assert isinstance(row, RejectedRow)
    assert f"«{COLUMNS.headings[COLUMNS.field_of(heading) or '']}»" in row.reason
    assert error in row.reason


def test_cards_whose_numbers_became_one_error_do_not_become_one_card(tmp_path: Path) -> None:
    rows = [("Номер контакта", "Телефон"), (Error("#N/A"), PHONE), (Error("#N/A"), "89265550102")]
    path = write_book(tmp_path / "a.xlsx", rows, DIALECTS[0])
    assert [type(row) for row in read(path)] == [RejectedRow, RejectedRow]


@pytest.mark.parametrize(
    "ref", ["1,59273E+05", "1.59273E+11", "1E+05", "1,5e5", "04.01.2026", "#Н/Д"]
)
def test_a_card_s_number_that_a_spreadsheet_changed_is_a_rejected_row(
    tmp_path: Path, ref: str
) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон\n{ref};{PHONE}\n"))
    assert isinstance(row, RejectedRow)
    assert "Номер контакта" in row.reason


@pytest.mark.parametrize("ref", ["12E3", "1E5", "А-17", "2026-04", "4/1", "1.5", "17.2026"])
def test_a_card_s_number_of_letters_and_signs_stays_as_it_is(tmp_path: Path, ref: str) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон\n{ref};{PHONE}\n"))
    assert isinstance(row, ContactCard)
    assert row.ref == ref


@pytest.mark.parametrize(
    ("number_format", "value", "shown"),
    [
        ("000000", 42, "000042"),
        ("000000", 1234567, "1234567"),
        ("General", 42, "42"),
        ("0", 42, "42"),
        ("0.00", 42, "42"),
        ("000-000", 42, "000042"),
    ],
)
def test_zeros_that_a_format_shows_are_part_of_a_card_s_number(
    tmp_path: Path, number_format: str, value: int, shown: str
) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Номер контакта", "Телефон"])
    book.worksheets[0].append([value, PHONE])
    book.worksheets[0]["A2"].number_format = number_format
    book.save(tmp_path / "a.xlsx")
    (row,) = read(tmp_path / "a.xlsx")
    assert isinstance(row, ContactCard)
    assert row.ref == shown


def test_zeros_that_a_format_shows_are_part_of_a_telephone_s(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Номер контакта", "Телефон"])
    book.worksheets[0].append([1, 70894])
    book.worksheets[0]["B2"].number_format = '"8905"0000000'
    data = io.BytesIO()
    book.save(data)
    path = tmp_path / "a.xlsx"
    path.write_bytes(data.getvalue())
    (row,) = read(path)
    assert isinstance(row, ContactCard)
    assert [number.e164 for number in row.numbers()] == ["+79050070894"]


@pytest.mark.parametrize("value", ["", "-", 0])
def test_a_formula_that_found_nothing_is_an_empty_text_but_no_missing_number(
    tmp_path: Path, value: Any
) -> None:
    heading = ("Номер контакта", "Телефон", "Комментарии", "Марка", "Владелец")
    rows = [
        heading,
        ("1", PHONE, Formula("A9", ""), Formula("A9", value), "Иванов"),
        ("2", Formula("A9", value), None, None, "Ким"),
        ("3", None, Formula("A9", ""), None, "Ли"),
    ]
    with_number, of_formula, without = read(write_book(tmp_path / "a.xlsx", rows, DIALECTS[0]))
    assert isinstance(with_number, ContactCard)
    assert (with_number.comments, with_number.make) == ("", str(value))
    assert isinstance(of_formula, RejectedRow)
    assert "формуле столбца «Телефон»" in of_formula.reason
    assert rule(without) == "number-missing"


@pytest.mark.parametrize(
    "owner",
    ["ИСТИНА", "да", "0", "?", "FALSE", "ООО", "Сотрудник", "Служебный а/м", "Тест-драйв", "Склад"],
)
def test_an_owner_s_field_that_names_nobody_makes_no_client(tmp_path: Path, owner: str) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон;Владелец\n1;{OWN};{owner}\n"))
    assert rule(row) is None


# --- the end of a file ------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["Ив", "Авил", "А", ""])
def test_an_owner_s_name_cut_at_the_end_of_a_file_makes_no_client(
    tmp_path: Path, owner: str
) -> None:
    text = f"Номер контакта;Телефон;Владелец\n1;{OWN};Иванов\n2;{OWN};{owner}"
    whole, cut = read(csv_file(tmp_path, text))
    assert rule(whole) == "own-company-number"
    assert isinstance(cut, RejectedRow)
    assert "файл обрывается" in cut.reason
    (_, ended) = read(csv_file(tmp_path, text + "\n"))
    assert rule(ended) is None  # nor does what is no whole name


LAST = [
    ("Номер контакта;Телефон;Комментарии", "2;нет;", True),
    ("Номер контакта;Телефон;Комментарии", "2;;04/01 Не отвечает", True),
    ("Номер контакта;Телефон;Примечание", "2;нет;", True),
    ("Номер контакта;Владелец;Телефон", "2;Пётр;", True),
    ("Номер контакта;Владелец;Телефон", "2;Пётр;8 926 555", True),
    ("Номер контакта;Владелец;Телефон", "2;Пётр;+7 (___) ___-__-__", False),
    ("Номер контакта;Телефон;Владелец", "2;;Пётр", False),
]


@pytest.mark.parametrize(("heading", "last", "is_rejected"), LAST)
def test_a_file_cut_at_its_last_cell_marks_nobody_by_what_the_cut_may_have_taken(
    tmp_path: Path, heading: str, last: str, is_rejected: bool
) -> None:
    first = f"1;{PHONE};x" if heading.split(";")[1] == "Телефон" else f"1;x;{PHONE}"
    _, row = read(csv_file(tmp_path, f"{heading}\n{first}\n{last}"))
    assert isinstance(row, RejectedRow) is is_rejected
    _, row = read(csv_file(tmp_path, f"{heading}\n{first}\n{last}\n"))
    assert rule(row) in {"number-missing", "number-malformed"}


@pytest.mark.parametrize(("phone", "rest"), [("89265550", "102"), ("8 926 555", "01-02")])
def test_the_rest_of_a_number_in_another_column_marks_nobody(
    tmp_path: Path, phone: str, rest: str
) -> None:
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон;Прим\n1;{phone};{rest}\n"))
    assert isinstance(row, RejectedRow)
    assert "«Прим»" in row.reason
    (row,) = read(csv_file(tmp_path, f"Номер контакта;Телефон;Прим\n1;{phone};ТО-2\n"))
    assert rule(row) == "number-malformed"
