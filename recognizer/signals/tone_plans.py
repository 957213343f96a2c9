"""Read the call-progress tones of a country from ``data/tone_plans.toml``.

Conventions: frequencies in Hz, times in milliseconds; a range is ``(lowest, highest)``, both
included, and an open one ends in infinity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from recognizer.base.data_files import TomlFile, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.model import ToneKind

__all__ = ["Range", "TonePlan", "ToneSpec", "load_tone_plan"]

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
