"""XLSX workbooks as rows of texts: numbers and dates in their shortest spelling."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from recognizer.base.errors import ContactError
from recognizer.crm.card_files.files import LONGEST_CELL, n_cell_characters
from recognizer.crm.card_files.table_rows import BESIDE
from recognizer.crm.card_files.xlsx_packages import MergedCells, readable_package, survey_sheet
from recognizer.crm.plain_cells import says_absent

__all__ = ["NO_VALUE", "open_sheet", "write_sheet"]


# Excel writes characters XML cannot hold, and the carriage return, as _xHHHH_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@contextlib.contextmanager
def open_sheet(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Give the numbered rows of a workbook's first sheet that a person sees.

    Raises
    ------
    ContactError
        If it is no workbook that can be read.
    """
    openpyxl = _openpyxl()
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(readable_package(path))
        books = [
            openpyxl.load_workbook(file, read_only=True, data_only=is_computed)
            for is_computed in (True, False)
        ]
        for book in books:
            opened.callback(book.close)
        if not books[0].worksheets:
            raise ContactError(f"{path}: expected a workbook with a sheet, found none")
        shown = [i for i, s in enumerate(books[0].worksheets) if s.sheet_state == "visible"] or [0]
        sheet, written = (book.worksheets[shown[0]] for book in books)
        merged = survey_sheet(file, sheet._worksheet_path)  # noqa: SLF001 - not to be had else
        yield _sheet_rows(sheet, written, merged)


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - only for workbooks
    except ModuleNotFoundError as problem:
        raise ContactError("XLSX needs openpyxl; pip install 'recognizer[journal]'") from problem
    return openpyxl


def _sheet_rows(sheet: Any, written: Any, merged: MergedCells) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet, from its cells: what it says of its own size may be wrong.

    Every cell of merged ones has the value of the first, as whoever looks at it sees it.
    """
    sheet.reset_dimensions()
    written.reset_dimensions()
    width = 0
    both = zip(sheet.iter_rows(), written.iter_rows(), strict=False)
    for line, (cells, sources) in enumerate(both, start=1):
        texts = [_computed_text(cell, source) for cell, source in zip(cells, sources, strict=False)]
        merged.fill(line, texts)
        if not width:
            while texts and not texts[-1].strip():
                texts.pop()
            width = len(texts)
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
    return _cell_text(value)


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


def _text_cell(sheet: Any, text: str, row: str, column: str) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - only for workbooks

    escaped = _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)
    if n_cell_characters(escaped) > LONGEST_CELL:
        raise ContactError(
            f"row {row!r}, «{column}»: expected at most {LONGEST_CELL:,} characters in a cell, "
            f"found {len(text):,}; write a .csv instead, which has no such limit"
        )
    cell = WriteOnlyCell(sheet, escaped)
    # A text that begins with = is still a text, not a formula.
    cell.data_type = "s"
    return cell
