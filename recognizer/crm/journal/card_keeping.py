"""Cards taken into a journal: one, or a file of them; and an import taken back."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.crm.card_facts import card_facts
from recognizer.crm.contacts import CARD_FIELDS, ContactCard
from recognizer.crm.journal.cards import in_batches, store_cards
from recognizer.crm.journal.conditions import ON_CARD
from recognizer.crm.journal.imports import ImportTakenBack, ImportTaker, begin_import
from recognizer.crm.journal.reading import JournalReader
from recognizer.crm.journal.records import CardChange, ContactRecord
from recognizer.crm.journal.tables import ContactRow, DecisionRow
from recognizer.crm.journal.timeline import Timeline
from recognizer.regulation.rules import Ruling

__all__ = ["CardKeeper", "CardWords"]

_CARDS_A_TRANSACTION = 1000


@dataclass(frozen=True, slots=True)
class CardWords:
    """What a person says of a card while giving it a call; of a card there only `fields` count."""

    card: ContactCard
    source: str
    fields: Collection[str] = CARD_FIELDS


class CardKeeper(JournalReader):
    """An open journal that takes cards; every method is one transaction, an import one a batch."""

    def upsert_contact(self, card: ContactCard, *, source: str = "api") -> ContactRecord:
        """Add a card or take over what changed; comments are merged, never lost."""
        for _ in self.import_contacts([card], source=source):
            pass
        return self.contact(card.ref)

    def begin_import(self, source: str, *, made_by: str) -> int:
        """Begin an import that may be taken back; return its number, for `import_contacts`."""
        with self.database.writing() as session:
            return begin_import(session, source, made_by=made_by, now=_now())

    def undo_import(
        self, import_id: int, *, made_by: str, dry_run: bool = False
    ) -> ImportTakenBack:
        """Take back what an import caused, as far as nothing rests on it.

        Cards it added are closed: as if they were not there, until they are imported again.
        Cards it changed get back what they had, and what was decided on them follows. Cards with
        calls, or a person's words, since then stay as they are, and why is said; asked once more,
        those are taken that nothing holds any longer. A dry run only says what would be done.

        Raises
        ------
        JournalError
            If there is no such import, or it was taken back and nothing more of it can be.
        """
        with contextlib.suppress(_DryRunEnds), self.database.writing() as session:
            self.database.lock(session, "recognizer cards")
            now = _now()
            done = ImportTaker(
                session,
                timeline=lambda contact: self._timeline(session, contact),
                made_by=made_by,
                now=now,
                day=self.office.day_of(now),
            ).take_back(import_id)
            if dry_run:
                raise _DryRunEnds
        return done

    def import_contacts(
        self,
        cards: Iterable[ContactCard],
        *,
        source: str,
        fields: Collection[str] = CARD_FIELDS,
        dry_run: bool = False,
        import_id: int | None = None,
        other_clients: bool = True,
    ) -> Iterator[CardChange]:
        """Add or change cards in batches, yielding each change as it is stored.

        Of cards already there only `fields` are taken over: what a file has no column for stays.
        A dry run stores nothing. Unchanged cards are yielded with empty `changes`. With an
        `import_id` of `begin_import` all of it can be taken back. Without `other_clients` a card
        that names another owner or car than the one of its number is refused, and yielded as that.
        """
        for batch in in_batches(cards, _CARDS_A_TRANSACTION):
            with self.database.writing() as session:
                self.database.lock(session, "recognizer cards")
                changes = store_cards(
                    session,
                    batch,
                    source=source,
                    now=_now(),
                    fields=fields,
                    dry_run=dry_run,
                    import_id=import_id,
                    other_clients=other_clients,
                )
                if not dry_run:
                    self._withdraw_unfit(session, changes)
            yield from changes

    def _take_words(self, session: Session, words: CardWords | None) -> None:
        """Store what is said of a card in a transaction that may still be refused."""
        if words is None:
            return
        self.database.lock(session, "recognizer cards")
        changes = store_cards(
            session, [words.card], source=words.source, now=_now(), fields=words.fields
        )
        self._withdraw_unfit(session, changes)

    def _withdraw_unfit(self, session: Session, changes: Iterable[CardChange]) -> None:
        """Take back decisions on cards themselves that no rule on the card bears any more.

        A card marked for the lack of a number has got one, or may have: it is to be called.
        """
        refs = [
            change.ref
            for change in changes
            if change.card is not None
            and change.previous is not None
            and self._ruling_on(change.card) is None
        ]
        # Few cards have a decision of their own, and an import changes many.
        is_decided = sa.exists().where(
            DecisionRow.contact_id == ContactRow.id, ON_CARD, DecisionRow.rule_id.is_not(None)
        )
        decided = sa.select(ContactRow).where(ContactRow.ref.in_(refs), is_decided)
        for row in session.scalars(decided).all():
            timeline = self._timeline(session, row)
            timeline.withdraw_card()
            timeline.point_at_deciding()

    def _ruling_on(self, card: ContactCard) -> Ruling | None:
        return self.regulation.rule_on_card(card_facts(card, self.office))

    def _timeline(self, session: Session, contact: ContactRow | None) -> Timeline:
        return Timeline(session, self.regulation, self.office, contact=contact, now=_now())


class _DryRunEnds(Exception):  # noqa: N818 - no error: it rolls back
    """Ends the transaction of a dry run."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
