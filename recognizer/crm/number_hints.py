"""What other fields say of a number that is not in its own: where it is, or what it lacks.

Beside a card without a number «номер у менеджера» says that there is one; beside seven digits
«код 905» says which three are to stand before them. Neither is «no number» or «a wrong one».
Words come from ``data/phone_spellings.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from recognizer.crm.numbering_plan import home_number
from recognizer.crm.numbers_beside import without_others
from recognizer.crm.plain_cells import load_spellings, plain_signs

__all__ = ["ADDRESS", "E_MAIL", "may_complete", "phrase_pattern", "points_elsewhere"]

E_MAIL = re.compile(r"(?:mailto:)?[\w.+-]+@[\w.-]+")
ADDRESS = re.compile(rf"{E_MAIL.pattern}|(?:https?://|www\.)\S+")
_N_NATIONAL = 10  # digits of a Russian number behind +7
_PART = re.compile(r"\d+")
_SIGNS = re.compile(r"[\d\s()+-]*")


@lru_cache(maxsize=4096)  # one card is looked at several times
def points_elsewhere(text: str) -> bool:
    """Tell whether a text says where a number is, that it is to come, or that it is kept back.

    E-mail and web addresses do not count, nor the numbers of cars and papers.
    """
    folded = ADDRESS.sub(" ; ", plain_signs(text).casefold().replace("ё", "е"))
    others = phrase_pattern(load_spellings().not_elsewhere + _absent_sentences())
    return phrase_pattern(load_spellings().elsewhere).search(others.sub(" ; ", folded)) is not None


def may_complete(phone: str, text: str) -> bool:
    """Tell whether a text may hold what a short number lacks: its area's code, or its end.

    Parameters
    ----------
    phone : str
        A field whose number is wrong; nothing completes what is too long.
    text : str
        Another field of the card.
    """
    bare = re.sub(r"\D", "", phone)
    locals_ = {bare, bare[1:] if bare.startswith(("7", "8")) else bare} - {""}
    if not locals_ or min(map(len, locals_)) >= _N_NATIONAL:
        return False
    folded = plain_signs(text).casefold().replace("ё", "е")
    if phrase_pattern(load_spellings().area_code).search(folded):
        return True
    return any(
        home_number(whole, whole) is not None
        for part in _parts(text)
        for local in locals_
        for whole in (part + local, local + part)
        if len(whole) == _N_NATIONAL
    )


def _parts(text: str) -> Iterator[str]:
    """Yield a text's runs of digits, with and without a trunk prefix, and all of a bare one."""
    plain = without_others(text)
    whole = [re.sub(r"\D", "", plain)] if _SIGNS.fullmatch(plain) else []
    for part in [*_PART.findall(plain), *whole]:
        yield part
        if part.startswith(("7", "8")):
            yield part[1:]


def _absent_sentences() -> tuple[str, ...]:
    """Return what says «no number» in several words; «нет» alone may be said of anything."""
    return tuple(words for words in load_spellings().absent if " " in words)


@cache
def phrase_pattern(phrases: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of these phrases as whole words, the longest first."""
    alike = "|".join(map(_expression, sorted(phrases, key=len, reverse=True)))
    return re.compile(rf"(?<![^\W_])(?:{alike})(?![^\W_])")


def _expression(phrase: str) -> str:
    words = phrase.casefold().replace("ё", "е").split()
    return r"[\s.,:()-]+".join(re.escape(word).replace(r"\*", r"[^\W_]*") for word in words)
