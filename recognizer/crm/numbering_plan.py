"""Numbering plans: which digits are a number, here and abroad, in any way of dialling it.

Plans come from the `phonenumbers` library.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

__all__ = [
    "NumberProblem",
    "NumberState",
    "PhoneKind",
    "PhoneNumber",
    "country_code",
    "home_number",
    "is_number_abroad",
    "may_be_abroad",
    "whole_number",
]


class NumberState(enum.StrEnum):
    """What is known of a card's number; only `ABSENT` and `WRONG` may lead to a mark."""

    VALID = "valid"
    DOUBTFUL = "doubtful"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    WRONG = "wrong"


class PhoneKind(enum.StrEnum):
    """What a valid number belongs to."""

    MOBILE = "mobile"
    FIXED = "fixed"
    TOLL_FREE = "toll_free"
    OTHER = "other"


class NumberProblem(enum.StrEnum):
    """Why a written number cannot be dialled; `DOUBTFUL`: only a person can say what it is."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    WRONG_PREFIX = "wrong_prefix"
    NOT_A_NUMBER = "not_a_number"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """One number found in a field.

    Attributes
    ----------
    written : str
        As it stands in the field.
    e164 : str or None
        `+74957304487`; None where it cannot be dialled.
    kind : PhoneKind or None
        None where it cannot be dialled.
    extension : str or None
        Digits to dial after the connection.
    problem : NumberProblem or None
        None for a valid number.
    """

    written: str
    e164: str | None
    kind: PhoneKind | None
    extension: str | None
    problem: NumberProblem | None


_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.FIXED,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
}
_NEIGHBOURS = ("998", "996", "995", "994", "993", "992", "380", "375", "374", "373", "7")
# Where people write their own numbers with a trunk 0, or 80.
_TRUNK_ZERO = ("BY", "UA", "KG", "AM", "AZ", "GE", "MD")


def whole_number(digits: str, written: str, *, plus: bool, first: str = "") -> PhoneNumber | None:
    """Return the valid number that exactly these digits are, in any way of dialling it.

    Parameters
    ----------
    digits : str
    written : str
        The field they stand in.
    plus : bool
        A plus stands before them: `+49 30 123456` is Berlin's, though ten digits are a number of
        Ivanovo. Where nothing tells which of the two is meant, it is neither.
    first : str
        The digits up to the first space or dash.
    """
    international = _international(digits, plus=plus)
    foreign = None if international is None else _foreign(international, written)
    if plus and foreign is not None and first == country_code(foreign):
        return foreign
    home = next(filter(None, (home_number(n, written) for n in _national_readings(digits))), None)
    if home is None or foreign is None or not plus or first != digits:
        return home or foreign
    return None


def _national_readings(digits: str) -> Iterator[str]:
    """Yield the ten digits of a Russian or Kazakh number, by the prefixes people write."""
    for prefix in (
        "7",
        "8",
        "007",
        "77",
        "78",
        "87",
        "88",
        "8107",
        "0077",
        "0078",
        "07",
        "08",
        "0",
    ):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 10:
            yield digits[len(prefix) :]
    if len(digits) == 10:
        yield digits


def _international(digits: str, *, plus: bool) -> str | None:
    """Return the digits from the country code on."""
    for prefix in ("810", "00"):
        if digits.startswith(prefix) and len(digits) > 10:
            return digits[len(prefix) :]
    if plus:
        return digits
    return digits if digits.startswith(_NEIGHBOURS[:-1]) and len(digits) in {11, 12} else None


def home_number(national: str, written: str) -> PhoneNumber | None:
    """Return the valid Russian or Kazakh number of these ten digits."""
    number = phonenumbers.PhoneNumber(7, int(national))
    kind = phonenumbers.number_type(number)
    # The library knows which parts of 9xx were in use when it was made; new ones open all the time.
    if kind == PhoneNumberType.UNKNOWN and not national.startswith("9"):
        return None
    read = PhoneKind.MOBILE if national.startswith("9") else _KINDS.get(kind, PhoneKind.OTHER)
    return PhoneNumber(written.strip(), f"+7{national}", read, None, None)


def _foreign(digits: str, written: str) -> PhoneNumber | None:
    if digits.startswith("7"):
        return None
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    kind = _KINDS.get(phonenumbers.number_type(number), PhoneKind.OTHER)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(written.strip(), e164, kind, None, None)


def country_code(number: PhoneNumber) -> str:
    """Return the digits of a valid number that name its country."""
    return str(phonenumbers.parse(number.e164 or "", None).country_code)


def may_be_abroad(digits: str) -> bool:
    """Tell whether digits behind a plus are as many as a number of their country has.

    Which of them are in use, the library knew when it was made.
    """
    if not digits or digits[0] == "7":
        return False
    if digits[0] == "8":  # it may as well be our trunk prefix
        return _foreign(digits, digits) is not None
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{digits}", None))
    except phonenumbers.NumberParseException:
        return False


def is_number_abroad(digits: str) -> bool:
    """Tell whether digits without their plus, or with a trunk 0, are a number abroad."""
    if digits in "12345678901234567890":
        return False  # what people type to fill a field
    if digits[0] not in "70" and not (digits.startswith("800") and len(digits) < 12):
        if _foreign(digits, digits) is not None:
            return True
        if digits[0] != "8":
            return False
    if not digits.startswith(("0", "80")):
        return False
    for region in _TRUNK_ZERO:
        with contextlib.suppress(phonenumbers.NumberParseException):
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, region)):
                return True
    return False
