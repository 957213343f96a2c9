"""What takes an outcome away: the vetoes of data/vetoes.toml.

What a veto looks at is code, in the stage that can see it; that code asks for the veto by its id
(`raised`). What it applies to, what it does and what it says to people stands in the file, with the
evidence for it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.model import CallOutcome, Veto, VetoEffect
from recognizer.recognition.precedence import CARRIERS, is_mark

__all__ = ["AppliesTo", "VetoRule", "applies", "limit_of", "may_be_misheard", "raised"]

_VETOES_FILE = "vetoes.toml"
_DETAILS = {"words", "start_s", "end_s", "kind", "length_s"}


class AppliesTo(enum.StrEnum):
    """Which outcomes a veto can take away."""

    MARK = "mark"
    CARRIER = "carrier"
    ANY = "any"


class VetoRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One veto of the file.

    Attributes
    ----------
    id : str
    applies_to : AppliesTo
    effect : VetoEffect
    reason, reason_ru : str
        Templates; see `raised`.
    evidence : str
        Why it is there.
    heard_again : bool
        The recogniser may have misheard; played slower the sound may say otherwise.
    limit : int or None
        From so many on, where something is counted.
    """

    id: str
    applies_to: AppliesTo
    effect: VetoEffect
    reason: str
    reason_ru: str
    evidence: str
    heard_again: bool = False
    limit: int | None = None


class _VetoFile(msgspec.Struct, forbid_unknown_fields=True):
    veto: list[VetoRule]


@lru_cache(maxsize=1)
def _rules() -> Mapping[str, VetoRule]:
    return load_vetoes()


def load_vetoes(path: Path | None = None) -> Mapping[str, VetoRule]:
    """Return the vetoes of a file by id.

    Raises
    ------
    DataFileError
        Naming file and line: an id used twice, an empty text, a detail that no veto has.
    """
    file = read_toml(path or data_folder(".") / _VETOES_FILE)
    rules: dict[str, VetoRule] = {}
    for number, rule in enumerate(convert_toml(file, _VetoFile).veto):
        place = file.place("veto", number)
        if rule.id in rules:
            raise DataFileError(f"{place}: veto '{rule.id}' is already defined")
        for name in ("reason", "reason_ru", "evidence"):
            if not getattr(rule, name).strip():
                raise DataFileError(f"{place}: expected a text in '{name}', found none")
        for template in (rule.reason, rule.reason_ru):
            fields = {field for _, field, _, _ in Formatter().parse(template) if field is not None}
            if unknown := fields - _DETAILS:
                raise DataFileError(
                    f"{place}: expected details of {', '.join(sorted(_DETAILS))}, found "
                    f"{', '.join(sorted(unknown))}"
                )
        rules[rule.id] = rule
    return rules


def raised(veto_id: str, **details: Any) -> Veto:
    """Return a veto that holds, with what was found written into its reasons.

    Parameters
    ----------
    veto_id : str
    details
        What its texts name: `words`, `start_s`, `end_s`, `length_s` (seconds), `kind`.
    """
    rule = _rules()[veto_id]
    return Veto(
        rule.id, rule.effect, rule.reason.format(**details), rule.reason_ru.format(**details)
    )


def applies(veto: Veto, outcome: CallOutcome) -> bool:
    """Return whether a veto can take this outcome away."""
    match _rules()[veto.id].applies_to:
        case AppliesTo.MARK:
            return is_mark(outcome)
        case AppliesTo.CARRIER:
            return outcome in CARRIERS
        case AppliesTo.ANY:
            return True


def may_be_misheard(veto: Veto) -> bool:
    """Return whether what a veto speaks against may only have been misheard."""
    return _rules()[veto.id].heard_again


def limit_of(veto_id: str) -> int:
    """Return from how many on a veto holds."""
    limit = _rules()[veto_id].limit
    assert limit is not None, f"veto {veto_id} counts nothing"
    return limit
