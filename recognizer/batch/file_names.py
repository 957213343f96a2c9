"""What a recording's file name says about the call.

A pattern (``data/file_names.toml``, or the user's own) yields number, time, call id and attempt;
call records (`recognizer.batch.call_records`) add what the name does not say.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath

import msgspec

from recognizer.base.data_files import data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.batch.call_facts import CallFacts
from recognizer.batch.call_records import (
    CallRecords,
    parse_attempt,
    parse_moment,
    read_call_records,
)

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
_SHORT_ID = r"[0-9A-Za-z]{1,2}"
_FIELD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A compiled file-name pattern."""

    text: str
    expression: re.Pattern[str]

    def read(self, stem: str) -> CallFacts | None:
        """Return what a name (without folder and extension) says, None if it does not fit."""
        return self._read(self.expression, stem)

    def read_but_id(self, stem: str) -> CallFacts | None:
        """Return the same of a name whose call id is too short to be one: no id, all the rest.

        One or two characters may as well be the attempt, and would be those of many calls.
        """
        if "{call_id}" not in self.text:
            return None
        id_pattern = f"(?P<call_id>{_FIELDS['call_id']})"
        short = self.expression.pattern.replace(id_pattern, _SHORT_ID)
        return self._read(re.compile(short), stem)

    @staticmethod
    def _read(expression: re.Pattern[str], stem: str) -> CallFacts | None:
        found = expression.fullmatch(stem)
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


def facts_from_name(
    path: str, patterns: Sequence[NamePattern], on_note: Callable[[str], object] = lambda _: None
) -> CallFacts:
    """Return what a recording's file name says; empty facts if no pattern fits.

    `on_note` is told in a sentence of a call id that is too short to be taken for one.
    """
    name = PurePath(path).name
    stem = PurePath(name).stem if re.search(r"\.[A-Za-z]\w{0,4}$", name) else name
    for pattern in patterns:
        facts = pattern.read(stem)
        if facts is not None:
            return facts
    for pattern in patterns:
        facts = pattern.read_but_id(stem)
        if facts is not None:
            on_note(
                f"{name}: expected a call id of three characters or more, found fewer: the rest of "
                "the name is taken, the id is not"
            )
            return facts
    return CallFacts()
