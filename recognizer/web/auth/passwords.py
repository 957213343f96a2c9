"""Passwords: which are acceptable, kept as argon2id, never as they are."""

from __future__ import annotations

import secrets
import threading
from functools import cached_property

import argon2

from recognizer.web.auth.users import AccessError

__all__ = ["Passwords", "check_password"]

_MIN_PASSWORD_LENGTH = 10


def check_password(password: str, login: str) -> None:
    """Refuse a password that is too easily guessed.

    Raises
    ------
    AccessError
    """
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


class Passwords:
    """Hashes and checks passwords.

    Parameters
    ----------
    hasher : argon2.PasswordHasher or None
        None: with the library's own parameters (RFC 9106, low-memory).
    """

    def __init__(self, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        # Each check takes 64 MB: many sign-ins at once must not take the machine's memory.
        self._hashing = threading.BoundedSemaphore(2)

    def hash(self, password: str) -> str:
        """Return what is kept of a password."""
        with self._hashing:
            return self._hasher.hash(password)

    def fits(self, hashed: str | None, password: str) -> bool:
        """Return whether a password is the one kept; None, of nobody, costs as much time."""
        with self._hashing:
            try:
                return self._hasher.verify(hashed or self._nobody_hash, password)
            except argon2.exceptions.VerificationError:
                return False

    def is_outdated(self, hashed: str) -> bool:
        """Return whether a password should be hashed anew, with today's parameters."""
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _nobody_hash(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe())
