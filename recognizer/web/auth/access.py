"""Who may use the page: users, roles, sessions, sign-in, and the log of what they did.

Conventions: moments are seconds since 1970 UTC (``_at_s``); a session's token is shown to the
browser once and kept here as SHA-256 only; passwords are kept as argon2id. Failed sign-ins are
counted from the audit log itself, so a restart forgives nobody.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import argon2
import sqlalchemy as sa

from recognizer.base.errors import RecognizerError
from recognizer.crm.journal.tables import Base, RowId

__all__ = [
    "Access",
    "AccessError",
    "AuditEntry",
    "Role",
    "Session",
    "SignInRefused",
    "User",
]

_MINUTE_S = 60
_HOUR_S = 3600
_MIN_PASSWORD_LENGTH = 10
_LOGIN_LIMIT = 5
_ADDRESS_LIMIT = 20
_LIMIT_WINDOW_S = 15 * _MINUTE_S

_users = sa.Table(
    "page_users",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("login", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password_hash", sa.String(256), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False, default=True),
    sa.Column("created_at_s", sa.Double, nullable=False),
)
_sessions = sa.Table(
    "page_sessions",
    Base.metadata,
    sa.Column("token_sha256", sa.String(64), primary_key=True),
    sa.Column("user_id", RowId, sa.ForeignKey("page_users.id"), nullable=False, index=True),
    sa.Column("csrf_token", sa.String(64), nullable=False),
    sa.Column("started_at_s", sa.Double, nullable=False),
    sa.Column("seen_at_s", sa.Double, nullable=False),
)
_audit = sa.Table(
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


class AccessError(RecognizerError):
    """A user cannot be made or changed as asked; the message is Russian, for the page.

    Attributes
    ----------
    english : str
        The same for the command line; empty where only the page can say it.
    """

    kind = "access"

    def __init__(self, message: str, english: str = "") -> None:
        super().__init__(message)
        self.english = english


class SignInRefused(AccessError):  # noqa: N818 - a refusal, not a failure of ours
    """Wrong name or password, or too many tries.

    Attributes
    ----------
    retry_after_s : int
        Seconds to wait; 0 where the next try may come at once.
    """

    kind = "sign_in_refused"

    def __init__(self, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Role(enum.StrEnum):
    """What a user may do; each role may do all that the one before it may."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"

    def includes(self, needed: Role) -> bool:
        """Return whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    id: int
    login: str
    name: str
    role: Role
    is_active: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; `csrf_token` must come back with everything it sends."""

    user: User
    csrf_token: str
    expires_at_s: float

    def accepts(self, csrf_token: str) -> bool:
        """Return whether `csrf_token` is this session's."""
        return hmac.compare_digest(self.csrf_token.encode(), csrf_token.encode())


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when and from where."""

    at_s: float
    login: str
    action: str
    target: str
    detail: str
    address: str


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public way to read by name
    return User(
        values["id"], values["login"], values["name"], Role(values["role"]), values["is_active"]
    )


def _check_new(login: str, name: str) -> None:
    if not login or len(login) > 64 or not login.isprintable() or any(map(str.isspace, login)):
        raise AccessError(
            "Имя для входа: от 1 до 64 знаков без пробелов.",
            f"login: expected 1 to 64 characters without spaces, got {login!r}",
        )
    if not name or len(name) > 128 or not name.isprintable():
        raise AccessError(
            "Имя сотрудника: от 1 до 128 знаков.", "name: expected 1 to 128 characters"
        )


def _check_password(password: str, login: str) -> None:
    if len(password) < _MIN_PASSWORD_LENGTH:
        raise AccessError(
            f"Пароль слишком короткий: нужно не меньше {_MIN_PASSWORD_LENGTH} знаков.",
            f"password: expected {_MIN_PASSWORD_LENGTH} characters or more, got {len(password)}",
        )
    if len(set(password)) < 5 or password.isdecimal():
        raise AccessError(
            "Пароль слишком простой: одни цифры или повтор. Возьмите несколько слов.",
            "password: expected more than digits and five different characters at least",
        )
    if len(password) > 1024:
        raise AccessError(
            "Пароль слишком длинный: не больше 1024 знаков.",
            "password: expected 1024 characters or fewer",
        )
    if login.casefold() in password.casefold():
        raise AccessError(
            "Пароль не должен содержать имя для входа.",
            "password: expected one that does not contain the login",
        )


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
        self._idle_s = idle_s
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._hasher = hasher or argon2.PasswordHasher()
        # Each check takes 64 MB: many sign-ins at once must not take the machine's memory.
        self._hashing = threading.BoundedSemaphore(2)
        self._setup_token: str | None = None

    # -- first run ---------------------------------------------------------------------------

    def has_users(self) -> bool:
        """Return whether anybody can sign in."""
        with self._engine.connect() as connection:
            return connection.execute(sa.select(_users.c.id).limit(1)).first() is not None

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
        _check_new(login, name)
        _check_password(password, login)
        row = {
            "login": login,
            "name": name,
            "role": role.value,
            "password_hash": self._hash(password),
            "is_active": True,
            "created_at_s": self._clock(),
        }
        try:
            with self._writing.begin() as connection:
                made = connection.execute(_users.insert().returning(_users), row).one()
        except sa.exc.IntegrityError as problem:
            raise AccessError(
                f"Имя для входа «{login}» уже занято.", f"login {login!r} is taken already"
            ) from problem
        return _user(made)

    def users(self) -> tuple[User, ...]:
        """Return everybody, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_users).order_by(_users.c.name)).all()
        return tuple(map(_user, rows))

    def change_user(self, user_id: int, *, role: Role, is_active: bool) -> User:
        """Give a user another role, or close or reopen the account; closing ends the sessions.

        Raises
        ------
        AccessError
            If there is no such user, or nobody would be left to administer.
        """
        with self._writing.begin() as connection:
            found = connection.execute(sa.select(_users).where(_users.c.id == user_id)).first()
            if found is None:
                raise AccessError("Такого пользователя нет.")
            others = connection.execute(
                sa.select(sa.func.count())
                .select_from(_users)
                .where(
                    _users.c.id != user_id,
                    _users.c.role == Role.ADMINISTRATOR.value,
                    _users.c.is_active,
                )
            ).scalar_one()
            if not others and not (is_active and role is Role.ADMINISTRATOR):
                raise AccessError("Это последний администратор: сначала назначьте другого.")
            changed = connection.execute(
                _users.update()
                .where(_users.c.id == user_id)
                .values(role=role.value, is_active=is_active)
                .returning(_users)
            ).one()
            if not is_active:
                connection.execute(_sessions.delete().where(_sessions.c.user_id == user_id))
        return _user(changed)

    def set_password(self, user_id: int, password: str) -> None:
        """Give a user a new password and end all their sessions.

        Raises
        ------
        AccessError
            If there is no such user or the password is not acceptable.
        """
        with self._engine.connect() as connection:
            login = connection.execute(
                sa.select(_users.c.login).where(_users.c.id == user_id)
            ).scalar_one_or_none()
        if login is None:
            raise AccessError("Такого пользователя нет.")
        _check_password(password, login)
        hashed = self._hash(password)
        with self._writing.begin() as connection:
            connection.execute(
                _users.update().where(_users.c.id == user_id).values(password_hash=hashed)
            )
            connection.execute(_sessions.delete().where(_sessions.c.user_id == user_id))

    # -- sessions ----------------------------------------------------------------------------

    def sign_in(self, login: str, password: str, address: str = "") -> str:
        """Return the token of a new session.

        Raises
        ------
        SignInRefused
            If name and password do not fit, or came too often.
        """
        login = login.strip().casefold()[:64]
        self._refuse_if_too_many(login, address)
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_users).where(_users.c.login == login)).first()
        # A name nobody has costs as much time as a wrong password: it tells nothing.
        fits = self._verify(row.password_hash if row is not None else self._nobody_hash, password)
        if row is None or not row.is_active or not fits:
            self.record(login, "sign_in_failed", address=address)
            raise SignInRefused("Имя или пароль не подходят.")
        if self._hasher.check_needs_rehash(row.password_hash):
            self._rehash(row.id, password)
        self.record(login, "sign_in", address=address)
        return self._start_session(row.id)

    def session(self, token: str | None) -> Session | None:
        """Return the session behind a browser's token; None if it is unknown or over."""
        if not token:
            return None
        now = self._clock()
        this = _sessions.c.token_sha256 == _digest(token)
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(_sessions, _users)
                .join(_users, _users.c.id == _sessions.c.user_id)
                .where(this)
            ).first()
        if row is None:
            return None
        expires_at_s = min(row.seen_at_s + self._idle_s, row.started_at_s + self._lifetime_s)
        if now >= expires_at_s or not row.is_active:
            with self._writing.begin() as connection:
                connection.execute(_sessions.delete().where(this))
            return None
        if now - row.seen_at_s > _MINUTE_S:  # one write a minute is enough
            with self._writing.begin() as connection:
                connection.execute(_sessions.update().where(this).values(seen_at_s=now))
        return Session(_user(row), row.csrf_token, expires_at_s)

    def sign_out(self, token: str | None) -> None:
        """End a session."""
        if token:
            with self._writing.begin() as connection:
                connection.execute(
                    _sessions.delete().where(_sessions.c.token_sha256 == _digest(token))
                )

    # -- the log -----------------------------------------------------------------------------

    def record(
        self, login: str, action: str, *, target: str = "", detail: str = "", address: str = ""
    ) -> None:
        """Add a line to the audit log. No phone number may stand in it."""
        with self._writing.begin() as connection:
            connection.execute(
                _audit.insert(),
                {
                    "at_s": self._clock(),
                    "login": login[:64],
                    "action": action,
                    "target": target[:256],
                    "detail": detail,
                    "address": address[:64],
                },
            )

    def audit(
        self, *, limit: int = 100, offset: int = 0, login: str = "", action: str = ""
    ) -> tuple[AuditEntry, ...]:
        """Return lines of the log, newest first; of one person, of one kind, or all."""
        query = sa.select(_audit).order_by(_audit.c.id.desc()).limit(limit).offset(offset)
        if login:
            query = query.where(_audit.c.login == login)
        if action:
            query = query.where(_audit.c.action == action)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            AuditEntry(r.at_s, r.login, r.action, r.target, r.detail, r.address) for r in rows
        )

    # -- inside ------------------------------------------------------------------------------

    @cached_property
    def _nobody_hash(self) -> str:
        return self._hash(secrets.token_urlsafe())

    def _hash(self, password: str) -> str:
        with self._hashing:
            return self._hasher.hash(password)

    def _verify(self, hashed: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(hashed, password)
            except argon2.exceptions.VerificationError:
                return False

    def _rehash(self, user_id: int, password: str) -> None:
        hashed = self._hash(password)
        with self._writing.begin() as connection:
            connection.execute(
                _users.update().where(_users.c.id == user_id).values(password_hash=hashed)
            )

    def _start_session(self, user_id: int) -> str:
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._writing.begin() as connection:
            connection.execute(
                _sessions.delete().where(_sessions.c.started_at_s < now - self._lifetime_s)
            )
            connection.execute(
                _sessions.insert(),
                {
                    "token_sha256": _digest(token),
                    "user_id": user_id,
                    "csrf_token": secrets.token_urlsafe(32),
                    "started_at_s": now,
                    "seen_at_s": now,
                },
            )
        return token

    def _refuse_if_too_many(self, login: str, address: str) -> None:
        """Refuse after 5 failures of a name or 20 from an address within a quarter of an hour."""
        now = self._clock()
        recent = (_audit.c.action == "sign_in_failed", _audit.c.at_s > now - _LIMIT_WINDOW_S)
        limits = [(_audit.c.login == login, _LOGIN_LIMIT)]
        if address:
            limits.append((_audit.c.address == address, _ADDRESS_LIMIT))
        with self._engine.connect() as connection:
            for whose, limit in limits:
                query = (
                    sa.select(_audit.c.at_s)
                    .where(*recent, whose)
                    .order_by(_audit.c.at_s.desc())
                    .limit(limit)
                )
                moments = connection.execute(query).scalars().all()
                if len(moments) >= limit:
                    wait_s = max(1, round(moments[-1] + _LIMIT_WINDOW_S - now))
                    raise SignInRefused(
                        "Слишком много неудачных попыток входа. "
                        f"Попробуйте снова через {-(-wait_s // _MINUTE_S)} мин.",
                        retry_after_s=wait_s,
                    )
