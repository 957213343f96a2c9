"""A pack of announcements in one file, to be carried to another office.

A pack is a ZIP archive of the two files of each announcement. It says what a recording is, who
plays it and how it sounds; not who confirmed it, and nothing of any call.
"""

from __future__ import annotations

import datetime as dt
import lzma
import os
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tomli

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import AnnouncementError
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.library import AnnouncementLibrary, contradicts
from recognizer.recognition.announcements.store import from_files, to_files

__all__ = ["Pack", "read_pack", "write_pack"]

# What a damaged archive, one with a password or one packed in a strange way is told by.
_NO_PACK = (
    OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
_MAX_FILE = 3_000_000
_MAX_ANNOUNCEMENTS = 10_000
_MAX_TOTAL = 300_000_000
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # a pack does not say when somebody was at work


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack holds that is new here, and what is known already."""

    new: tuple[Announcement, ...]
    known: tuple[Announcement, ...]


def write_pack(path: Path, announcements: Sequence[Announcement]) -> None:
    """Write a pack, in place of what was there.

    Raises
    ------
    AnnouncementError
        If it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        try:
            with (
                os.fdopen(descriptor, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                for announcement in announcements:
                    nobody = replace(announcement, confirmed_by="", confirmed_at=_EPOCH)
                    entry, features = to_files(nobody)
                    archive.writestr(f"{announcement.id}.toml", entry)
                    archive.writestr(f"{announcement.id}.npy", features)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise AnnouncementError(f"{path}: cannot be written: {problem.strerror}") from problem


def read_pack(path: Path, *, known: Sequence[Announcement], confirmed_by: str) -> Pack:
    """Return what a pack holds, confirmed by whoever takes it over.

    Raises
    ------
    AnnouncementError
        If it is no pack, or one of its announcements contradicts a known one or another of them.
    """
    library = AnnouncementLibrary(known)
    ids = {announcement.id for announcement in known}
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    new, old = [], []
    for announcement in _read(path):
        heard = library.recognize_bands(announcement.bands.astype(np.float32)).matches
        other = next((m for m in heard if contradicts(m, announcement.outcome)), None)
        if other is not None:
            raise AnnouncementError(
                f"{path}: '{announcement.id}' is '{announcement.outcome}' there, but "
                f"'{other.announcement.id}', the same recording or much like it, is "
                f"'{other.announcement.outcome}'; find out which is right"
            )
        if any(m.is_known for m in heard):
            old.append(announcement)
        elif announcement.id in ids:
            raise AnnouncementError(
                f"{path}: '{announcement.id}' is another recording here; rename the one here "
                "(its two files) first"
            )
        else:
            new.append(replace(announcement, confirmed_by=confirmed_by, confirmed_at=now))
            library = library.joined(new[-1])
    return Pack(tuple(new), tuple(old))


def _read(path: Path) -> list[Announcement]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".toml")]
            sizes = [info.file_size for info in archive.infolist()]
            if (
                len(sizes) > 2 * _MAX_ANNOUNCEMENTS
                or sum(sizes) > _MAX_TOTAL
                or max(sizes, default=0) > _MAX_FILE
            ):
                raise AnnouncementError(f"{path}: too large for a pack of announcements")
            _check_names(path, archive.namelist())
            return [_announcement(archive, path, name) for name in sorted(names)]
    except _NO_PACK as problem:
        raise AnnouncementError(
            f"{path}: expected a pack written by `recognizer announcements export`: {problem}"
        ) from problem


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse features without their TOML, and two announcements with one id."""
    alone = {
        n for n in names if n.endswith(".npy") and f"{n.removesuffix('.npy')}.toml" not in names
    }
    if alone:
        raise AnnouncementError(f"{path}: expected a .toml beside {', '.join(sorted(alone))}")
    ids = Counter(Path(name).stem for name in names if name.endswith(".toml"))
    twice = sorted(one for one, n in ids.items() if n > 1)
    if twice:
        raise AnnouncementError(f"{path}: expected each announcement once, found two: {twice}")


def _announcement(archive: zipfile.ZipFile, path: Path, name: str) -> Announcement:
    place = path / name
    try:
        text = archive.read(name).decode()
        values = tomli.loads(text)
    except (ValueError, RecursionError) as problem:  # the latter: nested too deep
        raise AnnouncementError(f"{place}: not valid TOML: {problem}") from problem
    features = archive.read(f"{name.removesuffix('.toml')}.npy")
    return from_files(place.stem, TomlFile(place, values, tuple(text.splitlines())), features)
