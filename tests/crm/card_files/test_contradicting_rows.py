"""Rows that contradict themselves or each other are refused with their reason."""

from pathlib import Path

import openpyxl
import pytest

from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState

COLUMNS = load_card_columns()
OWN = frozenset({"+74957304487"})


def read(tmp_path: Path, text: str) -> list[ContactCard | RejectedRow]:
    path = tmp_path / "cards.csv"
    path.write_text(text, encoding="utf-8")
    with open_cards(path, COLUMNS, own_numbers=OWN) as reader:
        return list(reader)


@pytest.mark.parametrize(
    ("phone", "stated"),
    [
        ("", "под вопросом"),
        ("", "Под вопросом."),
        ("", "есть"),
        ("8 926 555-01-0", "есть"),
        ("89265550102", "нет номера"),
        ("", "скрыт"),
        ("", "?"),
    ],
)
def test_a_state_that_is_not_known_or_contradicts_the_number_refuses_the_row(
    tmp_path: Path, phone: str, stated: str
) -> None:
    (row,) = read(tmp_path, f"Номер контакта;Телефон;Состояние номера\n1;{phone};{stated}\n")
    assert isinstance(row, RejectedRow)
    assert "Состояние номера" in row.reason


@pytest.mark.parametrize(
    "stated", ["неизвестен", "Неизвестно", "не известен", "UNKNOWN", "неизвестен."]
)
def test_a_number_said_to_be_unknown_is_unknown(tmp_path: Path, stated: str) -> None:
    (card,) = read(tmp_path, f"Номер контакта;Телефон;Состояние номера\n1;;{stated}\n")
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.UNKNOWN


def test_a_row_without_a_number_after_a_refused_one_of_the_same_card_is_refused(
    tmp_path: Path,
) -> None:
    rows = read(tmp_path, "Номер контакта;Телефон\n4 4;#N/A\n44;нет\n")
    assert [type(row) for row in rows] == [RejectedRow, RejectedRow]


def test_the_rest_of_a_torn_line_in_a_file_of_two_columns_is_no_card(tmp_path: Path) -> None:
    rows = read(tmp_path, "Номер контакта;Телефон\n159;8 926\n555-01-02;\n160;нет\n")
    assert isinstance(rows[1], RejectedRow)
    assert isinstance(rows[2], ContactCard)
    assert rows[2].number_state is NumberState.ABSENT


def test_another_column_is_looked_at_where_all_numbers_are_the_company_s(tmp_path: Path) -> None:
    text = "Номер контакта;Телефон;Владелец;Контакты\n"
    text += "1;84957304487;Иванов;8926***0102\n2;84957304487;Иванов;84957304487\n"
    first, second = read(tmp_path, text)
    assert isinstance(first, RejectedRow)
    assert "Контакты" in first.reason
    assert isinstance(second, ContactCard)


@pytest.mark.parametrize(
    "number_format",
    ["+7 (495) 000-00-00", '"доб. "0;"8"0', "[$+7 495] 000-00-00", '0" (8 495)"', "8495000-00-00"],
)
def test_digits_that_a_format_shows_and_cannot_be_applied_make_a_number_doubtful(
    tmp_path: Path, number_format: str
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Номер контакта", "Телефон"])
    sheet.append([1, 7304999])
    sheet.cell(2, 2).number_format = number_format
    path = tmp_path / "cards.xlsx"
    book.save(path)
    with open_cards(path, COLUMNS) as reader:
        (card,) = list(reader)
    assert isinstance(card, ContactCard)
    assert card.number_state in {NumberState.DOUBTFUL, NumberState.VALID}
    assert {number.e164 for number in card.numbers()} <= {None, "+74957304999"}


_OTHER_ROWS = ["44;#N/A\n", "4 4;7,90577E+10\n", "44;8 926 555-01-02\n", "44;спросить у жены\n"]


@pytest.mark.parametrize("empty", ["44;нет\n", "44;+7 (___) ___-__-__\n", "44;8 926 555\n"])
@pytest.mark.parametrize("other", _OTHER_ROWS)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_row_without_a_number_is_refused_where_another_of_its_card_may_have_one(
    tmp_path: Path, empty: str, other: str, is_first: bool
) -> None:
    between = "45;8 926 555-01-03\n"
    both = (empty, between, other) if is_first else (other, between, empty)
    rows = read(tmp_path, "Номер контакта;Телефон\n" + "".join(both))
    cards = [row for row in rows if isinstance(row, ContactCard)]
    assert not [card for card in cards if card.number_state in _MARKED]
    refused = [row for row in rows if isinstance(row, RejectedRow)]
    assert any("есть и в другой строке" in row.reason for row in refused)
    assert len(rows) == 3


_MARKED = {NumberState.ABSENT, NumberState.WRONG}


def test_rows_without_a_number_that_nothing_contradicts_stay(tmp_path: Path) -> None:
    rows = read(tmp_path, "Номер контакта;Телефон\n44;\n45;8 926 555-01-03\n44;нет\n44;-\n")
    states = [(row.ref, row.number_state) for row in rows if isinstance(row, ContactCard)]
    assert sorted(states) == [
        ("44", NumberState.ABSENT),
        ("45", NumberState.VALID),
    ]


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_card_with_a_row_for_each_number_has_all_of_them(tmp_path: Path, is_turned: bool) -> None:
    lines = ["44;8 926 555-01-02\n", "44;+7 926 555 01 03\n", "44;89265550102\n"]
    rows = read(
        tmp_path, "Номер контакта;Телефон\n" + "".join(reversed(lines) if is_turned else lines)
    )
    last = rows[-1]
    assert [type(row) for row in rows] == [ContactCard]
    assert isinstance(last, ContactCard)
    assert {number.e164 for number in last.numbers()} == {"+79265550102", "+79265550103"}
    assert len(last.numbers()) == 2


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("other", ["8 926 555-01-02", "#N/A", "спросить у жены"])
def test_a_row_with_the_company_s_number_alone_is_refused_beside_another_of_its_card(
    tmp_path: Path, other: str, is_first: bool
) -> None:
    lines = ["44;84957304487\n", f"44;{other}\n"]
    rows = read(
        tmp_path, "Номер контакта;Телефон\n" + "".join(lines if is_first else reversed(lines))
    )
    dialled = [
        {number.e164 for number in row.numbers()} for row in rows if isinstance(row, ContactCard)
    ]
    assert OWN not in dialled
    assert any(isinstance(row, RejectedRow) and "4957304487" in row.cells[1] for row in rows)
