"""Find recordings in folders, by name: what telephone systems write, and no other files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from recognizer.audio.formats import HEADERLESS
from recognizer.batch.stalled_mounts import look

__all__ = [
    "RECORDING_SUFFIXES",
    "files_below",
    "find_recordings",
    "is_folder",
    "is_recording_name",
    "why_unsearched",
]

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


def is_folder(path: Path) -> bool:
    """Return whether a path leads to a folder; where that cannot be seen, it does not."""
    try:
        # Path.is_dir raises in a folder that is closed to us.
        return look(path, lambda: os.path.isdir(path))  # noqa: PTH112
    except OSError:  # it does not answer
        return False


def why_unsearched(folder: Path | str, problem: OSError) -> str:
    """Return in one sentence why a folder cannot be searched, and what to do."""
    denied = isinstance(problem, PermissionError)
    advice = "; give this user the right to read and enter it" if denied else ""
    return f"{folder}: cannot be searched: {problem.strerror}{advice}"


def files_below(folder: Path, on_unreadable: Callable[[str], object]) -> Iterator[Path]:
    """Yield the files of a folder and of all below it that are not hidden, by name.

    Links to folders are not followed, so a loop of links ends. `on_unreadable` is told of every
    folder that cannot be searched; the rest goes on.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = look(here, partial(_entries, here))
        except OSError as problem:
            on_unreadable(why_unsearched(here, problem))
            continue
        folders = []
        for entry in entries:
            path = here / entry.name
            if entry.is_symlink():
                if not is_folder(path):
                    yield path
            elif not entry.is_dir(follow_symlinks=False):
                yield path
            elif not entry.name.startswith("."):
                folders.append(path)
        waiting += reversed(folders)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def find_recordings(
    paths: Iterable[Path], on_unreadable: Callable[[str], object] = lambda _: None
) -> Iterator[Path]:
    """Yield files as given, whatever their names, and the recordings in folders (`files_below`)."""
    for path in paths:
        if is_folder(path):
            found = files_below(path, on_unreadable)
            yield from (file for file in found if is_recording_name(file.name))
        else:
            yield path
