"""The rules as ``data/regulation.toml`` (or an office's copy of it) states them."""

from __future__ import annotations

import enum
from typing import Literal

import msgspec

from recognizer.model import CallOutcome, NextStep

__all__ = [
    "CALL_STATUS",
    "COMMENT_FIELDS",
    "CONDITIONS",
    "Analogy",
    "Condition",
    "Heading",
    "Rule",
    "RuleResult",
    "RuleSource",
    "RuleTable",
    "Stated",
    "Undecided",
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

COMMENT_FIELDS = {
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


class Heading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for all rules: the mark's name, how a comment line is dated and corrected."""

    version: str
    mark: str
    comment_date: str
    correction: str
    withdrawn: str


class RuleTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file, not yet checked beyond its types."""

    regulation: Heading
    conditions: dict[Condition, str]
    rule: tuple[Rule, ...]
    analogy: tuple[Analogy, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    stated: tuple[Stated, ...] = ()
