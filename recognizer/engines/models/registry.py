"""Speech models: what the manifests in models/ say.

A manifest is ``models/<name>.toml``: engine, languages, licence, files with SHA-256, and the
sources in the order they are to be tried. Nothing here fetches anything; `install` does.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

import msgspec

from recognizer.base.data_files import TomlFile, convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError, ModelError

__all__ = [
    "FilesSource",
    "Manifest",
    "ModelFile",
    "PackagesSource",
    "Source",
    "ZipSource",
    "get_manifest",
    "load_manifests",
    "path_problem",
    "read_digests",
]

_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a model; without `sha256` it only has to be there.

    Attributes
    ----------
    sha256 : of the file, where its maker or two projects independent of each other say so.
    reported_sha256 : what a single other project says: a difference is told and refuses nothing.
    """

    path: str
    size_bytes: int | None = None
    sha256: str | None = None
    reported_sha256: str | None = None


class PackagesSource(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="packages"
):
    """Files inside installed Python packages.

    Attributes
    ----------
    packages : names to install the packages by.
    parts : for each file of the model, ``module/path`` of the pieces to join, in order.
    """

    packages: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]


class FilesSource(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="files"
):
    """Every file downloaded from `base_url` + its path."""

    base_url: str


class ZipSource(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="zip"
):
    """One zip archive, downloaded and unpacked.

    Attributes
    ----------
    approximate_bytes : size of the archive, for progress and the check of free space.
    max_unpacked_bytes : an archive that unpacks to more is refused.
    sha256 : of the archive; None where nobody published it.
    """

    url: str
    approximate_bytes: int
    max_unpacked_bytes: int
    sha256: str | None = None


Source = PackagesSource | FilesSource | ZipSource


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one model.

    Attributes
    ----------
    known_digests : name of a file beside the manifest with ``path<TAB>git blob SHA-1`` lines;
        `verify` compares with them, nothing is refused because of them.
    """

    name: str
    engine: Literal["t-one", "gigaam-v3", "vosk", "whisper"]
    languages: tuple[str, ...]
    licence: str
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...]
    homepage: str = ""
    known_digests: str | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of the files whose size is known, else the size of the archive."""
        known = sum(file.size_bytes or 0 for file in self.files)
        archives = (s.approximate_bytes for s in self.sources if isinstance(s, ZipSource))
        return known or max(archives, default=0)

    @property
    def is_pinned(self) -> bool:
        """Whether every file has a SHA-256, so that the origin of the bytes does not matter."""
        return all(file.sha256 for file in self.files)


def path_problem(path: str) -> str | None:
    """Return why `path` may not be created inside a model's folder, None if it may."""
    if not path or "\0" in path:
        return "is empty or holds a NUL character"
    if "\\" in path or PureWindowsPath(path).drive:
        return "is not a plain relative path"
    if PurePosixPath(path).is_absolute():
        return "is an absolute path"
    if ".." in PurePosixPath(path).parts:
        return "climbs out of the folder"
    return None


def load_manifests(folder: Path | None = None) -> dict[str, Manifest]:
    """Return the manifests of a folder (None: the shipped ones) by name, sorted.

    Raises
    ------
    ModelError
        Naming file and line of what is wrong.
    """
    folder = folder or data_folder("models")
    manifests = [_read_manifest(path) for path in sorted(folder.glob("*.toml"))]
    if not manifests:
        raise ModelError(f"{folder}: expected model manifests (*.toml), found none")
    return {manifest.name: manifest for manifest in manifests}


def get_manifest(name: str, folder: Path | None = None) -> Manifest:
    """Return the manifest called `name`.

    Raises
    ------
    ModelError
        If there is none; the message lists those there are.
    """
    manifests = load_manifests(folder)
    if name not in manifests:
        raise ModelError(f"no model is called {name!r}; known models: {', '.join(manifests)}")
    return manifests[name]


def _read_manifest(path: Path) -> Manifest:
    file = read_toml(path, _ManifestError)
    manifest = convert_toml(file, Manifest, _ManifestError)
    _check_manifest(manifest, file)
    return manifest


class _ManifestError(ModelError, DataFileError):
    """A manifest that is no TOML, or not what a manifest holds."""


def _check_manifest(manifest: Manifest, file: TomlFile) -> None:
    if manifest.name != file.path.stem:
        raise ModelError(
            f"{file.place(key='name')}: expected the file's own name {file.path.stem!r}, "
            f"found {manifest.name!r}"
        )
    if not manifest.files:
        raise ModelError(f"{file.path}: expected at least one [[files]] entry")
    seen: set[str] = set()
    for index, entry in enumerate(manifest.files):
        _check_entry(entry, seen, file, index)
        seen.add(entry.path)
    for index, source in enumerate(manifest.sources):
        _check_source(source, manifest, file, index)
    if manifest.known_digests is not None:
        read_digests(file.path.parent / manifest.known_digests)


def _check_entry(entry: ModelFile, seen: set[str], file: TomlFile, index: int) -> None:
    problem = path_problem(entry.path)
    if problem:
        raise ModelError(f"{file.place('files', index, 'path')}: {entry.path!r} {problem}")
    if entry.path in seen:
        raise ModelError(f"{file.place('files', index, 'path')}: {entry.path!r} is listed twice")
    for key in ("sha256", "reported_sha256"):
        digest = getattr(entry, key)
        if digest is not None and not _SHA256.fullmatch(digest):
            raise ModelError(
                f"{file.place('files', index, key)}: expected 64 lower-case hexadecimal digits, "
                f"found {digest!r}"
            )
        if digest is not None and entry.size_bytes is None:
            raise ModelError(
                f"{file.place('files', index, 'path')}: expected size_bytes beside the sha256"
            )


def _check_source(source: Source, manifest: Manifest, file: TomlFile, index: int) -> None:
    if isinstance(source, PackagesSource):
        missing = {entry.path for entry in manifest.files} ^ set(source.parts)
        if missing:
            raise ModelError(
                f"{file.place('sources', index)}: expected parts for exactly the files of the "
                f"model; only in one of the two: {', '.join(sorted(missing))}"
            )
        return
    url = source.url if isinstance(source, ZipSource) else source.base_url
    if not url.startswith(("https://", "http://")):
        key = "url" if isinstance(source, ZipSource) else "base_url"
        raise ModelError(
            f"{file.place('sources', index, key)}: expected an https address, found {url!r}"
        )
    known = all(entry.sha256 or entry.reported_sha256 for entry in manifest.files)
    if isinstance(source, FilesSource) and not known:
        raise ModelError(
            f"{file.place('sources', index)}: files that are downloaded one by one need a sha256 "
            "or a reported_sha256 each"
        )


def read_digests(path: Path) -> dict[str, str]:
    """Return git blob SHA-1 digests by path from a tab-separated file with a heading.

    Raises
    ------
    ModelError
        Naming the file and the line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ModelError(f"{path}: cannot be read: {problem}") from problem
    digests = {}
    for number, line in enumerate(lines[1:], start=2):
        name, _, digest = line.partition("\t")
        if not name or not _SHA1.fullmatch(digest):
            raise ModelError(
                f"{path}, line {number}: expected a path, a tab and 40 hexadecimal digits, "
                f"found {line!r}"
            )
        digests[name] = digest
    return digests
