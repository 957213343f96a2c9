"""Where the bytes of a recording come from: a path, bytes, or a binary file object.

Everything is opened once and read through one handle, so a file that is renamed or removed
while it is being read is still read to its end. Decoders are native libraries that must not see
an exception come out of a read: `View` never raises, the failure waits in `SourceFile.check`.
"""

from __future__ import annotations

import io
import os
import stat
import tempfile
from pathlib import PurePath
from typing import BinaryIO, cast

from recognizer.base.errors import AudioError
from recognizer.model import AudioSource

__all__ = ["SourceFile", "View", "display_name", "open_regular_file", "open_source"]

_SPOOL_BYTES = 16 * 2**20
"""A stream that cannot seek is kept in memory up to this size, in a temporary file beyond."""


_LONGEST_NAME = 300
"""Characters of a name in a message."""


def display_name(name: str) -> str:
    """Return a file name that can be printed anywhere, one line, whatever bytes it has."""
    readable = os.fsencode(name).decode("utf-8", "backslashreplace")
    if len(readable) > _LONGEST_NAME:  # its end says most, and a message stays one
        readable = f"{readable[:60]}...{readable[3 + 60 - _LONGEST_NAME :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in readable)


class SourceFile:
    """The bytes of one recording, seekable, with failures kept until `check` is called.

    Attributes
    ----------
    name : str
        For messages.
    suffix : str
        Lower-case extension without the dot; empty if there is none.
    size : int
        Bytes, when it was opened: what is appended later is not seen.
    """

    def __init__(self, file: BinaryIO, name: str, *, is_ours: bool) -> None:
        self.name = display_name(name)
        self.suffix = PurePath(name).suffix.lstrip(".").lower()
        self._file = file
        self._is_ours = is_ours
        self._failure: BaseException | None = None
        self.size = file.seek(0, io.SEEK_END)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill `buffer` from `offset` on and return how many bytes there were; never raises."""
        filled = 0
        try:
            self._file.seek(offset)
            while filled < len(buffer):
                data = self._file.read(len(buffer) - filled)
                if not data:
                    break
                buffer[filled : filled + len(data)] = data
                filled += len(data)
        except BaseException as failure:  # noqa: BLE001 - a C library would print and drop it
            self._failure = failure
        return filled

    def read_at(self, offset: int, n_bytes: int) -> bytes:
        """Return up to `n_bytes` from `offset` on; never raises."""
        buffer = bytearray(max(0, min(n_bytes, self.size - offset)))
        return bytes(buffer[: self.read_into(offset, memoryview(buffer))])

    def check(self) -> None:
        """Raise what went wrong in reading since the last call.

        Raises
        ------
        AudioError
            `unreadable_file`: the disk, the network or the file object failed.
        """
        failure, self._failure = self._failure, None
        if isinstance(failure, Exception):
            raise AudioError(
                f"{self.name}: expected to read {self.size} bytes, reading failed: {failure}; "
                "check the disk or the network folder",
                kind="unreadable_file",
            ) from failure
        if failure is not None:
            raise failure

    def close(self) -> None:
        """Close the file unless the caller brought it open."""
        if self._is_ours:
            self._file.close()


class View(io.RawIOBase):
    """A read-only file: `prefix`, the bytes ``[start, end)`` of a source, then those of `more`.

    Never raises.
    """

    def __init__(
        self,
        source: SourceFile,
        *,
        prefix: bytes = b"",
        start: int = 0,
        end: int | None = None,
        more: tuple[tuple[int, int], ...] = (),
    ) -> None:
        super().__init__()
        self._source = source
        self._prefix = prefix
        end = source.size if end is None else end
        self._pieces = ((start, max(start, end)), *more)
        self._size = len(prefix) + sum(last - first for first, last in self._pieces)
        self._position = 0

    def again(self) -> View:
        """Return another view of the same bytes, with a position of its own."""
        (start, end), *more = self._pieces
        return View(self._source, prefix=self._prefix, start=start, end=end, more=tuple(more))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the view, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, to the nearest end of the view where the position asked for lies outside."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = min(max(0, base + offset), self._size)
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fill a writable buffer and return how many bytes there were."""
        target = memoryview(cast("bytearray", buffer)).cast("B")
        target = target[: self._size - self._position]
        head = self._prefix[self._position : self._position + len(target)]
        target[: len(head)] = head
        n_bytes = len(head)
        offset = max(0, self._position - len(self._prefix))
        for first, last in self._pieces:
            wanted = min(len(target) - n_bytes, last - first - offset)
            if wanted > 0:
                window = target[n_bytes : n_bytes + wanted]
                n_read = self._source.read_into(first + offset, window)
                n_bytes += n_read
                if n_read < wanted:
                    break
            offset = max(0, offset - (last - first))
        self._position += n_bytes
        return n_bytes


def open_source(source: AudioSource, name: str | None = None) -> SourceFile:
    """Open a recording for reading, refusing whatever could block or is not a file.

    Raises
    ------
    AudioError
        `not_found`, `permission`, `is_directory`, `not_a_file`, `unreadable_file`,
        `empty_file`, or `unsupported` for a file object that gives no bytes.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        opened = SourceFile(io.BytesIO(source), name or "<bytes>", is_ours=True)
    elif isinstance(source, str | os.PathLike):
        path = os.fsdecode(source)
        opened = SourceFile(open_regular_file(path), name or path, is_ours=True)
    else:
        opened = _open_object(source, name)
    if opened.size == 0:
        opened.close()
        raise AudioError(
            f"{opened.name}: expected a recording, found an empty file (0 bytes); "
            "the recorder wrote nothing, take the recording again",
            kind="empty_file",
        )
    return opened


def open_regular_file(path: str, name: str | None = None) -> BinaryIO:
    """Open a file for reading without ever waiting for it: nothing but a regular file is opened.

    Raises
    ------
    AudioError
        `not_found`, `permission`, `is_directory`, `not_a_file`, `unreadable_file`; messages call
        it `name`, else its path.
    """
    shown = display_name(name or path)
    try:
        # Not Path.stat: to pathlib an empty path is the current folder.
        _refuse_special(os.stat(path).st_mode, shown)  # noqa: PTH116
        # Not to hang, should the file be replaced by a pipe between the two calls.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        try:
            _refuse_special(os.fstat(descriptor).st_mode, shown)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
    except AudioError:
        raise
    except PermissionError as problem:
        raise AudioError(
            f"{shown}: expected to read the file, found no permission; "
            "give this user read access to the file and its folders",
            kind="permission",
        ) from problem
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise AudioError(
            f"{shown}: expected a recording, found no such file; check the path", kind="not_found"
        ) from problem
    except (OSError, ValueError) as problem:  # ValueError: a NUL character in the path
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise AudioError(
            f"{shown}: expected a recording, it cannot be opened: {reason}", kind="unreadable_file"
        ) from problem


def _refuse_special(mode: int, shown: str) -> None:
    if stat.S_ISDIR(mode):
        raise AudioError(
            f"{shown}: expected a recording, found a folder; name a file in it",
            kind="is_directory",
        )
    if not stat.S_ISREG(mode):
        raise AudioError(
            f"{shown}: expected a regular file, found a pipe, socket or device; "
            "save the sound to a file first",
            kind="not_a_file",
        )


def _open_object(file: BinaryIO, name: str | None) -> SourceFile:
    own_name = getattr(file, "name", None)
    shown = name or (own_name if isinstance(own_name, str) else "<stream>")
    try:
        if file.seekable():
            _read_bytes(file, 0, shown)
            return SourceFile(file, shown, is_ours=False)
        return SourceFile(_spool(file, shown), shown, is_ours=True)
    except (OSError, ValueError, AttributeError) as problem:
        if isinstance(problem, AudioError):
            raise
        raise AudioError(
            f"{display_name(shown)}: expected a file open for reading in binary mode, "
            f"reading failed: {problem}",
            kind="unreadable_file",
        ) from problem


def _spool(file: BinaryIO, shown: str) -> BinaryIO:
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115 - reader closes
    try:
        while data := _read_bytes(file, 2**20, shown):
            spool.write(data)
    except BaseException:
        spool.close()
        raise
    return cast("BinaryIO", spool)


def _read_bytes(file: BinaryIO, n_bytes: int, shown: str) -> bytes:
    data = file.read(n_bytes)
    if not isinstance(data, bytes):
        raise AudioError(
            f"{display_name(shown)}: expected a file open in binary mode, it gives "
            f"{type(data).__name__}; open it with mode 'rb'",
            kind="unsupported",
        )
    return data
