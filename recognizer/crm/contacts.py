"""Contact cards, and the phone numbers in them.

Numbers themselves are read by `recognizer.crm.numbers`; what a card alone establishes is said in
`recognizer.crm.card_facts`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from recognizer.crm.number_hints import may_complete, points_elsewhere
from recognizer.crm.numbers import (
    NumberProblem,
    NumberState,
    PhoneKind,
    PhoneNumber,
    masked,
    number_state,
    read_numbers,
)
from recognizer.crm.numbers_beside import may_hold_number
from recognizer.crm.understood_texts import (
    is_code_understood,
    is_make_understood,
    is_name_understood,
    is_plate_understood,
    is_result_understood,
    is_text_understood,
    is_vin_understood,
)

__all__ = [
    "CARD_FIELDS",
    "CODE_FIELDS",
    "PHONE_FIELDS",
    "ContactCard",
    "ContactKind",
    "NumberProblem",
    "NumberState",
    "OwnerKind",
    "PhoneKind",
    "PhoneNumber",
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
        state = _state_of(self.trusted_phone, self.mobile_phone)
        if self.number_unknown and state is not NumberState.VALID:
            return NumberState.UNKNOWN
        if state not in {NumberState.ABSENT, NumberState.WRONG}:
            return state
        is_doubtful = self.has_number_beside() or self._may_be_completed() or not self.is_understood
        return NumberState.DOUBTFUL if is_doubtful else state

    def has_number_beside(self, known: frozenset[str] = frozenset()) -> bool:
        """Tell whether another field may hold a number not `known` (E.164), or points to one."""
        return any(
            may_hold_number(getattr(self, name), is_code=name in CODE_FIELDS, known=known)
            for name in (*_WORDS_FIELDS, *CODE_FIELDS)
        ) or any(points_elsewhere(getattr(self, name)) for name in _WORDS_FIELDS)

    @property
    def is_understood(self) -> bool:
        """Whether every other field is understood, and so says nothing of a number."""
        return all(
            is_understood(getattr(self, name)) for name, is_understood in _UNDERSTOOD.items()
        )

    def _may_be_completed(self) -> bool:
        """Tell whether what a short number lacks may stand in a field of words."""
        return any(
            may_complete(getattr(self, phone), getattr(self, name))
            for phone in PHONE_FIELDS
            for name in _WORDS_FIELDS
            if name != "make"  # «Peugeot 308» is no area's code
        )

    def numbers(self) -> tuple[PhoneNumber, ...]:
        """Return the numbers of both fields, the trusted person's first."""
        return read_numbers(self.trusted_phone) + read_numbers(self.mobile_phone)


@lru_cache(maxsize=4096)  # one card is asked many times
def _state_of(*fields: str) -> NumberState:
    return number_state(tuple(number for field in fields for number in read_numbers(field)))


CARD_FIELDS = tuple(field.name for field in dataclasses.fields(ContactCard))
"""Names of the fields of a card, in order."""

PHONE_FIELDS = ("trusted_phone", "mobile_phone")
"""Fields of a card that hold numbers."""

CODE_FIELDS = ("ref", "vin", "plate", "basis")
"""Fields of a card that are made of digits, none of them a number."""

_WORDS_FIELDS = ("comments", "trusted_person", "owner", "payer", "make", "result")

_UNDERSTOOD: Mapping[str, Callable[[str], bool]] = {
    "comments": is_text_understood,
    "result": is_result_understood,
    "trusted_person": is_name_understood,
    "owner": is_name_understood,
    "payer": is_name_understood,
    "make": is_make_understood,
    "vin": is_vin_understood,
    "plate": is_plate_understood,
    "basis": is_code_understood,
}
