"""XLSX workbooks as rows of texts: numbers and dates in their shortest spelling."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from recognizer.base.errors import ContactError
from recognizer.crm.card_files.files import LONGEST_CELL, n_cell_characters

__all__ = ["NO_VALUE", "open_sheet", "write_sheet"]


# Excel writes characters XML cannot hold, and the carriage return, as _xHHHH_.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TO_ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@contextlib.contextmanager
def open_sheet(path: Path) -> Iterator[Iterator[tuple[int, list[str]]]]:
    """Give the numbered rows of a workbook's first sheet."""
    openpyxl = _openpyxl()
    with path.open("rb") as file, path.open("rb") as again:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        written = openpyxl.load_workbook(again, read_only=True, data_only=False)
        try:
            yield _sheet_rows(book.worksheets[0], written.worksheets[0])
        finally:
            book.close()
            written.close()


def _openpyxl() -> Any:
    try:
        import openpyxl  # noqa: PLC0415 - only for workbooks
    except ModuleNotFoundError as problem:
        raise ContactError("XLSX needs openpyxl; pip install 'recognizer[journal]'") from problem
    return openpyxl


def _sheet_rows(sheet: Any, written: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a sheet, from its cells: what it says of its own size may be wrong."""
    sheet.reset_dimensions()
    written.reset_dimensions()
    width = 0
    both = zip(sheet.iter_rows(), written.iter_rows(), strict=False)
    for line, (cells, sources) in enumerate(both, start=1):
        texts = [_computed_text(cell, source) for cell, source in zip(cells, sources, strict=False)]
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
    if is_formula and (value is None or value == "" or (value == 0 and value is not False)):
        return NO_VALUE
    if cell.data_type == "n" and isinstance(value, int | float) and abs(value) >= 1e15:
        # Beyond fifteen digits a spreadsheet keeps zeros in their place.
        return f"{float(value):.14E}"
    return _cell_text(value)


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), value)
    if isinstance(value, bool):
        return "Да" if value else "Нет"
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
            f"row {row!r}, «{column}»: expected at most {LONGEST_CELL:,} characters, as a cell holds, "
            f"found {len(text):,}; write a .csv instead, which has no such limit"
        )
    cell = WriteOnlyCell(sheet, escaped)
    # A text that begins with = is still a text, not a formula.
    cell.data_type = "s"
    return cell
