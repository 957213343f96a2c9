"""Telling other programs what was decided: at least once, in order of each card, across crashes.

Every decision is a row of the journal, whoever made it, so the outbox is filled from there: nothing
is lost while the server is down. A delivery is written down only after the other side has answered;
killed in between, it is sent again under the same id.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Double, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from recognizer.base.errors import JournalError, RecognizerError
from recognizer.crm.journal.conditions import IN_FORCE
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.records import REHEARING
from recognizer.crm.journal.standing import standing_decision
from recognizer.crm.journal.tables import (
    AttemptRow,
    Base,
    CallStateRow,
    ContactRow,
    CorrectionRow,
    DecisionRow,
    RowId,
    UtcDateTime,
)

__all__ = [
    "MAX_TRIES",
    "DeliveryError",
    "Dispatcher",
    "Outbox",
    "OutboxRow",
    "Parcel",
    "Target",
    "TargetRow",
    "wait_before_retry_s",
]

_LOG = logging.getLogger(__name__)
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


class DeliveryError(RecognizerError):
    """The other side did not take it; the message holds no number and no secret.

    Attributes
    ----------
    is_final : bool
        It said that it never will: sending the same again is no use.
    wait_s : float
        For how long it asks to be left alone; 0: it does not.
    """

    kind = "delivery"

    def __init__(self, message: str, *, is_final: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.is_final = is_final
        self.wait_s = wait_s


class Target(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """Its name in the settings; keeps its place in the outbox."""

    def deliver(self, event: Mapping[str, Any]) -> None:
        """Tell it; DeliveryError if it did not take it."""


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
                **_event(session, row),
            }


def _event(session: Session, row: DecisionRow) -> dict[str, Any]:
    attempt = None if row.attempt_id is None else session.get(AttemptRow, row.attempt_id)
    state = None if attempt is None else session.get(CallStateRow, attempt.id)
    contact = None if row.contact_id is None else session.get(ContactRow, row.contact_id)
    said = None if row.correction_id is None else session.get(CorrectionRow, row.correction_id)
    old = None if row.supersedes_id is None else session.get(DecisionRow, row.supersedes_id)
    is_reheard = said is not None and said.made_by == REHEARING
    marks = bool(row.final and row.incorrect_contact)
    is_in_force = session.scalar(
        sa.select(DecisionRow.id).where(DecisionRow.id == row.id, IN_FORCE)
    )
    card_marked = None if contact is None else _is_marked(session, contact)
    # A call that went to another card took its mark from the one it left, too.
    moved = old is not None and old.contact_id != row.contact_id
    took_back = old is not None and bool(old.final and old.incorrect_contact)
    left = session.get(ContactRow, old.contact_id) if old and moved and old.contact_id else None
    if took_back and (not marks or moved):
        kind = "mark_withdrawn"
    elif row.source == "operator" and not is_reheard:
        kind = "correction"
    else:
        kind = "decision" if old is None else "recount"
    return {
        "event": kind,
        "decision": row.id,
        "replaces": row.supersedes_id,
        "call": row.attempt_id,
        "card": None if contact is None else contact.ref,
        "left_card": None if left is None else left.ref,
        "number": None if attempt is None else attempt.number,
        "called_at": None if attempt is None else attempt.called_at.isoformat(),
        "duration_s": None if attempt is None else attempt.duration_s,
        "decided_at": row.made_at.isoformat(),
        "decided_by": None if said is None or is_reheard else said.made_by,
        "outcome": row.outcome,
        "status": row.status,
        # What is told late, or again, does not bring back a mark that was taken away meanwhile.
        "incorrect_contact": marks and is_in_force is not None and card_marked is not False,
        "in_force": is_in_force is not None,
        "card_marked": card_marked,
        "contradicts_mark": bool(state is not None and state.contradicts),
        "final": row.final,
        "next": row.next,
        "attempt": row.attempt,
        "comment": row.comment,
    }


def _is_marked(session: Session, contact: ContactRow) -> bool:
    """Return whether the mark stands on a card now, whichever call put it there."""
    standing = standing_decision(session, contact)
    return bool(contact.incorrect_contact if standing is None else standing.incorrect_contact)


class Dispatcher:
    """Delivers until it is closed, each target in a thread of its own: a slow one delays nobody."""

    def __init__(self, outbox: Outbox, targets: Sequence[Target], *, every_s: float = 1.0) -> None:
        self._outbox = outbox
        self._targets = targets
        self._every_s = every_s
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(target,), name=f"outbox {target.name}", daemon=True
            )
            for target in targets
        ]

    def start(self) -> None:
        """Begin to deliver."""
        self._outbox.collect([target.name for target in self._targets])
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the delivery in hand."""
        self._stop.set()
        until = time.monotonic() + 15
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, target: Target) -> None:
        while not self._stop.is_set():
            try:
                self._outbox.collect([target.name])
                is_done = self._try(target)
            except RecognizerError as problem:
                _LOG.error("outbox: %s", problem)
                is_done = False
            if not is_done:
                self._stop.wait(self._every_s)

    def run_once(self) -> int:
        """Collect, and try what is due of each target, once; return how many rows were tried."""
        self._outbox.collect([target.name for target in self._targets])
        return sum(self._try(target) for target in self._targets)

    def _try(self, target: Target) -> bool:
        """Try what is due of a target; return whether anything was."""
        claimed = self._outbox.claim(target.name)
        if claimed is None:
            return False
        row_id, decision_id = claimed
        try:
            target.deliver(self._outbox.event(decision_id, target.name))
        except DeliveryError as problem:
            _LOG.warning("outbox row %d, %s: %s", row_id, target.name, problem)
            self._outbox.failed(
                row_id, str(problem), is_final=problem.is_final, wait_s=problem.wait_s
            )
        except RecognizerError:
            raise
        except Exception as problem:  # noqa: BLE001 - one row must not stop all after it
            _LOG.exception("outbox row %d, %s", row_id, target.name)
            self._outbox.failed(row_id, f"cannot be told: {type(problem).__name__}")
        else:
            self._outbox.delivered(row_id)
        return True
