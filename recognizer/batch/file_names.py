"""What a recording's file name and the telephone system's call records say about the call.

A pattern (``data/file_names.toml``, or the user's own) yields number, time, call id and attempt;
an Asterisk CDR in CSV, joined by call id or file name, adds what the name does not say and the
network's codes.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import TextIO

import msgspec

from recognizer.base.data_files import data_folder, read_toml
from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.model import SignallingCode
from recognizer.regulation.signalling import parse_code

__all__ = [
    "CallFacts",
    "CallRecords",
    "NamePattern",
    "compile_pattern",
    "facts_from_name",
    "load_name_patterns",
    "parse_attempt",
    "parse_moment",
    "read_call_records",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call besides its sound; None: not known.

    Attributes
    ----------
    number : str or None
        The number called, as written.
    called_at : datetime or None
        Wall-clock time without a zone, unless the source says the zone; `FactFinder` takes the
        office's for it.
    call_id : str or None
        The telephone system's own id.
    attempt : int or None
        From 1.
    codes : tuple of SignallingCode
    """

    number: str | None = None
    called_at: dt.datetime | None = None
    call_id: str | None = None
    attempt: int | None = None
    codes: tuple[SignallingCode, ...] = ()

    def over(self, other: CallFacts) -> CallFacts:
        """Return these facts, with `other` where these are silent."""
        return CallFacts(
            number=self.number or other.number,
            called_at=self.called_at or other.called_at,
            call_id=self.call_id or other.call_id,
            attempt=self.attempt or other.attempt,
            codes=self.codes or other.codes,
        )


_MOST_ATTEMPTS = 1000
_DATE = r"(?:\d{8}|\d{4}[-_]\d{2}[-_]\d{2}|\d{2}\.\d{2}\.\d{4})"
_FIELDS: Mapping[str, str] = {
    "number": r"\+?\d{2,18}",
    "date": _DATE,
    "time": r"(?:\d{6}|\d{2}[-_]\d{2}[-_]\d{2})",
    "unix": r"\d{9,11}(?:\.\d+)?",
    "call_id": r"[0-9A-Za-z][0-9A-Za-z.:@-]{2,127}",
    "attempt": r"\d{1,3}",
    "any": r".*?",
}
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A compiled file-name pattern."""

    text: str
    expression: re.Pattern[str]

    def read(self, stem: str) -> CallFacts | None:
        """Return what a name (without folder and extension) says, None if it does not fit."""
        found = self.expression.fullmatch(stem)
        if found is None:
            return None
        groups = found.groupdict()
        try:
            called_at = _moment(groups)
        except ValueError:  # 20261399: digits in the right places, but no date
            return None
        attempt = groups.get("attempt")
        if attempt is not None and int(attempt) < 1:
            return None
        return CallFacts(
            number=groups.get("number"),
            called_at=called_at,
            call_id=groups.get("call_id"),
            attempt=None if attempt is None else int(attempt),
        )


def compile_pattern(text: str) -> NamePattern:
    """Return the pattern `text` (see data/file_names.toml for the fields).

    Raises
    ------
    DataFileError
        If a field is unknown or used twice.
    """
    parts: list[str] = []
    used: set[str] = set()
    end = 0
    for field in _FIELD.finditer(text):
        name = field.group(1)
        if name not in _FIELDS:
            raise DataFileError(
                f"name pattern {text!r}: unknown field {{{name}}}; expected one of "
                + ", ".join(f"{{{known}}}" for known in _FIELDS)
            )
        if name in used:
            raise DataFileError(f"name pattern {text!r}: {{{name}}} is used twice")
        parts.append(re.escape(text[end : field.start()]))
        parts.append(_FIELDS[name] if name == "any" else f"(?P<{name}>{_FIELDS[name]})")
        if name != "any":
            used.add(name)
        end = field.end()
    parts.append(re.escape(text[end:]))
    return NamePattern(text, re.compile("".join(parts)))


def _moment(groups: Mapping[str, str | None]) -> dt.datetime | None:
    unix, date, time = groups.get("unix"), groups.get("date"), groups.get("time")
    if unix is not None:
        return dt.datetime.fromtimestamp(float(unix), dt.UTC)
    if date is None:
        return None
    digits = re.sub(r"\D", "", date)
    if "." in date:
        digits = digits[4:] + digits[2:4] + digits[:2]
    clock = "000000" if time is None else re.sub(r"\D", "", time)
    return dt.datetime.strptime(digits + clock, "%Y%m%d%H%M%S")  # noqa: DTZ007  wall clock


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    pattern: str
    example: str


@cache
def load_name_patterns(path: Path | None = None) -> tuple[NamePattern, ...]:
    """Return the patterns of a data file in order; `path` None: the shipped ones.

    Raises
    ------
    DataFileError
        Naming file and line.
    """
    file = read_toml(path or data_folder(".") / "file_names.toml")
    patterns: list[NamePattern] = []
    for index, values in enumerate(file.values.get("pattern", [])):
        try:
            entry = msgspec.convert(values, _Entry)
            pattern = compile_pattern(entry.pattern)
        except (msgspec.ValidationError, DataFileError) as problem:
            raise DataFileError(f"{file.place('pattern', index)}: {problem}") from problem
        if pattern.read(entry.example) is None:
            place = file.place("pattern", index, "example")
            raise DataFileError(f"{place}: {entry.example!r} does not fit {entry.pattern!r}")
        patterns.append(pattern)
    return tuple(patterns)


def facts_from_name(path: str, patterns: Sequence[NamePattern]) -> CallFacts:
    """Return what a recording's file name says; empty facts if no pattern fits."""
    name = PurePath(path).name
    stem = PurePath(name).stem if re.search(r"\.[A-Za-z]\w{0,4}$", name) else name
    for pattern in patterns:
        facts = pattern.read(stem)
        if facts is not None:
            return facts
    return CallFacts()


# Columns of Asterisk's cdr-csv/Master.csv, which has no heading: cdr_csv.c writes these, then
# uniqueid if `loguniqueid`, userfield if `loguserfield`, and the three last if `newcdrcolumns`.
_MASTER_CSV = (
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end "
    "duration billsec disposition amaflags uniqueid userfield peeraccount linkedid sequence"
).split()

_NAMES: Mapping[str, tuple[str, ...]] = {
    "call_id": ("uniqueid", "linkedid", "uuid", "call_id"),
    "number": ("dst", "destination_number", "number"),
    "called_at": ("start", "calldate", "start_stamp", "called_at"),
    "attempt": ("attempt",),
    "file": ("recordingfile", "recording", "path"),
    "sip": ("sip_code", "sip_term_status"),
    "q850": ("q850", "hangupcause", "hangup_cause_q850"),
}


class CallRecords:
    """Call records that can be asked by call id or by the recording's name.

    Attributes
    ----------
    problems : list of str
        Lines that could not be read, with file and line; each costs only itself.
    joined : set of str
        Names of the recordings for which a record was found.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, CallFacts] = {}
        self.problems: list[str] = []
        self.joined: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, facts: CallFacts, keys: Iterable[str]) -> None:
        """Add a record under its keys; of several legs of a call, the last one decides."""
        for key in keys:
            there = self._by_key.get(key)
            self._by_key[key] = facts if there is None else _later_leg(there, facts)

    def spoil(self, keys: Iterable[str]) -> None:
        """Forget the codes of a call one of whose legs could not be read: and may decide."""
        for key in keys:
            there = self._by_key.get(key, CallFacts())
            self._by_key[key] = dataclasses.replace(there, codes=())

    def facts(self, path: str, from_name: CallFacts) -> CallFacts:
        """Return `from_name` completed by the record of this recording, if there is one.

        The record is the one whose recording is called like the file, or whose call id is the
        file's (from the pattern, or as the whole name).
        """
        name = PurePath(path)
        for key in (name.name, from_name.call_id, name.stem):
            if key is not None and key in self._by_key:
                self.joined.add(path)
                return from_name.over(self._by_key[key])
        return from_name


def _later_leg(one: CallFacts, other: CallFacts) -> CallFacts:
    """Return what two legs of a call say: codes of the later one, even if it has none."""
    first, last = one, other
    if one.called_at and other.called_at and other.called_at < one.called_at:
        first, last = other, one
    return dataclasses.replace(
        last.over(first), called_at=first.called_at or last.called_at, codes=last.codes
    )


def read_call_records(
    path: Path, *, sip_column: str | None = None, q850_column: str | None = None
) -> CallRecords:
    """Read an Asterisk CDR in CSV: ``Master.csv``, or any with a heading.

    Parameters
    ----------
    path : Path
        UTF-8 or windows-1251; comma or semicolon.
    sip_column, q850_column : str or None
        Where the codes are; None: the usual names (``sip_code``; ``hangupcause``, ``q850``).

    Returns
    -------
    CallRecords
        A line that cannot be read is among its `problems`: Asterisk may be writing it.

    Raises
    ------
    RecognizerError
        If the file cannot be read, or has no such column.
    """
    wanted = dict(_NAMES)
    if sip_column is not None:
        wanted["sip"] = (sip_column.lower(),)
    if q850_column is not None:
        wanted["q850"] = (q850_column.lower(),)
    try:
        with path.open(encoding=_encoding(path), newline="") as file:
            return _read_rows(path, file, wanted, (sip_column, q850_column))
    except OSError as problem:
        raise RecognizerError(f"{path}: cannot be read: {problem.strerror}") from problem


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        try:
            for line in file:
                line.decode()
        except UnicodeDecodeError:
            return "cp1251"  # every byte means something there
    return "utf-8-sig"


def _read_rows(
    path: Path,
    file: TextIO,
    wanted: Mapping[str, tuple[str, ...]],
    required: tuple[str | None, str | None],
) -> CallRecords:
    first = file.readline()
    named = re.fullmatch(r'"?sep=(.)"?\s*', first, re.IGNORECASE)
    if named is None:
        file.seek(0)
    found = ";" if first.count(";") > first.count(",") else ","
    n_before = 0 if named is None else 1
    rows = csv.reader(file, delimiter=found if named is None else named[1])
    records = CallRecords()
    try:
        heading = next(rows, [])
        columns, is_heading = _columns(heading)
        _check_columns(path, columns, required)
        if not is_heading:
            _add_row(records, _Row(heading, columns, wanted), f"{path}, line {n_before + 1}")
        for row in rows:
            _add_row(
                records, _Row(row, columns, wanted), f"{path}, line {n_before + rows.line_num}"
            )
    except csv.Error as problem:
        raise RecognizerError(f"{path}, line {rows.line_num}: not CSV: {problem}") from problem
    return records


@dataclass(frozen=True, slots=True)
class _Row:
    """One row, asked by what is wanted of it."""

    cells: Sequence[str]
    columns: Mapping[str, int]
    wanted: Mapping[str, tuple[str, ...]]

    def cell(self, want: str) -> str:
        for name in self.wanted[want]:
            index = self.columns.get(name)
            if index is not None and index < len(self.cells) and self.cells[index].strip():
                return self.cells[index].strip()
        return ""


def _columns(first: Sequence[str]) -> tuple[dict[str, int], bool]:
    """Return where each column is, and whether the first row is a heading."""
    names = [cell.strip().lower() for cell in first]
    known = {name for usual in _NAMES.values() for name in usual}
    if known.intersection(names):
        return {name: index for index, name in enumerate(names) if name}, True
    return {name: index for index, name in enumerate(_MASTER_CSV)}, False


def _check_columns(path: Path, columns: Mapping[str, int], required: Iterable[str | None]) -> None:
    for name in required:
        if name is not None and name.lower() not in columns:
            raise RecognizerError(f"{path}: no column {name!r}; there are: {', '.join(columns)}")


def _add_row(records: CallRecords, row: _Row, place: str) -> None:
    call_id = row.cell("call_id")
    keys = [key for key in (call_id, PurePath(row.cell("file")).name) if key]
    try:
        codes = (parse_code("sip", row.cell("sip")), parse_code("q850", row.cell("q850")))
        facts = CallFacts(
            number=_dialled(row.cell("number")),
            called_at=parse_moment(row.cell("called_at")),
            call_id=call_id or None,
            attempt=parse_attempt(row.cell("attempt")),
            codes=tuple(code for code in codes if code is not None),
        )
    except (ValueError, RecognizerError) as problem:
        records.problems.append(f"{place}: {problem}")
        records.spoil(keys)
        return
    records.add(facts, keys)


def _dialled(text: str) -> str | None:
    """Return a number; None for an extension of the dialplan (`s`, `h`, `s-NOANSWER`)."""
    return text if re.fullmatch(r"\+?[\d*#][\d*#() -]*", text) else None


def parse_moment(text: str) -> dt.datetime | None:
    """Return ``2026-11-22 09:30:15`` (Asterisk) or any ISO 8601 moment; None where empty."""
    return dt.datetime.fromisoformat(text) if text else None


def parse_attempt(text: str) -> int | None:
    """Return the number of an attempt, None where empty; ValueError below 1 or above 1000."""
    if not text:
        return None
    attempt = int(text)
    if not 1 <= attempt <= _MOST_ATTEMPTS:
        raise ValueError(f"attempt: expected 1 to {_MOST_ATTEMPTS}, got {text[:40]!r}")
    return attempt
