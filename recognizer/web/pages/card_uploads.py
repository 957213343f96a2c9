"""Files of cards that were uploaded and wait for a person's word, or were saved since.

A file and what is known of it outlast a restart, so the way from looking to saving can be broken
off anywhere. Files are called by names of our own and forgotten after a while: they hold clients.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec

from recognizer.base.whole_files import remove_leftover, write_whole
from recognizer.crm.journal.identity import recording_digest
from recognizer.web.jobs.uploads import UploadFolder

__all__ = ["CardUpload", "CardUploads", "SavedImport", "UploadBusyError"]

_TOKEN = re.compile(r"[0-9a-f]{32}")


class UploadBusyError(Exception):
    """A file of cards is being saved right now."""


class SavedImport(msgspec.Struct, frozen=True):
    """What saving a file did: the number of the import, who saved it, and counts of cards."""

    import_id: int
    made_by: str
    n_added: int
    n_changed: int
    n_unchanged: int
    n_rejected: int


class CardUpload(msgspec.Struct, frozen=True):
    """One uploaded file.

    Attributes
    ----------
    token : names it in addresses; nothing of the client's.
    name : what the client calls it, text to show.
    digest : SHA-256 of its content: what was examined is what is saved.
    made_by, made_at_s : who uploaded it and when, seconds since 1970 UTC.
    saved : None as long as nobody has said so.
    """

    token: str
    name: str
    digest: str
    made_by: str
    made_at_s: float
    saved: SavedImport | None = None


class CardUploads:
    """The folder of uploaded files of cards.

    Parameters
    ----------
    folder : Path
    max_bytes : int
        The largest file that is taken.
    keep_s : float
        A file is forgotten so long after it came, seconds.
    clock : callable
        Returns seconds since 1970 UTC.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        *,
        keep_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._files = UploadFolder(folder, max_bytes)
        self._keep_s = keep_s
        self._clock = clock
        self._saving = threading.Lock()
        self._in_work: tuple[str, int] | None = None
        self.forget_old()

    async def receive(self, chunks: AsyncIterator[bytes]) -> Path:
        """Stream a file into the folder; raises as `UploadFolder.receive` does."""
        return await self._files.receive(chunks)

    def keep(self, path: Path, *, name: str, made_by: str) -> CardUpload:
        """Take a received file and return what it is known by."""
        digest = recording_digest(path)
        upload = CardUpload(path.name, name, digest, made_by, self._clock())
        self._write(upload)
        return upload

    def path(self, upload: CardUpload) -> Path:
        """Return where a file lies."""
        return self._files.file(upload.token)

    def find(self, token: str) -> CardUpload | None:
        """Return a file that is still there, None else."""
        if _TOKEN.fullmatch(token) is None or not self._files.has(token):
            return None
        try:
            return msgspec.json.decode(self._about(token).read_bytes(), type=CardUpload)
        except (OSError, msgspec.DecodeError):
            return None

    def is_as_examined(self, upload: CardUpload, digest: str) -> bool:
        """Tell whether a file is byte for byte the one that somebody saw as `digest`."""
        return digest == upload.digest == recording_digest(self.path(upload))

    def waiting(self) -> tuple[CardUpload, ...]:
        """Return files that nobody has saved, the last first."""
        found = (self.find(path.stem) for path in self._folder.glob("*.json"))
        uploads = [upload for upload in found if upload is not None and upload.saved is None]
        return tuple(sorted(uploads, key=lambda upload: upload.made_at_s, reverse=True))

    def remember_saved(self, upload: CardUpload, saved: SavedImport) -> None:
        """Note that a file was saved."""
        self._write(msgspec.structs.replace(upload, saved=saved))

    def forget(self, token: str) -> None:
        """Remove a file and all that is known of it."""
        for name in (token, f"{token}.json"):
            self._files.remove(name)

    def forget_old(self) -> None:
        """Remove what has lain here long enough, and what a stopped server left half-received."""
        oldest_s = self._clock() - self._keep_s
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mtime < oldest_s:
                    remove_leftover(path)

    @contextlib.contextmanager
    def saving(self, token: str) -> Iterator[Callable[[int], None]]:
        """Hold the right to save, one file at a time; gives a function told of progress.

        Raises
        ------
        UploadBusyError
            If a file is being saved already.
        """
        if not self._saving.acquire(blocking=False):
            raise UploadBusyError

        def progress(n_cards: int) -> None:
            self._in_work = (token, n_cards)

        try:
            progress(0)
            yield progress
        finally:
            self._in_work = None
            self._saving.release()

    def n_saved_so_far(self, token: str) -> int | None:
        """Return how many cards of a file are stored, None if it is not being saved."""
        in_work = self._in_work
        return in_work[1] if in_work is not None and in_work[0] == token else None

    def _about(self, token: str) -> Path:
        return self._folder / f"{token}.json"

    def _write(self, upload: CardUpload) -> None:
        content = msgspec.json.encode(upload)
        write_whole(self._about(upload.token), lambda file: file.write(content))
