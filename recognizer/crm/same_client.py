"""Whether two records of one card's number are of one client and one car.

A number that is given anew, or a shifted column, would hand one client's decisions to another.
"""

from __future__ import annotations

from collections.abc import Collection

from recognizer.crm.contacts import ContactCard
from recognizer.crm.office import fold_name
from recognizer.crm.plain_cells import says_nothing
from recognizer.crm.understood_texts import names_nobody
from recognizer.phrases.normalization import LOOK_ALIKE

__all__ = ["IDENTITY", "contradictions"]


def _is_one_name(one: str, other: str) -> bool:
    """Tell whether two names may be one's: «Иванов И. И.» and «Иванов Иван», in any order."""
    shorter, longer = sorted((fold_name(one).split(), fold_name(other).split()), key=len)
    return all(any(_is_one_word(word, there) for there in longer) for word in shorter)


def _is_one_word(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return longer.startswith(shorter) if len(shorter) == 1 else one == other


def _is_one_code(one: str, other: str) -> bool:
    """Tell whether two VINs or plates may be one's, one of them written in part."""
    codes = ("".join(filter(str.isalnum, text.casefold())) for text in (one, other))
    shorter, longer = sorted((code.translate(LOOK_ALIKE) for code in codes), key=len)
    return longer.startswith(shorter) or longer.endswith(shorter)


_AGREE = {"owner": _is_one_name, "vin": _is_one_code, "plate": _is_one_code}

IDENTITY = tuple(_AGREE)
"""Fields that tell one client or car from another."""


def _names_none(text: str) -> bool:
    return says_nothing(text) or names_nobody(text)


def contradictions(
    one: ContactCard, other: ContactCard, fields: Collection[str] = IDENTITY
) -> tuple[str, ...]:
    """Return which of `IDENTITY` both cards name, and name differently."""
    found = []
    for name in IDENTITY:
        values = getattr(one, name), getattr(other, name)
        is_said = name in fields and not any(map(_names_none, values))
        if is_said and not _AGREE[name](*values):
            found.append(name)
    return tuple(found)
