"""A pack of announcements in one file, to be carried to another office.

A pack is a ZIP archive of the two files of each announcement, and of ``contents.json``, which says
what it holds. It says what a recording is, who plays it and how it sounds; not who confirmed it,
and nothing of any call.
"""

from __future__ import annotations

import datetime as dt
import lzma
import os
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import tomli

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import AnnouncementError
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.files import from_files, to_files
from recognizer.recognition.announcements.learning import NotLearnedError
from recognizer.recognition.announcements.library import AnnouncementLibrary, contradicts
from recognizer.recognition.announcements.wordings import JudgeText, check_text

__all__ = ["Pack", "read_pack", "write_pack"]

# What a damaged archive, one with a password or one packed in a strange way is told by.
_NO_PACK = (
    OSError, EOFError, KeyError, RuntimeError, ValueError, struct.error, zipfile.BadZipFile,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
_CONTENTS = "contents.json"
_FORMAT = 1
_N_NAMED = 5
_MAX_FILE = 3_000_000
_MAX_ANNOUNCEMENTS = 10_000
_MAX_TOTAL = 300_000_000
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # a pack does not say when somebody was at work


class _Contents(msgspec.Struct, frozen=True):
    """What `_CONTENTS` says; the ids are counted and named when a pack is read."""

    format: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack holds.

    Attributes
    ----------
    new, known : tuple of Announcement
        What is new here, and what is known already.
    refused : tuple of str
        Why others are left out, each in a sentence.
    """

    new: tuple[Announcement, ...]
    known: tuple[Announcement, ...]
    refused: tuple[str, ...]


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
                contents = _Contents(_FORMAT, tuple(a.id for a in announcements))
                archive.writestr(_CONTENTS, msgspec.json.encode(contents))
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise AnnouncementError(f"{path}: cannot be written: {problem.strerror}") from problem


def read_pack(
    path: Path, *, known: Sequence[Announcement], confirmed_by: str, judge: JudgeText
) -> Pack:
    """Return what a pack holds, confirmed by whoever takes it over.

    What would mark is left out unless the phrase lists here read the same in its text: nobody here
    has heard it. A text that they do not know is no exception.

    Raises
    ------
    AnnouncementError
        If it is no pack or not whole, or one of its announcements contradicts a known one or
        another of them.
    """
    library = AnnouncementLibrary(known)
    ids = {announcement.id for announcement in known}
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    new, old, refused = [], [], []
    for announcement in _read(path):
        try:
            check_text(announcement, path / f"{announcement.id}.toml", judge)
        except NotLearnedError as problem:
            refused.append(str(problem))
            continue
        heard = library.recognize_kept(announcement).matches
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
    return Pack(tuple(new), tuple(old), tuple(refused))


def _read(path: Path) -> list[Announcement]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive)
            return [_announcement(archive, path, one) for one in _checked_ids(path, archive)]
    except AnnouncementError:
        raise
    except _NO_PACK as problem:
        raise AnnouncementError(
            f"{path}: expected a pack written by `recognizer announcements export`: {problem}"
        ) from problem


def _check_sizes(path: Path, archive: zipfile.ZipFile) -> None:
    sizes = [info.file_size for info in archive.infolist()]
    if (
        len(sizes) > 2 * _MAX_ANNOUNCEMENTS + 1
        or sum(sizes) > _MAX_TOTAL
        or max(sizes, default=0) > _MAX_FILE
    ):
        raise AnnouncementError(f"{path}: too large for a pack of announcements")


def _checked_ids(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Return the ids of what a pack says it holds; refuse one that holds less, more or others."""
    names = archive.namelist()
    if _CONTENTS not in names:
        raise AnnouncementError(
            f"{path}: expected {_CONTENTS}, which says what the pack holds; it is damaged or of an "
            "older version: export it anew"
        )
    try:
        contents = msgspec.json.decode(archive.read(_CONTENTS), type=_Contents)
    except msgspec.DecodeError as problem:
        raise AnnouncementError(f"{path / _CONTENTS}: {problem}; export the pack anew") from problem
    if contents.format != _FORMAT:
        raise AnnouncementError(
            f"{path / _CONTENTS}: expected format {_FORMAT}, found {contents.format}; export it "
            "with this version"
        )
    expected = [f"{one}{suffix}" for one in contents.ids for suffix in (".toml", ".npy")]
    found = [name for name in names if name != _CONTENTS]
    if sorted(found) != sorted(expected):
        odd = [*(Counter(expected) - Counter(found)), *(Counter(found) - Counter(expected))]
        raise AnnouncementError(
            f"{path}: expected {len(contents.ids)} announcements in two files each, found "
            f"{len(found)} files; missing, too many or of another name: "
            f"{', '.join(map(repr, sorted(odd)[:_N_NAMED]))}; export it anew, nothing was taken"
        )
    return sorted(contents.ids)


def _announcement(archive: zipfile.ZipFile, path: Path, announcement_id: str) -> Announcement:
    place = path / f"{announcement_id}.toml"
    try:
        text = archive.read(f"{announcement_id}.toml").decode()
        values = tomli.loads(text)
    except (ValueError, RecursionError) as problem:  # the latter: nested too deep
        raise AnnouncementError(f"{place}: not valid TOML: {problem}") from problem
    features = archive.read(f"{announcement_id}.npy")
    return from_files(announcement_id, TomlFile(place, values, tuple(text.splitlines())), features)
