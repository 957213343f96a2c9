"""Cards in the journal's tables: taking them in, giving them back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.comments import merge_comments
from recognizer.crm.contacts import (
    CARD_FIELDS,
    PHONE_FIELDS,
    ContactCard,
    ContactKind,
    NumberState,
    OwnerKind,
)
from recognizer.crm.journal.records import CardChange
from recognizer.crm.journal.tables import ContactChangeRow, ContactPhoneRow, ContactRow, DecisionRow
from recognizer.crm.same_client import contradictions

__all__ = ["card_of", "in_batches", "set_fields", "store_cards"]

_SEARCHED = ("ref", "trusted_person", "owner", "payer", "vin", "plate", "make")


def card_of(row: ContactRow) -> ContactCard:
    """Return the card of a row."""
    return _card({name: getattr(row, name) for name in CARD_FIELDS})


def in_batches(cards: Iterable[ContactCard], n_at_most: int) -> Iterator[list[ContactCard]]:
    """Yield cards so many at a time; no batch holds the same card twice."""
    batch: dict[str, ContactCard] = {}
    for card in cards:
        if card.ref in batch or len(batch) == n_at_most:
            yield list(batch.values())
            batch = {}
        batch[card.ref] = card
    if batch:
        yield list(batch.values())


def _card(columns: Mapping[str, Any]) -> ContactCard:
    values = dict(columns)
    kind, owner_kind = values["kind"], values["owner_kind"]
    values["kind"] = None if kind is None else ContactKind(kind)
    values["owner_kind"] = None if owner_kind is None else OwnerKind(owner_kind)
    return ContactCard(**values)


def _values(card: ContactCard) -> dict[str, Any]:
    """Return the columns of a card."""
    values: dict[str, Any] = {name: getattr(card, name) for name in CARD_FIELDS}
    values["kind"] = None if card.kind is None else card.kind.value
    values["owner_kind"] = None if card.owner_kind is None else card.owner_kind.value
    return values


def _search_text(card: ContactCard) -> str:
    return "\n".join(getattr(card, name) for name in _SEARCHED).casefold()


def store_cards(
    session: Session,
    cards: Sequence[ContactCard],
    *,
    source: str,
    now: dt.datetime,
    fields: Collection[str] = CARD_FIELDS,
    dry_run: bool = False,
    import_id: int | None = None,
    other_clients: bool = True,
) -> list[CardChange]:
    """Add or change cards whose `ref` differ; return what changed, in their order.

    Of cards already there only `fields` are taken over; one that was taken back is as if it were
    not there. Without `other_clients` a card that names another owner or car than the one there is
    refused.
    """
    refs = [card.ref for card in cards]
    statement = sa.select(ContactRow).where(ContactRow.ref.in_(refs))
    if not dry_run:
        # Nobody may add a comment between reading and writing.
        statement = statement.with_for_update()
    rows = {row.ref: row for row in session.scalars(statement)}
    closed = {ref: row for ref, row in rows.items() if row.taken_back_at is not None}
    for ref in closed:
        del rows[ref]
    decided = _decided(session, rows.values())
    echoes = _echoes(session, [row for row in rows.values() if row.deciding_id is None])
    changes: list[CardChange] = []
    new: list[ContactCard] = []
    for card in cards:
        row = rows.get(card.ref)
        if row is None:
            new.append(card)
            changes.append(CardChange(card.ref, is_new=True, changes=_all_of(card), card=card))
            continue
        stored = card_of(row)
        refused = () if other_clients else contradictions(stored, card, fields)
        if refused:
            unlike = {name: (getattr(stored, name), getattr(card, name)) for name in refused}
            changes.append(CardChange(card.ref, is_new=False, card=card, refused=unlike))
            continue
        change = {
            name: values
            for name, values in _difference(
                row, card, [decided.get(row.id), echoes.get(row.id)], fields
            ).items()
            if name in fields
            and not (name == "number_unknown" and _is_still_unknown(card, fields))
            and not (name in PHONE_FIELDS and _says_no_number(card))
        }
        changes.append(_changed(row, change))
        if change and not dry_run:
            _change(session, row, change, source=source, now=now, import_id=import_id)
    if new and not dry_run:
        _open_again(session, [card for card in new if card.ref in closed], closed, now, import_id)
        _add(session, [card for card in new if card.ref not in closed], now, import_id)
    return changes


def _says_no_number(card: ContactCard) -> bool:
    """Tell whether a source neither names a number nor says there is none: the old stays."""
    return card.number_unknown and not any(getattr(card, name).strip() for name in PHONE_FIELDS)


def _is_still_unknown(card: ContactCard, fields: Collection[str]) -> bool:
    """Tell whether a source says nothing of a number but that one of the two fields is empty."""
    is_silent = card.number_state is NumberState.ABSENT
    return is_silent and not set(PHONE_FIELDS) <= set(fields)


def _changed(row: ContactRow, change: Mapping[str, tuple[Any, Any]]) -> CardChange:
    """Return the change of a row that is not written yet."""
    if not change:
        return CardChange(row.ref, is_new=False)
    old = {name: getattr(row, name) for name in CARD_FIELDS}
    new = old | {name: value for name, (_, value) in change.items()}
    return CardChange(row.ref, is_new=False, changes=change, card=_card(new), previous=_card(old))


def _all_of(card: ContactCard) -> Mapping[str, tuple[Any, Any]]:
    values = ((name, getattr(card, name)) for name in CARD_FIELDS)
    return {name: (None, value) for name, value in values if value != _EMPTY[name]}


_EMPTY = {name: getattr(ContactCard(ref=""), name) for name in CARD_FIELDS}


def _decided(session: Session, rows: Iterable[ContactRow]) -> dict[int, tuple[str | None, bool]]:
    """Return status and mark of the cards that stand decided."""
    deciding = [row.deciding_id for row in rows if row.deciding_id is not None]
    statement = sa.select(
        DecisionRow.contact_id, DecisionRow.status, DecisionRow.incorrect_contact
    ).where(DecisionRow.id.in_(deciding))
    return {
        contact_id: (status, bool(mark))
        for contact_id, status, mark in session.execute(statement)
        if contact_id is not None
    }


def _echoes(
    session: Session, rows: Sequence[ContactRow]
) -> dict[int, tuple[str | None, bool | None]]:
    """Return status and mark that cards had from here, until their numbers were others.

    A CRM that was told of them gives them back until it is told of the end, too.
    """
    statement = (
        sa.select(ContactChangeRow)
        .where(
            ContactChangeRow.contact_id.in_([row.id for row in rows]),
            ContactChangeRow.deciding_id.is_not(None),
        )
        .order_by(ContactChangeRow.id)
    )
    last: dict[int, int | None] = {}
    for change in session.scalars(statement):
        is_crms_word = bool(change.changes.keys() & _WORD)
        last[change.contact_id] = None if is_crms_word else change.deciding_id
    decisions = {
        row.id: (row.status, bool(row.incorrect_contact))
        for row in session.scalars(
            sa.select(DecisionRow).where(DecisionRow.id.in_(filter(None, last.values())))
        )
    }
    return {
        contact: decisions[deciding] for contact, deciding in last.items() if deciding in decisions
    }


_WORD = {"result", "incorrect_contact"}
"""Fields by which a CRM says itself what came of a contact."""


def _difference(
    row: ContactRow,
    card: ContactCard,
    decided: Iterable[tuple[str | None, bool | None] | None],
    fields: Collection[str],
) -> dict[str, tuple[Any, Any]]:
    values = _values(card)
    said = {name: values[name] for name in _WORD & set(fields)}
    is_echo = any(
        one is not None and said.items() <= {"result": one[0], "incorrect_contact": one[1]}.items()
        for one in decided
    )
    if is_echo:
        # The CRM gives back what was decided here: it is not its own word. Were it taken for
        # that, a mark could not be withdrawn any more by a correction.
        for name in _WORD:
            del values[name]
    values["comments"] = merge_comments(row.comments, card.comments)
    return {
        name: (getattr(row, name), value)
        for name, value in values.items()
        if getattr(row, name) != value
    }


def _change(
    session: Session,
    row: ContactRow,
    change: Mapping[str, tuple[Any, Any]],
    *,
    source: str,
    now: dt.datetime,
    import_id: int | None,
) -> None:
    before, deciding_id = card_of(row), row.deciding_id
    set_fields(session, row, {name: value for name, (_, value) in change.items()}, now=now)
    # A person set another result in the CRM, the number is another one, or the client is: what was
    # decided before no longer stands over the card.
    after = card_of(row)
    is_another = not _same_number(before, after) or bool(contradictions(before, after))
    if change.keys() & _WORD or is_another:
        row.deciding_id = None
        row.cleared_at = now
    written = {name: [_plain(old), _plain(value)] for name, (old, value) in change.items()}
    session.add(
        ContactChangeRow(
            contact_id=row.id,
            made_at=now,
            source=source,
            changes=written,
            import_id=import_id,
            deciding_id=deciding_id,
        )
    )


def set_fields(
    session: Session, row: ContactRow, values: Mapping[str, Any], *, now: dt.datetime
) -> None:
    """Give fields of a card new values, and what is found by them with them."""
    for name, value in values.items():
        setattr(row, name, value)
    stored = card_of(row)
    row.search_text = _search_text(stored)
    row.updated_at = now
    if values.keys() & set(PHONE_FIELDS):
        session.execute(sa.delete(ContactPhoneRow).where(ContactPhoneRow.contact_id == row.id))
        _add_phones(session, [(row.id, stored)])


def _same_number(one: ContactCard, other: ContactCard) -> bool:
    """Tell whether two versions of a card have the same numbers, however they are written."""
    texts = [(card.trusted_phone, card.mobile_phone, card.number_unknown) for card in (one, other)]
    numbers = [{number.e164 for number in card.numbers() if number.e164} for card in (one, other)]
    return texts[0] == texts[1] or (bool(numbers[0]) and numbers[0] == numbers[1])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _open_again(
    session: Session,
    cards: Sequence[ContactCard],
    closed: Mapping[str, ContactRow],
    now: dt.datetime,
    import_id: int | None,
) -> None:
    """Add cards that were taken back with an import: nothing of what they were then remains."""
    for card in cards:
        row = closed[card.ref]
        row.taken_back_at = None
        row.import_id = import_id
        row.deciding_id = None
        row.cleared_at = now
        set_fields(session, row, _values(card), now=now)


def _add(
    session: Session, cards: Sequence[ContactCard], now: dt.datetime, import_id: int | None
) -> None:
    if not cards:
        return
    session.execute(
        sa.insert(ContactRow),
        [
            {
                **_values(card),
                "search_text": _search_text(card),
                "updated_at": now,
                "import_id": import_id,
            }
            for card in cards
        ],
    )
    refs = [card.ref for card in cards]
    found = session.execute(
        sa.select(ContactRow.ref, ContactRow.id).where(ContactRow.ref.in_(refs))
    )
    ids = {ref: row_id for ref, row_id in found}  # noqa: C416 - rows are not pairs to mypy
    _add_phones(session, [(ids[card.ref], card) for card in cards])


def _add_phones(session: Session, cards: Iterable[tuple[int, ContactCard]]) -> None:
    rows = [
        {"contact_id": contact_id, "number": number}
        for contact_id, card in cards
        for number in {found.e164 for found in card.numbers() if found.e164}
    ]
    if rows:
        session.execute(sa.insert(ContactPhoneRow), rows)
