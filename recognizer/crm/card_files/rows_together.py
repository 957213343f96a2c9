"""What several rows of one file say of the same card: CRMs write a row for each number."""

from __future__ import annotations

import dataclasses

from recognizer.crm.contacts import ContactCard, read_numbers

__all__ = ["RowsOfCards"]


class RowsOfCards:
    """The rows of a file so far, by their card; of a row nothing is kept but its numbers."""

    def __init__(self) -> None:
        self._rejected: set[int] = set()  # hashes of `ref`
        self._phones: dict[int, tuple[str, str]] = {}

    def add_rejected(self, ref: str) -> None:
        """Remember that a row of a card was refused: what it says is not known."""
        self._rejected.add(hash(ref))

    def add(self, card: ContactCard) -> ContactCard:
        """Return the card of a row with the numbers of the rows of that card before it."""
        key = hash(card.ref)
        trusted, mobile = self._phones.get(key, ("", ""))
        card = dataclasses.replace(
            card,
            trusted_phone=_with_numbers(card.trusted_phone, trusted),
            mobile_phone=_with_numbers(card.mobile_phone, mobile),
        )
        self._phones[key] = (card.trusted_phone, card.mobile_phone)
        return card

    def contradict(self, ref: str) -> bool:
        """Tell whether a row of this card has a number, or may have one."""
        return hash(ref) in self._rejected or hash(ref) in self._phones


def _with_numbers(now: str, before: str) -> str:
    """Return a field with what an earlier row had in it and it has not."""
    had, has = read_numbers(before), {number.e164 for number in read_numbers(now)}
    if not had or before == now:
        return now
    if not has:
        return before
    is_there = None not in has and all(number.e164 in has for number in had)
    return now if is_there else f"{before}; {now}"
