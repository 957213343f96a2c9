"""A recording opened once: what is heard and what its digest is of are the same bytes.

A recording may be replaced, written on, cut or removed while it is heard. So it is opened once;
a small one is copied into memory at once, of a larger one the open handle is read. The digest is
taken from there before anything is heard, and `why_changed` looks afterwards whether the path
still leads to those bytes.

Not handled: bytes changed and changed back while a large recording is heard.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from typing import BinaryIO, NoReturn, Self, cast

from recognizer.audio.sources import open_regular_file
from recognizer.base.errors import AudioError

__all__ = ["FileState", "HeldFile", "UnopenedFile"]

_IN_MEMORY_BYTES = 4 * 2**20
"""Four minutes of 16-bit sound at 8 kHz; a worker holds sixteen such at most."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was when it was opened.

    Attributes
    ----------
    device, inode, size_bytes, modified_ns : int
    """

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return what `os.stat` says of a file."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class HeldFile:
    """An open recording; close it.

    Parameters
    ----------
    path : str
    name : str
        For messages.

    Attributes
    ----------
    state : FileState
        When it was opened.
    source : binary file object
        To decode from.

    Raises
    ------
    AudioError
        If it is missing, may not be read, or is no regular file.
    """

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._name = name
        self._file = open_regular_file(path, name)
        self._digest: str | None = None
        try:
            self.state = FileState.of(os.fstat(self._file.fileno()))
            self.source = self._take_in()
        except BaseException:
            self._file.close()
            raise

    def _take_in(self) -> BinaryIO:
        if self.state.size_bytes > _IN_MEMORY_BYTES:
            return self._file
        if self.state.size_bytes == 0:
            # Not even read: files of /proc have no size, and some answer when the kernel speaks.
            self._file.close()
            return io.BytesIO()
        try:
            # One byte more: that it has grown must show.
            content = self._file.read(_IN_MEMORY_BYTES + 1)
        except OSError as problem:
            raise AudioError(
                f"{self._name}: expected to read {self.state.size_bytes} bytes, reading failed: "
                f"{problem.strerror}; check the disk or the network folder",
                kind="unreadable_file",
            ) from problem
        self._file.close()
        return io.BytesIO(content)

    def digest(self) -> str | None:
        """Return the SHA-256 of what is held, None if it cannot be read; once taken, it stays."""
        if self._digest is None:
            try:
                self.source.seek(0)
                self._digest = _sha256(self.source)
                self.source.seek(0)
            except OSError:
                return None
        return self._digest

    def why_changed(self) -> str | None:
        """Return how the path no longer leads to what was heard; None if it still does."""
        try:
            file = open_regular_file(self._path, self._name)
        except AudioError as problem:
            return "removed" if problem.kind == "not_found" else "replaced"
        with file:
            now = FileState.of(os.fstat(file.fileno()))
            # Only bytes tell: a clock has ticks, and some network shares number a file anew.
            if now.size_bytes == self.state.size_bytes and (
                now.size_bytes == 0 or _sha256(file) == self.digest()
            ):
                return None
            is_same = (now.device, now.inode) == (self.state.device, self.state.inode)
            return "written to" if is_same else "replaced"

    def close(self) -> None:
        """Let go of it; twice is once."""
        self._file.close()
        self.source.close()


class UnopenedFile(io.RawIOBase):
    """Stands for a recording that could not be opened: whoever reads it gets the reason."""

    def __init__(self, problem: AudioError, name: str) -> None:
        super().__init__()
        self.name = name
        self._problem = problem

    def seekable(self) -> NoReturn:
        """Raise why it could not be opened."""
        raise self._problem


def _sha256(file: BinaryIO) -> str:
    return hashlib.file_digest(cast("io.BytesIO", file), "sha256").hexdigest()
