"""When a call may have been: never ahead of the clock, whoever says so."""

from __future__ import annotations

import datetime as dt

__all__ = ["CLOCK_SKEW", "day_lies_ahead", "lies_ahead"]

CLOCK_SKEW = dt.timedelta(minutes=5)
"""How far the clock of a telephone system may be ahead of ours."""


def lies_ahead(moment: dt.datetime) -> bool:
    """Tell whether an aware moment is in the future, by more than clocks differ."""
    return moment - dt.datetime.now(dt.UTC) > CLOCK_SKEW


def day_lies_ahead(day: dt.date, zone: dt.tzinfo = dt.timezone(dt.timedelta(hours=14))) -> bool:
    """Tell whether a day has not begun yet in a zone; without one: anywhere on Earth."""
    return day > (dt.datetime.now(dt.UTC) + CLOCK_SKEW).astimezone(zone).date()
