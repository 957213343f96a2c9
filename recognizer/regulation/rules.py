"""From an outcome, a card and the number of the attempt to a decision. Pure: no clock, no store.

Rules live in ``data/regulation.toml`` (or an office's copy of it); this module reads and checks
them and applies them. What the regulation leaves to people stays with people: an outcome without
a rule gets no status.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import string
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from recognizer.base.data_files import TomlFile, convert_toml, data_folder, read_toml
from recognizer.base.errors import ContactError, DataFileError
from recognizer.base.office_zone import office_timezone
from recognizer.model import CallOutcome, Decision, NextStep

__all__ = [
    "CONDITIONS",
    "Analogy",
    "Regulation",
    "Rule",
    "RuleResult",
    "RuleSource",
    "Ruling",
    "Stated",
    "Statement",
    "Undecided",
    "load_regulation",
]

Condition = Literal[
    "answered_by_another",
    "contact_after_sale",
    "contact_after_service",
    "do_not_call_notice",
    "number_is_company",
    "number_is_employee",
    "number_is_general",
    "number_is_mobile",
    "number_malformed",
    "number_missing",
    "owner_is_client",
    "owner_is_organisation",
    "trusted_person_is_client",
]
CONDITIONS: tuple[str, ...] = Condition.__args__  # type: ignore[attr-defined]
"""What a rule may require of a card; `recognizer.crm.contacts` says how each is found out."""

CALL_STATUS = "Недоступен"
"""The only status a call may lead to (JSON contract of a classification)."""

_COMMENT_FIELDS = {
    "name": "имя ответившего",
    "plate": "гос. номер а/м",
    "make": "марка а/м",
    "words": "слова ответившего",
}
"""Parts of a comment and what an operator calls them."""


class RuleSource(enum.StrEnum):
    """What a rule is applied to."""

    CALL = "call"
    CARD = "card"
    OPERATOR = "operator"


class RuleResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a rule leads to, and after which counted attempt."""

    status: str
    incorrect_contact: bool
    after_attempt: Literal[1, 3]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the regulation.

    Attributes
    ----------
    id : str
        Id of docs/regulation.md.
    source : RuleSource
    wording : str
        The rule as the regulation words it, Russian.
    comment : str
        Template of the comment line, without the date.
    result : RuleResult
    outcomes : tuple of CallOutcome
        For `source` call: what is heard.
    requires : tuple of str
        What must be true of the card (`CONDITIONS`); all of them.
    contrast : tuple of str
        Ids of rules this one is easily confused with and must not be (section G).
    """

    id: str
    source: RuleSource
    wording: str
    comment: str
    result: RuleResult
    outcomes: tuple[CallOutcome, ...] = ()
    requires: tuple[Condition, ...] = ()
    contrast: tuple[str, ...] = ()


class Analogy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome on which the regulation is silent, treated as a rule's."""

    outcome: CallOutcome
    rule: str
    comment: str


class Undecided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome that no rule decides; `reason` is Russian."""

    outcome: CallOutcome
    next: NextStep
    counts: bool
    resets: bool
    reason: str
    comment: str | None = None


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something an operator states that is not a rule of the regulation."""

    id: str
    next: NextStep
    counts: bool
    resets: bool
    reason: str
    comment: str


class _Heading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: str
    mark: str
    comment_date: str
    correction: str
    withdrawn: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    regulation: _Heading
    conditions: dict[Condition, str]
    rule: tuple[Rule, ...]
    analogy: tuple[Analogy, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    stated: tuple[Stated, ...] = ()


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

    def __init__(self, path: Path, content: _File, timezone: zoneinfo.ZoneInfo) -> None:
        self.path = path
        self.timezone = timezone
        self.version = content.regulation.version
        self.mark = content.regulation.mark
        self.conditions = content.conditions
        self.rules = content.rule
        self.analogies = content.analogy
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

    def analogy_of(self, kind: CallOutcome) -> Analogy | None:
        """Return the analogy an outcome is decided by, None if it is not."""
        return self._analogy_by_outcome.get(kind)

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
        ValueError
            If `attempt` is below 1.
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
            not bear it out; Russian, because an operator reads it.
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

    def _stated_comment(self, template: str, statement: Statement, day: dt.date) -> str:
        """Fill a comment with one-line parts; every part the template names must be there."""
        parts = {name: " ".join(getattr(statement, name).split()) for name in _COMMENT_FIELDS}
        missing = [
            meaning
            for name, meaning in _COMMENT_FIELDS.items()
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
        if attempt < 1:
            raise ValueError(f"attempt: expected 1 or more, got {attempt}")
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
    if attempt < 1:
        raise ValueError(f"attempt: expected 1 or more, got {attempt}")
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


def load_regulation(path: Path | None = None, *, office_file: Path | None = None) -> Regulation:
    """Read and check a rule table.

    Parameters
    ----------
    path : Path or None
        None: the shipped ``data/regulation.toml``.
    office_file : Path or None
        Whose time zone days are of; None: the shipped ``data/office.toml``.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "regulation.toml")
    content = convert_toml(file, _File)
    _check_heading(file, content)
    _check_rules(file, content.rule)
    _check_stated(file, content)
    _check_outcomes(file, content)
    _check_comments(file, content)
    return Regulation(file.path, content, office_timezone(office_file))


def _check_heading(file: TomlFile, content: _File) -> None:
    missing = [name for name in CONDITIONS if name not in content.conditions]
    if missing:
        raise DataFileError(
            f"{file.place('conditions')}: expected the meaning of every condition, "
            f"missing {', '.join(missing)}"
        )
    for key, example in (
        ("correction", {"day": "22/11", "comment": ""}),
        ("withdrawn", {"day": "22/11"}),
    ):
        template = getattr(content.regulation, key)
        try:
            template.format(**example)
        except (ValueError, LookupError) as problem:
            raise DataFileError(
                f"{file.place('regulation', key=key)}: expected only "
                f"{{{'}, {'.join(example)}}} in braces, found {template!r}"
            ) from problem


def _check_stated(file: TomlFile, content: _File) -> None:
    rules = {rule.id for rule in content.rule}
    for index, entry in enumerate(content.stated):
        if entry.id in rules:
            raise DataFileError(
                f"{file.place('stated', index, 'id')}: {entry.id!r} is already the id of a rule"
            )


def _check_rules(file: TomlFile, rules: Sequence[Rule]) -> None:
    first_with: dict[str, int] = {}
    for index, rule in enumerate(rules):
        if rule.id in first_with:
            other = file.line("rule", first_with[rule.id])
            raise DataFileError(
                f"{file.place('rule', index, 'id')}: rule id {rule.id!r} is already used "
                f"in line {other}"
            )
        first_with[rule.id] = index
        if rule.source is RuleSource.CALL and not rule.outcomes:
            raise DataFileError(
                f"{file.place('rule', index)}: rule {rule.id!r} on a call names no outcomes; "
                'write outcomes = ["..."]'
            )
        if rule.source is not RuleSource.CALL and rule.outcomes:
            raise DataFileError(
                f"{file.place('rule', index, 'outcomes')}: rule {rule.id!r} is not on a call and "
                "may name no outcomes"
            )
        for other_id in rule.contrast:
            if other_id not in {other.id for other in rules}:
                raise DataFileError(
                    f"{file.place('rule', index, 'contrast')}: there is no rule {other_id!r}"
                )
        if rule.source is RuleSource.CARD and not rule.requires:
            raise DataFileError(
                f"{file.place('rule', index)}: rule {rule.id!r} on a card requires nothing and "
                "would fit every card; write requires = [...]"
            )
        if rule.source is RuleSource.CALL and rule.result.status != CALL_STATUS:
            raise DataFileError(
                f"{file.place('rule', index, 'result')}: a rule on a call may lead to "
                f"«{CALL_STATUS}» only, found {rule.result.status!r}"
            )


def _check_outcomes(file: TomlFile, content: _File) -> None:
    """Every outcome has exactly one entry that decides it without a card."""
    decided: dict[CallOutcome, int] = {}

    def claim(outcome: CallOutcome, table: str, index: int) -> None:
        line = file.line(table, index)
        if outcome in decided:
            raise DataFileError(
                f"{file.path}, line {line}: outcome {outcome.value!r} is already decided "
                f"in line {decided[outcome]}"
            )
        decided[outcome] = line

    for index, rule in enumerate(content.rule):
        if not rule.requires:
            for outcome in rule.outcomes:
                claim(outcome, "rule", index)
    ids = {rule.id for rule in content.rule if rule.source is RuleSource.CALL}
    for index, analogy in enumerate(content.analogy):
        claim(analogy.outcome, "analogy", index)
        if analogy.rule not in ids:
            raise DataFileError(
                f"{file.place('analogy', index, 'rule')}: there is no rule on a call with the id "
                f"{analogy.rule!r}"
            )
    for index, entry in enumerate(content.undecided):
        claim(entry.outcome, "undecided", index)
    missing = [outcome.value for outcome in CallOutcome if outcome not in decided]
    if missing:
        raise DataFileError(
            f"{file.path}: no entry decides {', '.join(missing)}; add a [[rule]] without "
            "`requires`, an [[analogy]] or an [[undecided]]"
        )


def _check_comments(file: TomlFile, content: _File) -> None:
    tables: tuple[tuple[str, Iterable[str | None]], ...] = (
        ("rule", (rule.comment for rule in content.rule)),
        ("analogy", (analogy.comment for analogy in content.analogy)),
        ("undecided", (entry.comment for entry in content.undecided)),
        ("stated", (entry.comment for entry in content.stated)),
    )
    for table, comments in tables:
        for index, comment in enumerate(comments):
            place = file.place(table, index, "comment")
            try:
                found = {name for _, name, _, _ in string.Formatter().parse(comment or "") if name}
            except ValueError as problem:
                raise DataFileError(f"{place}: {problem} in {comment!r}") from problem
            unknown = found - _COMMENT_FIELDS.keys()
            if unknown:
                raise DataFileError(
                    f"{place}: expected only {{{'}, {'.join(sorted(_COMMENT_FIELDS))}}} in a "
                    f"comment, found {{{', '.join(sorted(unknown))}}}"
                )
            if comment is not None and ("\n" in comment or not comment.strip()):
                raise DataFileError(f"{place}: expected one line of text, found {comment!r}")
