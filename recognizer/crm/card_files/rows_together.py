"""What several rows of one file say of the same card: CRMs write a row for each number.

Rows of different clients under one number are none of one card: whose each is, nobody knows.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from recognizer.crm.comments import merge_comments
from recognizer.crm.contacts import PHONE_FIELDS, ContactCard, read_numbers
from recognizer.crm.same_client import IDENTITY, contradictions

__all__ = ["RowsOfCard", "combined"]

Row = TypeVar("Row")


class RowsOfCard(Generic[Row]):
    """The rows of one card so far.

    A row that may be marked without a call, for no number or for one that is ours, is contradicted
    by any other that has a number, or may have one.
    """

    def __init__(self) -> None:
        self._may_be_marked: list[tuple[Row, ContactCard]] = []
        self._others: list[tuple[Row, ContactCard]] = []
        self._bare: ContactCard | None = None  # of a row that says nothing but its number
        self._is_any_rejected = False

    def add_rejected(self) -> None:
        """Remember that a row was refused: what it says is not known."""
        self._is_any_rejected = True

    def add(self, row: Row, card: ContactCard, *, may_be_marked: bool) -> None:
        """Add the card of a row."""
        if card == ContactCard(ref=card.ref, number_unknown=True):
            self._bare = card
        else:
            (self._may_be_marked if may_be_marked else self._others).append((row, card))

    def of_several(self) -> list[Row]:
        """Return all rows if they are of different clients or cars, else none."""
        rows = [*self._may_be_marked, *self._others]
        pairs = itertools.combinations(_unlike(card for _, card in rows), 2)
        return [row for row, _ in rows] if any(contradictions(*pair) for pair in pairs) else []

    def end(self) -> tuple[list[Row], ContactCard | None]:
        """Return the rows that others contradict, and the card of all the rest, if there is any."""
        others = [card for _, card in self._others]
        if others or self._is_any_rejected:
            contradicted = [row for row, _ in self._may_be_marked]
            return contradicted, combined(others) if others else self._bare
        marked = [card for _, card in self._may_be_marked]
        return [], combined(marked) if marked else self._bare


def _unlike(cards: Iterable[ContactCard]) -> list[ContactCard]:
    """Return of cards that name one client and car in the same words only the first."""
    named = {tuple(getattr(card, name) for name in IDENTITY): card for card in cards}
    return list(named.values())


def combined(cards: list[ContactCard]) -> ContactCard:
    """Return one card of several rows: numbers and comments of all, else what the last says.

    A field that the last row leaves empty has what an earlier one says.
    """
    card, *later = cards
    for row in later:
        card = _with_row(card, row)
    return card


_EMPTY = ContactCard(ref="")


def _with_row(card: ContactCard, row: ContactCard) -> ContactCard:
    values: dict[str, Any] = {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(ContactCard)
        if getattr(row, field.name) != getattr(_EMPTY, field.name)
    }
    for field in PHONE_FIELDS:
        values[field] = _with_numbers(getattr(row, field), getattr(card, field))
    values["comments"] = merge_comments(card.comments, row.comments)
    return dataclasses.replace(card, **values)


def _with_numbers(now: str, before: str) -> str:
    """Return a field with what an earlier row had in it and it has not."""
    had, has = read_numbers(before), {number.e164 for number in read_numbers(now)}
    if not had or before == now:
        return now or before
    if not has:
        return before
    is_there = None not in has and all(number.e164 in has for number in had)
    return now if is_there else f"{before}; {now}"
