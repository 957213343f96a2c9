"""The audit log: who did what, when and from where. No phone number may stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from recognizer.crm.journal.tables import Base, RowId

__all__ = ["AuditEntry", "AuditLog", "audit"]

audit = sa.Table(
    "page_audit",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("at_s", sa.Double, nullable=False, index=True),
    sa.Column("login", sa.String(64), nullable=False, index=True),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("target", sa.String(256), nullable=False, default=""),
    sa.Column("detail", sa.Text, nullable=False, default=""),
    sa.Column("address", sa.String(64), nullable=False, default=""),
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when and from where."""

    at_s: float
    login: str
    action: str
    target: str
    detail: str
    address: str


class AuditLog:
    """The log in one database; `clock` returns seconds since 1970 UTC."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._writing = engine.execution_options(recognizer_writes=True)
        self._clock = clock

    def record(
        self, login: str, action: str, *, target: str = "", detail: str = "", address: str = ""
    ) -> None:
        """Add a line. No phone number may stand in it."""
        with self._writing.begin() as connection:
            connection.execute(
                audit.insert(),
                {
                    "at_s": self._clock(),
                    "login": login[:64],
                    "action": action,
                    "target": target[:256],
                    "detail": detail,
                    "address": address[:64],
                },
            )

    def entries(
        self, *, limit: int = 100, offset: int = 0, login: str = "", action: str = ""
    ) -> tuple[AuditEntry, ...]:
        """Return lines of the log, newest first; of one person, of one kind, or all."""
        query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit).offset(offset)
        if login:
            query = query.where(audit.c.login == login)
        if action:
            query = query.where(audit.c.action == action)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            AuditEntry(r.at_s, r.login, r.action, r.target, r.detail, r.address) for r in rows
        )
