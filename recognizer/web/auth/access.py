"""Who may use the page: first run, users, signing in and out, in one place for the routes.

Conventions: moments are seconds since 1970 UTC (``_at_s``).
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable

import argon2
import sqlalchemy as sa

from recognizer.web.auth.audit import AuditEntry, AuditLog
from recognizer.web.auth.passwords import Passwords, check_password
from recognizer.web.auth.sessions import Session, Sessions
from recognizer.web.auth.throttling import SignInRefused, refuse_if_too_many
from recognizer.web.auth.users import AccessError, Role, User, check_names, user_of, users

__all__ = ["Access"]

_HOUR_S = 3600


class Access:
    """Users and sessions in one database.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of the journal's database (`recognizer.crm.journal.database.Database.engine`).
    idle_s, lifetime_s : float
        A session ends after this long without a request, and this long after sign-in.
    clock : callable
        Returns seconds since 1970 UTC.
    hasher : argon2.PasswordHasher
        With the library's own parameters (RFC 9106, low-memory) unless a test wants it quick.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        idle_s: float = 2 * _HOUR_S,
        lifetime_s: float = 12 * _HOUR_S,
        clock: Callable[[], float] = time.time,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        self._engine = engine
        # SQLite's write lock is taken at once, see recognizer.crm.journal.database.
        self._writing = engine.execution_options(recognizer_writes=True)
        self._clock = clock
        self._passwords = Passwords(hasher)
        self._sessions = Sessions(engine, clock, idle_s=idle_s, lifetime_s=lifetime_s)
        self._log = AuditLog(engine, clock)
        self._setup_token: str | None = None
        self._setting_up = threading.Lock()

    # -- first run ---------------------------------------------------------------------------

    def has_users(self) -> bool:
        """Return whether anybody can sign in."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(users.c.id).limit(1)).first() is not None

    def new_setup_token(self) -> str | None:
        """Return a one-time token that lets its holder make the first administrator.

        None once there are users. It lives in this process only: it is printed on the server's
        console, so only who can read that becomes the administrator.
        """
        self._setup_token = None if self.has_users() else secrets.token_urlsafe(24)
        return self._setup_token

    def set_up(self, token: str, login: str, name: str, password: str, address: str = "") -> User:
        """Make the first administrator.

        Raises
        ------
        AccessError
            If the token is not the one printed, is used already, or the data is not acceptable.
        """
        with self._setting_up:  # the link sent twice at once makes one administrator
            expected = self._setup_token
            if expected is None or not hmac.compare_digest(expected.encode(), token.encode()):
                raise AccessError(
                    "Ссылка первого входа не подходит: она действует один раз и до перезапуска. "
                    "Возьмите новую из окна сервера."
                )
            if self.has_users():
                raise AccessError("Администратор уже создан. Войдите под его именем.")
            user = self.create_user(login, name, Role.ADMINISTRATOR, password)
            self._setup_token = None
        self.record(user.login, "setup", target=user.login, address=address)
        return user

    # -- users -------------------------------------------------------------------------------

    def create_user(self, login: str, name: str, role: Role, password: str) -> User:
        """Make a user.

        Raises
        ------
        AccessError
            If the name is taken or the data is not acceptable.
        """
        login, name = login.strip().casefold(), name.strip()
        check_names(login, name)
        check_password(password, login)
        row = {
            "login": login,
            "name": name,
            "role": role.value,
            "password_hash": self._passwords.hash(password),
            "is_active": True,
            "created_at_s": self._clock(),
        }
        try:
            with self._writing.begin() as connection:
                made = connection.execute(users.insert().returning(users), row).one()
        except sa.exc.IntegrityError as problem:
            raise AccessError(
                f"Имя для входа «{login}» уже занято.", f"login {login!r} is taken already"
            ) from problem
        return user_of(made)

    def users(self) -> tuple[User, ...]:
        """Return everybody, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(users).order_by(users.c.name)).all()
        return tuple(map(user_of, rows))

    def change_user(self, user_id: int, *, role: Role, is_active: bool, password: str = "") -> User:
        """Give a user another role, close or reopen the account, give a new password if any.

        All of it or nothing. Closing and a new password end the sessions.

        Raises
        ------
        AccessError
            If there is no such user, nobody would be left to administer, or the password is not
            acceptable.
        """
        values = {"role": role.value, "is_active": is_active}
        if password:
            values["password_hash"] = self._new_hash(user_id, password)
        is_administrator = sa.and_(users.c.role == Role.ADMINISTRATOR.value, users.c.is_active)
        with self._writing.begin() as connection:
            # Held until the end: two administrators who close each other at once are not both
            # the other one who is left.
            held = connection.execute(
                sa.select(users.c.id)
                .where(sa.or_(users.c.id == user_id, is_administrator))
                .order_by(users.c.id)
                .with_for_update()
            ).scalars()
            others = set(held) - {user_id}
            if not others and not (is_active and role is Role.ADMINISTRATOR):
                raise AccessError("Это последний администратор: сначала назначьте другого.")
            changed = connection.execute(
                users.update().where(users.c.id == user_id).values(values).returning(users)
            ).first()
            if changed is None:
                raise AccessError("Такого пользователя нет.")
            if not is_active or password:
                self._sessions.end_all(connection, user_id)
        return user_of(changed)

    def set_password(self, user_id: int, password: str) -> None:
        """Give a user a new password and end all their sessions.

        Raises
        ------
        AccessError
            If there is no such user or the password is not acceptable.
        """
        self._keep_password(user_id, self._new_hash(user_id, password))

    def change_password(self, login: str, old: str, new: str, address: str = "") -> None:
        """Give oneself a new password and end all one's sessions.

        Raises
        ------
        SignInRefused
            If the old one does not fit, or came too often.
        AccessError
            If the new one is not acceptable, or another was set meanwhile.
        """
        token = self.sign_in(login, old, address)
        try:
            session = self._sessions.find(token)
            if session is None:
                raise SignInRefused("Имя или пароль не подходят.")
            self._keep_password(
                session.user.id, self._new_hash(session.user.id, new), while_open=token
            )
        finally:
            self.sign_out(token)

    def _new_hash(self, user_id: int, password: str) -> str:
        with self._engine.connect() as connection:
            login = connection.execute(
                sa.select(users.c.login).where(users.c.id == user_id)
            ).scalar_one_or_none()
        if login is None:
            raise AccessError("Такого пользователя нет.")
        check_password(password, login)
        return self._passwords.hash(password)

    def _keep_password(self, user_id: int, hashed: str, while_open: str = "") -> None:
        with self._writing.begin() as connection:
            connection.execute(
                users.update().where(users.c.id == user_id).values(password_hash=hashed)
            )
            if while_open and not self._sessions.is_open(connection, while_open):
                raise SignInRefused("Имя или пароль не подходят.")
            self._sessions.end_all(connection, user_id)

    # -- sessions ----------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, address: str = "") -> str:
        """Return the token of a new session.

        Raises
        ------
        SignInRefused
            If name and password do not fit, or came too often.
        """
        login = login.strip().casefold()[:64]
        refuse_if_too_many(self._engine, self._clock(), login, address)
        token = None
        while token is None:
            with self._engine.connect() as connection:
                row = connection.execute(sa.select(users).where(users.c.login == login)).first()
            # A name nobody has costs as much time as a wrong password: it tells nothing.
            fits = self._passwords.fits(None if row is None else row.password_hash, password)
            if row is None or not row.is_active or not fits:
                self.record(login, "sign_in_failed", address=address)
                raise SignInRefused("Имя или пароль не подходят.")
            token = self._start(row.id, row.password_hash, password)
        self.record(login, "sign_in", address=address)
        return token

    def _start(self, user_id: int, hashed: str, password: str) -> str | None:
        """Return the token of a new session; None if what was checked is no longer what is kept.

        Checking takes a while: a password that was set meanwhile is not overwritten, and neither
        the old one nor a closed account opens a session.
        """
        outdated = self._passwords.is_outdated(hashed)
        kept = self._passwords.hash(password) if outdated else hashed
        with self._writing.begin() as connection:
            found = connection.execute(
                users.update()
                .where(users.c.id == user_id, users.c.password_hash == hashed, users.c.is_active)
                .values(password_hash=kept)
            )
            return self._sessions.start(connection, user_id) if found.rowcount else None

    def session(self, token: str | None, *, prolongs: bool = True) -> Session | None:
        """Return the session behind a browser's token; None if it is unknown or over.

        `prolongs` False: a page asks by itself, which is no sign of a person.
        """
        return self._sessions.find(token, prolongs=prolongs)

    def sign_out(self, token: str | None) -> None:
        """End a session."""
        self._sessions.end(token)

    # -- the log -----------------------------------------------------------------------------

    def record(
        self, login: str, action: str, *, target: str = "", detail: str = "", address: str = ""
    ) -> None:
        """Add a line to the audit log. No phone number may stand in it."""
        self._log.record(login, action, target=target, detail=detail, address=address)

    def audit(
        self, *, limit: int = 100, offset: int = 0, login: str = "", action: str = ""
    ) -> tuple[AuditEntry, ...]:
        """Return lines of the log, newest first; of one person, of one kind, or all."""
        return self._log.entries(limit=limit, offset=offset, login=login, action=action)
