"""Keys of the HTTP API: shown once, kept as digests, each can be revoked at once.

The file is read again when it changes, so a running server knows a new or revoked key without a
restart. A key is 32 random bytes, so one SHA-256 is enough: there is nothing to guess.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import secrets
import threading
from pathlib import Path

import filelock
import msgspec

from recognizer.base.errors import RecognizerError
from recognizer.base.whole_files import write_whole

__all__ = ["ApiKey", "ApiKeys"]

_PREFIX = "rk"


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key, without its secret."""

    id: str
    name: str
    sha256: str
    created_at: dt.datetime
    revoked_at: dt.datetime | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[ApiKey]


class ApiKeys:
    """The keys in one file.

    Parameters
    ----------
    path : Path
        Need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read_state: tuple[int, int] | None = None
        self._keys: tuple[ApiKey, ...] = ()
        self._had_keys = False

    def all(self) -> tuple[ApiKey, ...]:
        """Return every key, revoked ones too.

        Raises
        ------
        RecognizerError
            If the file is damaged.
        """
        with self._lock:
            try:
                status = self._path.stat()
            except FileNotFoundError:
                self._keys, self._read_state = (), None
                return ()
            state = (status.st_mtime_ns, status.st_ino)
            if state != self._read_state:
                try:
                    self._keys = tuple(
                        msgspec.json.decode(self._path.read_bytes(), type=_File).keys
                    )
                except (OSError, msgspec.DecodeError) as problem:
                    raise RecognizerError(
                        f"{self._path}: expected API keys, cannot read them: {problem}; restore "
                        "the file, or remove it and create the keys anew"
                    ) from problem
                self._read_state = state
                self._had_keys = self._had_keys or bool(self._keys)
            return self._keys

    def exist(self) -> bool:
        """Tell whether there is any key, revoked ones too: then nobody gets in without.

        Also once there was any: a file that is deleted under a server opens it to nobody.
        """
        return bool(self.all()) or self._had_keys

    def find(self, secret: str) -> ApiKey | None:
        """Return the key a client showed, None if it is unknown or revoked."""
        digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
        found = None
        for key in self.all():
            if hmac.compare_digest(key.sha256, digest) and key.revoked_at is None:
                found = key
        return found

    def create(self, name: str) -> tuple[ApiKey, str]:
        """Add a key; return it and the secret, which is kept nowhere.

        Raises
        ------
        RecognizerError
            If a key in force has that name.
        """
        identifier = secrets.token_hex(4)
        secret = f"{_PREFIX}_{identifier}_{secrets.token_urlsafe(32)}"
        key = ApiKey(
            id=identifier,
            name=name,
            sha256=hashlib.sha256(secret.encode()).hexdigest(),
            created_at=dt.datetime.now(dt.UTC),
        )
        with self._changing():
            if any(known.name == name and known.revoked_at is None for known in self.all()):
                raise RecognizerError(f"an API key called {name!r} is in force; revoke it first")
            self._write((*self.all(), key))
        return key, secret

    def revoke(self, which: str) -> ApiKey:
        """Revoke a key by its id or name; it is refused from now on.

        Raises
        ------
        RecognizerError
            If no key in force is called so.
        """
        with self._changing():
            keys = self.all()
            in_force = [key for key in keys if key.revoked_at is None]
            # One may be named as another's id reads.
            found = [key for key in in_force if key.id == which] or [
                key for key in in_force if key.name == which
            ]
            if found:
                revoked = msgspec.structs.replace(found[0], revoked_at=dt.datetime.now(dt.UTC))
                self._write(tuple(revoked if key is found[0] else key for key in keys))
                return revoked
        raise RecognizerError(
            f"no API key in force is called {which!r}; see `recognizer api-keys list`"
        )

    def _changing(self) -> filelock.BaseFileLock:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return filelock.FileLock(f"{self._path}.lock", timeout=10)

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(list(keys))), indent=1)
        write_whole(self._path, lambda file: file.write(data))
        with contextlib.suppress(OSError):
            self._path.chmod(0o600)
        self._read_state = None
