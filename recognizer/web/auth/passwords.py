"""Passwords: which are acceptable, kept as argon2id, never as they are."""

from __future__ import annotations

import itertools
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
    if len(set(password)) < 5 or password.isdecimal() or _is_guessed_first(password):
        raise AccessError(
            "Пароль слишком простой: одни цифры, повтор, ряд клавиш или первое, что пробуют. "
            "Возьмите несколько слов.",
            "password: expected more than digits, five different characters at least, no row of "
            "keys and no word that is tried first",
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


_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
_COLUMNS = ("1q2w3e4r5t6y7u8i9o0p", "1й2ц3у4к5е6н7г8ш9щ0з", "qazwsxedcrfvtgbyhn", "йфяцычувскам")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NEXT_KEYS = frozenset(
    pair
    for row in (*_ROWS, *_COLUMNS, _LETTERS, "01234567890")
    for way in (row, row[::-1])
    for pair in itertools.pairwise(way)
)
_FIRST_TRIED = frozenset(
    "password passwd parol пароль admin administrator админ администратор operator оператор "
    "supervisor user welcome login letmein iloveyou qwerty йцукен zxcvbn recognizer дозвон".split()
)


def _is_guessed_first(password: str) -> bool:
    """Tell whether a password is a walk over the keys, or a word that is tried first of all."""
    folded = password.casefold()
    steps = list(itertools.pairwise(folded))
    n_walked = sum(pair in _NEXT_KEYS or pair[0] == pair[1] for pair in steps)
    letters = "".join(char for char in folded if char.isalpha())
    middle = len(letters) // 2
    is_tried = letters in _FIRST_TRIED or {letters[:middle], letters[middle:]} <= _FIRST_TRIED
    return is_tried or n_walked >= 0.7 * len(steps)


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
