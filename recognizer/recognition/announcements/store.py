"""The folder of learned announcements: read, added to, taken from, undone.

One announcement is two files: ``ID.toml``, which a person reads and corrects, and ``ID.npy``, its
features (numbers, no sound: nobody's voice can be played from them). ``changes.jsonl`` says who
did what and when, and lets the last change be undone. Files are put in place whole, the TOML last;
what change N takes away moves to ``forgotten/N/``. A change is noted before it is made: one that a
killed program left half made can be taken back. Nothing is kept under a telephone number.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import os
import re
import tempfile
import tokenize
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import filelock
import msgspec
import numpy as np
import numpy.typing as npt

from recognizer.base.data_files import TomlFile, convert_toml, read_toml
from recognizer.base.errors import AnnouncementError
from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import (
    LEARNABLE,
    LONGEST_S,
    SHORTEST_S,
    Announcement,
)
from recognizer.recognition.announcements.features import HOP_S, N_BANDS
from recognizer.recognition.announcements.library import check_unlike_known

__all__ = ["AnnouncementStore", "Change", "State", "from_files", "to_files"]

FORMAT = 1
"""Of the features: announcements of another format have to be learned anew."""

_CHANGES = "changes.jsonl"
_FORGOTTEN = "forgotten"
_LOCK_S = 30.0
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_ID = 80
_NUMBER = re.compile(r"(?:\d[\s()\-]*){5,}")
_MAX_BYTES = 2_000_000  # seven minutes of features
_EDGES_S = 0.1  # kept around what is heard
_LEVELS_DB = (-100.0, 40.0)  # any sound lies between: `features.log_mel`

# What numpy raises for a head that is nonsense, or claims more than there is memory.
_NO_FEATURES = (
    ValueError, OSError, EOFError, TypeError, ArithmeticError, MemoryError, SyntaxError,
    RecursionError, tokenize.TokenError,
)  # fmt: skip

Action: TypeAlias = Literal["learn", "forget", "import", "undo"]
State: TypeAlias = tuple[int, int, int, int]
"""What shows that a folder has changed."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ID.toml says."""

    outcome: CallOutcome
    text: str
    carrier: str
    confirmed_by: str
    confirmed_at: dt.datetime
    format: int
    features_sha256: str
    keywords: tuple[tuple[float, float], ...] = ()


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
        """Return every announcement, by id.

        Raises
        ------
        AnnouncementError
            Naming the file and line that is wrong.
        """
        return tuple(self._read(path) for path in sorted(self.folder.glob("*.toml")))

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
        self, announcements: Sequence[Announcement], *, by: str, action: Action = "learn"
    ) -> Change:
        """Keep announcements.

        Raises
        ------
        AnnouncementError
            If one cannot be kept, or its id is taken; then none is.
        """
        with self._locked():
            if len({announcement.id for announcement in announcements}) < len(announcements):
                raise AnnouncementError("two announcements with one id cannot be kept together")
            for announcement in announcements:
                if self._toml(announcement.id).exists():
                    raise AnnouncementError(
                        f"{self.folder}: an announcement '{announcement.id}' is known already; "
                        "choose another --id, or forget that one first"
                    )
            # Somebody else may have learned one meanwhile.
            check_unlike_known(self.load(), announcements)
            files = [to_files(announcement) for announcement in announcements]
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
                    f"{self.folder}: no announcement '{announcement_id}'; known: {known}"
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
                raise AnnouncementError(f"{self.folder}: there is no change to take back")
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
            raise AnnouncementError(f"{self.folder}: another program is writing there") from problem
        except OSError as problem:
            raise AnnouncementError(
                f"{self.folder}: cannot be written: {problem.strerror}"
            ) from problem

    def _toml(self, announcement_id: str) -> Path:
        _check_id(announcement_id)
        return self.folder / f"{announcement_id}.toml"

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
                f"id, or {away / path.name} is gone"
            )
        check_unlike_known(self.load(), [self._read(source)])
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
        _check_writable("name of who says so", by)
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


def to_files(announcement: Announcement) -> tuple[str, bytes]:
    """Return the TOML and the features of an announcement as its two files hold them.

    Raises
    ------
    AnnouncementError
        If it may not be kept.
    """
    _check_id(announcement.id)
    for name in ("id", "text", "carrier"):
        value: str = getattr(announcement, name)
        _check_writable(f"{name} of an announcement", value)
        if _NUMBER.search(value):
            raise AnnouncementError(
                f"{name} of an announcement: expected words, found what looks like a telephone "
                "number; an announcement is the carrier's and kept under nobody's number"
            )
    _check_writable("name of who confirmed an announcement", announcement.confirmed_by)
    content = io.BytesIO()
    np.save(content, announcement.bands.astype(np.float16), allow_pickle=False)
    features = content.getvalue()
    entry = {
        "outcome": announcement.outcome.value,
        "text": announcement.text,
        "carrier": announcement.carrier,
        "confirmed_by": announcement.confirmed_by,
        "features_sha256": hashlib.sha256(features).hexdigest(),
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
    lines += [f"confirmed_at = {announcement.confirmed_at.isoformat(timespec='seconds')}"]
    lines += [f"format = {FORMAT}"]
    if announcement.keywords:
        intervals = ", ".join(f"[{start:.2f}, {end:.2f}]" for start, end in announcement.keywords)
        lines += ["# Where the keywords lie, in seconds.", f"keywords = [{intervals}]"]
    return "\n".join(lines) + "\n", features


def from_files(announcement_id: str, file: TomlFile, features: bytes) -> Announcement:
    """Return the announcement that two files hold.

    Raises
    ------
    AnnouncementError
        Naming the file and line that is wrong.
    """
    _check_id(announcement_id)
    entry = convert_toml(file, _Entry, AnnouncementError)
    if entry.format != FORMAT:
        raise AnnouncementError(
            f"{file.place(key='format')}: expected format {FORMAT}, found {entry.format}; learn "
            "this announcement anew from a recording"
        )
    if entry.outcome not in LEARNABLE:
        raise AnnouncementError(
            f"{file.place(key='outcome')}: expected one of {', '.join(LEARNABLE)}, found "
            f"'{entry.outcome}': carriers play nothing that says so"
        )
    if hashlib.sha256(features).hexdigest() != entry.features_sha256:
        raise AnnouncementError(
            f"{file.place(key='features_sha256')}: the features beside it are others; restore "
            f"{announcement_id}.npy, or learn the announcement anew"
        )
    bands = _bands(file.path, features)
    duration_s = len(bands) * HOP_S
    if not SHORTEST_S <= duration_s <= LONGEST_S + _EDGES_S:
        raise AnnouncementError(
            f"{file.path}: expected features of {SHORTEST_S:g} to {LONGEST_S:g} s, found "
            f"{duration_s:.1f} s"
        )
    if any(not 0 <= start_s < min(end_s, duration_s) for start_s, end_s in entry.keywords):
        raise AnnouncementError(
            f"{file.place(key='keywords')}: expected where words lie in {duration_s:.1f} s, each "
            "with its start before its end"
        )
    return Announcement(
        id=announcement_id,
        outcome=entry.outcome,
        text=entry.text,
        carrier=entry.carrier,
        confirmed_by=entry.confirmed_by,
        confirmed_at=entry.confirmed_at,
        bands=bands,
        keywords=entry.keywords,
    )


def _bands(path: Path, features: bytes) -> npt.NDArray[np.float16]:
    """Return the features that a file holds, shape (n_frames, N_BANDS)."""
    if len(features) > _MAX_BYTES:
        raise AnnouncementError(f"{path}: expected features up to {_MAX_BYTES} bytes")
    try:
        bands = np.lib.format.read_array(io.BytesIO(features), allow_pickle=False)
    except _NO_FEATURES as problem:
        raise AnnouncementError(f"{path}: its features cannot be read: {problem}") from problem
    if bands.ndim != 2 or bands.shape[1] != N_BANDS or bands.dtype != np.float16:
        raise AnnouncementError(
            f"{path}: expected float16 features of {N_BANDS} bands, found {bands.dtype} of "
            f"shape {bands.shape}"
        )
    if not np.isfinite(bands).all():
        raise AnnouncementError(f"{path}: its features are not all numbers")
    lowest_db, highest_db = _LEVELS_DB
    if len(bands) and not lowest_db <= bands.min() <= bands.max() <= highest_db:
        raise AnnouncementError(f"{path}: its features are no levels of sound in dB")
    return np.asarray(bands, np.float16)


def _check_id(announcement_id: str) -> None:
    if not _ID.fullmatch(announcement_id) or len(announcement_id) > _MAX_ID:
        raise AnnouncementError(
            "id of an announcement: expected up to 80 Latin letters, digits and single hyphens, "
            f"found {announcement_id!r}"
        )


def _check_writable(name: str, value: str) -> None:
    """Refuse control characters and half characters: a file with them could not be read again."""
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in value):
        raise AnnouncementError(f"{name}: expected words, found a control character in {value!r}")


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
