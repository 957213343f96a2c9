"""Imports of card files as runs, and taking one back.

What an import added is closed: as if it were not there, until it is imported again. What it
changed gets the value it had before. A card with calls or a person's words since stays as it is,
and why is said: the calls were made, and decided, with what the import brought.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute as Column
from sqlalchemy.orm import Session

from recognizer.base.errors import JournalError
from recognizer.crm.comments import append_line
from recognizer.crm.journal.call_order import card_decision
from recognizer.crm.journal.cards import set_fields
from recognizer.crm.journal.conditions import BY_PERSON
from recognizer.crm.journal.tables import (
    AttemptRow,
    ContactChangeRow,
    ContactPhoneRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
    ImportRow,
)
from recognizer.crm.journal.timeline import Timeline

__all__ = [
    "ImportRecord",
    "ImportTakenBack",
    "ImportTaker",
    "LeftCard",
    "begin_import",
    "read_imports",
]

_BATCH = 500
_AT_ONCE = 100  # imports; SQLite puts together at most 500 questions


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One import of a file of cards.

    Attributes
    ----------
    source : str
        What was imported.
    n_added, n_changed : int
        Cards it added and changed, whether taken back or not.
    undone_at, undone_by : datetime, str or None
        When it was taken back first, and who did.
    n_left : int
        Cards that stayed as it made them when it was taken back.
    """

    id: int
    made_at: dt.datetime
    source: str
    made_by: str
    n_added: int
    n_changed: int
    undone_at: dt.datetime | None
    undone_by: str | None
    n_left: int = 0


@dataclass(frozen=True, slots=True)
class LeftCard:
    """A card that stays as an import made it, and why."""

    ref: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportTakenBack:
    """What taking an import back did: `ref` of cards closed, restored and left."""

    import_id: int
    closed: tuple[str, ...]
    restored: tuple[str, ...]
    left: tuple[LeftCard, ...]


def begin_import(session: Session, source: str, *, made_by: str, now: dt.datetime) -> int:
    """Add an import that is about to be made and return its number."""
    row = ImportRow(source=source, made_by=made_by, made_at=now)
    session.add(row)
    session.flush()
    return row.id


def read_imports(session: Session, *, limit: int) -> tuple[ImportRecord, ...]:
    """Return imports, the last first."""
    rows = session.scalars(sa.select(ImportRow).order_by(ImportRow.id.desc()).limit(limit)).all()
    ids = [row.id for row in rows]
    added = _counts(session, ContactRow.import_id, ContactRow.id, ids)
    changed = _counts(session, ContactChangeRow.import_id, ContactChangeRow.contact_id, ids)
    left = _counts_left(session, [row for row in rows if row.undone_at is not None])
    return tuple(
        ImportRecord(
            id=row.id,
            made_at=row.made_at,
            source=row.source,
            made_by=row.made_by,
            n_added=added.get(row.id, 0),
            n_changed=changed.get(row.id, 0),
            undone_at=row.undone_at,
            undone_by=row.undone_by,
            n_left=left.get(row.id, 0),
        )
        for row in rows
    )


def _counts(
    session: Session, import_id: Column[int | None], card: Column[int], ids: Sequence[int]
) -> dict[int, int]:
    """Return how many cards there are of each import."""
    n_cards = sa.func.count(sa.distinct(card))
    statement = sa.select(import_id, n_cards).where(import_id.in_(ids)).group_by(import_id)
    return {number: n for number, n in session.execute(statement) if number is not None}


def _added(run: ImportRow) -> sa.Select[int]:
    """Select the cards an import added that are not closed."""
    return sa.select(ContactRow.id).where(
        ContactRow.import_id == run.id, ContactRow.taken_back_at.is_(None)
    )


def _changed(run: ImportRow) -> sa.Select[int]:
    """Select the cards that were there before and are not restored.

    Once it was taken back, a card that was closed and opened again since, or cleared by the CRM, is
    another one: what the import changed then is not in it.
    """
    restored = sa.select(ContactChangeRow.contact_id).where(
        ContactChangeRow.import_id == run.id,
        ContactChangeRow.source.startswith(_taken_back(run), autoescape=True),
    )
    statement = (
        sa.select(ContactRow.id)
        .join(ContactChangeRow, ContactChangeRow.contact_id == ContactRow.id)
        .where(
            ContactChangeRow.import_id == run.id,
            ContactRow.taken_back_at.is_(None),
            sa.or_(ContactRow.import_id.is_(None), ContactRow.import_id < run.id),
            ContactRow.id.not_in(restored),
        )
    )
    if run.undone_at is not None:
        statement = statement.where(
            sa.or_(ContactRow.cleared_at.is_(None), ContactRow.cleared_at < run.undone_at)
        )
    return statement.distinct()


def _taken_back(run: ImportRow) -> str:
    return f"import {run.id} taken back by "


def _counts_left(session: Session, runs: Sequence[ImportRow]) -> dict[int, int]:
    """Return how many cards stay as each of these imports made them, asked at once."""
    found: dict[int, int] = {}
    for start in range(0, len(runs), _AT_ONCE):
        counts = [
            sa.select(sa.literal(run.id), sa.func.count()).select_from(chosen(run).subquery())
            for run in runs[start : start + _AT_ONCE]
            for chosen in (_added, _changed)
        ]
        for number, n in session.execute(sa.union_all(*counts)):
            found[number] = found.get(number, 0) + n
    return found


class ImportTaker:
    """Takes an import back, in one transaction of the journal.

    Parameters
    ----------
    timeline : callable
        The timeline of a card.
    day : date
        The office's today, for what is decided anew.
    """

    def __init__(
        self,
        session: Session,
        *,
        timeline: Callable[[ContactRow], Timeline],
        made_by: str,
        now: dt.datetime,
        day: dt.date,
    ) -> None:
        self._session = session
        self._timeline = timeline
        self._made_by = made_by
        self._now = now
        self._day = day

    def take_back(self, import_id: int) -> ImportTakenBack:
        """Close what an import added, restore what it changed; say what was left and why.

        Once more, it takes what had to be left and no longer has to.
        """
        run = self._session.get(ImportRow, import_id, with_for_update=True)
        if run is None:
            raise JournalError(f"import {import_id}: there is no such import; see contacts imports")
        left: list[LeftCard] = []
        closed = list(self._each(self._ids(_added(run)), run, self._close, left))
        restored = list(self._each(self._ids(_changed(run)), run, self._restore, left))
        if run.undone_at is None:
            run.undone_at, run.undone_by = self._now, self._made_by
        elif not closed and not restored:
            raise JournalError(
                f"import {import_id}: was taken back already ({run.undone_at:%Y-%m-%d %H:%M} UTC, "
                f"{run.undone_by}), and nothing of it can be taken back now"
            )
        self._session.flush()
        return ImportTakenBack(
            import_id, closed=tuple(closed), restored=tuple(restored), left=tuple(left)
        )

    def _each(
        self,
        chosen: Iterable[int],
        run: ImportRow,
        take: Callable[[ContactRow, ImportRow], str],
        left: list[LeftCard],
    ) -> Iterator[str]:
        """Yield the cards that were taken back, a batch held at a time."""
        ids = sorted(chosen)
        for start in range(0, len(ids), _BATCH):
            statement = sa.select(ContactRow).where(ContactRow.id.in_(ids[start : start + _BATCH]))
            rows = self._session.scalars(statement.order_by(ContactRow.id).with_for_update()).all()
            touched = self._touched_since(rows, run)
            for row in rows:
                why = touched.get(row.id) or take(row, run)
                if why:
                    left.append(LeftCard(row.ref, why))
                else:
                    yield row.ref
            self._session.flush()

    def _touched_since(self, rows: Sequence[ContactRow], run: ImportRow) -> dict[int, str]:
        """Return why cards may not be touched: calls, or a person's words, since the import."""
        ids = [row.id for row in rows]
        found = {row.id: "merged into another card" for row in rows if row.merged_into_id}
        merged = sa.select(ContactRow.merged_into_id).where(ContactRow.merged_into_id.in_(ids))
        found |= dict.fromkeys(self._ids(merged), "another card was merged into it")
        corrected = (
            sa.select(AttemptRow.contact_id)
            .join(CorrectionRow, CorrectionRow.attempt_id == AttemptRow.id)
            .where(AttemptRow.contact_id.in_(ids), CorrectionRow.made_at >= run.made_at, BY_PERSON)
        )
        found |= dict.fromkeys(self._ids(corrected), "a person said what a call was since")
        called = sa.select(AttemptRow.contact_id).where(
            AttemptRow.contact_id.in_(ids), AttemptRow.recorded_at >= run.made_at
        )
        return found | dict.fromkeys(self._ids(called), "called since")

    def _ids(self, statement: sa.Select[Any]) -> set[int]:
        return set(self._session.scalars(statement.distinct()))

    def _close(self, row: ContactRow, run: ImportRow) -> str:
        """Make an added card as if it were not there; return why not, empty once it is."""
        if self._has_calls(row):
            return "calls were given to it"  # recorded earlier, assigned since
        why = self._changed_since(row, run)
        if why:
            return why
        self._timeline(row).withdraw_card()
        self._session.execute(
            sa.delete(ContactPhoneRow).where(ContactPhoneRow.contact_id == row.id)
        )
        row.search_text = ""
        row.deciding_id = None
        row.taken_back_at = row.updated_at = self._now
        return ""

    def _restore(self, row: ContactRow, run: ImportRow) -> str:
        """Give a changed card the values it had; return why not, empty once it has them."""
        changes = [change for change in self._changes(row) if change.import_id == run.id]
        values: dict[str, tuple[Any, Any]] = {}
        for change in changes:
            for name, (old, new) in change.changes.items():
                values[name] = (values[name][0] if name in values else old, new)
        earlier: dict[str, Any] = {}
        for name, (old, new) in values.items():
            now = _plain(getattr(row, name))
            if name == "comments" and now.startswith(new):
                earlier[name] = _with_lines(old, now[len(new) :])
            elif now != new:
                return f"{name} changed since"
            else:
                is_day = name == "contact_date" and old is not None
                earlier[name] = dt.date.fromisoformat(old) if is_day else old
        taken = {name: [_plain(getattr(row, name)), _plain(old)] for name, old in earlier.items()}
        before = changes[0].deciding_id
        set_fields(self._session, row, earlier, now=self._now)
        self._session.add(
            ContactChangeRow(
                contact_id=row.id,
                made_at=self._now,
                source=f"{_taken_back(run)}{self._made_by}",
                changes=taken,
                deciding_id=row.deciding_id,
                import_id=run.id,
            )
        )
        self._session.flush()
        self._decide_anew(row, before)
        return ""

    def _decide_anew(self, row: ContactRow, deciding_before: int | None) -> None:
        """Let the decisions follow: one on the card itself, and the one that stood before."""
        timeline = self._timeline(row)
        on_card = card_decision(self._session, row)
        before = self._session.get(DecisionRow, deciding_before or 0)
        was_on_card = before is not None and before.attempt_id is None
        if was_on_card or (on_card is not None and on_card.rule_id is not None):
            timeline.decide_card(self._day)
        if row.deciding_id is None and deciding_before is not None:
            row.cleared_at = None
            timeline.point_at_deciding()

    def _changed_since(self, row: ContactRow, run: ImportRow) -> str:
        """Return what changed a card since it was added, empty if nothing that still stands.

        A later import that was taken back left no trace: its rows lead back to where they began.
        """
        sources: dict[int | None, str] = {}
        spans: dict[tuple[int | None, str], tuple[Any, Any]] = {}
        for change in self._changes(row):
            if change.import_id == run.id or change.made_at < run.made_at:
                continue
            sources[change.import_id] = change.source
            for name, (old, new) in change.changes.items():
                key = (change.import_id, name)
                spans[key] = (spans[key][0] if key in spans else old, new)
        standing = {number for (number, _), (old, new) in spans.items() if old != new}
        for number, source in sources.items():
            if number is None or number in standing:
                return f"changed since ({source})"
        return ""

    def _has_calls(self, row: ContactRow) -> bool:
        statement = sa.select(AttemptRow.id).where(AttemptRow.contact_id == row.id).limit(1)
        return self._session.scalar(statement) is not None

    def _changes(self, row: ContactRow) -> Iterable[ContactChangeRow]:
        return self._session.scalars(
            sa.select(ContactChangeRow)
            .where(ContactChangeRow.contact_id == row.id)
            .order_by(ContactChangeRow.id)
        ).all()


def _with_lines(comments: str, added: str) -> str:
    """Return comments with the lines that were added behind others since."""
    lines = added.strip("\r\n")
    return append_line(comments, lines) if lines else comments


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value
