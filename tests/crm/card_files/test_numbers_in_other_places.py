"""A number in a row, a sheet or under a number written otherwise keeps its card from a mark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState

PHONE = "8 905 770-89-45"
HEADING = ("Номер контакта", "Телефон", "Владелец", "Марка")
MARKED = {NumberState.ABSENT, NumberState.WRONG}


def read(path: Path) -> list[ContactCard | RejectedRow]:
    with open_cards(path, load_card_columns()) as reader:
        return list(reader)


def marked(path: Path) -> list[str]:
    cards = [row for row in read(path) if isinstance(row, ContactCard)]
    return [card.ref for card in cards if card.number_state in MARKED]


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "cards.csv"
    lines = [";".join(HEADING), *(f"{row};" for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("А-1", "A-1"),
        ("а-1", "А-1"),
        ("A–1", "A-1"),
        ("№17", "17"),
        ("№ 17", "17"),
        ("000017", "17"),
        ("А-007", "А7"),
        ("A_1", "A1"),
    ],
)
@pytest.mark.parametrize("phone", [PHONE, ""])
def test_a_card_whose_number_is_there_in_another_spelling_is_not_marked(
    tmp_path: Path, one: str, other: str, phone: str
) -> None:
    path = table(tmp_path, f"{one};;Иванов", f"{other};{phone};Иванов", "5;;Ким")
    assert marked(path) == ["5"]
    reasons = [row.reason for row in read(path) if isinstance(row, RejectedRow)]
    assert len(reasons) == (1 if phone else 2)
    assert "почти такой же номер карточки" in reasons[0]


def test_cards_whose_numbers_differ_are_no_twins(tmp_path: Path) -> None:
    path = table(tmp_path, "А-1;;Иванов", "А-11;;Иванов", "Б-1;;Иванов", "170;;Ким", "17;;Ким")
    assert marked(path) == ["А-1", "А-11", "Б-1", "170", "17"]


@pytest.mark.parametrize(
    "rows",
    [("1;;Иванов", "  89057708945;;"), ("89057708945;;", "1;;Иванов"), ("1;;Иванов", f"{PHONE};;")],
)
def test_a_row_that_is_nothing_but_a_number_may_be_its_neighbour_s(
    tmp_path: Path, rows: Sequence[str]
) -> None:
    assert marked(table(tmp_path, *rows)) == []


@pytest.mark.parametrize("total", ["3 шт", "17 записей", "2 карточки", "1 200 руб."])
def test_a_count_with_its_unit_is_no_card(tmp_path: Path, total: str) -> None:
    *_, row = read(table(tmp_path, f"1;{PHONE};Ким", f"{total};;Иванов"))
    assert isinstance(row, RejectedRow)


@pytest.mark.parametrize(
    ("beside", "state"),
    [
        (["1", PHONE], NumberState.UNKNOWN),
        (["1", 79057708945], NumberState.UNKNOWN),
        (["К-1", "730-44-87"], NumberState.UNKNOWN),
        (["916", "7654321"], NumberState.UNKNOWN),
        ([905, 770, 89, 45], NumberState.UNKNOWN),
        (["Всего", 17], NumberState.ABSENT),
        ([dt.date(2026, 2, 5), "с 01.02.2026 по 05.02.2026", "10:30"], NumberState.ABSENT),
        (["Дата", "05.02.2026"], NumberState.ABSENT),
    ],
)
@pytest.mark.parametrize("sheet_state", ["visible", "hidden"])
def test_numbers_in_a_sheet_that_nobody_reads_are_not_missing(
    tmp_path: Path, beside: list[object], state: NumberState, sheet_state: str
) -> None:
    book = openpyxl.Workbook()
    cards = book.worksheets[0]
    cards.append(HEADING)
    cards.append(["1", None, "Иванов"])
    other = book.create_sheet("Контакты")
    other.append(["Контакт", "Тел"])
    other.append(beside)
    other.sheet_state = sheet_state
    book.save(tmp_path / "cards.xlsx")
    (card,) = read(tmp_path / "cards.xlsx")
    assert isinstance(card, ContactCard)
    assert card.number_state is state


@pytest.mark.parametrize("has_formula", [False, True])
def test_a_book_with_and_without_formulas_has_the_same_cards(
    tmp_path: Path, has_formula: bool
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append([*HEADING, "Прим"])
    sheet.append(["1", PHONE, "Иванов", None])
    sheet.append(["2", None, "Ким", None])
    sheet.append(["3", "=B2" if has_formula else None, "Ли", None])
    book.save(tmp_path / "cards.xlsx")
    first, second, third = read(tmp_path / "cards.xlsx")
    assert isinstance(first, ContactCard)
    assert isinstance(second, ContactCard)
    assert (first.number_state, second.number_state) == (NumberState.VALID, NumberState.ABSENT)
    assert isinstance(third, RejectedRow) is has_formula  # its value was never computed


def test_of_a_sheet_too_long_to_look_through_nobody_knows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    cards = book.worksheets[0]
    cards.append(HEADING)
    cards.append(["1", None, "Иванов"])
    other = book.create_sheet("Прочее")
    for _ in range(1001):
        other.append(["слово"])
    book.save(tmp_path / "cards.xlsx")
    (card,) = read(tmp_path / "cards.xlsx")
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.UNKNOWN
