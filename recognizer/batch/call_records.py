"""Call records of telephone systems in CSV, joined with recordings by call id or file name."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TextIO

from recognizer.base.errors import RecognizerError
from recognizer.base.text_encoding import find_encoding
from recognizer.batch.call_facts import CallFacts
from recognizer.model import SignallingCode, SignallingProtocol
from recognizer.regulation.signalling import parse_code

__all__ = ["CallRecords", "parse_attempt", "parse_moment", "read_call_records"]

# Columns of Asterisk's cdr-csv/Master.csv, which has no heading: cdr_csv.c writes these, then
# uniqueid if `loguniqueid`, userfield if `loguserfield`, and the three last if `newcdrcolumns`.
_MASTER_CSV = (
    "accountcode src dst dcontext clid channel dstchannel lastapp lastdata start answer end "
    "duration billsec disposition amaflags uniqueid userfield peeraccount linkedid sequence"
).split()

_NAMES: Mapping[str, tuple[str, ...]] = {
    "call_id": (
        "uniqueid",
        "linkedid",
        "uuid",
        "call_id",
        "id звонка",
        "уникальный идентификатор",
    ),
    "number": ("dst", "destination_number", "number", "набранный номер", "куда"),
    "called_at": (
        "start",
        "calldate",
        "start_stamp",
        "called_at",
        "start_epoch",
        "start_uepoch",
        "дата и время",
        "начало звонка",
    ),
    "attempt": ("attempt",),
    "file": ("recordingfile", "recording", "path", "файл записи", "запись"),
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
        self._spoilt: set[str] = set()
        self._called: dict[str, set[str]] = {}  # of each call whom its legs called
        self._paths: dict[str, str] = {}  # of each recording's name where it lies
        self._twice: set[str] = set()  # names of recordings in several folders
        self.problems: list[str] = []
        self.joined: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, facts: CallFacts, call_id: str, file: str) -> None:
        """Add a record of a call, a recording; of several legs of a call, the last one decides."""
        for key in self._keys(call_id, file):
            there = self._by_key.get(key)
            self._by_key[key] = facts if there is None else _later_leg(there, facts)
            if facts.number is not None and _is_whole(facts.number):
                self._called.setdefault(key, set()).add(_last_digits(facts.number))

    def spoil(self, call_id: str, file: str) -> None:
        """Forget the codes of a call one of whose legs could not be read: and may decide."""
        for key in self._keys(call_id, file):
            self._by_key.setdefault(key, CallFacts())
            self._spoilt.add(key)

    def _keys(self, call_id: str, file: str) -> list[str]:
        """Return what a record is found by, and note names that recordings of two folders have."""
        name = re.split(r"[\\/]", file)[-1]
        if name and self._paths.setdefault(name, file) != file:
            self._twice.add(name)
        return [key for key in (call_id, name) if key]

    def facts(self, path: str, from_name: CallFacts) -> CallFacts:
        """Return `from_name` completed by the record of this recording, if there is one.

        The record is the one whose recording is called like the file, or whose call id is the
        file's (from the pattern, or as the whole name). A name that recordings in two folders have
        says of none which record is its own.
        """
        name = PurePath(path)
        for key in (name.name, from_name.call_id, name.stem):
            if key is not None and key in self._by_key and key not in self._twice:
                self.joined.add(path)
                found = self._by_key[key]
                if key in self._spoilt:
                    found = dataclasses.replace(found, codes=())
                if len(self._called.get(key, ())) > 1:
                    found = dataclasses.replace(found, number=None)  # whom was heard, is unknown
                return from_name.over(found)
        return from_name


def _later_leg(one: CallFacts, other: CallFacts) -> CallFacts:
    """Return what two legs of a call say: codes of the later one, even if it has none."""
    first, last = one, other
    if one.called_at and other.called_at:
        if (one.called_at.tzinfo is None) != (other.called_at.tzinfo is None):
            first = last = dataclasses.replace(last.over(first), codes=())  # which, nothing tells
        elif other.called_at < one.called_at:
            first, last = other, one
    return dataclasses.replace(
        last.over(first),
        number=_one_number(one, other),
        called_at=first.called_at or last.called_at,
        codes=last.codes,
    )


def _one_number(one: CallFacts, other: CallFacts) -> str | None:
    """Return the number that two legs called; an extension («201») is nobody's."""
    said = [leg.number for leg in (other, one) if leg.number]
    return next(filter(_is_whole, said), said[0] if said else None)


_WHOLE_DIGITS = 10


def _is_whole(number: str) -> bool:
    return len(_last_digits(number)) == _WHOLE_DIGITS


def _last_digits(number: str) -> str:
    return re.sub(r"\D", "", number)[-_WHOLE_DIGITS:]


def read_call_records(
    path: Path, *, sip_column: str | None = None, q850_column: str | None = None
) -> CallRecords:
    """Read call records in CSV: Asterisk's ``Master.csv``, or any with a heading.

    Parameters
    ----------
    path : Path
        UTF-8, UTF-16 with its mark, or windows-1251; comma, semicolon, tab or ``|``.
    sip_column, q850_column : str or None
        Where the codes are; None: the usual names (``sip_code``; ``hangupcause``, ``q850``).

    Returns
    -------
    CallRecords
        A line that cannot be read is among its `problems`: Asterisk may be writing it.

    Raises
    ------
    RecognizerError
        If the file cannot be read, has no such column, or none of its lines names a call or a
        recording.
    """
    wanted = dict(_NAMES)
    if sip_column is not None:
        wanted["sip"] = (sip_column.lower(),)
    if q850_column is not None:
        wanted["q850"] = (q850_column.lower(),)
    try:
        with path.open(encoding=find_encoding(path), errors="replace", newline="") as file:
            return _read_rows(path, file, wanted, (sip_column, q850_column))
    except OSError as problem:
        raise RecognizerError(f"{path}: cannot be read: {problem.strerror}") from problem


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
    delimiter = max(_DELIMITERS, key=first.count) if named is None else named[1]
    rows = _csv_rows(file, delimiter, n_before=0 if named is None else 1)
    records = CallRecords()
    heading_line, heading, ends = next(rows, (1, [], True))
    columns, is_heading = _columns(heading)
    _check_columns(path, columns, required)
    body = rows if is_heading else itertools.chain([(heading_line, heading, ends)], rows)
    width = len(heading) if is_heading else 0
    n_rows = 0
    for line, cells, is_whole in body:
        if any(cell.strip() for cell in cells):
            n_rows += 1
            # Of a line that is cut its last cell may be, too: «16» was to be, «1» is there.
            is_cut = not is_whole or len(cells) < width
            row = _Row(cells[:-1] if is_cut else cells, columns, wanted)
            place = f"{path}, line {line}"
            if is_cut and cells[-1].strip() and (row.cell("call_id") or row.cell("file")):
                records.problems.append(f"{place}: cut in its last cell, {cells[-1][:40]!r}")
            _add_row(records, row, place)
    if n_rows and not records.problems and not len(records):
        raise RecognizerError(
            f"{path}: expected the id of the call or the name of its recording in each line "
            f"({', '.join(_NAMES['call_id'][:3])}, {_NAMES['file'][0]}; in Asterisk: loguniqueid), "
            f"found neither: {delimiter.join(heading)[:80]!r}"
        )
    return records


_MOST_ATTEMPTS = 1000
_DELIMITERS = (",", ";", "\t", "|")
_MOST_LINES = 5  # of one row: a name with a line break


def _csv_rows(
    file: TextIO, delimiter: str, *, n_before: int
) -> Iterator[tuple[int, list[str], bool]]:
    """Yield rows with their lines, and whether their end is there.

    A quote that is never closed costs its own line.
    """
    lines = enumerate(file, start=n_before + 1)
    held: list[tuple[int, str]] = []
    while True:
        if not held:
            held = list(itertools.islice(lines, 1))
        if not held:
            return
        n_used, text = 1, held[0][1]
        while text.count('"') % 2 and n_used < _MOST_LINES:
            if n_used == len(held):
                held.extend(itertools.islice(lines, 1))
            if n_used == len(held):
                break
            text += held[n_used][1]
            n_used += 1
        line = held[0][0]
        if text.count('"') % 2:
            n_used, text = 1, held[0][1]
            yield line, text.rstrip("\r\n").split(delimiter), text.endswith(("\n", "\r"))
        else:
            yield line, _cells(text, delimiter), text.endswith(("\n", "\r"))
        held = held[n_used:]


def _cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a row; one that is no CSV is read as plain text."""
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.rstrip("\r\n").split(delimiter)


_NOTHING = frozenset({"NULL", "\\N", "null", "None", "-"})
"""What databases write where there is nothing."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row, asked by what is wanted of it."""

    cells: Sequence[str]
    columns: Mapping[str, int]
    wanted: Mapping[str, tuple[str, ...]]

    def cell(self, want: str) -> str:
        for name in self.wanted[want]:
            index = self.columns.get(name)
            if index is not None and index < len(self.cells):
                text = self.cells[index].strip()
                if text and text not in _NOTHING:
                    return text
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
    file = row.cell("file")
    try:
        codes = (_code("sip", row.cell("sip")), _code("q850", row.cell("q850")))
        facts = CallFacts(
            number=_dialled(row.cell("number")),
            called_at=parse_moment(row.cell("called_at")),
            call_id=call_id or None,
            attempt=parse_attempt(row.cell("attempt")),
            codes=tuple(code for code in codes if code is not None),
        )
    except (ValueError, RecognizerError) as problem:
        records.problems.append(f"{place}: {problem}")
        records.spoil(call_id, file)
        return
    records.add(facts, call_id, file)


def _code(protocol: SignallingProtocol, text: str) -> SignallingCode | None:
    """Return a code; the name of a cause (`USER_BUSY`) says none."""
    return None if re.fullmatch(r"[A-Z][A-Z_]+", text) else parse_code(protocol, text)


def _dialled(text: str) -> str | None:
    """Return a number; None for an extension of the dialplan (`s`, `h`, `s-NOANSWER`)."""
    return text if re.fullmatch(r"\+?[\d*#][\d*#() -]*", text) else None


_UNIX = re.compile(r"\d{10}(\d{3}|\d{6})?(\.\d+)?")
_RUSSIAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})([ T]+\d{1,2}:.*)?")


def parse_moment(text: str) -> dt.datetime | None:
    """Return a moment, None where empty.

    ``2026-11-22 09:30:15`` (Asterisk), any of ISO 8601, ``22.11.2026 9:30``, seconds,
    milliseconds or microseconds since 1970 (FreeSWITCH). A day and month whose order nothing
    tells is a ValueError.
    """
    unix = _UNIX.fullmatch(text)
    if unix is not None:
        seconds = float(text) / 10 ** len(unix[1] or "")
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    russian = _RUSSIAN.fullmatch(text)
    if russian is not None:
        day, month, year, clock = russian.groups()
        hours, colon, rest = (clock or " 00:00").strip(" T").partition(":")
        text = f"{year}-{month:>02}-{day:>02} {hours:>02}{colon}{rest}"
    try:
        return dt.datetime.fromisoformat(text) if text else None
    except ValueError as problem:
        raise ValueError(
            f"expected a time like 2026-11-20 10:00, 20.11.2026 10:00 or "
            f"2026-11-20T10:00:00+03:00, found {text[:40]!r}"
        ) from problem


def parse_attempt(text: str) -> int | None:
    """Return the number of an attempt, None where empty; ValueError below 1 or above 1000."""
    if not text:
        return None
    attempt = int(text)
    if not 1 <= attempt <= _MOST_ATTEMPTS:
        raise ValueError(f"attempt: expected 1 to {_MOST_ATTEMPTS}, got {text[:40]!r}")
    return attempt
