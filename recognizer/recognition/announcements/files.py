"""The two files of an announcement: ``ID.toml``, which a person reads and corrects, and ``ID.npy``.

The latter holds its features: numbers, no sound, nobody's voice can be played from them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import re
import tokenize
import unicodedata
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import tomli

from recognizer.base.data_files import TomlFile, convert_toml
from recognizer.base.errors import AnnouncementError
from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import (
    LEARNABLE,
    LONGEST_S,
    SHORTEST_S,
    Announcement,
)
from recognizer.recognition.announcements.features import HOP_S, N_BANDS

__all__ = ["check_id", "check_writable", "from_files", "readable_files", "to_files"]

FORMAT = 1
"""Of the features: announcements of another format have to be learned anew."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_ID = 80
_NUMBER = re.compile(r"(?:\d[\W_]*){5,}")  # whatever parts its digits
_MAX_BYTES = 2_000_000  # seven minutes of features
_EDGES_S = 0.1  # kept around what is heard
_MOVES_DB = 10.0  # noise moves its bands by 6, speech 15 dB above noise by more than this
_LEVELS_DB = (-100.0, 40.0)  # any sound lies between: `features.log_mel`

# What numpy raises for a head that is nonsense, or claims more than there is memory.
_NO_FEATURES = (
    ValueError, OSError, EOFError, TypeError, ArithmeticError, MemoryError, SyntaxError,
    RecursionError, tokenize.TokenError,
)  # fmt: skip


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


def to_files(announcement: Announcement) -> tuple[str, bytes]:
    """Return the TOML and the features of an announcement as its two files hold them.

    Raises
    ------
    AnnouncementError
        If it may not be kept.
    """
    check_id(announcement.id)
    _check_words(announcement, f"announcement '{announcement.id}'")
    whose = "an announcement"
    for name in ("id", "text", "carrier"):
        value: str = getattr(announcement, name)
        if _NUMBER.search(value):
            raise AnnouncementError(
                f"{name} of {whose}: expected words, found what looks like a telephone number; "
                "an announcement is the carrier's and kept under nobody's number",
                reason="number",
            )
        whose = f"'{announcement.id}'"  # named once it is known to be no number
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


def readable_files(announcement: Announcement) -> tuple[str, bytes]:
    """Return the same, read again: one that cannot be makes a whole folder unreadable.

    Raises
    ------
    AnnouncementError
        If it may not be kept.
    """
    entry, features = to_files(announcement)
    path = Path(f"{announcement.id}.toml")
    file = TomlFile(path, tomli.loads(entry), tuple(entry.splitlines()))
    from_files(announcement.id, file, features)
    return entry, features


def from_files(announcement_id: str, file: TomlFile, features: bytes) -> Announcement:
    """Return the announcement that two files hold.

    Raises
    ------
    AnnouncementError
        Naming the file and line that is wrong.
    """
    check_id(announcement_id)
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
    moves_db = _moves_db(bands)
    if moves_db < _MOVES_DB:
        raise AnnouncementError(
            f"{file.path}: expected features of speech, found those of silence, a tone or noise: "
            f"they rise and fall by {moves_db:.0f} dB, those of speech by 20 and more; learn the "
            "announcement anew",
            reason="nothing",
        )
    if any(not 0 <= start_s < min(end_s, duration_s) for start_s, end_s in entry.keywords):
        raise AnnouncementError(
            f"{file.place(key='keywords')}: expected where words lie in {duration_s:.1f} s, each "
            "with its start before its end"
        )
    announcement = Announcement(
        id=announcement_id,
        outcome=entry.outcome,
        text=entry.text,
        carrier=entry.carrier,
        confirmed_by=entry.confirmed_by,
        confirmed_at=entry.confirmed_at,
        bands=bands,
        keywords=entry.keywords,
    )
    _check_words(announcement, str(file.path))
    return announcement


def _check_words(announcement: Announcement, place: str) -> None:
    for name in ("text", "carrier", "confirmed_by"):
        check_writable(f"{place}, {name}", getattr(announcement, name))


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


def _moves_db(bands: npt.NDArray[np.float16]) -> float:
    """Return by how much the bands rise and fall, in the mean band."""
    if not len(bands):
        return 0.0
    weak, loud = np.percentile(bands.astype(np.float32), (10, 90), axis=0)
    return float(np.median(loud - weak))


def check_id(announcement_id: str) -> None:
    """Refuse what may be a path, or no name."""
    if not _ID.fullmatch(announcement_id) or len(announcement_id) > _MAX_ID:
        raise AnnouncementError(
            "id of an announcement: expected up to 80 Latin letters, digits and single hyphens, "
            f"found {announcement_id!r}"
        )


def check_writable(name: str, value: str) -> None:
    """Refuse control characters: no file holds them, terminals obey them; and half ones."""
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in value):
        raise AnnouncementError(
            f"{name}: expected words, found a control character in {value!r}", reason="control"
        )
