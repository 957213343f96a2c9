"""Where a model's files come from: packages, the network, a folder; put into a folder given.

Not here: what is done where they turn out wrong; `install` checks and moves them in place.
"""

from __future__ import annotations

import importlib.resources
import shutil
from pathlib import Path
from typing import IO

from recognizer.base.errors import ModelError
from recognizer.engines.models.archives import unpack
from recognizer.engines.models.download import Progress, download
from recognizer.engines.models.model_folders import blocks, file_sha256
from recognizer.engines.models.registry import (
    FilesSource,
    Manifest,
    ModelFile,
    PackagesSource,
    ZipSource,
)

__all__ = ["copy_folder", "from_files", "from_packages", "from_zip"]


def from_packages(
    source: PackagesSource, manifest: Manifest, model: Path, report: Progress
) -> None:
    """Join a model from packages that are installed; ModelError if one is not."""
    done = 0
    for path, parts in source.parts.items():
        target = model / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as joined:
            for part in parts:
                with _open_part(part, source) as piece:
                    for block in blocks(piece):
                        joined.write(block)
                        done += len(block)
                        report(manifest.name, done, manifest.size_bytes)


def _open_part(part: str, source: PackagesSource) -> IO[bytes]:
    module, _, inside = part.partition("/")
    try:
        return importlib.resources.files(module).joinpath(inside).open("rb")
    except (ModuleNotFoundError, FileNotFoundError) as problem:
        raise ModelError(
            f"package data {part} is not installed; type: pip install {' '.join(source.packages)}"
        ) from problem


def from_files(
    source: FilesSource, manifest: Manifest, model: Path, staging: Path, report: Progress
) -> None:
    """Fetch a model file by file; ModelError if one cannot be had or is another.

    What an earlier attempt fetched whole stays fetched: the first file of a model can be 3 GB.
    """
    parts = [staging / f"file-{number}.part" for number in range(len(manifest.files))]
    for file, part in zip(manifest.files, parts, strict=True):
        if _is_fetched(part, file):
            continue
        size = file.size_bytes or 0
        download(source.base_url + file.path, part, expected_bytes=size, report=report)
        _require_digest(part, file.sha256, source.base_url + file.path)
    for file, part in zip(manifest.files, parts, strict=True):
        target = model / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)


def _is_fetched(part: Path, file: ModelFile) -> bool:
    """Return whether a file is known to be there, by its size and a digest that is known of it."""
    digest = file.sha256 or file.reported_sha256
    return (
        digest is not None
        and part.is_file()
        and part.stat().st_size == file.size_bytes
        and file_sha256(part) == digest
    )


def from_zip(
    source: ZipSource, manifest: Manifest, model: Path, staging: Path, report: Progress
) -> None:
    """Fetch an archive and unpack it; ModelError if it cannot be had or is broken."""
    archive = staging / "archive.part"
    download(
        source.url,
        archive,
        expected_bytes=source.approximate_bytes,
        max_bytes=2 * source.approximate_bytes,
        report=report,
    )
    _require_digest(archive, source.sha256, source.url)
    try:
        unpack(archive, source.url, manifest, model, source.max_unpacked_bytes)
    finally:
        # Whole, so there is nothing to continue; and if it is bad, keeping it would be a trap.
        archive.unlink()


def _require_digest(part: Path, expected: str | None, url: str) -> None:
    if expected is None:
        return
    found = file_sha256(part)
    if found != expected:
        part.unlink()
        raise ModelError(f"{url}: wrong digest: expected sha256 {expected}, found {found}")


def copy_folder(manifest: Manifest, given: Path, model: Path, report: Progress) -> None:
    """Copy the files the manifest names; of a model that comes as an archive, everything."""
    names = [Path(file.path) for file in manifest.files]
    if any(isinstance(source, ZipSource) for source in manifest.sources):
        names = [path.relative_to(given) for path in sorted(given.rglob("*"))]
    present = [name for name in names if (given / name).is_file()]  # missing: found by the check
    total = sum((given / name).stat().st_size for name in present)
    done = 0
    for name in present:
        target = model / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given / name, target)
        done += target.stat().st_size
        report(str(given), done, total)
