"""The folder of learned announcements: read, added to, taken from, undone.

One announcement is two files (`files`): ``ID.toml`` and ``ID.npy``. ``changes.jsonl`` says who
did what and when, and lets the last change be undone. Files are put in place whole, the TOML last;
what change N takes away moves to ``forgotten/N/``. A change is noted before it is made: one that a
killed program left half made can be taken back. Nothing is kept under a telephone number.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import filelock
import msgspec

from recognizer.base.data_files import read_toml
from recognizer.base.errors import AnnouncementError
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.files import (
    check_id,
    check_writable,
    from_files,
    readable_files,
)
from recognizer.recognition.announcements.library import check_unlike_known

__all__ = ["AnnouncementStore", "Change", "State"]

_CHANGES = "changes.jsonl"
_FORGOTTEN = "forgotten"
_LOCK_S = 30.0

Action: TypeAlias = Literal["learn", "forget", "import", "undo"]
State: TypeAlias = tuple[int, int, int, int]
"""What shows that a folder has changed."""


class Change(msgspec.Struct, frozen=True):
    """A line of the history; `undoes` is the number of the change that an `undo` took back."""

    number: int
    at: dt.datetime
    by: str
    action: Action
    ids: tuple[str, ...]
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class AnnouncementStore:
    """The announcements that lie in a folder; an absent folder holds none."""

    folder: Path

    # -- reading -----------------------------------------------------------------------------

    def load(self) -> tuple[Announcement, ...]:
        """Return every announcement, by id; without what is forgotten while they are read.

        Raises
        ------
        AnnouncementError
            Naming the file and line that is wrong.
        """
        read = (self._read_if_there(path) for path in sorted(self.folder.glob("*.toml")))
        return tuple(announcement for announcement in read if announcement is not None)

    def taken_ids(self) -> frozenset[str]:
        """Return the ids that are used, by what was forgotten too."""
        known, forgotten = self.folder.glob("*.toml"), (self.folder / _FORGOTTEN).rglob("*.toml")
        return frozenset(path.stem for path in (*known, *forgotten))

    def state(self) -> State | None:
        """Return what changes whenever the announcements do; None where there are none."""
        with contextlib.suppress(OSError):
            folder, changes = self.folder.stat(), (self.folder / _CHANGES).stat()
            # A change appends a line and renames files, so it shows in either.
            return folder.st_mtime_ns, changes.st_ino, changes.st_mtime_ns, changes.st_size
        return None

    def changes(self) -> tuple[Change, ...]:
        """Return the history, oldest first; without a last line that was broken off."""
        return tuple(change for change, _ in self._noted_changes())

    def _noted_changes(self) -> Iterator[tuple[Change, int]]:
        """Yield every change, and where its line ends in the file."""
        path = self.folder / _CHANGES
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        end = 0
        for number, line in enumerate(lines, 1):
            end += len(line)
            try:
                if line.strip():
                    yield msgspec.json.decode(line, type=Change), end
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                if not line.endswith(b"\n"):  # the disk was full, or the program killed
                    return
                raise AnnouncementError(f"{path}, line {number}: {problem}") from problem

    def version(self) -> str:
        """Return which version of the folder this is: the number of its last change."""
        changes = self.changes()
        return str(changes[-1].number) if changes else "0"

    # -- changing ----------------------------------------------------------------------------

    def add(
        self,
        announcements: Sequence[Announcement],
        *,
        by: str,
        action: Action = "learn",
        may_repeat: bool = False,
    ) -> Change:
        """Keep announcements.

        Parameters
        ----------
        announcements : sequence of Announcement
        by : str
            Who says so.
        action : str
        may_repeat : bool
            One that is kept already may be kept once more.

        Raises
        ------
        AnnouncementError
            If one cannot be kept, is known already, or its id is taken; then none is.
        """
        with self._locked():
            if len({announcement.id for announcement in announcements}) < len(announcements):
                raise AnnouncementError("two announcements with one id cannot be kept together")
            for announcement in announcements:
                if self._toml(announcement.id).exists():
                    raise AnnouncementError(
                        f"{self.folder}: an announcement '{announcement.id}' is known already; "
                        "choose another --id, or forget that one first",
                        reason="known",
                    )
            # Somebody else may have learned one meanwhile.
            check_unlike_known(self.load(), announcements, may_repeat=may_repeat)
            files = [readable_files(announcement) for announcement in announcements]
            ids = tuple(announcement.id for announcement in announcements)
            with self._noted(action, by, ids) as change:
                try:
                    for announcement_id, (entry, features) in zip(ids, files, strict=True):
                        _put(self.folder / f"{announcement_id}.npy", features)
                        _put(self._toml(announcement_id), entry.encode())
                except BaseException:
                    for announcement_id in ids:
                        self._remove(announcement_id)
                    raise
            return change

    def forget(self, announcement_id: str, *, by: str) -> Change:
        """Know an announcement no longer.

        Raises
        ------
        AnnouncementError
            If there is none of that id.
        """
        with self._locked():
            if not self._toml(announcement_id).exists():
                known = ", ".join(sorted(p.stem for p in self.folder.glob("*.toml"))) or "none"
                raise AnnouncementError(
                    f"{self.folder}: no announcement '{announcement_id}'; known: {known}",
                    reason="none",
                )
            with self._noted("forget", by, (announcement_id,)) as change:
                self._leave(announcement_id, change)
            return change

    def undo(self, *, by: str) -> Change:
        """Take back the last change that is not taken back yet.

        Raises
        ------
        AnnouncementError
            If there is none, or it cannot be taken back any more.
        """
        with self._locked():
            changes = self.changes()
            undone = {change.undoes for change in changes}
            last = next(
                (c for c in reversed(changes) if c.action != "undo" and c.number not in undone),
                None,
            )
            if last is None:
                raise AnnouncementError(
                    f"{self.folder}: there is no change to take back", reason="none"
                )
            # Noted last: one that a killed program left half taken back is taken back again.
            change = self._next("undo", by, last.ids, undoes=last.number)
            for announcement_id in last.ids:
                if last.action == "forget":
                    self._return(announcement_id, last)
                elif self._toml(announcement_id).exists():
                    self._leave(announcement_id, change)
            self._append(change)
            return change

    # -- inside ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".lock", timeout=_LOCK_S):
                yield
        except filelock.Timeout as problem:
            raise AnnouncementError(
                f"{self.folder}: another program is writing there", reason="busy"
            ) from problem
        except OSError as problem:
            raise AnnouncementError(
                f"{self.folder}: cannot be written: {problem.strerror}", reason="unwritable"
            ) from problem

    def _toml(self, announcement_id: str) -> Path:
        check_id(announcement_id)
        return self.folder / f"{announcement_id}.toml"

    def _read_if_there(self, path: Path) -> Announcement | None:
        failed: bytes | None = None
        while True:
            try:
                return self._read(path)
            except AnnouncementError:
                if not os.path.lexists(path):
                    return None
                content = _content(path)
                if content == failed:  # else it was changed while it was read, for all one knows
                    raise
                failed = content

    def _read(self, path: Path) -> Announcement:
        file = read_toml(path, AnnouncementError)
        try:
            features = path.with_suffix(".npy").read_bytes()
        except OSError as problem:
            raise AnnouncementError(
                f"{path.with_suffix('.npy')}: cannot be read: {problem.strerror}; restore it, or "
                f"move {path.name} away"
            ) from problem
        return from_files(path.stem, file, features)

    def _leave(self, announcement_id: str, change: Change) -> None:
        """Move an announcement to what a change took away: copied first, so that none is lost."""
        path, away = self._toml(announcement_id), self._taken_by(change)
        away.mkdir(parents=True, exist_ok=True)
        for file in (path.with_suffix(".npy"), path):
            _put(away / file.name, file.read_bytes())
        self._remove(announcement_id)

    def _remove(self, announcement_id: str) -> None:
        path = self._toml(announcement_id)
        for file in (path, path.with_suffix(".npy")):  # the TOML first: without it none is read
            file.unlink(missing_ok=True)

    def _taken_by(self, change: Change) -> Path:
        return self.folder / _FORGOTTEN / str(change.number)

    def _return(self, announcement_id: str, forgotten_by: Change) -> None:
        path, away = self._toml(announcement_id), self._taken_by(forgotten_by)
        source = away / path.name
        if not source.exists():
            source = self.folder / _FORGOTTEN / path.name  # where it lay in the past
        if path.exists() and (not source.exists() or path.read_bytes() == source.read_bytes()):
            return  # the program was killed before it forgot it
        if path.exists() or not source.exists():
            raise AnnouncementError(
                f"{self.folder}: '{announcement_id}' cannot be brought back: another one has its "
                f"id, or {away / path.name} is gone",
                reason="gone",
            )
        check_unlike_known(self.load(), [self._read(source)], may_repeat=True)
        for file in (source.with_suffix(".npy"), source):
            _put(self.folder / file.name, file.read_bytes())

    @contextlib.contextmanager
    def _noted(self, action: Action, by: str, ids: tuple[str, ...]) -> Iterator[Change]:
        """Note a change that is to be made inside; take the note back where it fails."""
        change = self._next(action, by, ids)
        end = self._append(change)
        try:
            yield change
        except BaseException:
            os.truncate(self.folder / _CHANGES, end)
            raise
        # A program that read the folder in the midst sees that it has changed since.
        seen = self.folder.stat()
        os.utime(self.folder, ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))

    def _next(
        self, action: Action, by: str, ids: tuple[str, ...], undoes: int | None = None
    ) -> Change:
        check_writable("name of who says so", by)
        changes = self.changes()
        number = changes[-1].number + 1 if changes else 1
        return Change(number, dt.datetime.now(dt.UTC), by, action, ids, undoes)

    def _append(self, change: Change) -> int:
        """Add a line to the history, over one that was broken off; return where it begins."""
        path = self.folder / _CHANGES
        end = max((end for _, end in self._noted_changes()), default=0)
        path.touch()
        is_open = end > 0 and path.read_bytes()[end - 1 : end] != b"\n"
        line = (b"\n" if is_open else b"") + msgspec.json.encode(change) + b"\n"
        os.truncate(path, end)
        try:
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            os.truncate(path, end)
            raise
        return end


def _content(path: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return None


def _put(path: Path, content: bytes) -> None:
    """Put a file in place at once."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
