"""Contact cards, the phone numbers in them, and what a card alone establishes.

Numbers themselves are read by `recognizer.crm.numbers`. What a source does not say is unknown,
and nothing unknown holds.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import re
import zoneinfo
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.base.office_zone import zone_of
from recognizer.crm.numbers import (
    NumberProblem,
    NumberState,
    PhoneKind,
    PhoneNumber,
    masked,
    number_state,
    read_numbers,
)
from recognizer.crm.numbers_beside import is_nothing_but, may_hold_number
from recognizer.phrases.normalization import LOOK_ALIKE

__all__ = [
    "CARD_FIELDS",
    "CODE_FIELDS",
    "PHONE_FIELDS",
    "ContactCard",
    "ContactKind",
    "NumberProblem",
    "NumberState",
    "Office",
    "OwnerKind",
    "PhoneKind",
    "PhoneNumber",
    "card_facts",
    "fold_name",
    "load_office",
    "masked",
    "number_state",
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
    number_unknown : bool
        The source says nothing of the number: empty phone fields are then no «no number».
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
    number_unknown: bool = False

    @property
    def number_state(self) -> NumberState:
        """What is known of the card's number."""
        state = number_state(self.numbers())
        if self.number_unknown and state is not NumberState.VALID:
            return NumberState.UNKNOWN
        is_doubtful = state in {NumberState.ABSENT, NumberState.WRONG} and self.has_number_beside()
        return NumberState.DOUBTFUL if is_doubtful else state

    def has_number_beside(self, known: frozenset[str] = frozenset()) -> bool:
        """Tell whether another field may hold a number, other than `known` (E.164)."""
        return any(
            may_hold_number(getattr(self, name), is_code=name in CODE_FIELDS, known=known)
            for name in (*_WORDS_FIELDS, *CODE_FIELDS)
        )

    def numbers(self) -> tuple[PhoneNumber, ...]:
        """Return the numbers of both fields, the trusted person's first."""
        return read_numbers(self.trusted_phone) + read_numbers(self.mobile_phone)


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


class _OwnerWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nobody: tuple[str, ...]


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
    is_named : bool
        Whether it says what the company is called. Else an organisation may be the company.
    """

    company_numbers: frozenset[str]
    employee_numbers: frozenset[str]
    own_names: frozenset[str]
    legal_forms: frozenset[str]
    timezone: zoneinfo.ZoneInfo
    is_named: bool = True

    @property
    def own_numbers(self) -> frozenset[str]:
        """The numbers of the company and of its employees, E.164."""
        return self.company_numbers | self.employee_numbers

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
    zone = zone_of(file, content.office.timezone)
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
        is_named=any(fold_name(name) for name in content.office.names),
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
    owner_is_client = (
        owner is not None and _is_known(card.owner) and not _is_own(card.owner, office)
    )
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


def _is_known(name: str) -> bool:
    """Tell whether a field names somebody; «не указан», «Клиент», «???» name nobody."""
    if not name.strip():
        return True  # who it is may be told by the kind of owner alone
    words = fold_name(name).split()
    has_name = any(len(word) > 1 and word.isalpha() for word in words)
    return has_name and "?" not in name and not set(words) <= _nobody()


@cache
def _nobody() -> frozenset[str]:
    content = read_toml(data_folder(".") / "owner_words.toml")
    return frozenset(fold_name(word) for word in convert_toml(content, _OwnerWords).nobody)


def _is_own(name: str, office: Office) -> bool:
    """Tell whether a name is the company's or an employee's, in any order of its words.

    A name that holds all words of the company's («Авилон Трейд АО», «АвилонТрейд», «AVILON») is
    not known to be another.
    """
    words = frozenset(fold_name(name).split()) - office.legal_forms
    forms = {"".join(map(_sounds, sorted(words))), "".join(map(_looks, sorted(words)))}
    for own in office.own_names:
        own_words = frozenset(own.split()) - office.legal_forms
        if not own_words:
            continue
        is_part = all(
            len(word) > 3 and any(_sounds(word) in form for form in forms) for word in own_words
        )
        if own_words <= words or is_part:
            return True
    return False


_SOUNDS = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфхыэ", "abvgdeziiklmnoprstufhye", strict=True))
    | {
        "ж": "zh",
        "ц": "c",
        "ч": "ch",
        "ш": "sh",
        "щ": "sch",
        "ю": "yu",
        "я": "ya",
        "ь": "",
        "ъ": "",
    }
    | {"y": "i", "w": "v"}
)


def _sounds(word: str) -> str:
    """Return a word in Latin letters: «Авилон» and «AVILON» are one name."""
    return word.translate(_SOUNDS)


def _looks(word: str) -> str:
    """Return the same of a word in which Latin letters stand for Russian ones: «ABИЛOH»."""
    return _sounds(word.translate(LOOK_ALIKE))


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
    own = office.own_numbers
    # Where the office does not say what the company is called, an organisation may be itself.
    may_be_own = owner is OwnerKind.ORGANISATION and not office.is_named
    is_own = (
        bool(valid)
        and all(is_nothing_but(text, own) for text in (card.trusted_phone, card.mobile_phone))
        and not card.has_number_beside(own)
    )
    is_general = card.general_number
    if is_general is None:
        is_general = owner is OwnerKind.ORGANISATION and all(
            number.kind in {PhoneKind.FIXED, PhoneKind.TOLL_FREE} for number in valid
        )
    return {
        "number_missing": card.number_state is NumberState.ABSENT,
        "number_malformed": card.number_state is NumberState.WRONG,
        # One number that is, or may be, somebody else's is enough to call.
        "number_is_company": is_own and dialled <= office.company_numbers and not may_be_own,
        "number_is_employee": is_own and not may_be_own and not dialled <= office.company_numbers,
        "number_is_mobile": any(number.kind is PhoneKind.MOBILE for number in valid),
        # With an extension in the card the specialist can be reached.
        "number_is_general": bool(valid)
        and is_general
        and not any(number.extension for number in valid),
    }


CARD_FIELDS = tuple(field.name for field in dataclasses.fields(ContactCard))
"""Names of the fields of a card, in order."""

PHONE_FIELDS = ("trusted_phone", "mobile_phone")
"""Fields of a card that hold numbers."""

CODE_FIELDS = ("ref", "vin", "plate", "basis")
"""Fields of a card that are made of digits, none of them a number."""

_WORDS_FIELDS = ("comments", "trusted_person", "owner", "payer", "make", "result")
