"""Whether a database in SQLite is still the file that was opened, and whole.

SQLite goes on writing into a file, or a write-ahead log, that was deleted: nobody would find it
again. It does not notice a file that somebody empties or writes over either. So before and after
every transaction a few numbers are looked at: who the files are, and what the header says.

The header is read through a descriptor that stays open: closing any descriptor of a file gives up
all locks a process has on it, SQLite's among them (POSIX), and others would take the database for
unused.

A database that is found shorter than its header says may be one whose checkpoint broke off, on a
full disk or by a kill: the header is written first. It is whole if the write-ahead log has what is
missing.

Not noticed: pages in the middle that are written over. SQLite finds those when it reads them;
whoever is told so calls `is_damaged`.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SqliteFile"]

_MAGIC = b"SQLite format 3\0"
_HEADER = struct.Struct(">16sHBBBBBBII60xII")  # sqlite.org/fileformat2.html, "The Database Header"
_LOG_HEADER = struct.Struct(">16x8s8x")  # sqlite.org/fileformat2.html, "WAL File Format": salts
_FRAME = struct.Struct(">I4x8s8x")  # a page's number, salts
_CHECKPOINT_S = 2.0  # header first, pages after it: so long another program may take to follow
_Identity = tuple[int, int]


class _Descriptors:
    """One descriptor of each file of this process, however often it is opened."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[_Identity, tuple[int, int]] = {}  # descriptor, how many use it

    def take(self, path: Path) -> tuple[int, _Identity]:
        status = path.stat()
        identity = status.st_dev, status.st_ino
        with self._lock:
            descriptor, n_users = self._open.get(identity, (-1, 0))
            if n_users == 0:
                descriptor = os.open(path, os.O_RDONLY)
            self._open[identity] = descriptor, n_users + 1
        return descriptor, identity

    def give_back(self, identity: _Identity) -> None:
        with self._lock:
            descriptor, n_users = self._open.pop(identity)
            if n_users > 1:
                self._open[identity] = descriptor, n_users - 1
            else:
                os.close(descriptor)


_descriptors = _Descriptors()


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first page says: `n_bytes` of the whole file, None if it does not know."""

    change: int
    n_bytes: int | None
    page_bytes: int


class SqliteFile:
    """One database that is open.

    Parameters
    ----------
    path : Path
        There, and opened by SQLite.

    Raises
    ------
    OSError
        If it cannot be looked at.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._real = path.resolve()  # beside which SQLite keeps the rest
        self._descriptor, self._identity = _descriptors.take(path)
        self._change = -1  # the highest seen: it only grows
        self._beside: dict[str, _Identity] = {}  # the write-ahead log and its index
        self._damage = ""
        self._broken_off: int | None = None  # its length, where a checkpoint has broken off

    def close(self) -> None:
        """Give it up; not while SQLite of this process has it open."""
        _descriptors.give_back(self._identity)

    def is_damaged(self, message: str) -> None:
        """Remember that SQLite found it damaged: what it still reads may be wrong."""
        self._damage = self._damage or message

    def forget_log(self) -> None:
        """Forget whose the write-ahead log is: SQLite removes it once nobody has it open."""
        self._beside = {}

    def problem(self) -> str | None:
        """Return what happened to it; None if it is what was opened, and whole."""
        end_s = time.monotonic() + _CHECKPOINT_S
        while (found := self._problem()) is not None:
            is_sure, what = found
            if is_sure or time.monotonic() > end_s:
                return what
            time.sleep(0.05)
        return None

    def _problem(self) -> tuple[bool, str] | None:
        """Return what is wrong, and whether that is sure at once."""
        if self._damage:
            return True, f"is damaged ({self._damage})"
        if _identity_of(self._path) != self._identity:
            return True, "was deleted or replaced while it was open"
        for suffix in ("-wal", "-shm"):
            there = _identity_of(self._real.with_name(self._real.name + suffix))
            known = self._beside.get(suffix)
            if known is None and there is not None:
                self._beside[suffix] = there
            elif known != there:
                return True, f"its {suffix} was deleted or replaced while it was open"
        return self._problem_of_header()

    def _problem_of_header(self) -> tuple[bool, str] | None:
        n_bytes = os.fstat(self._descriptor).st_size
        header = _read_header(os.pread(self._descriptor, _HEADER.size, 0))
        if header is None:
            if self._change < 0 and n_bytes == 0:
                return None  # new: all of it is in the write-ahead log still
            return False, f"was emptied or written over while it was open ({n_bytes} bytes)"
        if header.n_bytes is None or n_bytes >= header.n_bytes:
            self._broken_off = None
        elif not self._is_in_log(header, n_bytes):
            return False, f"was cut while it was open: {n_bytes} bytes of {header.n_bytes}"
        if header.change < self._change:
            return False, "was written over with an older copy while it was open"
        self._change = header.change
        return None

    def _is_in_log(self, header: _Header, n_bytes: int) -> bool:
        """Tell whether a database is short as it was found, its end being in its log."""
        if self._change >= 0 and (self._broken_off is None or n_bytes < self._broken_off):
            return False
        assert header.n_bytes is not None
        missing = range(n_bytes // header.page_bytes + 1, header.n_bytes // header.page_bytes + 1)
        log = self._real.with_name(f"{self._real.name}-wal")
        is_whole = _pages_in_log(log, header.page_bytes).issuperset(missing)
        self._broken_off = n_bytes if is_whole else None
        return is_whole


def _pages_in_log(path: Path, page_bytes: int) -> set[int]:
    """Return which pages a write-ahead log holds; SQLite locks no part of it."""
    pages: set[int] = set()
    with contextlib.suppress(OSError, struct.error), path.open("rb") as log:
        (salts,) = _LOG_HEADER.unpack(log.read(_LOG_HEADER.size))
        while True:
            page, frame_salts = _FRAME.unpack(log.read(_FRAME.size))
            if frame_salts != salts:  # of before the log was begun anew
                break
            pages.add(page)
            log.seek(page_bytes, os.SEEK_CUR)
    return pages


def _identity_of(path: Path) -> _Identity | None:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def _read_header(data: bytes) -> _Header | None:
    if len(data) < _HEADER.size:
        return None
    magic, page_bytes, *_, change, n_pages, valid_for, _version = _HEADER.unpack(data)
    if magic != _MAGIC:
        return None
    # An old SQLite leaves the number of pages as it was.
    is_known = valid_for == change and n_pages > 0
    size = 65536 if page_bytes == 1 else page_bytes
    return _Header(change, n_pages * size if is_known else None, size)
