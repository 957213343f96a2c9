"""Cards in workbooks of several programs, whole and damaged: read, or refused with a sentence.

Nothing of it makes a mark of a number that is there.
"""

import contextlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from workbook_writers import DIALECTS, Dialect, Error, Formula, Raw, Rich, write_book

from recognizer.base.errors import ContactError
from recognizer.crm.card_facts import card_facts
from recognizer.crm.card_files import RejectedRow, load_card_columns, open_cards
from recognizer.crm.contacts import ContactCard
from recognizer.crm.office import load_office

pytestmark = pytest.mark.slow

COLUMNS = load_card_columns()
OFFICE = load_office()
HEADING = ("Номер контакта", "Мобильный телефон", "Владелец")
PHONE = "8 905 770-89-45"
EVERY = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


def states(path: Path) -> list[str]:
    """Return of every row what is known of its number, or that it is rejected."""
    with open_cards(path, COLUMNS) as reader:
        return [
            row.number_state.value if isinstance(row, ContactCard) else "rejected" for row in reader
        ]


def book(tmp_path: Path, dialect: Dialect, *rows: Sequence[Any]) -> Path:
    return write_book(tmp_path / "cards.xlsx", [HEADING, *rows], dialect)


CELLS = [
    (PHONE, "valid"),
    (79057708945, "valid"),
    (79057708945.0, "valid"),
    (9057708945, "valid"),
    (Formula("A1", PHONE), "valid"),
    (Formula("A1", 79057708945), "valid"),
    (Rich(("8 905 ", "770", "-89-45")), "valid"),
    ("_x0038_ 905 770-89-45", "valid"),
    ("  8 905\n770-89-45 ", "valid"),
    ("'+79057708945", "valid"),
    (None, "absent"),
    ("+7 (   )    -  -  ", "absent"),
    ("8 905 770", "wrong"),
    ("+7 (905) XXX-XX-XX", "doubtful"),
    (True, "doubtful"),
    (Formula("A1"), "rejected"),
    (Formula("A1", ""), "rejected"),
    (Formula("A1", 0), "rejected"),
    (Error("#N/A"), "rejected"),
    (Error("#REF!"), "rejected"),
    ("#Н/Д", "rejected"),
    ("########", "rejected"),
    ("7,90577E+10", "rejected"),
    (8905770894589261234567.0, "rejected"),
    (79057708945000000.0, "rejected"),
]


@EVERY
@pytest.mark.parametrize(("cell", "state"), CELLS, ids=repr)
def test_a_cell_means_the_same_whoever_wrote_it(
    tmp_path: Path, dialect: Dialect, cell: Any, state: str
) -> None:
    path = book(tmp_path, dialect, ("2", PHONE, "Два"), ("1", cell, "Один"))
    assert states(path) == ["valid", state]


@EVERY
def test_no_row_is_lost_and_none_invented(tmp_path: Path, dialect: Dialect) -> None:
    rows: list[Sequence[Any]] = [(str(number), PHONE, "Клиент") for number in range(1, 400)]
    rows[5:5] = [(None, None, None), (), ("", "", "")]
    with open_cards(book(tmp_path, dialect, *rows), COLUMNS) as reader:
        refs = [row.ref for row in reader if isinstance(row, ContactCard)]
    assert refs == [str(number) for number in range(1, 400)]


@EVERY
def test_short_and_long_rows(tmp_path: Path, dialect: Dialect) -> None:
    path = book(tmp_path, dialect, ("1", PHONE), ("2", PHONE, "Два", "лишнее"), ("3", PHONE, "Три"))
    assert states(path) == ["valid", "rejected", "valid"]


# -- the sheet's XML ---------------------------------------------------------------------------

EXCEL = DIALECTS[0]


def with_sheet(path: Path, change: Callable[[str], str]) -> Path:
    """Change the XML of a workbook's sheet."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name).decode() for name in package.namelist()}
    name = "xl/worksheets/sheet1.xml"
    changed = change(parts[name])
    assert changed != parts[name]
    parts[name] = changed
    with zipfile.ZipFile(path, "w") as package:
        for part, content in parts.items():
            package.writestr(part, content)
    return path


def merged(*ranges: str) -> Callable[[str], str]:
    cells = "".join(f'<mergeCell ref="{place}"/>' for place in ranges)
    return lambda xml: xml.replace("</sheetData>", f"</sheetData><mergeCells>{cells}</mergeCells>")


def test_cells_merged_downwards_have_the_number_a_person_sees(tmp_path: Path) -> None:
    path = book(tmp_path, EXCEL, ("1", PHONE, "Иванов"), ("2", None, "Иванов"), ("3", None, "Ли"))
    assert states(path) == ["valid", "absent", "absent"]
    assert states(with_sheet(path, merged("B2:B3"))) == ["valid", "valid", "absent"]


def test_cells_merged_sideways_too(tmp_path: Path) -> None:
    heading = ("Номер контакта", "Владелец", "Мобильный телефон")
    rows = [heading, ("1", "Один", PHONE), ("17 по отделу", None, None)]
    path = write_book(tmp_path / "a.xlsx", rows, EXCEL)
    assert states(with_sheet(path, merged("A3:C3"))) == ["valid", "doubtful"]


def test_a_heading_over_two_columns_names_both_and_is_refused(tmp_path: Path) -> None:
    rows = [("Номер контакта", "Телефон", None), ("1", None, PHONE)]
    path = write_book(tmp_path / "a.xlsx", rows, EXCEL)
    with pytest.raises(ContactError, match="several columns stand for trusted_phone"):
        states(with_sheet(path, merged("B1:C1")))


@pytest.mark.parametrize(
    ("number_format", "number"),
    [
        ('"+7 "(000) 000-00-00', 9057708945),
        ('"8905"0000000', 7708945),
        ("\\\\8\\\\9\\\\0\\\\5#", 7708945),
        ('"тел. "0', 89057708945),
        ("0.00", 79057708945),
        ("00000000000", 79057708945),
        ("General", 79057708945),
    ],
)
def test_digits_that_a_format_shows_are_part_of_the_number(
    tmp_path: Path, number_format: str, number: int
) -> None:
    import openpyxl

    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    sheet.append(HEADING)
    sheet.append(("1", number, "Один"))
    sheet["B2"].number_format = number_format.replace("\\\\", "\\")
    made.save(tmp_path / "a.xlsx")
    assert states(tmp_path / "a.xlsx") == ["valid"]


def test_a_date_in_place_of_a_number_is_nobodys_wrong_number(tmp_path: Path) -> None:
    import datetime as dt

    import openpyxl

    made = openpyxl.Workbook()
    sheet = made.worksheets[0]
    for row in (HEADING, ("1", dt.date(2013, 2, 5), "Один"), ("2", dt.time(10, 19), "Два")):
        sheet.append(row)
    made.save(tmp_path / "a.xlsx")
    assert states(tmp_path / "a.xlsx") == ["doubtful", "doubtful"]


DISORDER = {
    "cells out of order": lambda xml: xml.replace(
        '<row r="2">', '<row r="2"><c r="C2" t="inlineStr"><is><t>Ноль</t></is></c>'
    ),
    "a row twice": lambda xml: xml.replace('<row r="3">', '<row r="2">'),
    "rows out of order": lambda xml: xml.replace('<row r="2">', '<row r="9">'),
    "a cell of another row": lambda xml: xml.replace('r="B2"', 'r="B7"'),
    "two cells in one place": lambda xml: xml.replace('r="C2"', 'r="B2"'),
    "a place that is none": lambda xml: xml.replace('r="B2"', 'r="2B"'),
    "a column beyond the last": lambda xml: xml.replace('r="B2"', 'r="ZZZZ2"'),
    "a text that is not there": lambda xml: xml.replace("<v>4</v>", "<v>4000</v>"),
    "a number that is none": lambda xml: xml.replace(' t="s"><v>4</v>', "><v>восемь</v>"),
    "cut": lambda xml: xml[: len(xml) // 2],
    "another element": lambda xml: xml.replace("sheetData", "sheetDatum"),
    "an unknown type": lambda xml: xml.replace('r="B2" t="s"', 'r="B2" t="zz"'),
    "a row number of zero": lambda xml: xml.replace('<row r="2">', '<row r="0">'),
}


@pytest.mark.parametrize("change", DISORDER.values(), ids=DISORDER)
def test_a_damaged_sheet_is_read_or_refused_and_marks_nobody(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    path = book(tmp_path, EXCEL, ("1", PHONE, "Один"), ("2", PHONE, "Два"), ("3", PHONE, "Три"))
    with_sheet(path, change)
    rows: list[ContactCard | RejectedRow] = []
    with contextlib.suppress(ContactError), open_cards(path, COLUMNS) as reader:
        rows = list(reader)
    assert len(rows) in {0, 3}  # all, or a refusal
    for row in rows:
        if isinstance(row, ContactCard):
            assert not card_facts(row, OFFICE) & {"number_missing", "number_malformed"}, row


def test_raw_cells_of_odd_writers(tmp_path: Path) -> None:
    cells = [
        Raw('<c{at} t="n"><v>79057708945</v></c>'),
        Raw("<c{at}><v>7.9057708945E10</v></c>"),
        Raw('<c{at} t="str"><v>8 905 770-89-45</v></c>'),
        Raw('<c{at} t="inlineStr"><is><r><t>8 905 </t></r><r><t>770-89-45</t></r></is></c>'),
        Raw('<c{at} t="str"><f>B9</f><v>+79057708945</v></c>'),
        Raw(
            '<c{at} t="inlineStr"><is><t>89057708945</t><rPh sb="0" eb="1"><t>1</t></rPh></is></c>'
        ),
    ]
    path = book(tmp_path, EXCEL, *((str(n), cell, "Клиент") for n, cell in enumerate(cells, 1)))
    assert states(path) == ["valid"] * len(cells)


PACKAGES = {
    "no sheet": ("xl/worksheets/sheet1.xml", None),
    "no workbook": ("xl/workbook.xml", None),
    "no contents": ("[Content_Types].xml", None),
    "no texts": ("xl/sharedStrings.xml", None),
    "texts that are no XML": ("xl/sharedStrings.xml", b"\0\1\2"),
    "workbook that is no XML": ("xl/workbook.xml", b"<workbook"),
    "a sheet that is no XML": ("xl/worksheets/sheet1.xml", b"PK"),
    "an empty sheet": ("xl/worksheets/sheet1.xml", b""),
}


@pytest.mark.parametrize(("part", "content"), PACKAGES.values(), ids=PACKAGES)
def test_a_package_without_a_part_is_one_sentence(
    tmp_path: Path, part: str, content: bytes | None
) -> None:
    path = book(tmp_path, EXCEL, ("1", PHONE, "Один"))
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    del parts[part]
    if content is not None:
        parts[part] = content
    with zipfile.ZipFile(path, "w") as package:
        for name, value in parts.items():
            package.writestr(name, value)
    with pytest.raises(ContactError, match=r"cards\.xlsx: "):
        states(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.99])
def test_a_workbook_that_was_cut_is_one_sentence(tmp_path: Path, share: float) -> None:
    path = book(tmp_path, EXCEL, *((str(n), PHONE, "Клиент") for n in range(50)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ContactError, match=r"cards\.xlsx: "):
        states(path)


def test_bits_that_fell_over_mark_nobody(tmp_path: Path) -> None:
    import random

    chance = random.Random(15)
    path = book(tmp_path, EXCEL, *((str(n), PHONE, "Клиент") for n in range(20)))
    content = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            with open_cards(path, COLUMNS) as reader:
                rows = list(reader)
        except ContactError:
            continue
        assert not any(
            card_facts(row, OFFICE) & {"number_missing"}
            for row in rows
            if not isinstance(row, RejectedRow)
        )


def test_a_value_inside_merged_cells_stays_and_empty_rows_stay_empty(tmp_path: Path) -> None:
    rows = [("1", PHONE, "Один"), ("2", "89261234567", "Два"), (None, None, None)]
    path = with_sheet(book(tmp_path, EXCEL, *rows), merged("B2:C4"))
    with open_cards(path, COLUMNS) as reader:
        cards = [row for row in reader if isinstance(row, ContactCard)]
    assert [(card.ref, card.mobile_phone) for card in cards] == [("1", PHONE), ("2", "89261234567")]


def test_a_text_that_is_missing_is_a_rejected_row(tmp_path: Path) -> None:
    cell = Raw('<c{at} t="s"></c>')
    assert states(book(tmp_path, EXCEL, ("1", cell, "Один"), ("2", PHONE, "Два"))) == [
        "rejected",
        "valid",
    ]


def test_an_error_under_an_unknown_heading_marks_nobody(tmp_path: Path) -> None:
    rows = [("Номер контакта", "Телефон", "7"), ("1", None, Error("#N/A"))]
    assert states(write_book(tmp_path / "a.xlsx", rows, EXCEL)) == ["rejected"]
