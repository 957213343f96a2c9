"""Read the call-progress tones of a country from ``data/tone_plans.toml``.

Conventions: frequencies in Hz, times in milliseconds; a range is ``(lowest, highest)``, both
included, and an open one ends in infinity.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from recognizer.base.data_files import TomlFile, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.model import ToneKind

__all__ = ["Range", "TonePlan", "ToneSpec", "load_known_tones", "load_tone_plan"]

Range = tuple[float, float]
"""Lowest and highest allowed value."""


@dataclass(frozen=True, slots=True)
class ToneSpec:
    """One signal of a plan.

    Attributes
    ----------
    kind : ToneKind
    name : str
    frequencies_hz : tuple of float
        One; several sounding in turn where `is_sequence`; empty where `band_hz` or the keypad's
        `row_hz` and `column_hz` are given.
    tolerance_hz : float
        How far a measured frequency may lie from the nominal one.
    on_ms : Range
        Length of a beep.
    off_ms : Range or None
        Length of a pause between beeps; None: the signal does not repeat.
    period_ms : Range or None
        From one beep's start to the next one's; None where `off_ms` is.
    min_beeps : int
    is_sequence, is_isolated : bool
    band_hz : Range or None
    row_hz, column_hz : tuple of float
    pair_hz : (float, float) or None
        Two tones sounding together, or the outer lines of a modulated one; `frequencies_hz` is
        empty then.
    close_lines_hz : tuple of float
        The lines of two tones too near for `beeps`, or of a modulated tone; else empty.
    burst_ms : (Range, Range, Range) or None
        Of a signal of two beeps a period: the first one, the pause in it, the second one. `on_ms`
        is the length of all three together then, `off_ms` the pause after them.
    """

    kind: ToneKind
    name: str
    frequencies_hz: tuple[float, ...]
    tolerance_hz: float
    on_ms: Range
    off_ms: Range | None
    period_ms: Range | None
    min_beeps: int
    is_sequence: bool = False
    is_isolated: bool = False
    band_hz: Range | None = None
    row_hz: tuple[float, ...] = ()
    column_hz: tuple[float, ...] = ()
    pair_hz: Range | None = None
    close_lines_hz: tuple[float, ...] = ()
    burst_ms: tuple[Range, Range, Range] | None = None

    def matches_pair(self, low_hz: float, high_hz: float) -> bool:
        """Tell whether two tones measured together are the signal's."""
        if self.pair_hz is None:
            return False
        return all(
            abs(measured - nominal) <= self.tolerance_hz
            for measured, nominal in zip((low_hz, high_hz), self.pair_hz, strict=True)
        )

    def matches_frequency(self, frequency_hz: float, position: int = 0) -> bool:
        """Tell whether a measured frequency is the signal's (its `position`-th in a sequence)."""
        if self.band_hz is not None:
            return self.band_hz[0] <= frequency_hz <= self.band_hz[1]
        if not self.frequencies_hz:
            return False
        return abs(frequency_hz - self.frequencies_hz[position]) <= self.tolerance_hz


@dataclass(frozen=True, slots=True)
class TonePlan:
    """All signals of one country, in the order in which they are tried."""

    country: str
    name: str
    source: str
    tones: tuple[ToneSpec, ...]

    def of_kind(self, kind: ToneKind) -> tuple[ToneSpec, ...]:
        """Return the signals of one kind."""
        return tuple(tone for tone in self.tones if tone.kind is kind)


class _ToneEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A `[[country.tone]]` as it stands in the file."""

    kind: ToneKind
    name: str
    standard: str
    source: str
    tolerance_hz: float
    on_ms: list[float]
    min_beeps: int
    frequencies_hz: list[float] = []
    off_ms: list[float] | None = None
    period_ms: list[float] | None = None
    sequence: bool = False
    isolated: bool = False
    band_hz: list[float] | None = None
    row_hz: list[float] = []
    column_hz: list[float] = []


class _CountryEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    source: str
    tone: list[dict[str, Any]]


def load_tone_plan(country: str = "ru", path: Path | None = None) -> TonePlan:
    """Return the tone plan of a country.

    Parameters
    ----------
    country : str
        Name of its table in the file, ISO 3166 in lower case.
    path : Path or None
        The file; None: the shipped one.

    Raises
    ------
    DataFileError
        Naming file and line of what is wrong, or the countries there are.
    """
    file = read_toml(path or data_folder(".") / "tone_plans.toml")
    if country not in file.values:
        known = ", ".join(sorted(file.values)) or "none"
        raise DataFileError(f"{file.path}: no tone plan for {country!r}; there are: {known}")
    try:
        entry = msgspec.convert(file.values[country], _CountryEntry)
    except msgspec.ValidationError as problem:
        raise DataFileError(f"{file.place(country)}: {problem}") from problem
    tones = tuple(_read_tone(file, country, index, raw) for index, raw in enumerate(entry.tone))
    names = [tone.name for tone in tones]
    for index, name in enumerate(names):
        if name in names[:index]:
            place = file.place(f"{country}.tone", index, "name")
            raise DataFileError(f"{place}: name {name!r} is already used; names are unique")
    return TonePlan(country, entry.name, entry.source, tones)


def _read_tone(file: TomlFile, country: str, index: int, raw: dict[str, Any]) -> ToneSpec:
    table = f"{country}.tone"
    try:
        entry = msgspec.convert(raw, _ToneEntry)
    except msgspec.ValidationError as problem:
        message, _, where = str(problem).partition(" - at `$.")
        key = where.rstrip("`").partition("[")[0] or None
        raise DataFileError(f"{file.place(table, index, key)}: {message}") from problem

    def fail(key: str, expected: str) -> DataFileError:
        place = file.place(table, index, key)
        return DataFileError(f"{place}: {key}: expected {expected}, got {raw.get(key)!r}")

    def read_range(key: str, values: list[float] | None) -> Range | None:
        if values is None:
            return None
        low, high = (*values, math.inf)[:2] if values else (math.nan, math.nan)
        if len(values) > 2 or not 0 <= low <= high:
            raise fail(key, "[shortest, longest] or [shortest], none of them negative")
        return (low, high)

    shapes = (bool(entry.frequencies_hz), entry.band_hz is not None, bool(entry.row_hz))
    if sum(shapes) != 1 or bool(entry.row_hz) != bool(entry.column_hz):
        raise fail(
            "frequencies_hz", "one of frequencies_hz, band_hz, or row_hz together with column_hz"
        )
    if len(entry.frequencies_hz) > 1 and not entry.sequence:
        raise fail("frequencies_hz", "one frequency, or sequence = true")
    if any(not 50 <= f <= 3900 for f in entry.frequencies_hz + entry.row_hz + entry.column_hz):
        raise fail("frequencies_hz", "frequencies of 50...3900 Hz")
    if entry.min_beeps < 1:
        raise fail("min_beeps", "1 or more")
    on_ms = read_range("on_ms", entry.on_ms)
    assert on_ms is not None
    return ToneSpec(
        kind=entry.kind,
        name=entry.name,
        frequencies_hz=tuple(entry.frequencies_hz),
        tolerance_hz=entry.tolerance_hz,
        on_ms=on_ms,
        off_ms=read_range("off_ms", entry.off_ms),
        period_ms=read_range("period_ms", entry.period_ms),
        min_beeps=entry.min_beeps,
        is_sequence=entry.sequence,
        is_isolated=entry.isolated,
        band_hz=read_range("band_hz", entry.band_hz),
        row_hz=tuple(entry.row_hz),
        column_hz=tuple(entry.column_hz),
    )


_ABROAD = "tone_plans_abroad.toml"
_KINDS = {
    "ring": ToneKind.RINGBACK,
    "busy": ToneKind.BUSY,
    "congestion": ToneKind.CONGESTION,
    "dial": ToneKind.DIAL,
}
_ELEMENT = re.compile(r"(?P<low>[1-9]\d*)(?:(?P<sign>[+*])(?P<high>\d+))?")
_TIMED = r"[1-9]\d*(?:[+*]\d+)*/\d+,0/\d+"
_ANY_NOTATION = re.compile(rf"[1-9]\d*(?:[+*]\d+)*|{_TIMED}(?:,{_TIMED})*")
_MAX_TIMES = 4  # two beeps and two pauses
_MIN_APART_HZ = 75.0  # two tones nearer than this are not told apart by `beeps`
_NEAR_HZ = (360.0, 490.0)  # where `close_tones` looks
_TOLERANCE_HZ = 8.0
_ON_OFF_TOLERANCE, _PERIOD_TOLERANCE = 0.25, 0.12
_MIN_BEEPS = {ToneKind.RINGBACK: 2, ToneKind.BUSY: 4, ToneKind.CONGESTION: 4, ToneKind.DIAL: 1}
_MIN_DIAL_MS = 2000.0


class _AbroadEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A country of tone_plans_abroad.toml."""

    name: str
    source: str
    ring: str | None = None
    busy: str | None = None
    congestion: str | None = None
    dial: str | None = None
    not_heard: list[str] = []


def load_known_tones(home: str = "ru", abroad: Path | None = None) -> TonePlan:
    """Return the plan of a country, followed by the signals of others that it does not cover.

    Raises
    ------
    DataFileError
        Naming file and line of what is wrong.
    """
    plan = load_tone_plan(home)
    file = read_toml(abroad or data_folder(".") / _ABROAD)
    tones = list(plan.tones)
    for country in file.values:
        tones += _abroad_tones(file, country)
    return replace(plan, tones=tuple(tones))


def _abroad_tones(file: TomlFile, country: str) -> list[ToneSpec]:
    try:
        entry = msgspec.convert(file.values[country], _AbroadEntry)
    except msgspec.ValidationError as problem:
        raise DataFileError(f"{file.place(country)}: {problem}") from problem
    tones = []
    for key, kind in _KINDS.items():
        notation = getattr(entry, key)
        if notation is None:
            continue
        place = file.place(country, key=key)
        if not _ANY_NOTATION.fullmatch(notation):
            raise DataFileError(f"{place}: expected Hz/ms,0/ms in Asterisk's way, got {notation!r}")
        tone = _abroad_tone(kind, f"{country} {key}", notation)
        if (tone is None) is not (key in entry.not_heard):
            raise DataFileError(
                f"{place}: {notation!r} is {'not ' if tone is None else ''}heard; not_heard says "
                "otherwise"
            )
        tones += [] if tone is None else [tone]
    return tones


def _abroad_tone(kind: ToneKind, name: str, notation: str) -> ToneSpec | None:
    """Return a signal written in Asterisk's notation, None if the detector cannot know it."""
    parts = [part.partition("/") for part in notation.split(",")]
    sounding, times = {tone for tone, _, _ in parts[::2]}, [float(ms) for _, _, ms in parts if ms]
    found = _ELEMENT.fullmatch(parts[0][0])
    if found is None or len(sounding) > 1 or len(times) > _MAX_TIMES:
        return None
    lines = _lines_of(found)
    is_close = len(lines) > 1 and lines[1] - lines[0] < _MIN_APART_HZ
    if is_close and (not times or not _NEAR_HZ[0] <= lines[0] < lines[-1] <= _NEAR_HZ[1]):
        return None
    on_ms, off_ms, period_ms, burst_ms = (_MIN_DIAL_MS, math.inf), None, None, None
    if times:
        off = times[-1]
        on_ms, off_ms = (_around(ms, _ON_OFF_TOLERANCE) for ms in (sum(times) - off, off))
        period_ms = _around(sum(times), _PERIOD_TOLERANCE)
        if len(times) == _MAX_TIMES:
            first, pause, second = (_around(ms, _ON_OFF_TOLERANCE) for ms in times[:3])
            burst_ms = (first, pause, second)
    return ToneSpec(
        kind=kind,
        name=name,
        frequencies_hz=() if len(lines) > 1 else lines,
        tolerance_hz=_TOLERANCE_HZ,
        on_ms=on_ms,
        off_ms=off_ms,
        period_ms=period_ms,
        min_beeps=_MIN_BEEPS[kind],
        is_isolated=True,
        pair_hz=(lines[0], lines[-1]) if len(lines) > 1 else None,
        close_lines_hz=lines if is_close else (),
        burst_ms=burst_ms,
    )


def _lines_of(found: re.Match[str]) -> tuple[float, ...]:
    """Return the frequencies of a tone, of two tones, or of one that another modulates."""
    low = float(found["low"])
    if found["high"] is None:
        return (low,)
    other = float(found["high"])
    return (low - other, low, low + other) if found["sign"] == "*" else (low, other)


def _around(value: float, share: float) -> Range:
    return (value * (1 - share), value * (1 + share))
