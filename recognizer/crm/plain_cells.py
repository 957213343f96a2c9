"""What a cell says plainly: that there is no number, or a number that is wrong.

Only these two lead to a mark, so both are told by what is allowed in them: a cell that holds
anything else is doubtful, and a person is asked. Words come from ``data/phone_spellings.toml``.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.crm.numbering_plan import (
    NumberProblem,
    is_number_abroad,
    may_be_abroad,
    whole_number,
)

__all__ = [
    "Spellings",
    "load_spellings",
    "names_card",
    "plain_signs",
    "problem_of",
    "says_absent",
    "says_nothing",
]


class Spellings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words beside numbers (``data/phone_spellings.toml``)."""

    absent: tuple[str, ...]
    as_above: tuple[str, ...]
    extension: tuple[str, ...]
    spreadsheet_errors: tuple[str, ...]
    identifiers: tuple[str, ...]
    no_ref: tuple[str, ...]
    elsewhere: tuple[str, ...]
    not_elsewhere: tuple[str, ...]
    area_code: tuple[str, ...]
    states: dict[str, tuple[str, ...]]


@cache
def load_spellings() -> Spellings:
    """Return the shipped words."""
    return convert_toml(read_toml(data_folder(".") / "phone_spellings.toml"), Spellings)


# --- no number -------------------------------------------------------------------------------

# «+7 (___) ___-__-__», «8», «( )», «-», «000-00-00»: a form nobody filled in.
_EMPTY_MASK = re.compile(r"(?:\+?[78]|007)?[\s()_-]*|[0\s()-]+(?:[.,]0+)?")
# What may enclose a word, or end it: «(нет)», «<не указан>», «Нет.»
_WRAPPED = re.compile(r"[(<\[«]\s*(.+?)\s*[)>\]»]|(.+?)[.!]?", re.DOTALL)


def says_absent(text: str) -> bool:
    """Tell whether a cell is empty, an empty mask, or says in known words that there is none."""
    plain = plain_signs(text).strip()
    if _EMPTY_MASK.fullmatch(plain):
        return True
    return _bare_words(plain) in _absent()


def says_nothing(text: str) -> bool:
    """Tell whether a cell has no letter or digit, or words for «none» or «as above» alone.

    Such a cell names nothing: `—//—`, `?`, «б/н», «см. выше».
    """
    if not any(char.isalnum() for char in text):
        return True
    return _bare_words(plain_signs(text).strip()) in _absent() | _as_above()


def names_card(ref: str) -> bool:
    """Tell whether a card's number tells one card from another: «0», «новая», «б/н» do not."""
    plain = plain_signs(ref).strip()
    if says_nothing(ref) or _bare_words(plain) in _no_ref():
        return False
    if any(unicodedata.digit(char, 0) > 0 for char in ref):
        return True
    bare = re.sub(r"^(?:№|no)\.?\s*", "", plain, flags=re.IGNORECASE)
    has_letter = any(char.isalpha() for char in bare)
    return has_letter and re.search(r"[^\W\d_]{3}", bare) is None  # «I-0», «А», not «новая»


@cache
def _no_ref() -> frozenset[str]:
    return frozenset(map(_fold, load_spellings().no_ref))


def _bare_words(plain: str) -> str:
    """Return the words of a cell without what wraps or ends them."""
    wrapped = _WRAPPED.fullmatch(plain)
    return "" if wrapped is None else _fold(wrapped[1] or wrapped[2])


@cache
def _as_above() -> frozenset[str]:
    return frozenset(map(_fold, load_spellings().as_above))


@cache
def _absent() -> frozenset[str]:
    return frozenset(map(_fold, load_spellings().absent))


def _fold(words: str) -> str:
    return " ".join(words.casefold().replace("ё", "е").split())


def plain_signs(text: str) -> str:
    """Return `text` without what cannot be seen, with one kind of space and dash."""
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if category == "Pd" or char == "\u2212":
            kept.append("-")
        elif category == "Zs":
            kept.append(" ")
        elif category != "Cf":
            kept.append(char)
    return "".join(kept)


# --- a wrong number --------------------------------------------------------------------------

_PLAIN_NUMBER = re.compile(
    r"\(?\+?\(?[0-9]+(?:(?: ?- ?| ?\(| ?\) ?-? ?| |-\(|)[0-9]+)*\)?", re.ASCII
)
_MIN_DIGITS = 7
_DATE = re.compile(
    r"(?:\d{1,2}[ -]?\d{1,2}[ -]?(?:19|20)\d\d"
    r"|\d{4}-\d\d-\d\d|(?:19|20)\d\d[ -]?(?:0\d|1[0-2])[ -]?[0-3]\d)(?:[ -]?\d\d){0,3}"
)


def problem_of(text: str) -> NumberProblem:
    """Return why no reading of a cell is a valid number; `DOUBTFUL` unless it is plainly wrong."""
    plain = plain_signs(text).strip()
    digits = re.sub(r"\D", "", plain)
    if not _PLAIN_NUMBER.fullmatch(plain) or _is_doubtful(plain, digits):
        return NumberProblem.DOUBTFUL
    if len(digits) > 11 and not (len(digits) == 12 and plain.startswith("+")):
        return NumberProblem.TOO_LONG
    if plain.startswith("+") and digits[0] not in "78":
        return NumberProblem.WRONG_PREFIX
    national = digits[1:] if digits[0] in "78" and len(digits) != 10 else digits
    if len(national) > 10:
        return NumberProblem.TOO_LONG
    # Ten digits with the trunk 8 among them are nine: no area begins with 89.
    is_trunk = len(digits) == 10 and digits.startswith(("89", "79"))
    return NumberProblem.TOO_SHORT if len(national) < 10 or is_trunk else NumberProblem.WRONG_PREFIX


def _is_doubtful(plain: str, digits: str) -> bool:
    """Tell whether digits and separators alone may be a number, or something else, after all."""
    if len(set(digits)) == 1 or digits in "12345678901234567890":
        return len(digits) < _MIN_DIGITS  # what people type to fill a field
    is_of_another_length = not _MIN_DIGITS <= len(digits) <= 12
    is_unbalanced = plain.count("(") != plain.count(")")
    return bool(
        is_of_another_length
        or is_unbalanced
        or _DATE.fullmatch(plain)
        or _is_abroad(plain, digits)
        or _is_turned_round(plain)
        or (digits.startswith("0") and whole_number(digits.lstrip("0"), plain, plus=False))
    )


def _is_abroad(plain: str, digits: str) -> bool:
    """Tell whether digits may be a number of another country, or one of times past."""
    is_trunk_alone = re.match(r"8\D", plain) is not None  # «8 126 …»: no code of a country
    if is_number_abroad(digits) and not (is_trunk_alone and digits[1] != "0"):
        return True
    has_code = plain.startswith("+") or (len(digits) > 10 and digits[0] not in "78")
    if has_code and may_be_abroad(digits):
        return True
    if re.match(r"8(?:37[345]|380|99[2-8])", digits) and is_number_abroad(digits[1:]):
        return True  # our trunk 8 before a number of a neighbour
    # A trunk 0, as neighbours and the Moscow of old (8 095) have it; Kazakhstan opens new areas.
    return re.fullmatch(r"8?0[1-9]\d{7,9}|[78]7\d{9}", digits) is not None


def _is_turned_round(plain: str) -> bool:
    """Tell whether the area code stands behind the number: «123-45-67 (916)»."""
    *local, code = re.findall(r"\d+", plain)
    first = "".join(local)
    first = first[1:] if len(first) + len(code) == 11 and first.startswith(("7", "8")) else first
    is_code = 3 <= len(code) <= 5 and len(first) + len(code) == 10
    return plain.endswith(")") or (
        is_code and whole_number(code + first, plain, plus=False) is not None
    )
