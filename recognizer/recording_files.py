"""Find recordings in folders, by name: what telephone systems write, and no other files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from recognizer.audio.formats import HEADERLESS

__all__ = ["RECORDING_SUFFIXES", "find_recordings", "is_recording_name"]

RECORDING_SUFFIXES = frozenset(
    {
        *HEADERLESS,
        *("wav", "wav49", "wave", "mp3", "mp2", "ogg", "oga", "opus", "spx", "flac", "au", "snd"),
        *("m4a", "mp4", "m4b", "aac", "amr", "awb", "3gp", "3gpp", "wma", "webm", "mkv", "mka"),
        *("avi", "mov", "aif", "aiff", "aifc", "w64", "caf"),
    }
)
"""Extensions without the dot, lower case."""


def is_recording_name(name: str) -> bool:
    """Return whether a file of this name may be a recording; hidden files are not."""
    suffix = Path(name).suffix.lstrip(".").lower()
    return not name.startswith(".") and suffix in RECORDING_SUFFIXES


def find_recordings(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files as given, whatever their names, and the recordings in folders, by name."""
    for path in paths:
        if path.is_dir():
            found = (p for p in path.rglob("*") if is_recording_name(p.name) and p.is_file())
            yield from sorted(found)
        else:
            yield path
