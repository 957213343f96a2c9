"""Days and moments: which a call may have been at, and which can be counted with at all.

No call is ahead of the clock, whoever says so. A moment near the ends of the calendar leaves it in
another zone, and a day there has no next.
"""

from __future__ import annotations

import datetime as dt
import re

__all__ = [
    "CLOCK_SKEW",
    "FIRST_DAY",
    "LAST_DAY",
    "day_lies_ahead",
    "is_countable",
    "lies_ahead",
    "read_day",
]

CLOCK_SKEW = dt.timedelta(minutes=5)
"""How far the clock of a telephone system may be ahead of ours."""
FIRST_DAY, LAST_DAY = dt.date(1, 1, 3), dt.date(9999, 12, 28)
"""The first and last that can be counted with."""


def lies_ahead(moment: dt.datetime) -> bool:
    """Tell whether an aware moment is in the future, by more than clocks differ."""
    return moment - dt.datetime.now(dt.UTC) > CLOCK_SKEW


def day_lies_ahead(day: dt.date, zone: dt.tzinfo = dt.timezone(dt.timedelta(hours=14))) -> bool:
    """Tell whether a day has not begun yet in a zone; without one: anywhere on Earth."""
    return day > (dt.datetime.now(dt.UTC) + CLOCK_SKEW).astimezone(zone).date()


def is_countable(day: dt.date) -> bool:
    """Tell whether a day, or a moment, is far enough from the ends of the calendar."""
    whole = day.date() if isinstance(day, dt.datetime) else day
    return FIRST_DAY <= whole <= LAST_DAY


def read_day(text: str) -> dt.date | None:
    """Return the day of a text, ISO 8601 or «27.11.2026»; None if it is none to count with."""
    russian = _RUSSIAN_DAY.fullmatch(text.strip())
    try:
        if russian is not None:
            day = dt.date(int(russian[3]), int(russian[2]), int(russian[1]))
        else:
            day = dt.date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if is_countable(day) else None


_RUSSIAN_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
