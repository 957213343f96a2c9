"""Models that come as a zip archive: checked before anything of it is unpacked."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from recognizer.base.errors import ModelError
from recognizer.engines.models.registry import Manifest, path_problem

__all__ = ["unpack"]

_CHUNK_BYTES = 1 << 20
_MAX_ARCHIVE_ENTRIES = 10_000
_PLAIN_MODES = {0, stat.S_IFREG, stat.S_IFDIR}
_BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression method nobody uses
    RuntimeError,  # encrypted
    ValueError,
    FileExistsError,  # a file where another entry needs a folder
    NotADirectoryError,
)


def unpack(archive: Path, origin: str, manifest: Manifest, model: Path, limit: int) -> None:
    """Unpack a zip archive into `model`, without the one folder everything may lie in.

    Raises
    ------
    ModelError
        If it is broken, holds anything but plain files with plain relative names, or more
        than `limit` bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _check_entries(opened.infolist(), origin, limit)
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            top = _top_folder(manifest, [entry.filename for entry in entries])
            for entry in entries:
                _extract(opened, entry, model / entry.filename.removeprefix(top))
    except _BROKEN_ARCHIVE as problem:
        raise ModelError(f"{origin}: broken archive: {problem}") from problem
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # that one: an offset that cannot be
            raise
        raise ModelError(f"{origin}: broken archive: {problem}") from problem


def _check_entries(entries: list[zipfile.ZipInfo], origin: str, limit: int) -> None:
    if len(entries) > _MAX_ARCHIVE_ENTRIES:
        raise ModelError(f"{origin}: refused, {len(entries)} entries are too many for a model")
    total = sum(entry.file_size for entry in entries)  # the reader never yields more than this
    if total > limit:
        raise ModelError(f"{origin}: refused, it unpacks to {total} bytes, more than {limit}")
    seen: set[str] = set()
    for entry in entries:
        problem = path_problem(entry.orig_filename)
        mode = entry.external_attr >> 16
        if problem is None and stat.S_IFMT(mode) not in _PLAIN_MODES:
            problem = "is a link or a special file"
        if problem is None and entry.filename in seen:
            problem = "is there twice"
        if problem is not None:
            raise ModelError(f"{origin}: refused, entry {entry.orig_filename!r} {problem}")
        seen.add(entry.filename)


def _top_folder(manifest: Manifest, names: list[str]) -> str:
    """Return the folder, with its slash, that all of an archive lies in; empty: none."""
    if manifest.files[0].path in names:
        return ""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 else ""


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as packed, target.open("xb") as unpacked:
        shutil.copyfileobj(packed, unpacked, _CHUNK_BYTES)
