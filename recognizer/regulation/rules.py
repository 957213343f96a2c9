"""From an outcome, a card and the number of the attempt to a decision. Keeps nothing.

What the regulation leaves to people stays with people: an outcome without a rule gets no status.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recognizer.base.errors import ContactError
from recognizer.model import CallOutcome, Decision, NextStep, check_attempt
from recognizer.regulation.rule_table import (
    COMMENT_FIELDS,
    Condition,
    Rule,
    RuleSource,
    RuleTable,
    Stated,
    Undecided,
)

__all__ = ["Regulation", "Ruling", "Statement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What an operator says of a call.

    Attributes
    ----------
    reason : str
        Id of a rule on an operator's statement, or of a `[[stated]]` entry.
    name : str
        Who answered.
    words : str
        What they said, for the comment («Вы ошиблись. Это не мой а/м.»).
    plate, make : str
        Of the card's car, for the comment.
    """

    reason: str
    name: str = ""
    words: str = ""
    plate: str = ""
    make: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision and what the attempt means for counting.

    Attributes
    ----------
    decision : Decision
    counts : bool
        The attempt counts towards «after attempt 3».
    resets : bool
        Counting starts anew after it.
    """

    decision: Decision
    counts: bool
    resets: bool

    def counted_after(self, counted_before: int) -> int:
        """Return how many attempts count once this one is over."""
        return 0 if self.resets else counted_before + self.counts


class Regulation:
    """A checked rule table.

    Attributes
    ----------
    version : str
    mark : str
        Name of the mark, «Некорректный контакт».
    path : Path
        The file it was read from.
    rules : tuple of Rule
        In the order of the file; of the rules on a card, the first that fits decides.
    conditions : dict
        What each of `CONDITIONS` means, Russian.
    timezone : ZoneInfo
        The office's: where no day of the call is given, it is today there, not by this
        machine's zone.
    """

    def __init__(self, path: Path, content: RuleTable, timezone: zoneinfo.ZoneInfo) -> None:
        self.path = path
        self.timezone = timezone
        self.version = content.regulation.version
        self.mark = content.regulation.mark
        self.conditions = content.conditions
        self.rules = content.rule
        self.undecided = content.undecided
        self.stated = content.stated
        self._heading = content.regulation
        self._rule_by_id = {rule.id: rule for rule in content.rule}
        self._analogy_by_outcome = {analogy.outcome: analogy for analogy in content.analogy}
        self._undecided_by_outcome = {entry.outcome: entry for entry in content.undecided}
        self._stated_by_id = {entry.id: entry for entry in content.stated}

    def rule(self, rule_id: str | None) -> Rule | None:
        """Return a rule by its id; None if there is none, or there is none any more."""
        return None if rule_id is None else self._rule_by_id.get(rule_id)

    def reason_undecided(self, kind: CallOutcome) -> str | None:
        """Return why no rule decides an outcome, Russian; None if one does."""
        entry = self._undecided_by_outcome.get(kind)
        return None if entry is None else entry.reason

    def decide_outcome(
        self,
        kind: CallOutcome,
        *,
        attempt: int = 1,
        on: dt.date | None = None,
        facts: frozenset[str] = frozenset(),
    ) -> Decision:
        """Return the decision for what was heard.

        Parameters
        ----------
        kind : CallOutcome
        attempt : int
            Number of this attempt among those that count, from 1.
        on : date or None
            Day of the call, for the comment line; None: today in the office.
        facts : frozenset of str
            Which of `CONDITIONS` hold for the card; empty without a card.

        Raises
        ------
        TypeError, ValueError
            If `attempt` is no whole number from 1.
        """
        return self.rule_on_call(kind, attempt=attempt, on=on, facts=facts).decision

    def rule_on_call(
        self,
        kind: CallOutcome,
        *,
        attempt: int = 1,
        on: dt.date | None = None,
        facts: frozenset[str] = frozenset(),
    ) -> Ruling:
        """Return the decision of `decide_outcome` with what it means for counting."""
        day = on or self._today()
        rule = self._rule_on(kind, facts)
        if rule is not None:
            return self._apply(rule, self.comment_line(rule.comment, day), attempt)
        analogy = self._analogy_by_outcome.get(kind)
        if analogy is not None:
            comment = self.comment_line(analogy.comment, day)
            return self._apply(self._rule_by_id[analogy.rule], comment, attempt, by_analogy=True)
        entry = self._undecided_by_outcome[kind]
        comment_or_none = None if entry.comment is None else self.comment_line(entry.comment, day)
        return _leave(entry, comment_or_none, attempt)

    def _rule_on(self, kind: CallOutcome, facts: frozenset[str]) -> Rule | None:
        """Return the rule for an outcome: one on the card's facts before one without."""
        fitting = [
            rule for rule in self.rules if kind in rule.outcomes and facts.issuperset(rule.requires)
        ]
        return max(fitting, key=lambda rule: len(rule.requires), default=None)

    def rule_on_card(self, facts: frozenset[str], *, on: dt.date | None = None) -> Ruling | None:
        """Return the decision from the card alone, before any call; None: call."""
        for rule in self.rules:
            if rule.source is RuleSource.CARD and facts.issuperset(rule.requires):
                comment = self.comment_line(rule.comment, on or self._today())
                ruling = self._apply(rule, comment, 1)
                # There was no attempt, so there is nothing to count.
                return Ruling(ruling.decision, counts=False, resets=False)
        return None

    def rule_on_statement(
        self,
        statement: Statement,
        *,
        facts: frozenset[str],
        attempt: int = 1,
        on: dt.date | None = None,
    ) -> Ruling:
        """Return the decision for what an operator states.

        Raises
        ------
        ContactError
            If there is no such reason, the comment it requires lacks a part, or the card does
            not fulfil its conditions; Russian, because an operator reads it.
        """
        day = on or self._today()
        entry = self._stated_by_id.get(statement.reason)
        if entry is not None:
            return _leave(entry, self._stated_comment(entry.comment, statement, day), attempt)
        rule = self._rule_by_id.get(statement.reason)
        if rule is None or rule.source is not RuleSource.OPERATOR:
            raise ContactError(
                f"Нет такой причины: {statement.reason!r}. "
                f"Возможные причины: {', '.join(self.reasons())}."
            )
        unmet = [name for name in rule.requires if name not in facts]
        # Who answered is not known before the name is there: ask for that first.
        nameless = unmet == ["answered_by_another"] and not statement.name.strip()
        if unmet and not nameless:
            raise self._refusal(rule, unmet)
        comment = self._stated_comment(rule.comment, statement, day)
        if unmet:
            raise self._refusal(rule, unmet)
        return self._apply(rule, comment, attempt)

    def _refusal(self, rule: Rule, unmet: Sequence[Condition]) -> ContactError:
        required = "; ".join(self.conditions[name] for name in unmet)
        return ContactError(
            f"Причина «{rule.id}» не подходит к этой карточке. По карточке не выполнено: "
            f"{required}. Правило: {rule.wording}."
        )

    def reasons(self) -> tuple[str, ...]:
        """Return the ids of everything an operator may state."""
        rules = (rule.id for rule in self.rules if rule.source is RuleSource.OPERATOR)
        return (*rules, *self._stated_by_id)

    def comment_parts(self, reason: str) -> frozenset[str]:
        """Return which of `name` and `words` go into the comment of what an operator states."""
        entry = self._stated_by_id.get(reason) or self._rule_by_id.get(reason)
        template = "" if entry is None else entry.comment
        return frozenset(name for name in ("name", "words") if f"{{{name}}}" in template)

    def _stated_comment(self, template: str, statement: Statement, day: dt.date) -> str:
        """Fill a comment with one-line parts; every part the template names must be there."""
        parts = {name: " ".join(getattr(statement, name).split()) for name in COMMENT_FIELDS}
        missing = [
            meaning
            for name, meaning in COMMENT_FIELDS.items()
            if f"{{{name}}}" in template and not parts[name]
        ]
        if missing:
            raise ContactError(
                f"Причина «{statement.reason}» требует комментария. Не указано: "
                f"{', '.join(missing)}."
            )
        return self.comment_line(template.format_map(parts), day)

    def _apply(self, rule: Rule, comment: str, attempt: int, *, by_analogy: bool = False) -> Ruling:
        """Return what `rule` leads to at this attempt."""
        check_attempt(attempt)
        final = attempt >= rule.result.after_attempt
        decision = Decision(
            status=rule.result.status,
            # The mark belongs to the status: until the status is set there is nothing to mark.
            incorrect_contact=rule.result.incorrect_contact and final,
            rule_id=rule.id,
            by_analogy=by_analogy,
            attempt=attempt,
            after_attempt=rule.result.after_attempt,
            final=final,
            next=NextStep.SET_STATUS if final else NextStep.RETRY,
            comment=comment,
        )
        return Ruling(decision, counts=True, resets=False)

    def _today(self) -> dt.date:
        return dt.datetime.now(self.timezone).date()

    def comment_line(self, text: str, day: dt.date) -> str:
        """Return a comment line: the date, a space, the text."""
        return f"{self.comment_day(day)} {text}"

    def comment_day(self, day: dt.date) -> str:
        """Return a day as comment lines write it."""
        return day.strftime(self._heading.comment_date)

    def correction_line(self, comment: str | None, *, call_day: dt.date, on: dt.date) -> str:
        """Return the line that corrects an earlier one; the earlier one stays.

        Where nothing is to be said instead (`comment` None), the line withdraws it.
        """
        day = self.comment_day(call_day)
        if comment is None:
            return self.comment_line(self._heading.withdrawn.format(day=day), on)
        text = comment.removeprefix(self.comment_line("", call_day))
        return self.comment_line(self._heading.correction.format(day=day, comment=text), on)

    def renumber(self, decision: Decision, attempt: int) -> Decision:
        """Return a decision of the same rule for another attempt number."""
        if decision.rule_id is None or decision.after_attempt is None:
            return dataclasses.replace(decision, attempt=attempt)
        final = attempt >= decision.after_attempt
        rule = self.rule(decision.rule_id)
        marks = bool(decision.incorrect_contact) if rule is None else rule.result.incorrect_contact
        return dataclasses.replace(
            decision,
            attempt=attempt,
            incorrect_contact=marks and final,
            final=final,
            next=NextStep.SET_STATUS if final else NextStep.RETRY,
        )


def _leave(entry: Undecided | Stated, comment: str | None, attempt: int) -> Ruling:
    """Return the ruling where no rule gives a status."""
    check_attempt(attempt)
    decision = Decision(
        status=None,
        incorrect_contact=None,
        rule_id=None,
        by_analogy=False,
        attempt=attempt,
        after_attempt=None,
        final=False,
        next=entry.next,
        comment=comment,
    )
    return Ruling(decision, counts=entry.counts, resets=entry.resets)
