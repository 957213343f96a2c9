"""Uploads in work: streamed into a private folder under names of our own."""

from __future__ import annotations

import contextlib
import errno
import secrets
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from recognizer.base.whole_files import has_room, remove_leftover
from recognizer.web.jobs.submissions import QueueFullError, UploadError

__all__ = ["UploadFolder", "no_room"]

# No room, no folder any more, or none that may be written.
_NO_ROOM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE}
    | {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM}
)


class UploadFolder:
    """The folder of recordings that are not finished, or owed to the journal.

    Parameters
    ----------
    path : Path
        Made if it is not there; nobody but this user may read it.
    max_bytes : int
        The largest recording that is taken.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.chmod(0o700)
        self._path = path
        self._max_bytes = max_bytes

    def file(self, name: str) -> Path:
        """Return a file of the folder by the name we gave it."""
        return self._path / name

    def has(self, name: str) -> bool:
        """Tell whether a file is there, and is one."""
        return bool(name) and self.file(name).is_file()

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """Stream an upload to a private file and return it; nothing stays of a broken one.

        Raises
        ------
        UploadError
            If it is empty or too large.
        QueueFullError
            If there is no room for it.
        """
        path = self.file(secrets.token_hex(16))
        try:
            with path.open("xb") as file:
                async for chunk in chunks:
                    file.write(chunk)
                    self._check_size(file.tell())
        except BaseException as problem:
            with contextlib.suppress(OSError):  # on a failing disk the first problem counts
                path.unlink(missing_ok=True)
            if isinstance(problem, OSError) and problem.errno in _NO_ROOM:
                raise no_room(problem) from problem
            raise
        if path.stat().st_size == 0:
            path.unlink()
            raise UploadError("the recording is empty: expected sound, got 0 bytes", "empty")
        return path

    @property
    def has_room(self) -> bool:
        """Whether anything can be written here: a small file, now."""
        return has_room(self._path)

    def remove(self, name: str | None) -> None:
        """Remove a file, if it is there; what cannot be removed is said and stays."""
        if name is not None:
            remove_leftover(self.file(name))

    def remove_unknown(self, known: Collection[str]) -> None:
        """Remove what a stopped server left and nobody knows of; folders are not ours."""
        for path in self._path.iterdir():
            if path.name not in known:
                remove_leftover(path)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise UploadError(
                f"the recording is larger than {self._max_bytes} bytes, the most this server "
                "takes; send the part that matters",
                "too_large",
            )


def no_room(problem: BaseException) -> QueueFullError:
    """Return what is said where the disk takes nothing more."""
    return QueueFullError(
        f"the server cannot keep recordings now ({problem}); try again later", retry_after_s=60
    )
