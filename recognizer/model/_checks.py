"""Checks that the types of this package share."""

from __future__ import annotations

import math


def check_interval(owner: str, start_s: float, end_s: float) -> None:
    """Raise ValueError unless this is a half-open interval of finite seconds."""
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s <= start_s:
        raise ValueError(f"{owner}: expected start_s < end_s, got [{start_s}, {end_s})")


def check_range(owner: str, value: float | None, low: float, high: float) -> None:
    """Raise ValueError if a value that is known lies outside `low`..`high`."""
    if value is not None and not low <= value <= high:
        raise ValueError(f"{owner}: expected {low}..{high}, got {value}")
