"""Who is deciding which call, so that two people do not decide the same."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Double, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from recognizer.crm.journal.database import Database
from recognizer.crm.journal.tables import Base

__all__ = ["RESERVED_S", "Reservation", "Reservations"]


class ReservationRow(Base):
    """Who is deciding a call, until when (seconds since 1970)."""

    __tablename__ = "page_reservations"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    login: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(128))
    until_s: Mapped[float] = mapped_column(Double)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Who is deciding a call."""

    login: str
    name: str
    until_s: float


RESERVED_S = 300.0
"""A call opened in the queue is kept for whoever opened it; opening it again prolongs that."""


def _is_held(now_s: float) -> sa.ColumnElement[bool]:
    """Return the condition that a reservation is in force; one of a clock once ahead is not."""
    return ReservationRow.until_s.between(now_s, now_s + RESERVED_S + 60.0)


class Reservations:
    """The calls that people are deciding now. Shared by threads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(
        self, attempt_id: int, login: str, name: str, *, takes_over: bool = False
    ) -> Reservation:
        """Reserve a call for a person, or return who has it until when.

        `takes_over`: the person was told who has it and wants it all the same.
        """
        now = time.time()
        until_s = now + RESERVED_S
        mine = sa.or_(~_is_held(now), ReservationRow.login == login)
        with self._database.writing() as session:
            changed = session.execute(
                sa.update(ReservationRow)
                .where(ReservationRow.attempt_id == attempt_id, sa.true() if takes_over else mine)
                .values(login=login, name=name, until_s=until_s)
            )
            if changed.rowcount:  # type: ignore[attr-defined]
                return Reservation(login, name, until_s)
            self._database.lock(session, f"reservation:{attempt_id}")
            there = session.get(ReservationRow, attempt_id)
            if there is not None:
                return Reservation(there.login, there.name, there.until_s)
            session.add(
                ReservationRow(attempt_id=attempt_id, login=login, name=name, until_s=until_s)
            )
        return Reservation(login, name, until_s)

    def taken(self, login: str) -> dict[int, str]:
        """Return the calls that others are deciding now, with their names."""
        query = sa.select(ReservationRow.attempt_id, ReservationRow.name).where(
            ReservationRow.login != login, _is_held(time.time())
        )
        with self._database.engine.connect() as connection:
            return {row.attempt_id: row.name for row in connection.execute(query)}
