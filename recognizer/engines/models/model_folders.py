"""The folders that speech models lie in: which are installed, whether they are intact.

An installed model is a folder ``<models folder>/<name>``. Its files are hashed once; a stamp
file then remembers size and modification time of each, so that later checks cost a `stat`.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from recognizer.base.data_files import data_folder
from recognizer.base.errors import ModelError
from recognizer.engines.models.registry import Manifest, ModelFile, get_manifest, read_digests

__all__ = [
    "FileCheck",
    "FileState",
    "blocks",
    "check_files",
    "file_sha256",
    "find_folder",
    "find_installed",
    "is_complete",
    "is_verified",
    "write_stamp",
]

STAMP_NAME = ".verified.json"
_CHUNK_BYTES = 1 << 20


class FileState(enum.StrEnum):
    """What a check of one file found; the first three are errors."""

    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_DIGEST = "wrong digest"
    DIFFERS = "differs"
    MATCHES = "matches"
    PRESENT = "present"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """State of one file; `DIFFERS` and `MATCHES` speak of digests that are no more than known."""

    path: str
    state: FileState
    detail: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the model cannot be used as it is."""
        return self.state in {FileState.MISSING, FileState.WRONG_SIZE, FileState.WRONG_DIGEST}


def find_installed(name: str, models_folder: Path) -> Path | None:
    """Return the folder of the installed model `name`, None if it is not there or not whole.

    Raises
    ------
    ModelError
        If no manifest is called `name`.
    """
    manifest = get_manifest(name)
    places = _places(manifest, models_folder)
    return next((place for place in places if is_complete(manifest, place)), None)


def find_folder(manifest: Manifest, models_folder: Path) -> Path | None:
    """Return the folder that bears the model's name, whole or damaged; None if there is none."""
    places = _places(manifest, models_folder)
    return next((place for place in places if place.is_dir()), None)


def _places(manifest: Manifest, models_folder: Path) -> list[Path]:
    """Return where a model may lie; those of vosk also where that library keeps them."""
    folders = [models_folder]
    if manifest.engine == "vosk":
        folders += [Path("/usr/share/vosk"), Path.home() / ".cache/vosk"]
    return [folder / manifest.name for folder in folders]


def is_complete(manifest: Manifest, folder: Path) -> bool:
    """Return whether every file is there with its size; does not read their contents."""
    return all(_size_problem(file, folder / file.path) is None for file in manifest.files)


def _size_problem(file: ModelFile, path: Path) -> FileCheck | None:
    if not path.is_file():
        return FileCheck(file.path, FileState.MISSING)
    size = path.stat().st_size
    if file.size_bytes is not None and size != file.size_bytes:
        detail = f"expected {file.size_bytes} bytes, found {size}"
        return FileCheck(file.path, FileState.WRONG_SIZE, detail)
    return None


def check_files(
    manifest: Manifest,
    folder: Path,
    *,
    progress: Callable[[int], None] | None = None,
    manifests_folder: Path | None = None,
) -> tuple[FileCheck, ...]:
    """Read every file of an installed model and say whether it is what the manifest promises.

    Parameters
    ----------
    manifest : Manifest
    folder : Path
    progress : callable or None
        Told after every block how many bytes were read.
    manifests_folder : Path or None
        Where the manifest came from; None: the shipped ones.
    """
    checks = {file.path: _check_file(file, folder, progress) for file in manifest.files}
    if manifest.known_digests is not None:
        known = read_digests((manifests_folder or data_folder("models")) / manifest.known_digests)
        for path, digest in known.items():
            if path in checks and checks[path].is_error:
                continue
            checks[path] = _compare_known(path, digest, folder)
    return tuple(checks.values())


def _check_file(file: ModelFile, folder: Path, progress: Callable[[int], None] | None) -> FileCheck:
    path = folder / file.path
    problem = _size_problem(file, path)
    if problem is not None:
        return problem
    if file.sha256 is None and file.reported_sha256 is None:
        return FileCheck(file.path, FileState.PRESENT)
    found = file_sha256(path, progress)
    if file.sha256 is None:
        if found == file.reported_sha256:
            return FileCheck(file.path, FileState.MATCHES, "the one digest that is known of it")
        detail = f"the one digest that is known of it is {file.reported_sha256}, found {found}"
        return FileCheck(file.path, FileState.DIFFERS, detail)
    if found != file.sha256:
        detail = f"expected sha256 {file.sha256}, found {found}"
        return FileCheck(file.path, FileState.WRONG_DIGEST, detail)
    return FileCheck(file.path, FileState.OK)


def _compare_known(path: str, digest: str, folder: Path) -> FileCheck:
    """Compare with a digest that a public repository keeps: worth knowing, no more."""
    full = folder / path
    if not full.is_file():
        return FileCheck(path, FileState.DIFFERS, "not in this copy")
    state = FileState.MATCHES if _git_blob_sha1(full) == digest else FileState.DIFFERS
    return FileCheck(path, state)


def file_sha256(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """Return the SHA-256 of a file, lower-case hexadecimal.

    Raises
    ------
    ModelError
        If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            for block in blocks(stream):
                digest.update(block)
                if progress is not None:
                    progress(len(block))
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read: {problem.strerror}") from problem
    return digest.hexdigest()


def _git_blob_sha1(path: Path) -> str:
    """Return what ``git hash-object`` prints: SHA-1 of a heading with the size, and the file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as stream:
        for block in blocks(stream):
            digest.update(block)
    return digest.hexdigest()


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield what a stream holds, a megabyte at a time."""
    while block := stream.read(_CHUNK_BYTES):
        yield block


def is_verified(manifest: Manifest, folder: Path) -> bool:
    """Return whether the files are still those that were hashed: same size and time, cheap."""
    try:
        stamp = json.loads((folder / STAMP_NAME).read_text(encoding="utf-8"))
        return bool(stamp == _stamp(manifest, folder))
    except (OSError, ValueError):
        return False


def write_stamp(manifest: Manifest, folder: Path) -> None:
    """Remember that the files of `folder` were hashed and are right.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    (folder / STAMP_NAME).write_text(json.dumps(_stamp(manifest, folder)), encoding="utf-8")


def _stamp(manifest: Manifest, folder: Path) -> dict[str, list[Any]]:
    stamp = {}
    for file in manifest.files:
        status = (folder / file.path).stat()
        stamp[file.path] = [file.sha256, status.st_size, status.st_mtime_ns]
    return stamp
