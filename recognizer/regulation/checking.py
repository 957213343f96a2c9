"""What a rule table must fulfil: every outcome decided once, every comment's parts known."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome
from recognizer.regulation.rule_table import (
    CALL_STATUS,
    COMMENT_FIELDS,
    CONDITIONS,
    Rule,
    RuleSource,
    RuleTable,
)

__all__ = ["check_rule_table"]


def check_rule_table(file: TomlFile, content: RuleTable) -> None:
    """Check a whole table.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    _check_heading(file, content)
    _check_rules(file, content.rule)
    _check_stated(file, content)
    _check_outcomes(file, content)
    _check_comments(file, content)


def _check_heading(file: TomlFile, content: RuleTable) -> None:
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


def _check_stated(file: TomlFile, content: RuleTable) -> None:
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


def _check_outcomes(file: TomlFile, content: RuleTable) -> None:
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


def _check_comments(file: TomlFile, content: RuleTable) -> None:
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
            unknown = found - COMMENT_FIELDS.keys()
            if unknown:
                raise DataFileError(
                    f"{place}: expected only {{{'}, {'.join(sorted(COMMENT_FIELDS))}}} in a "
                    f"comment, found {{{', '.join(sorted(unknown))}}}"
                )
            if comment is not None and ("\n" in comment or not comment.strip()):
                raise DataFileError(f"{place}: expected one line of text, found {comment!r}")
