"""Counts for the overview."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recognizer.base.moments import read_day
from recognizer.crm.journal.counts import count_calls, most_doubtful, slowest
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.sampling import Estimate, estimate
from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, PhraseListName, phrase_list_of
from recognizer.web.pages import wording
from recognizer.web.pages.charts import Chart, stacked_columns

__all__ = ["GROUP_NAMES", "Confusion", "Period", "Summary", "read_period", "read_summary"]

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


def read_summary(database: Database, period: Period) -> Summary:
    """Return the counts of a period."""
    engine = database.engine
    spans = list(buckets(period))
    by_outcome: Counter[CallOutcome | None] = Counter()
    columns: list[Counter[str]] = [Counter() for _ in spans]
    totals: Counter[str] = Counter()
    confused: Counter[tuple[CallOutcome, CallOutcome]] = Counter()
    for row in count_calls(engine, [since for _, _, since, _ in spans], period.until):
        by_outcome[row.outcome] += row.n
        columns[row.span][group_of(row.outcome)] += row.n
        totals["calls"] += row.n
        totals["final"] += row.n * row.is_final
        totals["marked"] += row.n * row.is_marked
        totals["doubtful"] += row.n * row.is_doubtful
        if row.heard is not None and row.outcome is not None:
            confused[row.outcome, row.heard] += row.n
    seen = {outcome for pair in confused for outcome in pair}
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
        estimate(engine, period.since, period.until),
        slowest(engine, period.since, period.until),
        most_doubtful(engine, period.since, period.until),
    )


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
