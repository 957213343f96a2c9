"""Who may use the page: people and what each may do."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import sqlalchemy as sa

from recognizer.base.errors import RecognizerError
from recognizer.crm.journal.tables import Base, RowId

__all__ = ["AccessError", "Role", "User", "check_names", "user_of", "users"]

users = sa.Table(
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


def user_of(row: sa.Row[tuple[object, ...]]) -> User:
    """Return the user of a row."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's public way to read by name
    return User(
        values["id"], values["login"], values["name"], Role(values["role"]), values["is_active"]
    )


def check_names(login: str, name: str) -> None:
    """Refuse names that cannot be signed in with, or read."""
    if not login or len(login) > 64 or not login.isprintable() or any(map(str.isspace, login)):
        raise AccessError(
            "Имя для входа: от 1 до 64 знаков без пробелов.",
            f"login: expected 1 to 64 characters without spaces, got {login!r}",
        )
    if not name or len(name) > 128 or not name.isprintable():
        raise AccessError(
            "Имя сотрудника: от 1 до 128 знаков.", "name: expected 1 to 128 characters"
        )
