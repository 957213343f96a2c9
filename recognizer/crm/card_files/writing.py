"""Cards, tables and rejected rows written to CSV or XLSX, all or nothing."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Self

from recognizer.crm.card_files.columns import CardColumns
from recognizer.crm.card_files.csv_tables import write_csv
from recognizer.crm.card_files.files import explain_problems
from recognizer.crm.card_files.row_reading import RejectedRow
from recognizer.crm.card_files.xlsx_tables import write_sheet
from recognizer.crm.contacts import CARD_FIELDS, ContactCard

__all__ = ["RejectWriter", "write_cards", "write_table"]


def write_cards(
    path: Path,
    cards: Iterable[ContactCard],
    columns: CardColumns,
    *,
    encoding: str = "utf-8-sig",
    delimiter: str = ";",
) -> int:
    """Write cards to a CSV or XLSX file, all or nothing; return how many.

    Raises
    ------
    ContactError
        If it cannot be written, or a text cannot be written in `encoding`.
    """
    heading = [columns.headings[field] for field in CARD_FIELDS]

    def rows() -> Iterator[Sequence[str]]:
        for card in cards:
            texts = columns.write(card)
            yield [texts[field] for field in CARD_FIELDS]

    return write_table(path, heading, rows(), encoding=encoding, delimiter=delimiter)


def write_table(
    path: Path,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    encoding: str = "utf-8-sig",
    delimiter: str = ";",
) -> int:
    """Write a table to a CSV or XLSX file, all or nothing; return how many rows.

    Raises
    ------
    ContactError
        If it cannot be written, or a text cannot be written in `encoding`.
    """
    counted = itertools.count()
    numbered = (row for row, _ in zip(rows, counted, strict=False))
    part = path.with_name(f"{path.name}.part")
    try:
        with explain_problems(path):
            if path.suffix.lower() == ".xlsx":
                write_sheet(part, heading, numbered)
            else:
                write_csv(part, heading, numbered, encoding, delimiter)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return next(counted)


class RejectWriter:
    """Writes rejected rows beside the reason; the file appears once it is whole, if at all.

    Parameters
    ----------
    path : Path
    heading : sequence of str
        Of the file the rows are of.
    """

    def __init__(self, path: Path, heading: Sequence[str]) -> None:
        self._path = path
        self._heading = heading
        self._part = path.with_name(f"{path.name}.part")
        self._file: IO[str] | None = None

    def add(self, row: RejectedRow) -> None:
        """Write one row."""
        if self._file is None:
            self._file = self._part.open("w", encoding="utf-8-sig", newline="")
            csv.writer(self._file, delimiter=";").writerow(["Строка", "Причина", *self._heading])
        csv.writer(self._file, delimiter=";").writerow([row.line, row.reason, *row.cells])

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Put the file in its place: what was rejected is known even if the import stopped."""
        if self._file is not None:
            self._file.close()
            self._part.replace(self._path)
