"""Signed-in browsers: a token is shown to the browser once and kept here as SHA-256 only."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from recognizer.crm.journal.tables import Base, RowId
from recognizer.web.auth.users import User, user_of, users
from recognizer.web.parameters import read_id

__all__ = ["Session", "Sessions", "user_of_form"]

_MINUTE_S = 60

sessions = sa.Table(
    "page_sessions",
    Base.metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("user_id", RowId, sa.ForeignKey("page_users.id"), nullable=False, index=True),
    sa.Column("csrf_token", sa.String(64), nullable=False),
    sa.Column("started_at_s", sa.Double, nullable=False),
    sa.Column("seen_at_s", sa.Double, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; `csrf_token` must come back with everything it sends."""

    user: User
    csrf_token: str
    expires_at_s: float

    def accepts(self, csrf_token: str) -> bool:
        """Return whether `csrf_token` is this session's."""
        return hmac.compare_digest(self.csrf_token.encode(), csrf_token.encode())


class Sessions:
    """The sessions in one database.

    Parameters
    ----------
    idle_s, lifetime_s : float
        A session ends after this long without a request, and this long after sign-in.
    clock : callable
        Returns seconds since 1970 UTC.
    """

    def __init__(
        self, engine: sa.Engine, clock: Callable[[], float], *, idle_s: float, lifetime_s: float
    ) -> None:
        self._engine = engine
        self._writing = engine.execution_options(recognizer_writes=True)
        self._clock = clock
        self._idle_s = idle_s
        self._lifetime_s = lifetime_s

    def start(self, connection: sa.Connection, user_id: int) -> str:
        """Return the token of a new session, made in a transaction of the caller's.

        Sessions that are over for good are forgotten.
        """
        token = secrets.token_urlsafe(32)
        now = self._clock()
        connection.execute(
            sessions.delete().where(sessions.c.started_at_s < now - self._lifetime_s)
        )
        connection.execute(
            sessions.insert(),
            {
                "token_sha256": _digest(token),
                "user_id": user_id,
                "csrf_token": f"{user_id}.{secrets.token_urlsafe(32)}",
                "started_at_s": now,
                "seen_at_s": now,
            },
        )
        return token

    def find(self, token: str | None, *, prolongs: bool = True) -> Session | None:
        """Return the session behind a browser's token; None if it is unknown or over.

        `prolongs` False: a page asks by itself, which is no sign of a person.
        """
        if not token:
            return None
        now = self._clock()
        this = sessions.c.token_sha256 == _digest(token)
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(sessions, users).join(users, users.c.id == sessions.c.user_id).where(this)
            ).first()
        if row is None:
            return None
        expires_at_s = min(row.seen_at_s + self._idle_s, row.started_at_s + self._lifetime_s)
        # Used last far in the future: the clock was wrong then, and it would last for years.
        is_of_another_clock = row.seen_at_s > now + self._idle_s
        if now >= expires_at_s or is_of_another_clock or not row.is_active:
            with self._writing.begin() as connection:
                connection.execute(sessions.delete().where(this))
            return None
        if prolongs and now - row.seen_at_s > _MINUTE_S:  # one write a minute is enough
            with self._writing.begin() as connection:
                connection.execute(sessions.update().where(this).values(seen_at_s=now))
        return Session(user_of(row), row.csrf_token, expires_at_s)

    def end(self, token: str | None) -> None:
        """End a session."""
        if token:
            with self._writing.begin() as connection:
                connection.execute(
                    sessions.delete().where(sessions.c.token_sha256 == _digest(token))
                )

    @staticmethod
    def is_open(connection: sa.Connection, token: str) -> bool:
        """Return whether a session was not ended, in a transaction of the caller's."""
        this = sa.select(sessions.c.user_id).where(sessions.c.token_sha256 == _digest(token))
        return connection.execute(this).first() is not None

    @staticmethod
    def end_all(connection: sa.Connection, user_id: int) -> None:
        """End every session of a user, in a transaction of the caller's."""
        connection.execute(sessions.delete().where(sessions.c.user_id == user_id))


def user_of_form(csrf_token: str) -> int | None:
    """Return whose form a `Session.csrf_token` stood in, also after that session; None: unknown.

    It tells colleagues at one desk apart and proves nothing.
    """
    return read_id(csrf_token.partition(".")[0])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
