"""Move a finished recording away, across file systems too: nothing unheard goes with it.

Between hearing and moving another recording may take the name. What is moved is therefore known by
an open handle, and a name is given up only while it is still that of the file that was moved.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["move_recording"]


def move_recording(
    path: Path, target: Path, *, size_bytes: int, modified_ns: int, sha256: str | None = None
) -> bool:
    """Move a recording to `target`, or to ``name.2``, ``name.3`` where that is taken.

    Parameters
    ----------
    size_bytes, modified_ns : int
        Of the file that was heard.
    sha256 : str or None
        Of its content, to be compared; None: size and time are proof enough.

    Returns
    -------
    bool
        False if what is there is another file, or becomes one meanwhile, or nothing is: it stays.

    Raises
    ------
    OSError
        If it cannot be moved: it stays, and no copy of it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # a pipe may not keep us waiting
    try:
        opened = os.open(path, flags)
    except FileNotFoundError:
        return False
    with os.fdopen(opened, "rb") as source:
        was = os.fstat(source.fileno())
        if (was.st_size, was.st_mtime_ns) != (size_bytes, modified_ns):
            return False
        if sha256 is not None and hashlib.file_digest(source, "sha256").hexdigest() != sha256:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _rename(path, target, was)
        except OSError as problem:
            if problem.errno != errno.EXDEV:
                raise
        return _copy(source, path, target, was)


def _rename(path: Path, target: Path, was: os.stat_result) -> bool:
    taken = _free_name(target)
    try:
        os.replace(path, taken)  # noqa: PTH105 - as the copy does
    except OSError:
        taken.unlink()  # it is still empty
        raise
    if _is_same(taken.stat(), was):
        return True
    with contextlib.suppress(FileExistsError):  # yet another one has come: this one keeps its place
        os.link(taken, path)
        taken.unlink()
    return False


def _copy(source: BinaryIO, path: Path, target: Path, was: os.stat_result) -> bool:
    # One name for one recording: what a killed copy left is written over by the next.
    whose = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    unfinished = target.with_name(f".{target.name}.{whose}.moving")
    taken: Path | None = None
    try:
        source.seek(0)
        with unfinished.open("wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        if not _is_same(os.fstat(source.fileno()), was):
            return False  # written on while it was copied
        with contextlib.suppress(PermissionError):  # shares that know no modes
            unfinished.chmod(stat.S_IMODE(was.st_mode))
        os.utime(unfinished, ns=(was.st_atime_ns, was.st_mtime_ns))
        taken = _free_name(target)
        os.replace(unfinished, taken)  # noqa: PTH105
        if not path.exists():
            return True  # somebody removed it meanwhile: the copy is the last
        is_old = _is_same(path.stat(), was)
        if is_old:
            path.unlink()
    except OSError:
        # The last copy stays, where somebody removed the recording meanwhile; a taken name not.
        if taken is not None and (path.exists() or not taken.stat().st_size):
            taken.unlink()
        raise
    else:
        return is_old
    finally:
        unfinished.unlink(missing_ok=True)


def _is_same(now: os.stat_result, was: os.stat_result) -> bool:
    """Tell whether this is still that very file, unwritten."""
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (
        was.st_ino, was.st_size, was.st_mtime_ns
    )  # fmt: skip


def _free_name(path: Path) -> Path:
    for number in itertools.count(1):
        candidate = path if number == 1 else path.with_stem(f"{path.stem}.{number}")
        with contextlib.suppress(FileExistsError):
            os.close(os.open(candidate, os.O_CREAT | os.O_EXCL))  # nobody else takes the name
            return candidate
    raise AssertionError("unreachable")
