"""Which sheet of a workbook is read, what is said of the others, and notes and links of cells."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from recognizer.crm.card_files import CardFileError, RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard, NumberState

COLUMNS = load_card_columns()
HEADING = ("Номер контакта", "Телефон", "Владелец")
PHONE = "8 905 770-89-45"
Sheets = dict[str, list[tuple[Any, ...]]]


def book(tmp_path: Path, sheets: Sheets, *hidden: str) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    path = tmp_path / "cards.xlsx"
    made.save(path)
    return path


def refs(path: Path, sheet: str | None = None) -> tuple[list[str], str]:
    with open_cards(path, COLUMNS, sheet=sheet) as reader:
        return [row.ref for row in reader if isinstance(row, ContactCard)], reader.form


ONE: list[tuple[Any, ...]] = [HEADING, ("1", PHONE, "Один")]
OTHER: list[tuple[Any, ...]] = [HEADING, ("2", PHONE, "Два")]
TITLE: list[tuple[Any, ...]] = [("Отчёт",), ("Итого", 5)]


@pytest.mark.parametrize("hidden", [(), ("Март",)])
def test_several_sheets_with_cards_are_refused_by_name_and_one_may_be_chosen(
    tmp_path: Path, hidden: tuple[str, ...]
) -> None:
    path = book(tmp_path, {"Апрель": ONE, "Итоги": TITLE, "Март": OTHER}, *hidden)
    with pytest.raises(CardFileError, match="several sheets hold cards: «Апрель», «Март»") as found:
        refs(path)
    assert (found.value.problem, found.value.headings) == ("sheets", ("Апрель", "Март"))
    assert refs(path, "Март")[0] == ["2"]
    assert refs(path, "Апрель") == (
        ["1"],
        "XLSX, sheet «Апрель»; not read: «Итоги», «Март»",
    )
    with pytest.raises(CardFileError, match="no sheet «Май»; found: «Апрель», «Итоги», «Март»"):
        refs(path, "Май")


@pytest.mark.parametrize("others", [{"Титул": TITLE}, {"Пустой": []}, {"Образец": [HEADING]}])
def test_the_only_sheet_with_cards_is_read_wherever_it_stands(
    tmp_path: Path, others: Sheets
) -> None:
    (name,) = others
    assert refs(book(tmp_path, {**others, "Карточки": ONE})) == (
        ["1"],
        f"XLSX, sheet «Карточки»; not read: «{name}»",
    )
    assert refs(book(tmp_path, {"Карточки": ONE, **others}))[0] == ["1"]


def test_a_workbook_of_one_sheet_is_told_by_no_name(tmp_path: Path) -> None:
    assert refs(book(tmp_path, {"Лист1": ONE})) == (["1"], "XLSX")


def with_cells(tmp_path: Path, change: Callable[[Any], None]) -> list[ContactCard | RejectedRow]:
    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in (HEADING, ("1", "нет", "Иванов"), ("2", PHONE, "Ким"), ("3", "", "Ли")):
        sheet.append(row)
    change(sheet)
    path = tmp_path / "cards.xlsx"
    made.save(path)
    with open_cards(path, COLUMNS) as reader:
        return list(reader)


def note(cell: str, text: str) -> Callable[[Any], None]:
    def add(sheet: Any) -> None:
        sheet[cell].comment = Comment(text, "оператор")

    return add


def link(cell: str, target: str) -> Callable[[Any], None]:
    def add(sheet: Any) -> None:
        text = sheet[cell].value
        sheet[cell].hyperlink = target
        sheet[cell].value = text

    return add


@pytest.mark.parametrize(
    "change",
    [
        note("B2", "новый номер 8 926 555-01-02 & после 18:00"),
        note("C2", "жена 89265550102"),
        link("B2", "tel:+79265550102"),
        link("B2", "https://wa.me/79265550102"),
        link("A2", "tel:89265550102"),
    ],
)
def test_a_number_in_a_note_or_behind_a_link_is_no_missing_number(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    row, valid, missing = with_cells(tmp_path, change)
    assert isinstance(row, RejectedRow)
    assert "примечании, ссылке" in row.reason
    assert "9265550102" in row.reason.replace(" ", "").replace("-", "")
    assert isinstance(valid, ContactCard)
    assert isinstance(missing, ContactCard)
    assert missing.number_state is NumberState.ABSENT


@pytest.mark.parametrize(
    "change",
    [
        note("B2", "05.02.2013 вежливый"),
        note("B3", "ещё один: 8 926 555-01-02"),
        link("A2", "https://crm.example/cards/1"),
        link("C2", "mailto:ivan@example.org"),
    ],
)
def test_other_notes_and_links_refuse_nothing(
    tmp_path: Path, change: Callable[[Any], None]
) -> None:
    rows = with_cells(tmp_path, change)
    assert [type(row) for row in rows] == [ContactCard] * 3
    assert [row.number_state for row in rows if isinstance(row, ContactCard)] == [
        NumberState.ABSENT,
        NumberState.VALID,
        NumberState.ABSENT,
    ]
    assert [row.trusted_phone for row in rows if isinstance(row, ContactCard)] == ["нет", PHONE, ""]
