"""Counts for the overview, straight from the journal's tables."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recognizer.base.moments import read_day
from recognizer.crm.journal.tables import CallStateRow
from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, PhraseListName, phrase_list_of
from recognizer.web.pages import wording
from recognizer.web.pages.charts import Chart, stacked_columns
from recognizer.web.pages.sampling import Estimate, estimate

__all__ = ["GROUP_NAMES", "Confusion", "Period", "Statistics", "Summary", "read_period"]

GROUP_NAMES: Mapping[str, str] = {
    "temporary": "Временно недоступен",
    "invalid": "Неправильный номер",
    "signal": "Гудки и тишина",
    "person": "Человек",
    "other": "Другие объявления",
    "unclear": "Неясно или не прочитано",
}
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
    start = read_day(first) or today - dt.timedelta(days=6)
    end = read_day(last) or today
    return Period("any", min(start, end), max(start, end), zone)


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
    estimate: Estimate
    slowest: tuple[int, ...]
    most_doubtful: tuple[int, ...]


class Statistics:
    """Reads the journal's tables; writes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def summary(self, period: Period) -> Summary:
        """Return the counts of a period."""
        spans = list(buckets(period))
        by_outcome: Counter[CallOutcome | None] = Counter()
        columns: list[Counter[str]] = [Counter() for _ in spans]
        totals: Counter[str] = Counter()
        confused: Counter[tuple[CallOutcome, CallOutcome]] = Counter()
        for row in self._counts(period, [since for _, _, since, _ in spans]):
            outcome = None if row.outcome is None else CallOutcome(row.outcome)
            by_outcome[outcome] += row.n
            columns[row.bucket][group_of(outcome)] += row.n
            totals["calls"] += row.n
            totals["final"] += row.n * row.final
            totals["marked"] += row.n * bool(row.final and row.incorrect_contact)
            totals["doubtful"] += row.n * row.is_doubtful
            if row.is_compared and outcome is not None:
                confused[outcome, CallOutcome(row.heard)] += row.n
        seen = {outcome for pair in confused for outcome in pair}
        elapsed, confidence = CallStateRow.elapsed_s, CallStateRow.confidence
        return Summary(
            totals["calls"],
            totals["final"],
            totals["marked"],
            totals["doubtful"],
            tuple(by_outcome.most_common()),
            stacked_columns(
                [
                    (label, title, groups)
                    for (label, title, _, _), groups in zip(spans, columns, strict=True)
                ],
                tuple(GROUP_NAMES),
            ),
            Confusion(tuple(one for one in CallOutcome if one in seen), confused),
            estimate(self._engine, period.since, period.until),
            self._first(period, elapsed, elapsed.desc(), CallStateRow.attempt_id.desc()),
            self._first(period, confidence, confidence, CallStateRow.attempt_id),
        )

    def _counts(self, period: Period, starts: list[dt.datetime]) -> list[Any]:
        """Return counts by column of the chart and what stands, in one pass."""
        compared = sa.and_(
            CallStateRow.is_reviewed, ~CallStateRow.is_stated, CallStateRow.heard.is_not(None)
        )
        by: tuple[Any, ...] = (
            self._bucket(starts).label("bucket"),
            CallStateRow.outcome,
            CallStateRow.final,
            CallStateRow.incorrect_contact,
            CallStateRow.is_doubtful,
            compared.label("is_compared"),
            sa.case((compared, CallStateRow.heard)).label("heard"),
        )
        query = sa.select(*by, sa.func.count().label("n")).where(_within(period)).group_by(*by)
        with self._engine.connect() as connection:
            return list(connection.execute(query))

    def _first(self, period: Period, column: Any, *order: Any) -> tuple[int, ...]:
        """Return the first five calls in an order."""
        query = (
            sa.select(CallStateRow.attempt_id)
            .where(_within(period), column.is_not(None))
            .order_by(*order)
            .limit(5)
        )
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())

    def _bucket(self, starts: list[dt.datetime]) -> sa.ColumnElement[int]:
        """Return which of the spans that begin at these moments a call falls into."""
        moment = CallStateRow.called_at
        if self._engine.dialect.name == "postgresql":
            # A binary search; a CASE of thirty branches takes longer than all the rest.
            bounds = sa.cast(starts[1:], postgresql.ARRAY(sa.DateTime(timezone=True)))
            return sa.func.width_bucket(moment, bounds)
        branches = ((moment < start, index) for index, start in enumerate(starts[1:]))
        return sa.case(*branches, else_=len(starts) - 1)


def _within(period: Period) -> sa.ColumnElement[bool]:
    moment = CallStateRow.called_at
    return sa.and_(moment >= period.since, moment < period.until)


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
    return "signal" if outcome in SIGNAL_OUTCOMES else "other"


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
