"""Counts of the calls of a period, in one pass over what stands of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recognizer.crm.journal.tables import CallStateRow
from recognizer.model import CallOutcome

__all__ = ["CallCount", "count_calls", "most_doubtful", "slowest"]

_N_FIRST = 5


@dataclass(frozen=True, slots=True)
class CallCount:
    """How many calls of one span are the same in all of this.

    Attributes
    ----------
    span : int
        Which of the spans asked for, from 0.
    outcome : CallOutcome or None
        That stands; None: the recording could not be read.
    is_final, is_marked, is_doubtful : bool
        The decision ends the card's calls; it says that the number is wrong; a person should look.
    heard : CallOutcome or None
        What the program heard, of calls that a person reviewed by ear; None: of the others.
    n : int
    """

    span: int
    outcome: CallOutcome | None
    is_final: bool
    is_marked: bool
    is_doubtful: bool
    heard: CallOutcome | None
    n: int


def count_calls(
    engine: sa.Engine, starts: Sequence[dt.datetime], until: dt.datetime
) -> list[CallCount]:
    """Return the counts of a period.

    Parameters
    ----------
    starts : sequence of datetime
        Aware, in order: the first moment of each span; one ends where the next begins.
    until : datetime
        The first moment after the last.
    """
    compared = sa.and_(
        CallStateRow.is_reviewed, ~CallStateRow.is_stated, CallStateRow.heard.is_not(None)
    )
    by: tuple[Any, ...] = (
        _span(engine, starts).label("span"),
        CallStateRow.outcome,
        CallStateRow.final,
        CallStateRow.incorrect_contact,
        CallStateRow.is_doubtful,
        sa.case((compared, CallStateRow.heard)).label("heard"),
    )
    query = (
        sa.select(*by, sa.func.count().label("n")).where(_within(starts[0], until)).group_by(*by)
    )
    with engine.connect() as connection:
        return [
            CallCount(
                row.span,
                None if row.outcome is None else CallOutcome(row.outcome),
                bool(row.final),
                bool(row.final and row.incorrect_contact),
                bool(row.is_doubtful),
                None if row.heard is None else CallOutcome(row.heard),
                row.n,
            )
            for row in connection.execute(query)
        ]


def slowest(engine: sa.Engine, since: dt.datetime, until: dt.datetime) -> tuple[int, ...]:
    """Return the five calls of a period that took longest to recognise, the slowest first."""
    took = CallStateRow.elapsed_s
    order = (took.desc(), CallStateRow.attempt_id.desc())
    return _first(engine, took.is_not(None), order, since, until)


def most_doubtful(engine: sa.Engine, since: dt.datetime, until: dt.datetime) -> tuple[int, ...]:
    """Return the five calls of a period with the least confidence, the least first."""
    confidence = CallStateRow.confidence
    order = (confidence, CallStateRow.attempt_id)
    return _first(engine, confidence.is_not(None), order, since, until)


def _first(
    engine: sa.Engine,
    which: sa.ColumnElement[bool],
    order: tuple[Any, ...],
    since: dt.datetime,
    until: dt.datetime,
) -> tuple[int, ...]:
    query = (
        sa.select(CallStateRow.attempt_id)
        .where(_within(since, until), which)
        .order_by(*order)
        .limit(_N_FIRST)
    )
    with engine.connect() as connection:
        return tuple(connection.execute(query).scalars())


def _span(engine: sa.Engine, starts: Sequence[dt.datetime]) -> sa.ColumnElement[int]:
    """Return which of the spans that begin at these moments a call falls into."""
    moment = CallStateRow.called_at
    if engine.dialect.name == "postgresql":
        # A binary search; a CASE of thirty branches takes longer than all the rest.
        bounds = sa.cast(starts[1:], postgresql.ARRAY(sa.DateTime(timezone=True)))
        return sa.func.width_bucket(moment, bounds)
    branches = ((moment < start, index) for index, start in enumerate(starts[1:]))
    return sa.case(*branches, else_=len(starts) - 1)


def _within(since: dt.datetime, until: dt.datetime) -> sa.ColumnElement[bool]:
    moment = CallStateRow.called_at
    return sa.and_(moment >= since, moment < until)
