"""Decisions as rows and as the regulation speaks of them, and what is ruled where no rule is."""

from __future__ import annotations

import dataclasses

from recognizer.crm.journal.tables import DecisionRow
from recognizer.model import Decision, NextStep
from recognizer.regulation.rules import Ruling

__all__ = [
    "NOT_DECIDED",
    "WITHDRAWN",
    "are_same",
    "decision_of",
    "is_left_to_a_person",
    "left_to_a_person",
]


def decision_of(row: DecisionRow) -> Decision:
    """Return the decision of a row."""
    return Decision(
        status=row.status,
        incorrect_contact=row.incorrect_contact,
        rule_id=row.rule_id,
        by_analogy=row.by_analogy,
        attempt=row.attempt,
        after_attempt=row.after_attempt,
        final=row.final,
        next=NextStep(row.next),
        comment=row.comment,
        explanation=tuple(row.explanation),
    )


def _without_rule(next_step: NextStep) -> Ruling:
    """Return the ruling where no rule gives a status, and nothing is counted."""
    decision = Decision(
        status=None,
        incorrect_contact=None,
        rule_id=None,
        by_analogy=False,
        attempt=1,
        after_attempt=None,
        final=False,
        next=next_step,
        comment=None,
    )
    return Ruling(decision, counts=False, resets=False)


NOT_DECIDED = _without_rule(NextStep.OPERATOR)
"""Nothing was heard, and what a person said was taken back: a person decides."""

WITHDRAWN = _without_rule(NextStep.RETRY)
"""The card was mended: no rule on a card fits any more, so call."""


def left_to_a_person(ruling: Ruling) -> Ruling:
    """Return a ruling that counts and comments as this one does, and gives no status."""
    decision = dataclasses.replace(
        ruling.decision,
        status=None,
        incorrect_contact=None,
        rule_id=None,
        by_analogy=False,
        after_attempt=None,
        final=False,
        next=NextStep.OPERATOR,
    )
    return dataclasses.replace(ruling, decision=decision, resets=False)


def is_left_to_a_person(row: DecisionRow) -> bool:
    """Tell whether a call counts and gives no status: what was heard may be of another number."""
    return row.counts and row.rule_id is None and row.correction_id is None and not row.resets


def are_same(one: Decision, other: Decision) -> bool:
    """Tell whether two decisions say the same, whatever their day and explanation."""
    like_other = dataclasses.replace(one, comment=other.comment, explanation=other.explanation)
    return like_other == other
