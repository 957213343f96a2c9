"""What a card alone establishes of its owner, its trusted person and its number.

What a source does not say is unknown, and nothing unknown holds.
"""

from __future__ import annotations

from functools import cache

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.crm.contacts import ContactCard, ContactKind, OwnerKind
from recognizer.crm.numbers import NumberState, PhoneKind
from recognizer.crm.numbers_beside import is_nothing_but
from recognizer.crm.office import Office, fold_name
from recognizer.phrases.normalization import LOOK_ALIKE

__all__ = ["card_facts"]


class _OwnerWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    nobody: tuple[str, ...]


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
    """Return which `CONDITIONS` of rules hold for a card. What is not known does not hold.

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
        and card.is_understood
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
