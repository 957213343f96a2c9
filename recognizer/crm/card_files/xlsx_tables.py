"""XLSX workbooks as rows of texts: numbers and dates in their shortest spelling."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from recognizer.base.errors import ContactError
from recognizer.crm.card_files.columns import CardColumns
from recognizer.crm.card_files.files import (
    LONGEST_CELL,
    MOST_ABOVE,
    CardFileError,
    n_cell_characters,
)
from recognizer.crm.card_files.table_rows import BESIDE
from recognizer.crm.card_files.xlsx_packages import (
    MergedCells,
    readable_package,
    survey_sheet,
    texts_beside,
)
from recognizer.crm.plain_cells import says_absent

__all__ = ["NO_VALUE", "Sheets", "fit_cell", "open_sheet", "write_sheet"]


# Excel writes characters XML cannot hold, and the carriage return, as _xHHHH_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LONGEST_ESCAPE = 7  # of one character, and more than the two that one of a higher plane counts for
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True, slots=True)
class Sheets:
    """Which sheet of a workbook is read, and which others it has."""

    read: str
    others: tuple[str, ...]
    have_numbers: bool = False
    """Whether a telephone number stands in one of the others."""

    def __str__(self) -> str:
        """Return it for messages."""
        if not self.others:
            return "XLSX"
        others = ", ".join(f"«{name}»" for name in self.others)
        return f"XLSX, sheet «{self.read}»; not read: {others}"


@contextlib.contextmanager
def open_sheet(
    path: Path, columns: CardColumns, wanted: str | None = None
) -> Iterator[tuple[Iterator[tuple[int, list[str]]], Sheets]]:
    """Give the numbered rows of the sheet of a workbook that holds cards, and which that is.

    Where none does, it is the first that a person sees.

    Raises
    ------
    ContactError
        If it is no workbook that can be read, several sheets hold cards, hidden ones too, or none
        is called `wanted`.
    """
    openpyxl = _openpyxl()
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(readable_package(path))
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        opened.callback(book.close)
        if not book.worksheets:
            raise ContactError(f"{path}: expected a workbook with a sheet, found none")
        at = _chosen(path, book.worksheets, columns, wanted)
        sheet = book.worksheets[at]
        part = sheet._worksheet_path  # noqa: SLF001 - not to be had else
        merged, has_formulas = survey_sheet(file, part)
        written = None
        if has_formulas:  # reading a sheet twice takes twice as long
            formulas = openpyxl.load_workbook(file, read_only=True, data_only=False)
            opened.callback(formulas.close)
            written = formulas.worksheets[at]
        unread = [other for other in book.worksheets if other is not sheet]
        others = tuple(other.title for other in unread)
        have_numbers = any(map(_holds_numbers, unread))
        rows = _sheet_rows(sheet, written, merged, texts_beside(file, part))
        yield rows, Sheets(sheet.title, others, have_numbers)


def _chosen(path: Path, sheets: Sequence[Any], columns: CardColumns, wanted: str | None) -> int:
    """Return the place of the sheet to read."""
    names = [sheet.title for sheet in sheets]
    if wanted is not None:
        if wanted in names:
            return names.index(wanted)
        raise CardFileError(
            f"{path}: no sheet «{wanted}»; found: {', '.join(f'«{name}»' for name in names)}",
            "no-sheet",
            names,
        )
    with_cards = [at for at, sheet in enumerate(sheets) if _holds_cards(sheet, columns)]
    if len(with_cards) > 1:
        found = [names[at] for at in with_cards]
        raise CardFileError(
            f"{path}: several sheets hold cards: {', '.join(f'«{name}»' for name in found)}; name "
            "one (--sheet), or put all of them on one",
            "sheets",
            found,
        )
    shown = [at for at, sheet in enumerate(sheets) if sheet.sheet_state == "visible"]
    return (with_cards or shown or [0])[0]


def _holds_cards(sheet: Any, columns: CardColumns) -> bool:
    """Tell whether a row near the top of a sheet is a heading of cards, with any row below it."""
    sheet.reset_dimensions()
    is_below = False
    for values in sheet.iter_rows(max_row=MOST_ABOVE, values_only=True):
        cells = [_cell_text(value) for value in values]
        if is_below and any(cell.strip() for cell in cells):
            return True
        is_below = is_below or "ref" in map(columns.field_of, cells)
    return False


def _holds_numbers(sheet: Any) -> bool:
    """Tell whether a telephone number may stand in a sheet, parted among the cells of a row or not.

    Of a longer sheet than is looked at nobody knows.
    """
    sheet.reset_dimensions()
    rows = sheet.iter_rows(max_row=_MOST_LOOKED_AT + 1, values_only=True)
    return any(at == _MOST_LOOKED_AT or _may_be_number(row) for at, row in enumerate(rows))


def _may_be_number(values: Iterable[Any]) -> bool:
    """Tell whether a row has the digits of a number within a town, besides days and amounts."""
    texts = (_DATE.sub("", _cell_text(each)) for each in values if not isinstance(each, _OTHERS))
    return sum(sum(map(str.isdigit, text)) for text in texts) >= _LEAST_DIGITS


_MOST_LOOKED_AT = 1000  # rows
_LEAST_DIGITS = 7  # of a number within a town
_OTHERS = (dt.date, dt.time, bool)
_DATE = re.compile(
    r"\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{4}-\d\d-\d\d\b|\b\d\d?:\d\d(?::\d\d)?\b"
)


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - only for workbooks
    except ModuleNotFoundError as problem:
        raise ContactError("XLSX needs openpyxl; pip install 'recognizer[journal]'") from problem
    return openpyxl


def _sheet_rows(
    sheet: Any, written: Any, merged: MergedCells, beside: Mapping[tuple[int, int], str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet, from its cells: what it says of its own size may be wrong.

    Every cell of merged ones has the value of the first, as whoever looks at it sees it. What
    stands in notes and links of a cell comes behind its text. `written` is the sheet with its
    formulas, None where it has none.
    """
    places: dict[int, list[int]] = {}
    for row, column in beside:
        places.setdefault(row, []).append(column)
    sheet.reset_dimensions()
    both: Iterable[tuple[Any, Any]] = ((cells, cells) for cells in sheet.iter_rows())
    if written is not None:
        written.reset_dimensions()
        both = zip(sheet.iter_rows(), written.iter_rows(), strict=False)
    width = 0
    for line, (cells, sources) in enumerate(both, start=1):
        texts = [_computed_text(cell, source) for cell, source in zip(cells, sources, strict=False)]
        merged.fill(line, texts)
        if not width:
            while texts and not texts[-1].strip():
                texts.pop()
            width = len(texts)
        for column in places.get(line, ()):
            texts.extend([""] * (column + 1 - len(texts)))
            texts[column] += BESIDE + beside[line, column]
        # A sheet does not store empty cells at the end of a row.
        yield line, texts + [""] * (width - len(texts))


NO_VALUE = "#Н/Д"
"""What a formula without a value is read as: the same as its error."""


def _computed_text(cell: Any, source: Any) -> str:
    """Return the text of a cell; a formula whose value was never computed has none."""
    value = cell.value
    is_formula = source.data_type == "f"
    is_empty_text = value is None and cell.data_type == "str"
    if value is None and not is_empty_text and (is_formula or cell.data_type == "s"):
        return NO_VALUE  # never computed, or a text that is not there
    if is_formula and (is_empty_text or _is_placeholder(value)):
        return f"{_cell_text(value)}{BESIDE}{NO_VALUE}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) >= 1e15:
            # Beyond fifteen digits a spreadsheet keeps zeros in their place.
            return f"{float(value):.14E}"
        shown = _shown_digits(cell.number_format)
        if shown is None:
            # What a person sees beside the digits is not known: they are not the whole number.
            return f"{_cell_text(value)} ?"
        literals, n_digits = shown
        return literals + _cell_text(value).zfill(n_digits)
    return _shown_text(value, cell.number_format) if isinstance(value, str) else _cell_text(value)


def _shown_text(value: str, number_format: str | None) -> str:
    """Return a text as its format shows it to a person: `"+7905"@` puts digits before it."""
    text = _cell_text(value)
    section = next((part for part in _sections(number_format) if "@" in part), "@")
    shown = _shown_digits(section) if text.strip() else ("", 0)
    return f"{text} ?" if shown is None else shown[0] + text


@lru_cache(maxsize=256)
def _sections(number_format: str | None) -> tuple[str, ...]:
    """Return the parts of a format for numbers above, below and at zero, and for texts."""
    return tuple(re.findall(r'(?:"[^"]*"|\\.|[^;])+', number_format or ""))


def _is_placeholder(value: Any) -> bool:
    """Tell whether a formula's value says nothing: IFERROR(…, "-") did not find what may be."""
    if isinstance(value, str):
        return says_absent(value)
    return bool(value == 0 and value is not False)


_FORMAT_PART = re.compile(r'"([^"]*)"|\\(.)|([0#?@])')


@lru_cache(maxsize=256)  # a sheet has few formats and many numbers
def _shown_digits(number_format: str | None) -> tuple[str, int] | None:
    """Return the digits, and plus, that a format shows before every number: `"+7 "0`.

    And how many digits a number has at least: six of `000000`, which shows 42 as 000042. None
    where it shows digits elsewhere: what a person sees is not known.
    """
    literals, end = "", 0
    for part in _FORMAT_PART.finditer(number_format or ""):
        if part[3]:
            break
        literals += part[1] or part[2] or ""
        end = part.end()
    if re.search(r"[1-9]", _NO_DIGITS.sub("", (number_format or "")[end:])) or (
        end and re.search(r"[1-9]", _NO_DIGITS.sub("", _FORMAT_PART.sub("", number_format or "")))
    ):
        return None
    rest = (number_format or "")[end:]
    n_digits = rest.count("0") if _PLACES.fullmatch(rest) else 0
    return literals if any(char.isdigit() for char in literals) else "", n_digits


_PLACES = re.compile(r"[0# ()\\-]+")
# A colour, a condition, a language: `[Color10]`, `[$-419]`.
_NO_DIGITS = re.compile(r"\[(?:color\s?\d+|\$-[0-9a-f]+)\]", re.IGNORECASE)


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, bool):
        return "ИСТИНА" if value else "ЛОЖЬ"  # no «Нет», which says of a number that it is none
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime("%d.%m.%Y")
    return str(value)


def write_sheet(part: Path, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as a workbook in which every cell is a text.

    Raises
    ------
    ContactError
        If a text is longer than a cell may be.
    """
    book = _openpyxl().Workbook(write_only=True)
    sheet = book.create_sheet()
    try:
        for row in itertools.chain([heading], rows):
            sheet.append(
                [
                    _text_cell(sheet, text, row[0], name)
                    for name, text in zip(heading, row, strict=True)
                ]
            )
    except BaseException:
        sheet.close()  # what it has begun to write is thrown away
        raise
    book.save(part)


def _escaped(text: str) -> str:
    """Return a text as workbooks hold it: «_x0041_» would be shown as «A»."""
    return _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def fit_cell(text: str, said: str) -> str:
    """Return a text escaped, and cut to what a cell holds; `said` stands where it was cut."""
    escaped = _escaped(text)
    for n_kept in (LONGEST_CELL - len(said), (LONGEST_CELL - len(said)) // _LONGEST_ESCAPE):
        if n_cell_characters(escaped) <= LONGEST_CELL:
            break
        escaped = _escaped(text[:n_kept]) + said
    return escaped


def _text_cell(sheet: Any, text: str, row: str, column: str) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - only for workbooks

    escaped = _escaped(text)
    if n_cell_characters(escaped) > LONGEST_CELL:
        raise ContactError(
            f"row {row!r}, «{column}»: expected at most {LONGEST_CELL:,} characters in a cell, "
            f"found {len(text):,}; write a .csv instead, which has no such limit"
        )
    cell = WriteOnlyCell(sheet, escaped)
    # A text that begins with = is still a text, not a formula.
    cell.data_type = "s"
    return cell
