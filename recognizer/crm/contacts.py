"""Contact cards, the phone numbers in them, and what a card alone establishes.

A number is called wrong only where no reading of the field gives a valid one: a wrong mark costs
a client, a needless call costs a minute. Numbering plans come from the `phonenumbers` library.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

import msgspec
import phonenumbers
from phonenumbers import PhoneNumberType

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError

__all__ = [
    "CARD_FIELDS",
    "ContactCard",
    "ContactKind",
    "NumberProblem",
    "Office",
    "OwnerKind",
    "PhoneKind",
    "PhoneNumber",
    "card_facts",
    "fold_name",
    "load_office",
    "masked",
    "read_numbers",
]


class ContactKind(enum.StrEnum):
    """After what the client is called."""

    AFTER_SERVICE = "after_service"
    AFTER_SALE = "after_sale"


class OwnerKind(enum.StrEnum):
    """Who owns the car."""

    PERSON = "person"
    ORGANISATION = "organisation"


class PhoneKind(enum.StrEnum):
    """What a valid number belongs to."""

    MOBILE = "mobile"
    FIXED = "fixed"
    TOLL_FREE = "toll_free"
    OTHER = "other"


class NumberProblem(enum.StrEnum):
    """Why a written number cannot be dialled."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    WRONG_PREFIX = "wrong_prefix"
    NOT_A_NUMBER = "not_a_number"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCard:
    """A card of the CRM; texts are kept exactly as they came, empty where there is nothing.

    Attributes
    ----------
    ref : str
        Number of the contact in the CRM: the card's identity.
    contact_date : date or None
    trusted_phone, mobile_phone : str
        Phone of the trusted person («телефон довер. лица») and mobile phone, any spelling.
    general_number : bool or None
        Whether the number is the owner's general one (multi-channel or IVR); None: told from
        the number itself (a landline or toll-free number of an organisation is).
    trusted_person, owner, payer : str
    owner_kind : OwnerKind or None
        None: told from the owner's name.
    vin, plate, make, basis : str
        Car and basis document.
    result : str
        Call result the CRM shows («Недоступен», «Неэффективный», ...).
    incorrect_contact : bool
        Mark «Некорректный контакт» the CRM shows.
    comments : str
    kind : ContactKind or None
    do_not_call : bool
        The red notice «ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ».
    """

    ref: str
    contact_date: dt.date | None = None
    trusted_phone: str = ""
    mobile_phone: str = ""
    general_number: bool | None = None
    trusted_person: str = ""
    owner: str = ""
    owner_kind: OwnerKind | None = None
    payer: str = ""
    vin: str = ""
    plate: str = ""
    make: str = ""
    basis: str = ""
    result: str = ""
    incorrect_contact: bool = False
    comments: str = ""
    kind: ContactKind | None = None
    do_not_call: bool = False

    def numbers(self) -> tuple[PhoneNumber, ...]:
        """Return the numbers of both fields, the trusted person's first."""
        return read_numbers(self.trusted_phone) + read_numbers(self.mobile_phone)


# --- phone numbers -------------------------------------------------------------------------

_HOME = "RU"
_KINDS = {
    PhoneNumberType.MOBILE: PhoneKind.MOBILE,
    PhoneNumberType.FIXED_LINE: PhoneKind.FIXED,
    PhoneNumberType.TOLL_FREE: PhoneKind.TOLL_FREE,
}
_SEPARATORS = re.compile(r"[,;/|\n]|\s(?:и|или)\s", re.IGNORECASE)
# A single Russian number of eleven digits, the usual content of a field: read without the
# search for numbers in a text, which takes thirty times as long.
_PLAIN = re.compile(r"\s*(?:\+7|7|8)[ (-]*([1-9]\d\d)[ )-]*(\d{3})[ -]?(\d\d)[ -]?(\d\d)\s*")
# What people write for a number that nobody can dial as written: 007 and +8 for Russia's +7.
_DOUBLE_ZERO = re.compile(r"(^|[,;/|\n])\s*00(?=[\s\-(]*[1-9])")
_PLUS_EIGHT = re.compile(r"(?<![\d+])\+\s*8(?=[\s\-(]*[3489]\d\d(?:\D{0,3}\d){7}(?!\d))")


def read_numbers(text: str) -> tuple[PhoneNumber, ...]:
    """Return the phone numbers written in a field, in order, without repetition.

    Nothing is returned for a field without digits («нет»). Digits that are no valid number come
    back with a `problem`, but only where the field holds no valid number at all.
    """
    if not any(char.isdigit() for char in text):
        return ()
    plain = _read_plain(text)
    if plain is not None:
        return (plain,)
    repaired = _PLUS_EIGHT.sub("+7", _DOUBLE_ZERO.sub(r"\1+", text))
    found: dict[str, PhoneNumber] = {}
    for match in phonenumbers.PhoneNumberMatcher(repaired, _HOME):
        number = _valid(match.raw_string, match.number)
        found.setdefault(number.e164 or "", number)
    if found:
        return tuple(found.values())
    pieces = [piece.strip() for piece in _SEPARATORS.split(repaired)]
    read = [_read_one(piece) for piece in pieces if any(char.isdigit() for char in piece)]
    valid = tuple(number for number in read if number.problem is None)
    return valid or tuple(read)


def _read_plain(text: str) -> PhoneNumber | None:
    """Return the number of a field that holds nothing but one valid Russian number."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    number = phonenumbers.PhoneNumber(7, int("".join(plain.groups())))
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return None
    e164 = f"+7{number.national_number}"
    return PhoneNumber(text.strip(), e164, _KINDS.get(kind, PhoneKind.OTHER), None, None)


def _valid(written: str, number: phonenumbers.PhoneNumber) -> PhoneNumber:
    return PhoneNumber(
        written=written,
        e164=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        kind=_KINDS.get(phonenumbers.number_type(number), PhoneKind.OTHER),
        extension=number.extension,
        problem=None,
    )


def _read_one(piece: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(piece, _HOME)
    except phonenumbers.NumberParseException as problem:
        return PhoneNumber(piece, None, None, None, _parse_problem(problem))
    if phonenumbers.is_valid_number(number):
        return _valid(piece, number)
    if _is_russian_mobile(number):
        e164 = f"+7{number.national_number}"
        return PhoneNumber(piece, e164, PhoneKind.MOBILE, number.extension, None)
    return PhoneNumber(piece, None, None, None, _length_problem(number))


def _is_russian_mobile(number: phonenumbers.PhoneNumber) -> bool:
    """Tell whether a number is in the range of Russian mobiles, 9xx.

    The library knows which parts of the range were in use when it was made; new parts are opened
    all the time, and a number wrongly called wrong is a lost client.
    """
    first, last = 9_000_000_000, 9_999_999_999
    return number.country_code == 7 and first <= (number.national_number or 0) <= last


def _parse_problem(problem: phonenumbers.NumberParseException) -> NumberProblem:
    match problem.error_type:
        case phonenumbers.NumberParseException.TOO_LONG:
            return NumberProblem.TOO_LONG
        case phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            return NumberProblem.WRONG_PREFIX
        case phonenumbers.NumberParseException.NOT_A_NUMBER:
            return NumberProblem.NOT_A_NUMBER
        case _:
            return NumberProblem.TOO_SHORT


def _length_problem(number: phonenumbers.PhoneNumber) -> NumberProblem:
    if number.country_code == 7:
        # The library also knows of longer Russian numbers that no client has.
        n_digits = len(phonenumbers.national_significant_number(number))
        if n_digits > 10:
            return NumberProblem.TOO_LONG
        # Ten digits with the trunk 8 among them are nine: no area begins with 89.
        is_trunk = str(number.national_number).startswith("89")
        return NumberProblem.TOO_SHORT if n_digits < 10 or is_trunk else NumberProblem.WRONG_PREFIX
    match phonenumbers.is_possible_number_with_reason(number):
        case phonenumbers.ValidationResult.TOO_LONG:
            return NumberProblem.TOO_LONG
        case (
            phonenumbers.ValidationResult.TOO_SHORT
            | phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        ):
            return NumberProblem.TOO_SHORT
        case _:
            return NumberProblem.WRONG_PREFIX


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


# --- the office ----------------------------------------------------------------------------


class _OfficeHeading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timezone: str
    names: tuple[str, ...] = ()


class _Company(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    numbers: tuple[str, ...] = ()


class _Employee(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    mobile: str


class _Organisations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    legal_forms: tuple[str, ...] = ()


class _OfficeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    office: _OfficeHeading
    company: _Company = _Company()
    employee: tuple[_Employee, ...] = ()
    organisations: _Organisations = _Organisations()


@dataclass(frozen=True, slots=True)
class Office:
    """The company's own numbers and people (``data/office.toml``).

    Attributes
    ----------
    company_numbers, employee_numbers : frozenset of str
        E.164.
    own_names : frozenset of str
        Folded names of the company and of its employees: an owner among them is no client.
    legal_forms : frozenset of str
        Folded words that make an owner an organisation.
    timezone : ZoneInfo
        Days of comment lines are days of this zone.
    """

    company_numbers: frozenset[str]
    employee_numbers: frozenset[str]
    own_names: frozenset[str]
    legal_forms: frozenset[str]
    timezone: zoneinfo.ZoneInfo

    def day_of(self, moment: dt.datetime) -> dt.date:
        """Return the office's day of an aware moment."""
        return moment.astimezone(self.timezone).date()


def load_office(path: Path | None = None) -> Office:
    """Read and check the office's data; None: the shipped sample.

    Raises
    ------
    DataFileError
        Naming the file and line of the first mistake.
    """
    file = read_toml(path or data_folder(".") / "office.toml")
    content = convert_toml(file, _OfficeFile)
    try:
        zone = zoneinfo.ZoneInfo(content.office.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as problem:
        raise DataFileError(
            f"{file.place('office', key='timezone')}: expected a time zone such as "
            f"'Europe/Moscow', found {content.office.timezone!r}"
        ) from problem
    company = file.place("company", key="numbers")
    return Office(
        company_numbers=frozenset(
            _own_number(number, company) for number in content.company.numbers
        ),
        employee_numbers=frozenset(
            _own_number(person.mobile, file.place("employee", index, "mobile"))
            for index, person in enumerate(content.employee)
        ),
        own_names=frozenset(
            fold_name(name)
            for name in (*content.office.names, *(person.name for person in content.employee))
        ),
        legal_forms=frozenset(fold_name(form) for form in content.organisations.legal_forms),
        timezone=zone,
    )


def _own_number(written: str, place: str) -> str:
    numbers = read_numbers(written)
    if len(numbers) != 1 or numbers[0].e164 is None:
        raise DataFileError(f"{place}: expected one valid phone number, found {written!r}")
    return numbers[0].e164


# --- what a card establishes ---------------------------------------------------------------

_WORD = re.compile(r"\w+")


def fold_name(name: str) -> str:
    """Return a name for comparing: case, ё, quotes and spaces do not matter."""
    return " ".join(_WORD.findall(name.casefold().replace("ё", "е")))


def owner_kind_of(card: ContactCard, office: Office) -> OwnerKind | None:
    """Return whether a person or an organisation owns the car; None where nobody is named."""
    if card.owner_kind is not None:
        return card.owner_kind
    words = fold_name(card.owner).split()
    if not words:
        return None
    is_organisation = not office.legal_forms.isdisjoint(words)
    return OwnerKind.ORGANISATION if is_organisation else OwnerKind.PERSON


def card_facts(
    card: ContactCard, office: Office, *, answered_by: str | None = None
) -> frozenset[str]:
    """Return which of `policy.CONDITIONS` hold for a card. What is not known does not hold.

    Parameters
    ----------
    card : ContactCard
    office : Office
    answered_by : str or None
        Name of who answered the call, where an operator states it.
    """
    owner = owner_kind_of(card, office)
    owner_is_client = owner is not None and fold_name(card.owner) not in office.own_names
    facts = {
        "do_not_call_notice": card.do_not_call,
        "contact_after_service": card.kind is ContactKind.AFTER_SERVICE,
        "contact_after_sale": card.kind is ContactKind.AFTER_SALE,
        "owner_is_organisation": owner is OwnerKind.ORGANISATION,
        "owner_is_client": owner_is_client,
        "trusted_person_is_client": owner_is_client and _trusts_client(card, owner, office),
        "answered_by_another": answered_by is not None
        and bool(fold_name(answered_by))
        and fold_name(answered_by) not in {fold_name(card.trusted_person), fold_name(card.owner)},
        **_number_facts(card, office, owner),
    }
    return frozenset(name for name, holds in facts.items() if holds)


def _trusts_client(card: ContactCard, owner: OwnerKind | None, office: Office) -> bool:
    """Tell whether the trusted person is the client by name: the owner, or an organisation's."""
    trusted = fold_name(card.trusted_person)
    if not trusted or trusted in office.own_names:
        return False
    return owner is OwnerKind.ORGANISATION or trusted == fold_name(card.owner)


def _number_facts(card: ContactCard, office: Office, owner: OwnerKind | None) -> dict[str, bool]:
    numbers = card.numbers()
    valid = [number for number in numbers if number.problem is None]
    dialled = {number.e164 for number in valid}
    own = office.company_numbers | office.employee_numbers
    is_general = card.general_number
    if is_general is None:
        is_general = owner is OwnerKind.ORGANISATION and all(
            number.kind in {PhoneKind.FIXED, PhoneKind.TOLL_FREE} for number in valid
        )
    return {
        "number_missing": not numbers,
        "number_malformed": bool(numbers) and not valid,
        # One number of somebody else's is enough to call.
        "number_is_company": bool(valid) and dialled <= office.company_numbers,
        "number_is_employee": bool(valid)
        and dialled <= own
        and not dialled <= office.company_numbers,
        "number_is_mobile": any(number.kind is PhoneKind.MOBILE for number in valid),
        # With an extension in the card the specialist can be reached.
        "number_is_general": bool(valid)
        and is_general
        and not any(number.extension for number in valid),
    }


CARD_FIELDS = tuple(field.name for field in dataclasses.fields(ContactCard))
"""Names of the fields of a card, in order."""
