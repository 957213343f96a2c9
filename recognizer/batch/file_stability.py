"""When a recording that another program writes is complete.

A file is complete once its size and times have stayed the same for so many seconds of *our*
clock (a file server's clock may be off), and no program of this machine has it open for writing.
A change of attributes (chmod, chown, a hard link) says nothing: seen from here it looks like a
rename into place, and the writer may sit on another machine. So a renamed file waits, too.

Nothing tells a pause of a writer on another machine from its end, but the header often does: it
must stay the same as well, and where it does not fit its file, the writer may come back for it
(a client on hold). Such a file is waited for longer, not for ever: a recorder may have died.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recognizer.batch.header_claims import is_unfinished
from recognizer.batch.recordings import FileIdentity, identify
from recognizer.batch.stalled_mounts import look

__all__ = ["UNFINISHED_S", "Candidates", "files_being_written"]


UNFINISHED_S = 600.0
"""How long a file must stay the same whose header does not fit it."""
_HEAD_BYTES = 4096


@dataclass(slots=True)
class _Candidate:
    identity: FileIdentity
    inode: tuple[int, int]
    since_s: float
    head: _Head | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    """The start of a file, and whether it says that the file is not finished."""

    start: bytes
    is_unfinished: bool


class Candidates:
    """Files that have appeared and are waited for.

    Parameters
    ----------
    settle_s : float
        How long a file must stay the same.
    limit : int
        How many are remembered; the rest is found again by a later search.
    unfinished_s : float
        How long, where its header does not fit it.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        settle_s: float,
        limit: int,
        *,
        unfinished_s: float = UNFINISHED_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settle_s = settle_s
        self._unfinished_s = max(settle_s, unfinished_s)
        self._limit = limit
        self._clock = clock
        self._waiting: dict[Path, _Candidate] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, path: Path) -> bool:
        return path in self._waiting

    @property
    def is_full(self) -> bool:
        """True if no more can be remembered now."""
        return len(self._waiting) >= self._limit

    def add(self, path: Path) -> None:
        """Remember a file, unless there is no room or it is no file."""
        if path in self._waiting or self.is_full:
            return
        candidate = self._look(path)
        if candidate is not None:
            self._waiting[path] = candidate

    def take_complete(self, n_at_most: int) -> list[tuple[Path, FileIdentity]]:
        """Return and forget complete files, those that wait longest first."""
        ready = [path for path in list(self._waiting) if self._is_settled(path)][:n_at_most]
        written = files_being_written({self._waiting[path].inode for path in ready})
        complete = [path for path in ready if self._waiting[path].inode not in written]
        return [(path, self._waiting.pop(path).identity) for path in complete]

    def _is_settled(self, path: Path) -> bool:
        """Look at a file again; forget it if it is gone, begin anew if it changed."""
        before = self._waiting[path]
        now = self._look(path)
        if now is None:
            del self._waiting[path]
            return False
        if now.identity != before.identity or now.inode != before.inode:
            self._waiting[path] = now
            return False
        waited_s = now.since_s - before.since_s
        if waited_s < self._settle_s / 2:
            return False
        if before.head is None:
            before.head = _read_head(path)
        if waited_s < self._settle_s:
            return False
        head = _read_head(path)
        if head != before.head:
            now.head = head
            self._waiting[path] = now
            return False
        return not head.is_unfinished or waited_s >= self._unfinished_s

    def _look(self, path: Path) -> _Candidate | None:
        try:
            status = look(path, path.stat)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        inode = (status.st_dev, status.st_ino)
        return _Candidate(identify(path, status), inode, self._clock())


def _read_head(path: Path) -> _Head:
    """Read the start of a file; nothing where that cannot be read: its result will say so."""
    try:
        return look(path, partial(_head_of, path))
    except OSError:
        return _Head(b"", is_unfinished=False)


def _head_of(path: Path) -> _Head:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            # Not even read: files of /proc have no size, and some answer when the kernel speaks.
            return _Head(b"", is_unfinished=False)
        start = file.read(_HEAD_BYTES)
        file.seek(0)
        return _Head(start, is_unfinished(file))


def files_being_written(inodes: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return which of the files a program of this machine has open for writing.

    Looks through ``/proc``; sees the programs of this user only, all of them as root. Where
    there is no ``/proc`` nothing is known and the answer is empty.
    """
    found: set[tuple[int, int]] = set()
    if not inodes:
        return found
    for process in Path("/proc").glob("[0-9]*"):
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = str(descriptor.readlink())
                if not target.startswith("/"):
                    continue  # a pipe or a socket
                # Anybody's open file may be on a mount that stalls.
                status = look(target, descriptor.stat)
                inode = (status.st_dev, status.st_ino)
                if inode in inodes and _is_for_writing(process / "fdinfo" / descriptor.name):
                    found.add(inode)
            except OSError:
                continue
    return found


def _is_for_writing(info: Path) -> bool:
    for line in info.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return int(value, 8) & os.O_ACCMODE != os.O_RDONLY
    return False
