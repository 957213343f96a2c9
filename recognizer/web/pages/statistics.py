"""Counts for the overview, straight from the journal's tables."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recognizer.crm.journal.tables import AttemptRow
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.web.pages import wording
from recognizer.web.pages.charts import Chart, stacked_columns
from recognizer.web.pages.waiting import in_force, is_doubtful, is_in_force, reviewed

__all__ = ["GROUP_NAMES", "Confusion", "Period", "Statistics", "Summary", "read_period"]

GROUP_NAMES: Mapping[str, str] = {
    "temporary": "Временно недоступен",
    "invalid": "Неправильный номер",
    "signal": "Гудки и тишина",
    "person": "Человек",
    "other": "Другие объявления",
    "unclear": "Неясно или не прочитано",
}
_SIGNALS = frozenset(
    {
        CallOutcome.BUSY_TONE,
        CallOutcome.RINGBACK_ONLY,
        CallOutcome.SILENCE,
        CallOutcome.DISCONNECTED,
        CallOutcome.FAX,
        CallOutcome.MUSIC,
    }
)
_MAX_COLUMNS = 31


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the office: `first` to `last`, both included."""

    name: str
    first: dt.date
    last: dt.date
    zone: zoneinfo.ZoneInfo

    @property
    def since(self) -> dt.datetime:
        """First moment."""
        return dt.datetime.combine(self.first, dt.time(), self.zone)

    @property
    def until(self) -> dt.datetime:
        """First moment after it."""
        return dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), self.zone)


def read_period(
    name: str, first: str, last: str, *, today: dt.date, zone: zoneinfo.ZoneInfo
) -> Period:
    """Return the period asked for: `today`, `week`, `month`, or `any` from `first` to `last`.

    Dates that cannot be read, or stand in the wrong order, are mended rather than refused.
    """
    days = {"today": 1, "week": 7, "month": 30}.get(name)
    if days is not None:
        return Period(name, today - dt.timedelta(days=days - 1), today, zone)
    start = _date(first) or today - dt.timedelta(days=6)
    end = _date(last) or today
    return Period("any", min(start, end), max(start, end), zone)


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Machine against people: rows are what people said, columns what the machine had said."""

    names: tuple[CallOutcome, ...]
    counts: Mapping[tuple[CallOutcome, CallOutcome], int]

    @property
    def total(self) -> int:
        """Calls that people reviewed."""
        return sum(self.counts.values())

    @property
    def n_right(self) -> int:
        """Of these, where the machine was right."""
        return sum(n for (said, heard), n in self.counts.items() if said is heard)


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a period; `by_outcome` best first, None for recordings that cannot be read."""

    n_calls: int
    n_final: int
    n_marked: int
    n_doubtful: int
    by_outcome: tuple[tuple[CallOutcome | None, int], ...]
    chart: Chart
    confusion: Confusion
    slowest: tuple[int, ...]
    most_doubtful: tuple[int, ...]


class Statistics:
    """Reads the journal's tables; writes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def summary(self, period: Period) -> Summary:
        """Return the counts of a period."""
        here = _within(period.since, period.until)
        count = sa.func.count(AttemptRow.id)
        totals: list[sa.ColumnElement[int]] = [
            count,
            count.filter(in_force.final),
            count.filter(sa.and_(in_force.final, in_force.incorrect_contact.is_(True))),
            count.filter(is_doubtful),
        ]
        confidence = AttemptRow.confidence
        elapsed = AttemptRow.report["elapsed_s"].as_float()
        with self._engine.connect() as connection:
            n_calls, n_final, n_marked, n_doubtful = connection.execute(
                _from_attempts(*totals).where(here)
            ).one()
            return Summary(
                n_calls,
                n_final,
                n_marked,
                n_doubtful,
                tuple(sorted(_outcomes(connection, here), key=lambda item: -item[1])),
                stacked_columns(
                    [
                        (label, title, _groups(connection, _within(since, until)))
                        for label, title, since, until in buckets(period)
                    ],
                    tuple(GROUP_NAMES),
                ),
                _confusion(connection, here),
                _ids(connection, here, elapsed.desc(), elapsed.is_not(None)),
                _ids(connection, here, confidence.asc(), confidence.is_not(None)),
            )


def _within(since: dt.datetime, until: dt.datetime) -> sa.ColumnElement[bool]:
    return sa.and_(AttemptRow.called_at >= since, AttemptRow.called_at < until)


def _from_attempts(*columns: Any) -> sa.Select[Any]:
    return sa.select(*columns).select_from(AttemptRow).outerjoin(in_force, is_in_force)


def _outcomes(
    connection: sa.Connection, here: sa.ColumnElement[bool]
) -> Iterator[tuple[CallOutcome | None, int]]:
    """Yield outcomes in force with their counts."""
    outcome = sa.func.coalesce(in_force.outcome, AttemptRow.outcome)
    query = _from_attempts(outcome, sa.func.count()).where(here).group_by(outcome)
    for value, n_calls in connection.execute(query):
        yield (None if value is None else CallOutcome(value)), n_calls


def _groups(connection: sa.Connection, here: sa.ColumnElement[bool]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome, n_calls in _outcomes(connection, here):
        group = group_of(outcome)
        counts[group] = counts.get(group, 0) + n_calls
    return counts


def group_of(outcome: CallOutcome | None) -> str:
    """Return the chart's group of an outcome, a key of `GROUP_NAMES`."""
    listed = phrase_list_of(outcome)
    if listed is PhraseListName.TEMPORARILY_UNAVAILABLE:
        return "temporary"
    if listed is PhraseListName.INVALID_NUMBER:
        return "invalid"
    if outcome is None or outcome is CallOutcome.UNDETERMINED:
        return "unclear"
    if outcome is CallOutcome.LIVE_PERSON:
        return "person"
    return "signal" if outcome in _SIGNALS else "other"


def _confusion(connection: sa.Connection, here: sa.ColumnElement[bool]) -> Confusion:
    query = (
        _from_attempts(in_force.outcome, AttemptRow.outcome, sa.func.count())
        .where(here, reviewed, in_force.outcome.is_not(None), AttemptRow.outcome.is_not(None))
        .group_by(in_force.outcome, AttemptRow.outcome)
    )
    counts = {
        (CallOutcome(said), CallOutcome(heard)): n_calls
        for said, heard, n_calls in connection.execute(query)
    }
    seen = {outcome for pair in counts for outcome in pair}
    return Confusion(tuple(outcome for outcome in CallOutcome if outcome in seen), counts)


def _ids(
    connection: sa.Connection,
    here: sa.ColumnElement[bool],
    order: sa.ColumnElement[Any],
    is_known: sa.ColumnElement[bool],
) -> tuple[int, ...]:
    query = sa.select(AttemptRow.id).where(here, is_known).order_by(order, AttemptRow.id).limit(5)
    return tuple(connection.execute(query).scalars())


def buckets(period: Period) -> Iterator[tuple[str, str, dt.datetime, dt.datetime]]:
    """Yield (label, title, since, until): hours of one day, else days, else runs of days."""
    n_days = (period.last - period.first).days + 1
    if n_days == 1:
        for hour in range(24):
            start = period.since + dt.timedelta(hours=hour)
            yield f"{hour}", f"{hour}:00–{hour}:59", start, start + dt.timedelta(hours=1)
        return
    per_column = -(-n_days // _MAX_COLUMNS)
    first = period.first
    while first <= period.last:
        last = min(period.last, first + dt.timedelta(days=per_column - 1))
        label = wording.day(first, period.last.year)
        title = label if first == last else f"{label} — {wording.day(last, period.last.year)}"
        span = Period("any", first, last, period.zone)
        yield label, title, span.since, span.until
        first = last + dt.timedelta(days=1)
