"""CSV as CRMs and spreadsheets write it: found encoding and separator, stray quotes kept as text.

Python's ``csv`` reads a stray quote to the end of the file, which would swallow rows.
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recognizer.base.errors import ContactError
from recognizer.base.text_encoding import find_encoding
from recognizer.crm.card_files.columns import CardColumns
from recognizer.crm.card_files.files import MOST_ABOVE, CardFileError

__all__ = ["CsvForm", "open_csv", "write_csv"]

_LONGEST_FIELD = 16 * 1024 * 1024
_LONGEST_HEADING = 1 << 16
_MOST_LINES = 2000
_DELIMITERS = (";", ",", "\t", "|")


@dataclass(frozen=True, slots=True)
class CsvForm:
    """What a CSV file is: encoding, delimiter, and whether its last line has an end."""

    encoding: str
    delimiter: str
    ends_whole: bool

    def __str__(self) -> str:
        """Return it for messages."""
        return f"CSV, {self.encoding}, {self.delimiter!r}"


@contextlib.contextmanager
def open_csv(
    path: Path, columns: CardColumns, encoding: str | None
) -> Iterator[tuple[Iterator[tuple[int, list[str]]], CsvForm]]:
    """Give the numbered rows of a CSV file, and what form it has."""
    used = encoding or find_encoding(path)
    # A byte that is none of the encoding costs its row, not the file.
    errors = "surrogateescape" if encoding is None and used != "utf-16" else "strict"
    with path.open(encoding=used, errors=errors, newline="") as file:
        delimiter = _find_delimiter(file, columns)
        if encoding is None:
            _refuse_garbled(path, file, columns)
        form = CsvForm(used, delimiter, ends_whole=_ends_whole(path))
        yield _csv_rows(path, file, delimiter), form


def _ends_whole(path: Path) -> bool:
    """Tell whether a file ends with a line end, in any encoding."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 2))
        return bool(set(file.read()) & {ord("\n"), ord("\r")})


_OTHER_ENCODINGS = (
    "koi8-r", "cp866", "mac_cyrillic", "iso8859-5", "utf-16-le", "utf-16-be", "utf-32",
)  # fmt: skip


def _refuse_garbled(path: Path, file: IO[str], columns: CardColumns) -> None:
    """Refuse a file whose heading makes sense in another encoding only, and name that."""
    start = file.tell()
    head = file.read(_LONGEST_HEADING)
    file.seek(start)
    if _has_headings(head, columns):
        return
    with path.open("rb") as raw:
        data = raw.read(_LONGEST_HEADING)
    for name in _OTHER_ENCODINGS:
        if _has_headings(data.decode(name, errors="replace"), columns):
            raise CardFileError(
                f"{path}: the heading is readable as {name} only: name it with --encoding {name}",
                "encoding",
            )
    twice = head.encode("cp1251", errors="replace").decode("utf-8", errors="replace")
    if _has_headings(twice, columns):
        raise CardFileError(
            f"{path}: its letters were garbled when it was saved (UTF-8 taken for cp1251): export "
            "it anew",
            "encoding",
        )


def _has_headings(head: str, columns: CardColumns) -> bool:
    return any(_n_known(head, delimiter, columns) for delimiter in _DELIMITERS)


_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=(.|\\t)\"?\s*", re.IGNORECASE)


def _find_delimiter(file: IO[str], columns: CardColumns) -> str:
    """Return the separator that makes most known headings; leave the file at its heading."""
    start = file.tell()
    named = _SEPARATOR_LINE.fullmatch(file.readline())
    if named is not None:
        return "\t" if named[1] == "\\t" else named[1]
    file.seek(start)
    head = file.read(_LONGEST_HEADING)
    file.seek(start)
    return max(_DELIMITERS, key=lambda delimiter: _n_known(head, delimiter, columns))


def _n_known(head: str, delimiter: str, columns: CardColumns) -> int:
    """Return how many headings of the first lines are known, of the line with most."""
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    n_most = 0
    with contextlib.suppress(csv.Error):
        for row in itertools.islice(rows, MOST_ABOVE):
            n_most = max(n_most, sum(columns.field_of(cell) is not None for cell in row))
    return n_most


def _csv_rows(path: Path, file: IO[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield rows; a stray quote (`"Ромашка" ООО`) is a character of its cell."""
    csv.field_size_limit(_LONGEST_FIELD)
    lines = _Lines(file)
    while True:
        line = lines.n_read + 1
        try:
            cells = _csv_row(lines, delimiter)
        except csv.Error as problem:
            raise ContactError(
                f"{path}, line {line}: not a valid CSV row ({problem}); rows before it were read"
            ) from problem
        if cells is None:
            return
        yield line, cells


class _Lines:
    """Lines of a file, counted, which may be given back."""

    def __init__(self, file: IO[str]) -> None:
        self.n_read = 0
        self._file = file
        self._returned: list[str] = []

    def next(self) -> str:
        line = self._returned.pop() if self._returned else self._file.readline()
        self.n_read += bool(line)
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._returned.extend(reversed(lines))
        self.n_read -= len(lines)


def _csv_row(lines: _Lines, delimiter: str) -> list[str] | None:
    """Return the cells of one row, which may take several lines; None at the end."""
    first = lines.next()
    if not first:
        return None
    taken = [first]
    text = first
    while (cells := _split_row(text, delimiter)) is None:
        more = lines.next()
        if not more or len(taken) >= _MOST_LINES or len(text) > _LONGEST_FIELD:
            # No quote closes it: the quote that opened it is a character, and costs its own row.
            lines.give_back([*taken[1:], more] if more else taken[1:])
            return next(csv.reader([first], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])
        taken.append(more)
        text += more
    return cells


def _split_row(text: str, delimiter: str) -> list[str] | None:
    """Return the cells of a row, None where a quoted cell is still open."""
    if '"' not in text:
        if "\r" in text.rstrip("\r\n"):
            raise csv.Error("a carriage return outside quotes")
        return text.rstrip("\r\n").split(delimiter)
    cells: list[str] = []
    place = 0
    body = text.rstrip("\r\n")
    while True:
        cell, place = _take_cell(body, text, place, delimiter)
        if cell is None:
            return None
        cells.append(cell)
        if place >= len(body):
            return cells
        place += 1
        if place == len(body):
            return [*cells, ""]


def _take_cell(body: str, text: str, start: int, delimiter: str) -> tuple[str | None, int]:
    """Return a cell and where it ends; None where its quotes do not close."""
    if not body.startswith('"', start):
        end = body.find(delimiter, start)
        end = len(body) if end < 0 else end
        return body[start:end], end
    place = start + 1
    while True:
        place = body.find('"', place)
        if place < 0:
            return None, len(text)
        if body.startswith('""', place):
            place += 2
            continue
        if place + 1 == len(body) or body.startswith(delimiter, place + 1):
            return body[start + 1 : place].replace('""', '"'), place + 1
        # A quote amid a cell: the quotes are its own, as in `"Ромашка" ООО`.
        end = body.find(delimiter, place)
        end = len(body) if end < 0 else end
        return body[start:end], end


def write_csv(
    part: Path,
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    encoding: str,
    delimiter: str,
) -> None:
    """Write a table; a character that `encoding` lacks is a `ContactError`."""
    with part.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        for row in itertools.chain([heading], rows):
            try:
                writer.writerow(row)
            except UnicodeEncodeError as problem:
                raise ContactError(
                    f"row {row[0]!r}: the character {problem.object[problem.start]!r} does not "
                    f"exist in {encoding}; use --encoding utf-8-sig"
                ) from problem
