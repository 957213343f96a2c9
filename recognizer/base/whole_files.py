"""Files that are there whole or not at all, and what is left of others."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from recognizer.base.errors import RecognizerError

__all__ = ["has_room", "is_url", "remove_leftover", "sync_folder", "write_whole"]

_LOG = logging.getLogger(__name__)
_SMALL_BYTES = 64 * 1024
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # two letters at least: C:/ is a drive


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that then takes the place of `path`, whole or not at all.

    Raises
    ------
    RecognizerError
        If it cannot be written.
    """
    if is_url(path):
        raise RecognizerError(f"{path}: cannot be written: expected a path, found a URL")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as problem:
        reason = problem.strerror or problem
        raise RecognizerError(f"{path}: cannot be written: {reason}") from problem


def is_url(path: str | Path) -> bool:
    """Tell whether what should be a path is a URL: a folder ``file:`` would be made of it."""
    return _SCHEME.match(str(path)) is not None


def has_room(folder: Path) -> bool:
    """Tell whether a small file can be written in a folder; nothing of it stays, nor is seen."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return file.write(bytes(_SMALL_BYTES)) == _SMALL_BYTES
    except OSError:
        return False


def sync_folder(folder: Path) -> None:
    """Let names of new files in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftover(path: Path) -> None:
    """Remove a file of no use any more; what cannot be removed is said, stays, and stops nobody."""
    try:
        path.unlink(missing_ok=True)
    except OSError as problem:
        _LOG.warning("%s: cannot be removed and stays: %s", path, problem.strerror)
