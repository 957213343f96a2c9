"""Numbers that stand where no number is expected: in comments, a make, a column of nobody.

Where a card's own field is empty or wrong, digits elsewhere that may be a number keep it from a
mark. Days, times, VINs, plates and tax numbers are none.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection
from functools import cache, lru_cache

from recognizer.crm.numbering_plan import NumberState, home_number
from recognizer.crm.numbers import number_state, read_numbers
from recognizer.crm.plain_cells import load_spellings, plain_signs

__all__ = ["is_nothing_but", "may_hold_number", "without_others"]

_DATE = re.compile(
    r"(?<![\d./-])(?<!\d )(?:[0-3]?\d[./][01]?\d(?:[./](?:\d{4}|\d\d))?"
    r"|\d\d?-\d\d-\d{4}|\d{4}-\d\d-\d\d)(?![./-]?\d)"
    r"|(?<!\d)\d\d?:\d\d(?::\d\d)?(?!\d)"
)
_VIN = re.compile(r"(?<![^\W_])(?=[^\W_]*[^\W\d_])[^\W_]{17}(?![^\W_])")
_PLATE = re.compile(r"(?<![^\W_])[^\W\d_] ?\d{3} ?[^\W\d_]{2} ?\d{2,3}(?!\d)")
# Whatever parts digits: a spreadsheet's groups are «89'057'708'945».
_CLUSTER = re.compile(r"""\+? ?\(?\d(?:[\s().\-/_+,=*'"`´‘’~|^:\\]{0,4}\d)*""")
# «730-44-99», «730-4499»
_LOCAL = re.compile(r"(?<!\d)\d{3}[ .-](?:\d\d[ .-]\d\d|\d{4})(?!\d)")
# Letters that look like digits, and signs that hide them, amid the digits of a number.
_ALIKE = re.compile(r"[+(]?\d(?:[\s().-]{0,3}[\dOoОоЗзIlІіБбВBSТTЧчZzQDgq|!])*")
_HIDING = re.compile(r"[+(]?\d(?:[\s().-]{0,3}[\d*?×●■□░▒█∗·∙•~%#\ufffdXxХх…_])*")

# «******45», «+7 9** *** ** **»: little of it is shown.
_MOSTLY_HIDDEN = re.compile(
    r"[*●•∗×■█]{4,}[\s()-]*\d{2,4}(?!\d)|(?<!\d)\+?[78][\s(-]*9?\d{0,2}[*●•∗×■█]{2,}[\s()-]*[*●•∗×■█]{2}"
)

# «Восемь девятьсот пять семьсот …»: five numerals in a row; «тысяч» and «рублей» part them.
_NUMERAL = (
    r"(?:ноль|нуль|од(?:ин|на)|дв[ае]|три(?:ста|дцать)?|четыре(?:ста)?|пять(?:сот|десят)?"
    r"|шесть(?:сот|десят)?|(?:во)?семь(?:сот|десят)?|девять(?:сот)?|десять|сорок|сто"
    r"|двести|двадцать|девяносто"
    r"|(?:один|две|три|четыр|пят|шест|сем|восем|девят)надцать)"
)
_IN_WORDS = re.compile(rf"\b{_NUMERAL}(?:[\s,.-]{{1,3}}{_NUMERAL}){{4,}}\b", re.IGNORECASE)


@lru_cache(maxsize=4096)  # one card is looked at several times
def may_hold_number(
    text: str, *, is_code: bool = False, known: frozenset[str] = frozenset()
) -> bool:
    """Tell whether a text may hold a telephone number.

    Parameters
    ----------
    text : str
    is_code : bool
        It is made of digits by its nature (a card's number, a VIN): only what can hardly be
        anything but a number counts.
    known : frozenset of str
        Numbers (E.164) that do not count.
    """
    if not is_code and _IN_WORDS.search(text):
        return True
    if not is_code and _MOSTLY_HIDDEN.search(text):
        return True
    if sum(char.isdigit() for char in text) < 4:
        return False
    plain = without_others(text)
    if any(
        _is_number(found[0], is_code=is_code, known=known) for found in _CLUSTER.finditer(plain)
    ):
        return True
    if is_code and len(re.findall(r"\d", plain)) < 7:
        return False
    return any(
        _is_disguised(found[0]) for form in (_ALIKE, _HIDING) for found in form.finditer(plain)
    )


def is_nothing_but(text: str, numbers: Collection[str]) -> bool:
    """Tell whether a field holds these numbers (E.164), with extensions, and nothing beside."""
    read = read_numbers(text)
    if not read:
        return True
    digits = "".join(str(unicodedata.digit(c)) for c in text if unicodedata.category(c) == "Nd")
    for number in read:
        if number.e164 is None or number.e164 not in numbers:
            return False
        digits = digits.replace(number.e164[2:], "").replace(number.extension or "-", "")
    has_words = any(number.extension is None for number in read) and re.search(r"[^\W\d_]", text)
    return len(digits) <= len(read) and not has_words and not re.search(r"[?*×●•…�]", text)


def without_others(text: str) -> str:
    """Return a text with plain spaces and dashes, without days, VINs and the like."""
    folded = unicodedata.normalize("NFKC", _as_shown(text).replace("…", "***"))
    plain = plain_signs(folded)
    plain = _identifiers().sub(_unless_number, plain)
    for other in (_VIN, _PLATE, _DATE):
        plain = other.sub(" ; ", plain)
    return plain


def _unless_number(found: re.Match[str]) -> str:
    """Return what stands for an identifier; «VIN 8 926 …» in the wrong field is a number still."""
    digits = re.sub(r"\D", "", found[0])
    is_number = len(digits) == 11 and digits[0] in "78" and home_number(digits[1:], digits)
    return found[0] if is_number else " ; "


_TAG = re.compile(r"</?[A-Za-z][^<>]{0,200}>")
_PERCENT = re.compile(r"%(20|28|29|2[bB]|2[dD])")


def _as_shown(text: str) -> str:
    """Return a text as a page shows it: CRMs export tags, entities and parts of links.

    Marks around digits (8️⃣) and runs of spaces are taken away, too.
    """
    shown = _TAG.sub(" ", html.unescape(text))
    shown = _PERCENT.sub(lambda found: chr(int(found[1], 16)), shown)
    bare = "".join(char for char in shown if unicodedata.category(char) not in {"Mn", "Me"})
    return re.sub(r"[^\S\n]{2,}", " ", bare)


@cache
def _identifiers() -> re.Pattern[str]:
    names = "|".join(map(re.escape, load_spellings().identifiers))
    return re.compile(rf"(?<![^\W_])(?:{names})(?![^\W_])[\s:№=./-]*[\w-]*\d[\w-]*", re.IGNORECASE)


def _is_number(cluster: str, *, is_code: bool, known: Collection[str]) -> bool:
    digits = re.sub(r"\D", "", cluster)
    has_plus = cluster.startswith("+")
    if len(digits) < 10 and not has_plus:
        if len(digits) < 7:
            return False
        return not is_code and (_LOCAL.search(cluster) is not None or cluster.strip() == digits)
    if len(digits) < 7 or (is_code and not has_plus and not _begins_as_mobile(digits)):
        return False
    numbers = read_numbers(cluster)
    read = {number.e164 for number in numbers if number.e164}
    if read:
        return not read <= set(known)
    return not is_code and number_state(numbers) is NumberState.DOUBTFUL


def _begins_as_mobile(digits: str) -> bool:
    return (len(digits) == 11 and digits[0] in "78") or (len(digits) == 10 and digits[0] == "9")


def _is_disguised(found: str) -> bool:
    """Tell whether digits among look-alikes or signs are as many as a number has."""
    places = re.sub(r"[\s().+-]", "", found)
    n_digits = sum(char.isdigit() for char in places)
    return places[0] in "789" and 10 <= len(places) <= 13 and 4 <= n_digits < len(places)
