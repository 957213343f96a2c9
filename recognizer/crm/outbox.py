"""Telling other programs what was decided: at least once, in order of each card, across crashes.

Every decision is a row of the journal, whoever made it, so the outbox is filled from there: nothing
is lost while the server is down. A delivery is written down only after the other side has answered;
killed in between, it is sent again under the same id.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Double, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from recognizer.base.errors import JournalError
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.tables import (
    Base,
    DecisionRow,
    RowId,
    UtcDateTime,
)
from recognizer.crm.outbox_events import event_of

__all__ = [
    "MAX_TRIES",
    "Outbox",
    "OutboxRow",
    "Parcel",
    "TargetRow",
    "wait_before_retry_s",
]

MAX_TRIES = 15
"""Some nine hours of tries; then it is a dead letter, which a person may send again."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 3600.0
_CLAIMED_S = 60.0
_LATE = dt.timedelta(minutes=10)
"""Rows of other writers may become visible out of order: so far back is looked again."""
_NAMESPACE = uuid.UUID("6f1d2f0e-5f2c-4c55-9d1c-0c7a4f6f4a55")


def wait_before_retry_s(n_tries: int, first_s: float, longest_s: float) -> float:
    """Return how long to wait after so many tries: twice as long each time."""
    return min(first_s * 2.0 ** (n_tries - 1), longest_s)


class TargetRow(Base):
    """From which decision on a target is told: nothing of before it was configured."""

    __tablename__ = "outbox_targets"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    start_id: Mapped[int] = mapped_column(RowId)


class OutboxRow(Base):
    """One decision to tell one target; `state` is waiting, delivered or dead."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("target", "decision_id"),
        Index("ix_outbox_target_state", "target", "state"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    target: Mapped[str] = mapped_column(String(64))
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"))
    stream: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    n_tries: Mapped[int] = mapped_column(Integer)
    next_try_s: Mapped[float] = mapped_column(Double)
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    last_problem: Mapped[str] = mapped_column(Text, default="")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A row of the outbox as people see it; `call_id` None: decided without a call."""

    id: int
    target: str
    decision_id: int
    state: str
    n_tries: int
    last_problem: str
    call_id: int | None


class Outbox:
    """What is still to be told, in the journal's database."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def collect(self, names: Sequence[str]) -> int:
        """Put decisions that are not there yet into the outbox; return how many."""
        n_new = 0
        with self._database.writing() as session:
            self._database.lock(session, "recognizer outbox")
            for name in names:
                start = session.get(TargetRow, name)
                if start is None:
                    last = session.scalar(sa.select(sa.func.max(DecisionRow.id))) or 0
                    session.add(TargetRow(name=name, start_id=last))
                    continue
                n_new += self._collect_for(session, name, start.start_id)
        return n_new

    def _collect_for(self, session: Session, name: str, start_id: int) -> int:
        now = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        newest = sa.select(sa.func.max(OutboxRow.decision_id)).where(OutboxRow.target == name)
        last = session.scalar(newest) or start_id
        there = sa.exists().where(OutboxRow.target == name, OutboxRow.decision_id == DecisionRow.id)
        statement = (
            sa.select(DecisionRow.id, DecisionRow.contact_id, DecisionRow.attempt_id)
            .where(
                DecisionRow.id > start_id,
                sa.or_(DecisionRow.id > last, DecisionRow.made_at > now - _LATE),
                ~there,
            )
            .order_by(DecisionRow.id)
            .limit(1000)
        )
        rows = session.execute(statement).all()
        for decision_id, contact_id, attempt_id in rows:
            stream = f"card:{contact_id}" if contact_id is not None else f"call:{attempt_id}"
            session.add(
                OutboxRow(
                    target=name,
                    decision_id=decision_id,
                    stream=stream,
                    state="waiting",
                    n_tries=0,
                    next_try_s=0.0,
                    created_at=now,
                )
            )
        return len(rows)

    def claim(self, name: str) -> tuple[int, int] | None:
        """Take the next row of a target that is due: (row, decision); None: none is.

        What was decided on a card later waits for what was decided earlier; what was decided of a
        call that came from another card, for what it takes back there.
        """
        earlier, before = aliased(OutboxRow), aliased(OutboxRow)
        now = self._clock()
        with self._database.writing() as session:
            self._database.lock(session, f"recognizer outbox {name}")
            row = session.scalar(
                sa.select(OutboxRow)
                .join(DecisionRow, DecisionRow.id == OutboxRow.decision_id)
                .where(
                    OutboxRow.target == name,
                    OutboxRow.state == "waiting",
                    # Later than any wait: the clock was ahead then, and has been put right.
                    sa.or_(
                        OutboxRow.next_try_s <= now, OutboxRow.next_try_s > now + _LONGEST_WAIT_S
                    ),
                    ~sa.exists().where(
                        earlier.target == OutboxRow.target,
                        earlier.stream == OutboxRow.stream,
                        earlier.state == "waiting",
                        earlier.id < OutboxRow.id,
                    ),
                    ~sa.exists().where(
                        before.target == OutboxRow.target,
                        before.decision_id == DecisionRow.supersedes_id,
                        before.state == "waiting",
                    ),
                )
                .order_by(OutboxRow.id)
                .limit(1)
            )
            if row is None:
                return None
            row.n_tries += 1
            row.next_try_s = now + _CLAIMED_S  # of who is killed now
            return row.id, row.decision_id

    def delivered(self, row_id: int) -> None:
        """Keep that a row was taken."""
        with self._database.writing() as session:
            row = session.get_one(OutboxRow, row_id)
            row.state, row.last_problem = "delivered", ""
            row.delivered_at = dt.datetime.fromtimestamp(self._clock(), dt.UTC)

    def failed(
        self, row_id: int, problem: str, *, is_final: bool = False, wait_s: float = 0.0
    ) -> None:
        """Keep that a row was not taken: later again, in the end or at once a dead letter.

        `wait_s`: it asks to be left alone for so long. It is, an hour at most: with everything else
        there is for it, too, for its limit is one for all.
        """
        with self._database.writing() as session:
            row = session.get_one(OutboxRow, row_id)
            row.last_problem = problem[:500]
            now = self._clock()
            if is_final or row.n_tries >= MAX_TRIES:
                row.state = "dead"
            else:
                own_s = wait_before_retry_s(row.n_tries, _FIRST_WAIT_S, _LONGEST_WAIT_S)
                row.next_try_s = now + own_s
            if wait_s > 0:
                until_s = now + min(wait_s, _LONGEST_WAIT_S)
                session.flush()
                session.execute(
                    sa.update(OutboxRow)
                    .where(
                        OutboxRow.target == row.target,
                        OutboxRow.state == "waiting",
                        OutboxRow.next_try_s < until_s,
                    )
                    .values(next_try_s=until_s)
                )

    def parcels(self, state: str, *, limit: int = 100) -> tuple[Parcel, ...]:
        """Return rows in a state, the latest first."""
        with self._database.reading() as session:
            rows = session.execute(
                sa.select(OutboxRow, DecisionRow.attempt_id)
                .join(DecisionRow, DecisionRow.id == OutboxRow.decision_id)
                .where(OutboxRow.state == state)
                .order_by(OutboxRow.id.desc())
                .limit(limit)
            )
            return tuple(
                Parcel(r.id, r.target, r.decision_id, r.state, r.n_tries, r.last_problem, call)
                for r, call in rows
            )

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how many rows there are, by target and state."""
        by = (OutboxRow.target, OutboxRow.state)
        query = sa.select(*by, sa.func.count()).group_by(*by).order_by(*by)
        with self._database.reading() as session:
            return {(target, state): n for target, state, n in session.execute(query)}

    def retry(self, row_id: int) -> None:
        """Send a dead letter again; JournalError if it is none."""
        with self._database.writing() as session:
            row = session.get(OutboxRow, row_id)
            if row is None or row.state != "dead":
                raise JournalError(f"outbox row {row_id}: there is no such dead letter")
            row.state, row.n_tries, row.next_try_s = "waiting", 0, 0.0

    def retry_all(self) -> int:
        """Send every dead letter again; return how many."""
        with self._database.writing() as session:
            dead = session.scalars(sa.select(OutboxRow).where(OutboxRow.state == "dead")).all()
            for row in dead:
                row.state, row.n_tries, row.next_try_s = "waiting", 0, 0.0
            return len(dead)

    def event(self, decision_id: int, target: str) -> dict[str, Any]:
        """Return what is told of a decision."""
        with self._database.reading() as session:
            row = session.get_one(DecisionRow, decision_id)
            return {
                "id": str(uuid.uuid5(_NAMESPACE, f"{target}:{decision_id}")),
                **event_of(session, row),
            }
