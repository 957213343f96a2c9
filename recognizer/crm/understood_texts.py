"""What a text beside an empty or wrong number may say for the card to be marked without a call.

A list of the words that say where a number is can never be whole. So it is turned round: only a
text that is understood to the last word leaves the mark, anything else is a person's to read.
Words come from ``data/understood_texts.toml``.
"""

from __future__ import annotations

import enum
import re
from functools import cache, lru_cache

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.crm.number_hints import ADDRESS, E_MAIL, phrase_pattern, points_elsewhere
from recognizer.crm.numbers_beside import without_others
from recognizer.crm.plain_cells import load_spellings, plain_signs, says_absent

__all__ = [
    "is_code_understood",
    "is_column_understood",
    "is_make_understood",
    "is_name_understood",
    "is_plate_understood",
    "is_result_understood",
    "is_text_understood",
    "is_vin_understood",
    "names_nobody",
    "names_place",
    "tells_of_calls",
]


class _Values(enum.StrEnum):
    """What the cells of a column of no field hold."""

    AMOUNTS = "amounts"
    PEOPLE = "people"
    CARS = "cars"
    NAMES = "names"
    WORKS = "works"


class _Understood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: tuple[str, ...]
    sentences: tuple[str, ...]
    results: tuple[str, ...]
    nobody: tuple[str, ...]
    given_names: tuple[str, ...]
    surname_endings: tuple[str, ...]
    ordinals: tuple[str, ...]
    firm_words: tuple[str, ...]
    no_name: tuple[str, ...]
    makes: tuple[str, ...]
    bodies: tuple[str, ...]
    forms: tuple[str, ...]
    owner_columns: tuple[str, ...]
    make_columns: tuple[str, ...]
    units: tuple[str, ...]
    parts_of_address: tuple[str, ...]
    colours: tuple[str, ...]
    columns: dict[_Values, tuple[str, ...]]
    places: tuple[str, ...]
    calls: tuple[str, ...]


@cache
def _lists() -> _Understood:
    content = read_toml(data_folder(".") / "understood_texts.toml")
    return convert_toml(content, _Understood)


def _one_line(text: str) -> str:
    return " ".join(plain_signs(text).split())


def _folded(text: str) -> str:
    return _one_line(text).casefold().replace("ё", "е")


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

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\S")
_INITIALS = re.compile(r"(?<![^\W_])[A-ZА-ЯЁ]\.? ?(?:[A-ZА-ЯЁ]\.)?(?![^\W_])")
_FATHERS = re.compile(r".+(?:вич|ична|вна|оглы|кызы)|оглы|кызы")
_QUOTED = re.compile(r"[«\"“„'].*[»\"”']")
# «доб. 305», «(4872)», «8-905»: no part of an organisation's name; «№ 1534», «Кафе 33» are.
_DIGITS_OF_OTHERS = re.compile(
    r"\(\d|\d-\d|(?<!no )(?<!№ )(?<!№)(?<![\w-])\d{3,}(?![\w-])|\d{5}|(?:доб|вн|внутр|тел|моб)\b"
)
_TOWN = re.compile(r"(?<![^\W_])(?:г|гор|город|обл|ул)\b\.? ?\w")  # it tells a short number's code
_MOST_WORDS = 5


@lru_cache(maxsize=4096)
def is_name_understood(text: str) -> bool:
    """Tell whether a field of a name holds nothing but one: a person's or an organisation's."""
    plain = _one_line(text)
    folded = _folded(plain)
    if _says_none(text) or names_nobody(text):
        return True
    if points_elsewhere(plain) or _no_name().search(folded) or _TOWN.search(folded):
        return False
    words = _WORD.findall(folded)
    if words[0] == "ип":
        return _is_person(plain[2:])
    if not _forms().isdisjoint(words):
        if not any(word.isalnum() and word not in _forms() for word in words):
            return False  # no name
        return _DIGITS_OF_OTHERS.search(folded) is None and _is_firm(plain)
    return _is_person(plain) or (words[0] == "клиент" and set(words[1:]) <= set(_lists().ordinals))


@cache
def _forms() -> frozenset[str]:
    return frozenset(_lists().forms)


def _is_person(name: str) -> bool:
    """Tell whether every word is a given name, a surname by its ending, a father's or an initial.

    Another surname is known beside a father's name, or two initials.
    """
    bare = _INITIALS.sub(" ", name)
    has_initials = bare != name
    words = _WORD.findall(_folded(bare))
    known = [word for word in words if _is_name_word(word)]
    n_unknown = len(words) - len(known)
    if not words:
        return len(name.strip(" .")) == 1  # «А»; «И.О.» stands for another
    if not all(re.fullmatch(r"[^\W\d_'’-]+(?:['’-][^\W\d_]+)*", word) for word in words):
        return False
    is_written_large = all(word[:1].isupper() for word in _WORD.findall(bare))
    if not is_written_large and not any(map(_FATHERS.fullmatch, words)):
        return False  # «потерян» ends as a surname does
    has_father = has_initials or any(map(_FATHERS.fullmatch, words))
    return len(words) <= _MOST_WORDS and (n_unknown == 0 or (n_unknown == 1 and has_father))


def _is_name_word(word: str) -> bool:
    names, endings = _lists().given_names, _lists().surname_endings
    parts = word.split("-")
    return all(
        part in names or (len(part) > _SHORTEST_SURNAME and part.endswith(endings))
        for part in parts
    ) or bool(_FATHERS.fullmatch(word))


_SHORTEST_SURNAME = 3
_NO_VALUE = frozenset("в во у из к ко по при через после код доб звонок".split())
_JOINING = frozenset(
    "в во на у о об от до из за к ко с со по при под над для через без или и а но не то же".split()
)


def _is_firm(plain: str) -> bool:
    """Tell whether what stands outside the quotes of an organisation's name is part of it."""
    outside = _QUOTED.sub(" ", plain)
    small = _forms() | set(_lists().firm_words)
    behind = re.split(r"[»\"”']", plain)[-1] if _QUOTED.search(plain) else ""
    if any(word.isalpha() and word not in small for word in _WORD.findall(_folded(behind))):
        return False  # «ООО "Ромашка" ЗОВИТЕ ЛЕНУ»: its name has ended
    return (
        all(
            word[:1].isupper() or word.casefold() in small or not word.isalpha()
            for word in re.findall(r"[^\W\d_]+|№", outside)
        )
        and re.search(r"[?*/=>]|(?<!\w)-(?!\w)", outside) is None
    )


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

_PLATE = re.compile(r"[^\W\d_]{1,2} ?\d{3,4} ?[^\W\d_]{0,2} ?\d{2,3}")
_VIN = re.compile(r"(?=.*\d)(?=.*[^\W\d_])[^\W_]{17}")


def is_make_understood(text: str) -> bool:
    """Tell whether a field of a car names one: a make that is known, and a model."""
    if is_text_understood(text):
        return True
    folded = _folded(text)
    first, *model = folded.split()
    words = re.findall(r"[^\W\d_]+", " ".join(model))
    return (
        first.strip('«»"(),') in _makes()
        and not _SAID_OF_CAR.search(_bodies().sub(" ", _one_line(text).partition(" ")[2]))
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


def is_plate_understood(text: str) -> bool:
    """Tell whether a plate is one, or known words; digits alone may be a telephone's."""
    return _PLATE.fullmatch(_one_line(text)) is not None or is_text_understood(text)


def is_vin_understood(text: str) -> bool:
    """Tell whether a field of a VIN holds one, or known words."""
    return _VIN.fullmatch(_one_line(text)) is not None or is_text_understood(text)


def is_code_understood(text: str) -> bool:
    """Tell whether a paper's number is one: a code, or known words."""
    plain = _one_line(text)
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


def is_column_understood(heading: str, cell: str) -> bool:
    """Tell whether a cell of a column that is no field of ours is known to say nothing of a number.

    Such a column names a value, no sentence: «по звонку», «код 12», «@petrov» are none.
    """
    heading = _folded(heading)
    if heading in _lists().owner_columns:
        return is_name_understood(cell)
    if heading in _lists().make_columns:
        return is_make_understood(cell)
    if is_text_understood(cell):
        return True
    kind = _values_of(heading)
    bare = E_MAIL.sub("", cell)
    if (
        kind is None
        or _DOUBT.search(bare)
        or not set(_WORD.findall(_folded(cell))).isdisjoint(_NO_VALUE)
    ):
        return False
    return not points_elsewhere(bare) and _is_of_kind(kind, cell, bare)


def _is_of_kind(kind: _Values, cell: str, bare: str) -> bool:
    """Tell whether a cell, `bare` without e-mail addresses, is a value of this kind."""
    if kind is _Values.WORKS:
        return False  # understood word by word, or not
    if kind is _Values.PEOPLE:
        is_surname = re.fullmatch(r"[A-ZА-ЯЁ][^\W\d_]{2,}", cell.strip()) is not None
        is_name = is_surname and not _no_name().search(_folded(cell))
        return is_name or is_name_understood(cell)
    if kind is _Values.CARS:
        bare = re.sub(r"[A-Za-z]+", "", bare)  # «X5 xDrive», «седан premium»
    small = {_Values.AMOUNTS: _units, _Values.CARS: _said_of_cars, _Values.NAMES: _places_words}
    return _is_value(bare, small[kind](), has_names=kind is not _Values.AMOUNTS)


def _is_value(cell: str, small: frozenset[str], *, has_names: bool) -> bool:
    """Tell whether a cell has no words but these, and names, which are written large."""
    if has_names and _no_name_beside(small).search(_folded(cell)):
        return False
    return all(
        len(word) < _SHORTEST_SURNAME or _folded(word) in small or (has_names and word[0].isupper())
        for word in re.findall(r"[^\W\d_]+", cell)
    )


@cache
def _no_name_beside(known: frozenset[str]) -> re.Pattern[str]:
    return phrase_pattern(tuple(word for word in _lists().no_name if word.strip("*") not in known))


@cache
def _units() -> frozenset[str]:
    return frozenset(map(_folded, _lists().units))


@cache
def _said_of_cars() -> frozenset[str]:
    lists = _lists()
    return frozenset(map(_folded, lists.colours + lists.bodies + lists.makes + lists.words))


@cache
def _places_words() -> frozenset[str]:
    lists = _lists()
    return frozenset(map(_folded, lists.parts_of_address + lists.forms + lists.firm_words))


def tells_of_calls(heading: str) -> bool:
    """Tell whether a column says when or how often somebody was called: there was a number."""
    return _calls().search(_folded(heading)) is not None


def names_place(heading: str) -> bool:
    """Tell whether a column names towns or addresses: they tell a short number's area."""
    return _places().match(_folded(heading)) is not None


@cache
def _values_of(heading: str) -> _Values | None:
    """Return what the cells below a heading hold, None where it is not known."""
    for kind, headings in _lists().columns.items():
        if phrase_pattern(headings).match(heading):
            return kind
    return None


@cache
def _calls() -> re.Pattern[str]:
    return phrase_pattern(_lists().calls)


@cache
def _places() -> re.Pattern[str]:
    return phrase_pattern(_lists().places)
