"""How often the program is right, estimated from calls that chance drew and people heard.

People otherwise review what the program doubts, and of that one can tell nothing about the rest. A
sample is fixed by a period: the calls whose hashed numbers are least, so that nobody chooses them,
and asking again draws the same ones. The interval is Wilson's, 95 %.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from recognizer.base.shares import wilson_interval
from recognizer.crm.journal.tables import CallStateRow

__all__ = ["SAMPLE_SIZE", "Estimate", "draw_sample", "estimate"]

SAMPLE_SIZE = 100
_MOST_UNCHECKED = 10
"""Of a hundred; more would say nothing of what they were."""
_Z = 1.959964
_PRIME, _MODULUS = 2_654_435_761, 4_294_967_296


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample says so far.

    Attributes
    ----------
    n_drawn, n_checked, n_right : of the sample.
    """

    n_drawn: int
    n_checked: int
    n_right: int

    @property
    def is_ready(self) -> bool:
        """Whether enough of the sample was checked to say anything of the period."""
        allowed = self.n_drawn * _MOST_UNCHECKED // SAMPLE_SIZE
        return self.n_drawn > 0 and self.n_drawn - self.n_checked <= allowed

    @property
    def interval(self) -> tuple[float, float]:
        """The share that is right lies in it, 19 times of 20."""
        return wilson_interval(self.n_right, self.n_checked, z=_Z)


def _within(since: dt.datetime, until: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    moment = CallStateRow.called_at
    return moment >= since, moment < until, CallStateRow.heard.is_not(None)


def draw_sample(engine: sa.Engine, since: dt.datetime, until: dt.datetime) -> Sequence[int]:
    """Return the calls of a period's sample, in the order they were drawn."""
    number = sa.cast(CallStateRow.attempt_id, sa.BigInteger)
    query = (
        sa.select(CallStateRow.attempt_id)
        .where(*_within(since, until))
        .order_by((number * _PRIME) % _MODULUS)
        .limit(SAMPLE_SIZE)
    )
    with engine.connect() as connection:
        return connection.execute(query).scalars().all()


def estimate(engine: sa.Engine, since: dt.datetime, until: dt.datetime) -> Estimate:
    """Return what the sample of a period says so far."""
    drawn = draw_sample(engine, since, until)
    count = sa.func.count()
    checked = sa.select(
        count.filter(CallStateRow.is_reviewed),
        count.filter(CallStateRow.is_reviewed, CallStateRow.outcome == CallStateRow.heard),
    ).where(CallStateRow.attempt_id.in_(drawn))
    with engine.connect() as connection:
        n_checked, n_right = connection.execute(checked).one()
    return Estimate(len(drawn), n_checked, n_right)
