"""What a card lacks may stand in the row beside it, in a format, or be no card at all."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState

COLUMNS = load_card_columns()
OWN = frozenset({"+74957304487"})
HEADING = "Номер контакта;Телефон;Владелец;Комментарии"
PHONE = "8 905 770-89-45"


def read(tmp_path: Path, *lines: str) -> list[ContactCard | RejectedRow]:
    path = tmp_path / "cards.csv"
    path.write_text("\n".join((HEADING, *lines)) + "\n", encoding="utf-8")
    with open_cards(path, COLUMNS, own_numbers=OWN) as reader:
        return list(reader)


def said(rows: list[ContactCard | RejectedRow]) -> dict[int | str, NumberState | str]:
    """Return the state of the number of each card, and of each rejected line its reason."""
    return {
        **{row.line: row.reason for row in rows if isinstance(row, RejectedRow)},
        **{row.ref: row.number_state for row in rows if isinstance(row, ContactCard)},
    }


@pytest.mark.parametrize("own", ["", "нет", "8905770894", "+7 495 730-44-87"])
@pytest.mark.parametrize("rest", [f";{PHONE};;", f";;{PHONE};", ";;жена, ниже её номер;"])
@pytest.mark.parametrize("label", ["", "тел.", "Телефон"])
def test_a_card_above_a_row_without_a_number_of_a_card_is_not_marked(
    tmp_path: Path, own: str, rest: str, label: str
) -> None:
    rows = said(read(tmp_path, f"1;{own};Иванов;", label + rest, f"2;{PHONE};Петров;"))
    assert set(rows) == {2, 3, "2"}
    assert "соседней строке" in str(rows[2])
    assert rows["2"] is NumberState.VALID


@pytest.mark.parametrize("ref", ["—//—", '-"-', "〃", "?", "-", "б/н", "нет", "см. выше", "То же"])
def test_a_row_whose_card_has_no_number_but_a_sign_or_words_is_no_card(
    tmp_path: Path, ref: str
) -> None:
    rows = said(read(tmp_path, "1;;Иванов;", f"{ref};{PHONE};;", f"{ref};8 905 770-89-46;Петров;"))
    assert set(rows) == {2, 3, 4}
    assert "соседней строке" in str(rows[2])
    assert ref in str(rows[3])
    assert ref in str(rows[4])


@pytest.mark.parametrize("ref", ["А", "8", "№ 7", "тот-1", "10"])
def test_a_short_number_of_a_card_is_one(tmp_path: Path, ref: str) -> None:
    (card,) = read(tmp_path, f"{ref};{PHONE};Иванов;")
    assert isinstance(card, ContactCard)
    assert card.number_state is NumberState.VALID


@pytest.mark.parametrize(
    "says", ["скрыт", "см. выше", "тот же", "+7 ***", "730-44", "@ivan", "—//—"]
)
@pytest.mark.parametrize("own", ["", "нет", "8905770894"])
def test_a_third_column_of_numbers_that_says_anything_but_none_keeps_a_card_from_a_mark(
    tmp_path: Path, own: str, says: str
) -> None:
    path = tmp_path / "cards.csv"
    heading = "Номер контакта;Телефон;Мобильный;Доп. телефон;Владелец"
    rows = (f"1;{own};;{says};Иванов", f"2;{own};;нет;Петров", f"3;{PHONE};;{says};Сидоров")
    path.write_text("\n".join((heading, *rows)) + "\n", encoding="utf-8")
    with open_cards(path, COLUMNS) as reader:
        states = said(list(reader))
    assert set(states) == {2, "2", "3"}
    assert "Доп. телефон" in str(states[2])
    assert states["2"] is (NumberState.WRONG if own[:1] == "8" else NumberState.ABSENT)
    assert states["3"] is NumberState.VALID


def test_a_card_below_a_number_of_nobody_is_not_marked(tmp_path: Path) -> None:
    rows = said(read(tmp_path, f";{PHONE};;", "1;;Иванов;", "2;;Петров;"))
    assert set(rows) == {2, 3, "2"}
    assert rows["2"] is NumberState.ABSENT


def test_a_card_with_a_number_of_its_own_stays_whatever_row_is_beside_it(tmp_path: Path) -> None:
    rows = said(read(tmp_path, f"1;{PHONE};Иванов;", f";{PHONE};;", "2;см. базу;Петров;"))
    assert (rows["1"], rows["2"]) == (NumberState.VALID, NumberState.DOUBTFUL)


def test_a_row_of_nobody_without_a_number_costs_the_card_below_nothing(tmp_path: Path) -> None:
    rows = said(read(tmp_path, f"1;{PHONE};Иванов;", ";;;ещё слово", "2;;Петров;"))
    assert rows["2"] is NumberState.ABSENT


@pytest.mark.parametrize(
    "row", ["Сервис;;7;", "Менеджер Иванова;;3;", "Стр. 1;;1;", "Среднее;0;1,5;", "Доля;;5 %;"]
)
def test_a_label_with_nothing_but_counts_is_no_card(tmp_path: Path, row: str) -> None:
    (read_row,) = read(tmp_path, row)
    assert isinstance(read_row, RejectedRow)
    assert "подпись" in read_row.reason


@pytest.mark.parametrize("row", ["А-17;;3;", "17;;3;", "С-7;;ООО «7»;"])
def test_a_card_with_a_number_of_its_own_or_words_beside_is_one(tmp_path: Path, row: str) -> None:
    (card,) = read(tmp_path, row)
    assert isinstance(card, ContactCard)


@pytest.mark.parametrize(
    ("text", "number_format", "state"),
    [
        ("7708945", '"+7905"@', NumberState.VALID),
        ("7301122", '"8 495 "@', NumberState.VALID),
        ("7708945", '0;-0;0;"8 905 "@', NumberState.VALID),
        ("8905770894", '@"5"', NumberState.DOUBTFUL),
        ("8905770894", "@*5", NumberState.DOUBTFUL),
        ("8905770894", "@", NumberState.WRONG),
        (
            "8905770894",
            '"+7905"0',
            NumberState.WRONG,
        ),  # a format of numbers shows texts as they are
        ("8905770894", '[$-419]"тел. "@', NumberState.WRONG),
        (PHONE, '"+7905"0;;;@', NumberState.VALID),
    ],
)
def test_a_text_is_read_as_its_format_shows_it(
    tmp_path: Path, text: Any, number_format: str, state: NumberState
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADING.split(";"))
    sheet.append(["1", text, "Иванов", ""])
    sheet["B2"].number_format = number_format
    path = tmp_path / "cards.xlsx"
    book.save(path)
    with open_cards(path, COLUMNS) as reader:
        (card,) = reader
    assert isinstance(card, ContactCard)
    assert card.number_state is state
