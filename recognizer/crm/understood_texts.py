"""What a text beside an empty or wrong number may say for the card to be marked without a call.

A list of the words that say where a number is can never be whole. So it is turned round: only a
text that is understood to the last word leaves the mark, anything else is a person's to read.
Words come from ``data/understood_texts.toml``.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.crm.number_hints import ADDRESS, E_MAIL, phrase_pattern, points_elsewhere
from recognizer.crm.numbers_beside import without_others
from recognizer.crm.plain_cells import load_spellings, plain_signs, says_absent

__all__ = [
    "is_code_understood",
    "is_make_understood",
    "is_name_understood",
    "is_result_understood",
    "is_text_understood",
    "is_understood_column",
    "names_nobody",
    "names_place",
    "tells_of_calls",
]


class _Understood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: tuple[str, ...]
    sentences: tuple[str, ...]
    results: tuple[str, ...]
    nobody: tuple[str, ...]
    no_name: tuple[str, ...]
    makes: tuple[str, ...]
    bodies: tuple[str, ...]
    forms: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[str, ...]
    calls: tuple[str, ...]


@cache
def _lists() -> _Understood:
    content = read_toml(data_folder(".") / "understood_texts.toml")
    return convert_toml(content, _Understood)


def _folded(text: str) -> str:
    return " ".join(plain_signs(text).casefold().replace("ё", "е").split())


# --- comments, results, notes ------------------------------------------------------------------

# «60 000», «123 456,00», «20 %», «0000012345»: behind a word, or before its unit; others may be a
# telephone's, its end or its extension.
_AMOUNT = r"(?:0\d{5,11}|\d{1,3}(?: \d{3}){1,2}|\d{1,6})(?:[.,]\d{1,2})?(?: ?%)?"
_UNIT = r"(?:км|тыс|т\.?р|руб|рублей|р|шт|л|г|год|года|раза?|w-?\d\d)"
_COUNTED = re.compile(
    rf"(?<![\w.,-]){_AMOUNT} ?{_UNIT}(?![^\W_])"
    rf"|(?<=[^\W\d_])[ .:№-]{{0,3}}{_AMOUNT}(?: ?{_UNIT})?(?![\w-])(?! \d)(?: от(?= ?;))?"
)
# «ЗН-00012345», «договор КП-17», «№ 0000012345 от …»
_PAPER = re.compile(
    r"(?:(?<![^\W_])(?:номер\w* )?(?:заказ\w*|заказ-наряд\w*|наряд\w*|з/н|зн|договор\w*|дкп"
    r"|счет\w*|счет-фактура|акт|накладная|упд|кп)|№|no)"
    r"(?:[\s:.№-]|no)*(?:[a-zа-я]{1,4}-)?\d[\d/-]*(?![^\W_])(?: от(?= ?[;\d]))?"
)


# A question, a link, a name in a messenger; a time alone: when to call, for all one knows.
_DOUBT = re.compile(r"[?@]|!!|://|www\.|^\s*\d\d?:\d\d(?::\d\d)?\s*$")


@lru_cache(maxsize=4096)  # one card is looked at several times
def is_text_understood(text: str) -> bool:
    """Tell whether a text is understood to the last word, and none is about a number elsewhere."""
    if _says_none(text):
        return True
    if _DOUBT.search(E_MAIL.sub("", text)) or points_elsewhere(text):
        return False
    folded = _folded(_without_tags(ADDRESS.sub(" ; ", text)))
    plain = _PAPER.sub(" ; ", _folded(without_others(folded)))
    plain = _words().sub(" ", _COUNTED.sub(" ", _sentences().sub(" ; ", plain)))
    return re.search(r"[^\W_]|[*#+=<>~^&{}]", plain) is None and any(
        map(str.isalnum, _without_tags(text))
    )


def _says_none(text: str) -> bool:
    """Tell whether a text is empty, a dash, or known words for «none»; «—//—» is as above."""
    plain = plain_signs(text).strip()
    return plain in {"", "-", "--", ".", "_"} or (says_absent(text) and any(map(str.isalpha, text)))


_TAG = re.compile(r"</?[A-Za-z][^<>]{0,40}>")


def _without_tags(text: str) -> str:
    return _TAG.sub(" ", text).replace("&amp;", " ")


@cache
def _sentences() -> re.Pattern[str]:
    several = tuple(words for words in load_spellings().absent if " " in words)
    return phrase_pattern(_lists().sentences + several)


@cache
def _words() -> re.Pattern[str]:
    return phrase_pattern(_lists().words)


# --- names -------------------------------------------------------------------------------------

_NAME_WORD = (
    r"(?:[A-ZА-ЯЁ][a-zа-яё]+(?:['’-][A-ZА-ЯЁ]?[a-zа-яё]+)*"
    r"|[OО]['’][A-ZА-ЯЁ][a-zа-яё]+|(?=\w*[АЕЁИОУЫЭЮЯAEIOUY])[A-ZА-ЯЁ]{2,}(?:['’-][A-ZА-ЯЁ]+)*)"
)
_INITIALS = r"(?:[A-ZА-ЯЁ]\.? ?){1,2}"
_NAME = re.compile(
    rf"(?:{_NAME_WORD}|{_INITIALS})(?: (?:{_NAME_WORD}|{_INITIALS}|оглы|кызы)){{0,4}}"
)
# «доб. 305», «(4872)», «8-905»: no part of an organisation's name; «№ 1534», «Кафе 33» are.
_DIGITS_OF_OTHERS = re.compile(
    r"\(\d|\d-\d|(?<!no )(?<!№ )(?<!№)(?<![\w-])\d{3,}(?![\w-])|\d{5}|(?:доб|вн|внутр|тел|моб)\b"
)
_PATRONYMIC = re.compile(r"(?:[а-яё-]{2,} ){1,2}[а-яё]+(?:вич|ична|вна)")
_FIRM_WORD = r"[«\"“„(']*[\w.-]+[»\"”),']*"
_FIRM = re.compile(rf"{_FIRM_WORD}(?: (?:{_FIRM_WORD}|[-&+№])){{1,7}}")
_TOWN = re.compile(r"(?<![^\W_])(?:г|гор|город|обл|ул)\b\.? ?\w")  # it tells a short number's code
_VERB = re.compile(r"(?:ть|ться|йте|ите|ться|ется|ются|ится|ятся|аем|яем|уем)\b")
_SHORTEST_CAPITALS = 3
_JOINING = frozenset(
    "в во на у о об от до из за к ко с со по при под над для через без или и а но не то же".split()
)


@lru_cache(maxsize=4096)
def is_name_understood(text: str) -> bool:
    """Tell whether a field of a name holds nothing but one: a person's or an organisation's."""
    plain = " ".join(plain_signs(text).replace("\n", " ").split())
    folded = _folded(plain)
    if _says_none(text) or names_nobody(text):
        return True
    if points_elsewhere(plain) or _no_name().search(folded) or _TOWN.search(folded):
        return False
    words = re.findall(r"[^\W_]+", folded)
    is_firm = not _forms().isdisjoint(words) and _FIRM.fullmatch(plain) is not None
    if is_firm:
        return _DIGITS_OF_OTHERS.search(folded) is None
    if not _JOINING.isdisjoint(word for word in words if len(word) > 1) or _VERB.search(folded):
        return False
    if len(plain) < _SHORTEST_CAPITALS and plain.isupper() and len(plain) > 1:
        return False  # «ОК», «ЧС»
    return bool(
        _NAME.fullmatch(plain.rstrip(" .") if plain.endswith(" .") else plain)
        or _PATRONYMIC.fullmatch(plain)
    )


@cache
def _forms() -> frozenset[str]:
    return frozenset(_lists().forms)


def names_nobody(text: str) -> bool:
    """Tell whether a field of a name says «client» or «a person» in place of one."""
    return _folded(text) in _nobody()


@cache
def _nobody() -> frozenset[str]:
    return frozenset(map(_folded, _lists().nobody))


@cache
def _no_name() -> re.Pattern[str]:
    return phrase_pattern(_lists().no_name)


# --- cars and codes ----------------------------------------------------------------------------

_SAID_OF_CAR = re.compile(r"\+\d|(?<![^\W_])[а-яё]{3,}")  # «Kia знает Петров»
_MODEL = re.compile(r"[\w.,/()+\"«»&-]+(?: [\w.,/()+\"«»&-]+){0,6}")
# «КП-17», «А 123 ВС 77»: capitals, as no sentence is written; «xw8zzz61zjg012345».
_CODE = re.compile(
    r"(?=.*\d)[A-ZА-ЯЁ\d./№-]{1,20}|(?=.*\d)[^\W_]{17}"
    r"|[^\W\d_] ?\d{3} ?[^\W\d_]{2} ?\d{2,3}"
)


def is_make_understood(text: str) -> bool:
    """Tell whether a field of a car names one: a make that is known, and a model."""
    if is_text_understood(text):
        return True
    folded = _folded(text)
    first, *model = folded.split()
    words = re.findall(r"[^\W\d_]+", " ".join(model))
    return (
        first.strip('«»"(),') in _makes()
        and not _SAID_OF_CAR.search(_bodies().sub(" ", " ".join(plain_signs(text).split()[1:])))
        and _MODEL.fullmatch(folded) is not None
        and _JOINING.isdisjoint(words)
        and not points_elsewhere(text)
        and not _no_name().search(" ".join(model))
    )


@cache
def _bodies() -> re.Pattern[str]:
    return phrase_pattern(_lists().bodies)


@cache
def _makes() -> frozenset[str]:
    return frozenset(map(_folded, _lists().makes))


def is_code_understood(text: str) -> bool:
    """Tell whether a VIN, a plate or a paper's number is one: a code, or known words."""
    plain = " ".join(plain_signs(text).split())
    return is_text_understood(text) or (
        _CODE.fullmatch(plain) is not None and not points_elsewhere(plain)
    )


def is_result_understood(text: str) -> bool:
    """Tell whether a field of results says what became of a call, in known words."""
    return _folded(text) in _results() or is_text_understood(text)


@cache
def _results() -> frozenset[str]:
    return frozenset(map(_folded, _lists().results))


# --- columns of nobody -------------------------------------------------------------------------


def is_understood_column(heading: str) -> bool:
    """Tell whether a column that is no field of ours is known to say nothing of a number."""
    return _columns().match(_folded(heading)) is not None


def tells_of_calls(heading: str) -> bool:
    """Tell whether a column says when or how often somebody was called: there was a number."""
    return _calls().search(_folded(heading)) is not None


def names_place(heading: str) -> bool:
    """Tell whether a column names towns or addresses: they tell a short number's area."""
    return _places().match(_folded(heading)) is not None


@cache
def _columns() -> re.Pattern[str]:
    return phrase_pattern(_lists().columns)


@cache
def _calls() -> re.Pattern[str]:
    return phrase_pattern(_lists().calls)


@cache
def _places() -> re.Pattern[str]:
    return phrase_pattern(_lists().places)
