"""Telephone numbers as people and spreadsheets write them.

A number is called wrong only where no reading of the field gives a valid one: a wrong mark costs
a client, a needless look of an operator costs a minute. So a field is one of five things
(`NumberState`), and only two of them, absent and wrong, may lead to a mark. Numbering plans are
`recognizer.crm.numbering_plan`'s, words from ``data/phone_spellings.toml``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from recognizer.crm.numbering_plan import (
    NumberProblem,
    NumberState,
    PhoneKind,
    PhoneNumber,
    country_code,
    home_number,
    whole_number,
)
from recognizer.crm.plain_cells import load_spellings, problem_of, says_absent

__all__ = [
    "NumberProblem",
    "NumberState",
    "PhoneKind",
    "PhoneNumber",
    "is_spreadsheet_error",
    "lost_digits",
    "masked",
    "number_state",
    "read_numbers",
]


@dataclass(frozen=True, slots=True)
class _Words:
    extension: re.Pattern[str]
    errors: frozenset[str]
    errors_begin: tuple[str, ...]


@cache
def _words() -> _Words:
    content = load_spellings()
    names = "|".join(
        re.escape(name) + (r"[^\W\d_]*" if len(name) > 1 else "")
        for name in sorted(map(str.casefold, content.extension), key=len, reverse=True)
    )
    return _Words(
        re.compile(
            rf"(?<![^\W\d_])(?:{names})(?:[\s.:=()*#-]|no)*(\d{{1,8}})(?!\d)", re.IGNORECASE
        ),
        frozenset(error.casefold() for error in content.spreadsheet_errors),
        tuple(
            {
                case(error[0])
                for error in content.spreadsheet_errors
                for case in (str.upper, str.lower)
            }
        ),
    )


# --- what a spreadsheet does to a number -----------------------------------------------------

_POWER = re.compile(r"([+-]?)(\d+)(?:[.,](\d+))?[eEеЕ]\+?(\d{1,3})")
_OVERFLOW = re.compile(r"#{3,}")
_WHOLE = re.compile(r"(\d{7,})[.,]0{1,2}")


def is_spreadsheet_error(text: str) -> bool:
    """Tell whether a cell holds an error of a formula, or hashes in place of a value."""
    bare = text.strip()
    if not bare.startswith(_words().errors_begin):
        return False
    return bool(_OVERFLOW.fullmatch(bare)) or bare.casefold() in _words().errors


def lost_digits(text: str) -> bool:
    """Tell whether a cell is a number of which a spreadsheet kept only the first digits."""
    found = _POWER.fullmatch(text.strip())
    return found is not None and _from_power(found) is None


def _from_power(found: re.Match[str]) -> str | None:
    """Return the digits of `7.9057708945E+10`, None where some of them are not there."""
    _, whole, part, power = found.groups()
    part = part or ""
    if len(whole) != 1 or len(part) < int(power):
        return None
    return whole + part if not part[int(power) :].strip("0") and int(power) else None


# --- reading ---------------------------------------------------------------------------------

# A single Russian number of eleven digits, the usual content of a field.
_PLAIN = re.compile(r"\s*(?:\+7|7|8)[ (-]*([1-9]\d\d)[ )-]*(\d{3})[ -]?(\d\d)[ -]?(\d\d)\s*")
_BREAKS = re.compile(r"[,;/|\\\n\r]|(?<![^\W\d_])(?:и|или|and|or)(?![^\W\d_])", re.IGNORECASE)
# Letters that stand for a digit among digits: О for 0, З for 3.
_LOOK_ALIKES = {"о": "0", "o": "0", "з": "3"}
_AMONG_DIGITS = re.compile(r"(?<=\d)[ОоOoЗз]+(?=[\d\s()-]*\d|$)")
_HIDDEN = re.compile(r"[XxХх*?•#]{2,}")
_MIN_DIGITS = 7  # before an extension
_LONGEST = 400


@lru_cache(maxsize=4096)  # one field is read several times
def read_numbers(text: str) -> tuple[PhoneNumber, ...]:
    """Return the phone numbers written in a field, in order, without repetition.

    Nothing is returned where the field says that there is no number («нет», «+7 (___) ___»).
    What is no valid number comes back with a `problem`, but only where the field holds no valid
    number at all; `DOUBTFUL` where some reading may be one, or a person must look.
    """
    plain = _read_plain(text)
    if plain is not None:
        return (plain,)
    clean = _clean(text)
    if says_absent(text):
        return ()
    if is_spreadsheet_error(clean) or len(clean) > _LONGEST:
        return (_bad(text, NumberProblem.DOUBTFUL),)
    found: dict[str, PhoneNumber] = {}
    for number in _readings(clean):
        earlier = found.get(number.e164 or "")
        if earlier is None or (number.extension and not earlier.extension):
            found[number.e164 or ""] = number
    return tuple(found.values()) or (_bad(text, problem_of(text)),)


def number_state(numbers: Sequence[PhoneNumber]) -> NumberState:
    """Return what the numbers read from a card's fields amount to."""
    problems = {number.problem for number in numbers}
    if not problems:
        return NumberState.ABSENT
    if None in problems:
        return NumberState.VALID
    return NumberState.DOUBTFUL if NumberProblem.DOUBTFUL in problems else NumberState.WRONG


def _bad(text: str, problem: NumberProblem) -> PhoneNumber:
    return PhoneNumber(text.strip(), None, None, None, problem)


def _read_plain(text: str) -> PhoneNumber | None:
    """Return the number of a field that holds nothing but one valid Russian number."""
    plain = _PLAIN.fullmatch(text)
    return None if plain is None else home_number("".join(plain.groups()), text)


def _clean(text: str) -> str:
    """Return `text` with plain digits, spaces and dashes, and letters among digits as digits."""
    folded = "".join(_plain_character(char) for char in unicodedata.normalize("NFKC", text))
    bare = folded.strip().lstrip("'`\"=").rstrip("'\"").strip()
    power = _POWER.fullmatch(bare)
    whole = _WHOLE.fullmatch(bare)
    if power is not None:
        return _from_power(power) or bare
    if whole is not None:
        return whole[1]
    return _AMONG_DIGITS.sub(
        lambda match: "".join(_LOOK_ALIKES[char.casefold()] for char in match[0]), bare
    )


def _plain_character(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.digit(char))
    if category == "Pd" or char == "\u2212":
        return "-"
    if char in "\n\r\u2028\u2029\x0b\x0c":
        return "\n"
    if category in {"Zs", "Cc"}:
        return " "
    return "" if category == "Cf" else char


def _readings(clean: str) -> Iterator[PhoneNumber]:
    """Yield every valid number of a cleaned field."""
    text, extensions = _take_extensions(clean)
    parts = [part for part in _BREAKS.split(text) if part.strip()]
    any_found = False
    for part in parts:
        for number in _scan(part, extensions):
            any_found = True
            yield number
    if not any_found and len(parts) > 1 and not _HIDDEN.search(clean):
        # «8/905/7708945»: what parts numbers may also part the digits of one.
        yield from _scan(_BREAKS.sub(" ", text), extensions)


def _take_extensions(clean: str) -> tuple[str, list[str]]:
    """Replace each spoken-for extension by a letter that holds its place."""
    extensions: list[str] = []

    def take(match: re.Match[str]) -> str:
        before = re.sub(r"\D", "", clean[: match.start()])
        if len(before) < _MIN_DIGITS:
            return match[0]
        extensions.append(match[1])
        return f" E{len(extensions) - 1}E "

    return _words().extension.sub(take, clean), extensions


_TOKEN = re.compile(r"E(\d+)E|(\+?)\s*(\d+)")


@dataclass(frozen=True, slots=True)
class _Block:
    """Digits written in one go; `joins`: they may go on what stands before them."""

    digits: str
    plus: bool
    joins: bool
    extension: str | None = None


def _blocks(part: str, extensions: Sequence[str]) -> list[_Block]:
    blocks: list[_Block] = []
    end = 0
    for match in _TOKEN.finditer(part):
        between = part[end : match.start()]
        joins = not re.search(r"[^\W\d_]|[*?•#:]", between) and len(between) <= 12
        end = match.end()
        if match[1] is not None:
            blocks.append(_Block("", plus=False, joins=False, extension=extensions[int(match[1])]))
        else:
            first, *second = _unglued(match[3])
            blocks.append(_Block(first, plus=bool(match[2]), joins=joins and not second))
            blocks.extend(_Block(part, plus=False, joins=False) for part in second)
    return blocks


def _scan(part: str, extensions: Sequence[str]) -> Iterator[PhoneNumber]:
    """Yield the numbers of a part, each made of whole blocks."""
    blocks = _blocks(part, extensions)
    index = 0
    while index < len(blocks):
        number, index_after = _at(blocks, index, part)
        if number is not None:
            yield number
        index = index_after


def _at(blocks: Sequence[_Block], start: int, part: str) -> tuple[PhoneNumber | None, int]:
    """Return the number that begins at a block, and the block after it."""
    digits = ""
    best: tuple[PhoneNumber, int] | None = None
    for end in range(start, min(len(blocks), start + 14)):
        block = blocks[end]
        if block.extension is not None or (end > start and (not block.joins or block.plus)):
            break
        digits += block.digits
        if len(digits) > 17:
            break
        first = blocks[start].digits
        number = whole_number(digits, part, plus=blocks[start].plus, first=first)
        if number is not None and not _breaks_off(blocks, start, end):
            best = (number, end + 1)
            if len(digits) >= 10:
                break
    if best is None:
        return None, start + 1
    return _with_extension(best[0], blocks, best[1])


def _breaks_off(blocks: Sequence[_Block], start: int, end: int) -> bool:
    """Tell whether ten digits are no number of ours: «90 532 123 45 67» goes on, as a Turkish one.

    No area code has two digits; and «998 90 123 45 67» is whole only as a number of Tashkent.
    """
    if sum(len(block.digits) for block in blocks[start : end + 1]) != 10:
        return False
    digits = ""
    for place in range(start, len(blocks)):
        block = blocks[place]
        if block.extension is not None or (place > start and (not block.joins or block.plus)):
            break
        digits += block.digits
    goes_on = len(digits) > 10
    if goes_on and len(blocks[start].digits) == 2:
        return True
    first, plus = blocks[start].digits, blocks[start].plus
    whole = whole_number(digits, digits, plus=plus, first=first) if goes_on else None
    return whole is not None and whole.e164 == f"+{digits}" and first == country_code(whole)


def _with_extension(
    number: PhoneNumber, blocks: Sequence[_Block], after: int
) -> tuple[PhoneNumber, int]:
    """Return a number with what is to be dialled after it: named, or behind a landline's dash."""
    if after >= len(blocks):
        return number, after
    follower = blocks[after]
    extension = follower.extension
    is_last = after + 1 == len(blocks)
    if extension is None and number.kind is PhoneKind.FIXED and follower.joins and is_last:
        extension = follower.digits if 2 <= len(follower.digits) <= 5 else None
    if extension is None:
        return number, after
    return PhoneNumber(number.written, number.e164, number.kind, extension, None), after + 1


def _unglued(digits: str) -> tuple[str, ...]:
    """Return the two numbers written without anything between, or the digits as they are."""
    for first, second in ((11, 11), (10, 10), (11, 10), (10, 11)):
        parts = (digits[:first], digits[first:])
        if len(digits) == first + second and all(
            whole_number(part, part, plus=False) for part in parts
        ):
            return parts
    return (digits,)


# --- hiding ----------------------------------------------------------------------------------

_DIGIT_RUNS = re.compile(r"\+?\d(?:[\s\-().]{0,3}\d){6,}")


def masked(text: str) -> str:
    """Return `text` with all but the ends of every phone number hidden: `+7926*****10`.

    For logs and tables. Whatever has seven digits or more counts as a number.
    """

    def hide(match: re.Match[str]) -> str:
        written = match.group()
        plus = "+" if written.startswith("+") else ""
        digits = re.sub(r"\D", "", written)
        head = 4 if len(digits) > 10 else 3 if len(digits) == 10 else 0
        return f"{plus}{digits[:head]}{'*' * (len(digits) - head - 2)}{digits[-2:]}"

    return _DIGIT_RUNS.sub(hide, text)
