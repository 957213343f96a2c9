"""Counts of the calls of a period, grouped by the database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.journal.filters import Condition, is_corrected
from recognizer.crm.journal.records import Overview
from recognizer.crm.journal.tables import AttemptRow, CallStateRow, DecisionRow
from recognizer.crm.office import Office
from recognizer.model import NextStep

__all__ = ["read_overview"]

_QUARTER_S = 900
"""Offsets of the world's zones are whole quarters of an hour: so are the limits of days."""


def read_overview(session: Session, conditions: Sequence[Condition], office: Office) -> Overview:
    """Return counts of the calls that fit, grouped by the database.

    Parameters
    ----------
    conditions : sequence
        Over the rows of `CallStateRow`.
    """
    columns = (
        # Of what an operator stated nothing was heard that would decide.
        sa.case((~CallStateRow.is_stated, CallStateRow.outcome)).label("outcome"),
        CallStateRow.next,
        CallStateRow.final,
        CallStateRow.incorrect_contact,
        CallStateRow.has_error,
        is_corrected().label("is_corrected"),
    )
    grouped = sa.select(*columns, sa.func.count().label("n")).where(*conditions).group_by(*columns)
    totals: Counter[str] = Counter()
    by_outcome: Counter[str] = Counter()
    by_next: Counter[str] = Counter()
    for row in session.execute(grouped):
        n, is_open = row.n, not row.is_corrected
        totals["attempts"] += n
        totals["errors"] += n * row.has_error
        totals["corrected"] += n * row.is_corrected
        totals["final"] += n * row.final
        totals["marked"] += n * bool(row.final and row.incorrect_contact)
        is_asked = row.has_error or row.next == NextStep.OPERATOR
        totals["waiting"] += n * bool(is_open and is_asked)
        by_outcome[row.outcome] += n
        by_next[row.next] += n
    return Overview(
        n_attempts=totals["attempts"],
        n_errors=totals["errors"],
        n_corrected=totals["corrected"],
        n_final=totals["final"],
        n_marked=totals["marked"],
        n_waiting=totals["waiting"],
        by_outcome=_known(by_outcome),
        by_rule=_by_rule(session, conditions),
        by_next=_known(by_next),
        by_day=_by_day(session, conditions, office),
        by_model=_by_model(session, conditions),
    )


def _known(counts: Counter[str]) -> dict[str, int]:
    return {name: n for name, n in counts.most_common() if name is not None}


def _by_rule(session: Session, conditions: Sequence[Condition]) -> dict[str, int]:
    rule = DecisionRow.rule_id
    query = (
        sa.select(rule, sa.func.count())
        .select_from(CallStateRow)
        .join(DecisionRow, DecisionRow.id == CallStateRow.decision_id)
        .where(*conditions, rule.is_not(None))
        .group_by(rule)
    )
    return _known(Counter({str(row[0]): row[1] for row in session.execute(query)}))


def _by_model(session: Session, conditions: Sequence[Condition]) -> dict[str, int]:
    engine, model = AttemptRow.engine, AttemptRow.model
    query = (
        sa.select(engine, model, sa.func.count())
        .select_from(CallStateRow)
        .join(AttemptRow, AttemptRow.id == CallStateRow.attempt_id)
        .where(*conditions, model.is_not(None))
        .group_by(engine, model)
    )
    return _known(Counter({f"{row[0]}/{row[1]}": row[2] for row in session.execute(query)}))


def _by_day(session: Session, conditions: Sequence[Condition], office: Office) -> dict[str, int]:
    """Return attempts a day of the office, whose zone the database need not know."""
    if session.get_bind().dialect.name == "sqlite":
        seconds = sa.cast(sa.func.strftime("%s", CallStateRow.called_at), sa.BigInteger)
    else:
        epoch = sa.extract("epoch", CallStateRow.called_at)
        seconds = sa.cast(sa.func.floor(epoch), sa.BigInteger)
    quarter = (seconds - seconds % _QUARTER_S).label("quarter")
    query = sa.select(quarter, sa.func.count()).where(*conditions).group_by(quarter)
    days: Counter[dt.date] = Counter()
    for began_s, n in session.execute(query):
        days[office.day_of(dt.datetime.fromtimestamp(began_s, dt.UTC))] += n
    return {day.isoformat(): days[day] for day in sorted(days)}
