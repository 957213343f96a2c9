"""Wordings that people proposed for the phrase lists, and what became of each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recognizer.crm.journal.database import Database
from recognizer.crm.journal.tables import Base, RowId, UtcDateTime
from recognizer.model import CallOutcome

__all__ = ["KeptProposals", "Proposal"]

_phrases = sa.Table(
    "page_phrases",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(40), nullable=False),
    sa.Column("attempt_id", RowId, sa.ForeignKey("attempts.id"), nullable=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("made_by", sa.String(64), nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", sa.String(64), nullable=True),
    sa.Column("decided_at", UtcDateTime, nullable=True),
    sa.Column("undone_by", sa.String(64), nullable=True),
    sa.Column("undone_at", UtcDateTime, nullable=True),
    sa.Column("version", sa.String(32), nullable=True),
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposed wording: `state` is `proposed`, `saved`, `undone` or `rejected`."""

    id: int
    text: str
    outcome: CallOutcome
    attempt_id: int | None
    state: str
    made_by: str
    made_at: dt.datetime
    decided_by: str | None
    decided_at: dt.datetime | None
    undone_by: str | None
    undone_at: dt.datetime | None
    version: str | None


class KeptProposals:
    """The proposals of a journal. Shared by threads."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._writing = database.engine.execution_options(recognizer_writes=True)

    def all(self) -> tuple[Proposal, ...]:
        """Return every proposal, newest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_phrases).order_by(_phrases.c.id.desc())).all()
        return tuple(map(_proposal, rows))

    def get(self, proposal_id: int) -> Proposal | None:
        """Return a proposal; None: there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(_phrases).where(_phrases.c.id == proposal_id)
            ).first()
        return None if row is None else _proposal(row)

    def add(
        self, text: str, outcome: CallOutcome, *, made_by: str, attempt_id: int | None
    ) -> Proposal:
        """Keep a new one, in the state `proposed`."""
        row = {
            "text": text,
            "outcome": outcome.value,
            "attempt_id": attempt_id,
            "state": "proposed",
            "made_by": made_by,
            "made_at": dt.datetime.now(dt.UTC),
        }
        with self._writing.begin() as connection:
            made = connection.execute(_phrases.insert().returning(_phrases), row).one()
        return _proposal(made)

    def update(self, proposal_id: int, **values: Any) -> None:
        """Keep other values of some fields."""
        with self._writing.begin() as connection:
            connection.execute(
                _phrases.update().where(_phrases.c.id == proposal_id).values(**values)
            )


def _proposal(row: sa.Row[Any]) -> Proposal:
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's way to read by name
    return Proposal(**{**values, "outcome": CallOutcome(values["outcome"])})
