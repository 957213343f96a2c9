"""Counts of the calls of a period, grouped by the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.contacts import Office
from recognizer.crm.journal.filters import Condition, is_corrected, joined
from recognizer.crm.journal.records import Overview
from recognizer.crm.journal.tables import AttemptRow, CallStateRow, DecisionRow
from recognizer.model import NextStep

__all__ = ["read_overview"]


def read_overview(session: Session, conditions: Sequence[Condition], office: Office) -> Overview:
    """Return counts of the attempts that fit: one pass, grouped by the database."""
    columns = (
        DecisionRow.outcome,
        DecisionRow.rule_id,
        DecisionRow.next,
        DecisionRow.final,
        DecisionRow.incorrect_contact,
        AttemptRow.error_kind.is_not(None),
        AttemptRow.engine,
        AttemptRow.model,
        is_corrected(),
    )
    grouped = joined(*columns, sa.func.count()).where(*conditions).group_by(*columns)
    totals: Counter[str] = Counter()
    by_outcome: Counter[str] = Counter()
    by_rule: Counter[str] = Counter()
    by_next: Counter[str] = Counter()
    by_model: Counter[str] = Counter()
    for (
        outcome,
        rule,
        following,
        final,
        mark,
        error,
        engine,
        model,
        corrected,
        n,
    ) in session.execute(grouped):
        totals["attempts"] += n
        totals["errors"] += n * bool(error)
        totals["corrected"] += n * bool(corrected)
        totals["final"] += n * bool(final)
        totals["marked"] += n * bool(final and mark)
        totals["waiting"] += n * (not corrected and bool(error or following == NextStep.OPERATOR))
        for counter, name in (
            (by_outcome, outcome),
            (by_rule, rule),
            (by_next, following),
            (by_model, model and f"{engine}/{model}"),
        ):
            if name is not None:
                counter[name] += n
    return Overview(
        n_attempts=totals["attempts"],
        n_errors=totals["errors"],
        n_corrected=totals["corrected"],
        n_final=totals["final"],
        n_marked=totals["marked"],
        n_waiting=totals["waiting"],
        by_outcome=dict(by_outcome.most_common()),
        by_rule=dict(by_rule.most_common()),
        by_next=dict(by_next.most_common()),
        by_day=_by_day(session, conditions, office),
        by_model=dict(by_model.most_common()),
    )


def _by_day(session: Session, conditions: Sequence[Condition], office: Office) -> dict[str, int]:
    """Return attempts a day of the office, whose zone the database need not know."""
    statement = (
        joined(CallStateRow.called_at).where(*conditions).execution_options(yield_per=10_000)
    )
    days = Counter(office.day_of(moment) for moment in session.scalars(statement))
    return {day.isoformat(): days[day] for day in sorted(days)}
