"""Which files a watcher is done with: a small SQLite index over the result log.

The log is the truth. The index remembers how far it has read it, in the same transaction as what
it read; so whatever is killed between the two, the next start reads on from there. Memory does
not grow with the number of files.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from recognizer.base.errors import RecognizerError
from recognizer.batch.log_line import LogLine, decode_line
from recognizer.batch.recordings import FileIdentity

__all__ = ["SeenFiles"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (key BLOB PRIMARY KEY, sha256 TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY CHECK (id = 1), read_bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO log VALUES (1, 0);
"""
_WITH_CONTENTS = 1  # user_version; an index made before is read from the log anew


class SeenFiles:
    """The index of one log; used from one thread.

    Parameters
    ----------
    path : Path
        Created if missing; may be deleted, it is made anew from the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version < _WITH_CONTENTS:
                self._database.execute("UPDATE log SET read_bytes = 0")
                self._database.execute(f"PRAGMA user_version = {_WITH_CONTENTS}")
        except sqlite3.Error as problem:
            raise RecognizerError(
                f"{path}: cannot be used: {problem}; make room if the disk is full (the file may "
                "be removed, it is made anew)"
            ) from problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._database.close()

    def has(self, identity: FileIdentity) -> bool:
        """Tell whether this very file is done."""
        row = self._database.execute("SELECT 1 FROM seen WHERE key = ?", (identity.key,)).fetchone()
        return row is not None

    def sha256(self, identity: FileIdentity) -> str | None:
        """Return the digest of what was heard of this file last; None if it is not known."""
        statement = "SELECT sha256 FROM contents WHERE key = ?"
        row = self._database.execute(statement, (identity.key,)).fetchone()
        return None if row is None else str(row[0])

    def catch_up(self, log: Path) -> None:
        """Read what was added to the log since the last time; a log begun anew is read whole.

        What an earlier log said stays known.
        """
        (read_bytes,) = self._database.execute("SELECT read_bytes FROM log").fetchone()
        with log.open("rb") as file:
            if read_bytes > file.seek(0, 2):
                read_bytes = 0
            file.seek(read_bytes)
            with self._changing():
                for line in file:
                    self._add(decode_line(line))
                    read_bytes += len(line)
                self._database.execute("UPDATE log SET read_bytes = ?", (read_bytes,))

    def _add(self, line: LogLine) -> None:
        if line.done_key is not None:
            self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (line.done_key,))
            if line.file.sha256 is not None:
                content = (line.done_key, line.file.sha256)
                self._database.execute("INSERT OR REPLACE INTO contents VALUES (?, ?)", content)

    def note(self, line: dict[str, Any], log_bytes: int) -> None:
        """Take over a line that was just appended; the log now has `log_bytes`.

        Raises
        ------
        RecognizerError
            If it cannot be kept; the next `catch_up` reads it from the log.
        """
        with self._changing():
            self._add(msgspec.convert(line, LogLine))
            self._database.execute("UPDATE log SET read_bytes = ?", (log_bytes,))

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Change all of it or nothing."""
        try:
            self._database.execute("BEGIN")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as problem:
            raise RecognizerError(
                f"{self._path}: cannot be written: {problem}; make room, the same command goes on "
                "from there (the file may be removed, it is made anew)"
            ) from problem
