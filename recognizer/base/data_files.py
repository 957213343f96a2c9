"""Find the package's data files and read TOML so that errors can name file and line.

`tomli` reports lines for broken syntax only; `TomlFile.place` finds the line of an entry or
key for everything a reader checks afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomli  # the standard tomllib, compiled: three times as fast over a thousand phrases

from recognizer.base.errors import DataFileError

__all__ = ["TomlFile", "convert_toml", "data_folder", "read_toml"]

T = TypeVar("T")

_PACKAGE = Path(__file__).resolve().parents[1]
_HEADER = re.compile(r"^\s*\[(\[)?\s*([^\[\]#]+?)\s*\](\])?\s*(#.*)?$")


def data_folder(name: str) -> Path:
    """Return the folder of shipped data called `name` (`phrases`, `models`, or `.` for data/).

    An installed wheel carries it under ``recognizer/data``; a checkout keeps ``phrases`` and
    ``models`` at its top.
    """
    inside = _PACKAGE / "data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed TOML file that still knows its lines.

    Attributes
    ----------
    path : Path
    values : dict
        As `tomli` returns it.
    lines : tuple of str
    """

    path: Path
    values: dict[str, Any]
    lines: tuple[str, ...]

    def header_lines(self, table: str) -> tuple[int, ...]:
        """Return the 1-based line of every header `[table]` or `[[table]]`, in order."""
        return tuple(number for number, text in enumerate(self.lines, 1) if _header(text) == table)

    def line(self, table: str | None = None, index: int = 0, key: str | None = None) -> int:
        """Return the 1-based line of a table's header, or of a key inside it.

        Parameters
        ----------
        table : str or None
            Dotted name as written in the header (`[name]` or `[[name]]`); None: top of file.
        index : int
            Which of several `[[name]]` headers, from 0.
        key : str or None
            If it is not found in the table, the header's line is returned.
        """
        start = 0
        if table is not None:
            seen = -1
            for number, text in enumerate(self.lines):
                if _header(text) == table:
                    seen += 1
                    start = number
                    if seen == index:
                        break
        if key is not None:
            pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*=""")
            first = start + 1 if table is not None else 0
            for number in range(first, len(self.lines)):
                if _header(self.lines[number]) is not None:
                    break
                if pattern.match(self.lines[number]):
                    return number + 1
        return start + 1

    def place(self, table: str | None = None, index: int = 0, key: str | None = None) -> str:
        """Return ``file, line N`` of a table or key, for the head of an error message."""
        return f"{self.path}, line {self.line(table, index, key)}"


def _header(line: str) -> str | None:
    """Return which table a line begins, if it does."""
    found = _HEADER.match(line) if "[" in line else None  # few lines do: no pattern for the others
    return None if found is None else found[2]


def read_toml(path: Path, error: type[DataFileError] = DataFileError) -> TomlFile:
    """Read a TOML file.

    Raises
    ------
    DataFileError
        (or the subclass given) if it cannot be read, is not UTF-8 or not TOML.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw[: problem.start].count(b"\n") + 1
        raise error(
            f"{path}, line {line}: expected UTF-8 text, found byte 0x{raw[problem.start]:02x}; "
            "save the file as UTF-8"
        ) from problem
    try:
        values = tomli.loads(text)
    # A number of thousands of digits, arrays nested too deep: told by neither as bad TOML.
    except (ValueError, RecursionError) as problem:
        raise error(f"{path}: not valid TOML: {problem}") from problem
    return TomlFile(path, values, tuple(text.splitlines()))


def convert_toml(
    file: TomlFile,
    kind: type[T],
    error: type[DataFileError] = DataFileError,
    *,
    reworded: Callable[[str, str | None], str] = lambda message, _key: message,
) -> T:
    """Return a file's values as a msgspec struct of tables.

    Parameters
    ----------
    reworded : callable
        Says msgspec's message in other words; it is given the key that is wrong, if that is known.

    Raises
    ------
    DataFileError
        (or the subclass given) naming the file and line of the value that does not fit.
    """
    try:
        return msgspec.convert(file.values, kind)
    except msgspec.ValidationError as problem:
        message, _, where = str(problem).partition(" - at ")
        place, key = _place(file, message, where)
        raise error(f"{place}: {reworded(message, key)}") from problem


_WHERE = re.compile(r"\$\.(?P<table>\w+)(?:\[(?P<index>\d+)\])?(?:\.(?P<key>\w+))?")
_UNKNOWN_KEY = re.compile(r"unknown field `(?P<key>[^`]+)`")


def _place(file: TomlFile, message: str, where: str) -> tuple[str, str | None]:
    """Return the place of what msgspec says («… - at `$.code[3].agrees`») and the key there."""
    found, unknown = _WHERE.search(where), _UNKNOWN_KEY.search(message)
    table, index, key = found.group("table", "index", "key") if found else (None, None, None)
    if unknown is not None:
        key = unknown["key"]
    if table is None and key is not None and file.header_lines(key):
        table, key = key, None
    elif table is not None and not file.header_lines(table):
        table, key = None, table
    return file.place(table, int(index or 0), key), key
