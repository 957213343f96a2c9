"""From an outcome, a card and the number of the attempt to a decision. Pure: no clock, no store.

Rules live in ``data/regulation.toml`` (or an office's copy of it); this module reads and checks
them and applies them. What the regulation leaves to people stays with people: an outcome without
a rule gets no status.
"""

from __future__ import annotations

import datetime as dt
import enum
import string
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from recognizer.data_files import TomlFile, data_folder, read_toml
from recognizer.errors import DataFileError
from recognizer.types import CallOutcome, Decision, NextStep

__all__ = [
    "CONDITIONS",
    "Analogy",
    "Regulation",
    "Rule",
    "RuleResult",
    "RuleSource",
    "Stated",
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
"""What a rule may require of a card; `recognizer.contacts` says how each is found out."""

CALL_STATUS = "Недоступен"
"""The only status a call may lead to (JSON contract of a classification)."""

_COMMENT_FIELDS = frozenset({"name", "plate", "make", "words"})


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
    """

    id: str
    source: RuleSource
    wording: str
    comment: str
    result: RuleResult
    outcomes: tuple[CallOutcome, ...] = ()
    requires: tuple[Condition, ...] = ()


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


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    regulation: _Heading
    rule: tuple[Rule, ...]
    analogy: tuple[Analogy, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    stated: tuple[Stated, ...] = ()


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
    """

    def __init__(self, path: Path, content: _File) -> None:
        self.path = path
        self.version = content.regulation.version
        self.mark = content.regulation.mark
        self.rules = content.rule
        self.analogies = content.analogy
        self.undecided = content.undecided
        self.stated = content.stated
        self._comment_date = content.regulation.comment_date
        self._rule_by_id = {rule.id: rule for rule in content.rule}
        self._rule_by_outcome = {
            outcome: rule for rule in content.rule if not rule.requires for outcome in rule.outcomes
        }
        self._analogy_by_outcome = {analogy.outcome: analogy for analogy in content.analogy}
        self._undecided_by_outcome = {entry.outcome: entry for entry in content.undecided}

    def rule(self, rule_id: str) -> Rule:
        """Return a rule by its id; KeyError if there is none."""
        return self._rule_by_id[rule_id]

    def analogy_of(self, kind: CallOutcome) -> Analogy | None:
        """Return the analogy an outcome is decided by, None if it is not."""
        return self._analogy_by_outcome.get(kind)

    def counts(self, kind: CallOutcome) -> bool:
        """Tell whether an attempt with this outcome counts towards «after attempt 3»."""
        return self._has_rule(kind) or self._undecided_by_outcome[kind].counts

    def resets(self, kind: CallOutcome) -> bool:
        """Tell whether counting starts anew after this outcome."""
        return not self._has_rule(kind) and self._undecided_by_outcome[kind].resets

    def _has_rule(self, kind: CallOutcome) -> bool:
        return kind in self._rule_by_outcome or kind in self._analogy_by_outcome

    def decide_outcome(
        self, kind: CallOutcome, *, attempt: int = 1, on: dt.date | None = None
    ) -> Decision:
        """Return the decision for what was heard, without a card.

        Parameters
        ----------
        kind : CallOutcome
        attempt : int
            Number of this attempt among those that count, from 1.
        on : date or None
            Day of the call, for the comment line; None: today.

        Raises
        ------
        ValueError
            If `attempt` is below 1.
        """
        if attempt < 1:
            raise ValueError(f"attempt: expected 1 or more, got {attempt}")
        day = on or dt.datetime.now().astimezone().date()
        rule = self._rule_by_outcome.get(kind)
        if rule is not None:
            return self.apply(rule, comment=self.comment_line(rule.comment, day), attempt=attempt)
        analogy = self._analogy_by_outcome.get(kind)
        if analogy is not None:
            return self.apply(
                self._rule_by_id[analogy.rule],
                comment=self.comment_line(analogy.comment, day),
                attempt=attempt,
                by_analogy=True,
            )
        return self._leave(self._undecided_by_outcome[kind], attempt, day)

    def apply(
        self, rule: Rule, *, comment: str, attempt: int, by_analogy: bool = False
    ) -> Decision:
        """Return what `rule` leads to at this attempt."""
        final = attempt >= rule.result.after_attempt
        return Decision(
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

    def _leave(self, entry: Undecided, attempt: int, day: dt.date) -> Decision:
        return Decision(
            status=None,
            incorrect_contact=None,
            rule_id=None,
            by_analogy=False,
            attempt=attempt,
            after_attempt=None,
            final=False,
            next=entry.next,
            comment=None if entry.comment is None else self.comment_line(entry.comment, day),
        )

    def comment_line(self, text: str, day: dt.date) -> str:
        """Return a comment line: the date, a space, the text."""
        return f"{day.strftime(self._comment_date)} {text}"


def load_regulation(path: Path | None = None) -> Regulation:
    """Read and check a rule table.

    Parameters
    ----------
    path : Path or None
        None: the shipped ``data/regulation.toml``.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "regulation.toml")
    try:
        content = msgspec.convert(file.values, _File)
    except msgspec.ValidationError as problem:
        raise DataFileError(_place_problem(problem, file)) from problem
    _check_rules(file, content.rule)
    _check_outcomes(file, content)
    _check_comments(file, content)
    return Regulation(file.path, content)


def _place_problem(problem: msgspec.ValidationError, file: TomlFile) -> str:
    """Turn «... - at `$.rule[3].result.status`» into file, line and message."""
    message, _, where = str(problem).partition(" - at `$.")
    parts = where.rstrip("`").split(".")
    table, _, index = parts[0].partition("[")
    key = parts[1].partition("[")[0] if len(parts) > 1 else None
    place = file.place(table or None, int(index.rstrip("]") or 0), key)
    return f"{place}: {message}"


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
            unknown = found - _COMMENT_FIELDS
            if unknown:
                raise DataFileError(
                    f"{place}: expected only {{{'}, {'.join(sorted(_COMMENT_FIELDS))}}} in a "
                    f"comment, found {{{', '.join(sorted(unknown))}}}"
                )
            if comment is not None and ("\n" in comment or not comment.strip()):
                raise DataFileError(f"{place}: expected one line of text, found {comment!r}")
