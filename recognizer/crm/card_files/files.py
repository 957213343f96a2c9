"""What kind of file a table is, by its content, and what went wrong with it in one sentence."""

from __future__ import annotations

import contextlib
import csv
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from recognizer.base.errors import ContactError

__all__ = [
    "DAMAGED_BYTES",
    "LONGEST_CELL",
    "MOST_ABOVE",
    "CardFileError",
    "explain_problems",
    "is_workbook",
    "n_cell_characters",
]


class CardFileError(ContactError):
    """A file of cards that is refused as a whole.

    Attributes
    ----------
    problem : str
        Stable name of what is wrong: `old-workbook`, `opendocument`, `web-page`, `empty`,
        `no-ref`, `heading-below`, `twice`, `no-phone`, `another-phone`, `sheets`, `no-sheet`,
        `encoding`, `damaged`, `unreadable`.
    headings : tuple of str
        Headings, or names of sheets, of the file that are meant.
    """

    def __init__(self, message: str, problem: str, headings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problem = problem
        self.headings = tuple(headings)


DAMAGED_BYTES = re.compile("[\udc80-\udcff]")
"""Bytes that are none of a file's encoding, as `surrogateescape` keeps them."""

MOST_ABOVE = 20
"""Lines above a heading that are looked at: titles of reports, empty lines."""

LONGEST_CELL = 32_767
"""Characters a cell holds; programs that write workbooks cut what is longer without a word."""


def n_cell_characters(text: str) -> int:
    """Return the length of a text as spreadsheets count it."""
    if text.isascii():
        return len(text)
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


# What the library raises for parts that are missing, cut, encrypted, or say nonsense.
_BAD_WORKBOOK = (
    zipfile.BadZipFile, zlib.error, SyntaxError, ValueError, TypeError, AttributeError,
    RuntimeError, NotImplementedError, EOFError,
)  # fmt: skip


@contextlib.contextmanager
def explain_problems(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file into one sentence."""
    try:
        yield
    except ContactError as problem:
        if str(path) in str(problem):
            raise
        raise CardFileError(f"{path}: {problem}", "damaged") from problem
    except OSError as problem:
        raise CardFileError(f"{path}: {problem.strerror or problem}", "unreadable") from problem
    except UnicodeError as problem:
        message = f"{path}: not the expected encoding ({problem}); name it with --encoding"
        raise CardFileError(message, "encoding") from problem
    except LookupError as problem:
        if isinstance(problem, KeyError | IndexError):  # of a workbook's parts
            raise CardFileError(f"{path}: not a valid XLSX file: {problem}", "damaged") from problem
        message = f"{path}: {problem}; expected an encoding like cp1251 (--encoding)"
        raise CardFileError(message, "encoding") from problem
    except csv.Error as problem:
        raise CardFileError(f"{path}: not a valid CSV file: {problem}", "damaged") from problem
    except _BAD_WORKBOOK as problem:
        raise CardFileError(f"{path}: not a valid XLSX file: {problem}", "damaged") from problem


_OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def is_workbook(path: Path) -> bool:
    """Tell by its content, not by its name, whether a file is an XLSX workbook.

    Raises
    ------
    CardFileError
        For other spreadsheets: what to do is said.
    """
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(_OLE_START):
        raise CardFileError(
            f"{path}: expected CSV or XLSX, found an old Excel workbook (.xls) or one with a "
            "password; save it as .xlsx",
            "old-workbook",
        )
    if start.startswith(b"PK") and b"mimetypeapplication/vnd.oasis" in start:
        raise CardFileError(
            f"{path}: expected CSV or XLSX, found OpenDocument; save it as .xlsx", "opendocument"
        )
    if re.match(rb"\s*(\xef\xbb\xbf)?\s*<(html|table|\?xml|!doctype|meta)", start, re.IGNORECASE):
        raise CardFileError(
            f"{path}: expected CSV or XLSX, found a web page or XML that Excel opens; open it and "
            "save it as .xlsx",
            "web-page",
        )
    return start.startswith(b"PK") or path.suffix.lower() == ".xlsx"
