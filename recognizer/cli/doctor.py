"""`recognizer doctor`: what is installed, what is missing, what to type."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from recognizer.base.settings import Settings
    from recognizer.engines.models.registry import Manifest

__all__ = ["doctor"]

_LIBRARIES = ("numpy", "soundfile", "soxr", "av", "rapidfuzz", "ctranslate2", "faster_whisper")
"""Modules a classification cannot do without; most have compiled parts, which may not load."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """One line of the answer.

    Attributes
    ----------
    what : str
    is_ok : bool
    detail : str
    is_vital : bool
        Without it no recording can be classified.
    is_there : bool
        It is there, but cannot be used.
    """

    what: str
    is_ok: bool
    detail: str
    is_vital: bool = False
    is_there: bool = False

    @property
    def state(self) -> str:
        if self.is_ok:
            return "ok"
        return "refused" if self.is_there else "missing"


def doctor() -> None:
    """Say what is installed, what is missing or refused, and what to type.

    Looks at Python, libraries, extras, speech models, phrase lists, the
    regulation, the tone plan, the settings file and the journal; changes and
    downloads nothing. Exit status 1 when recordings cannot be classified.

    Example: recognizer doctor
    """
    can_classify = True
    for finding in _findings():
        print(f"{finding.state:<8} {finding.what:<30} {finding.detail}".rstrip())
        can_classify &= finding.is_ok or not finding.is_vital
    print()
    print("recordings can be classified" if can_classify else "recordings cannot be classified yet")
    if not can_classify:
        raise typer.Exit(1)


def _findings() -> Iterator[_Finding]:
    from recognizer.base.errors import SettingsError
    from recognizer.base.settings import Settings, load_settings

    yield _python()
    try:
        settings = load_settings()
    except SettingsError as problem:
        yield _Finding("settings", False, str(problem), is_vital=True, is_there=True)
        settings = Settings()
    else:
        yield _settings_file()
    yield from _libraries()
    taken = _taken(settings)
    yield from _models(settings, taken)
    yield from _engine(settings, taken)
    yield from _data(settings)
    yield from _extras()
    yield _journal(settings)


def _python() -> _Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    is_ok = sys.version_info >= (3, 11)
    return _Finding("python", is_ok, version if is_ok else f"{version}; install 3.11 or newer")


def _settings_file() -> _Finding:
    from recognizer.base.settings import settings_path

    path = settings_path()
    return _Finding("settings", True, str(path) if path else "defaults (no settings file)")


def _libraries() -> Iterator[_Finding]:
    import importlib

    for name in (*_LIBRARIES, "vosk"):
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError) as problem:  # OSError: its shared library does not load
            detail = f"{problem}; type: pip install --force-reinstall . in the checkout"
            yield _Finding(f"library {name}", False, detail, is_vital=name in _LIBRARIES)
        else:
            yield _Finding(f"library {name}", True, str(getattr(module, "__version__", "")))


@dataclass(frozen=True, slots=True)
class _Taken:
    """The model that an engine would take: where it lies, and what the engine has against it."""

    place: str
    problem: str


def _taken(settings: Settings) -> dict[str, _Taken]:
    """Return by engine the model it would take, where one is there or named; each is loaded.

    One that changed since its check is not: that is said, and the embedded one is mended on use.
    """
    from recognizer.engines import why_refused
    from recognizer.engines.models.finding import ENGINE_MODELS
    from recognizer.engines.models.model_folders import find_installed
    from recognizer.engines.models.registry import get_manifest

    taken = {}
    for engine, model in ENGINE_MODELS.items():
        if model.named:
            place = f"{model.named}, named in {model.variable}"
        elif folder := find_installed(model.name, settings.recognition.models_folder):
            if doubt := _doubt(get_manifest(model.name), folder):
                taken[engine] = _Taken(f"{folder}{doubt}", "")
                continue
            place = str(folder)
        else:
            continue
        taken[engine] = _Taken(place, why_refused(engine, settings))
    return taken


def _doubt(manifest: Manifest, folder: Path) -> str:
    from recognizer.engines.models.model_folders import is_verified

    if not manifest.is_pinned or is_verified(manifest, folder):
        return ""
    return f"; changed since its check; type: recognizer models verify {manifest.name}"


def _models(settings: Settings, taken: dict[str, _Taken]) -> Iterator[_Finding]:
    from recognizer.engines.models.finding import ENGINE_MODELS
    from recognizer.engines.models.install import has_local_source
    from recognizer.engines.models.model_folders import find_installed
    from recognizer.engines.models.registry import load_manifests

    by_model = {ENGINE_MODELS[engine].name: one for engine, one in taken.items()}
    models_folder = settings.recognition.models_folder
    for manifest in load_manifests().values():
        folder = find_installed(manifest.name, models_folder)
        if one := by_model.get(manifest.name):
            detail = one.problem or one.place
            finding = _Finding(
                f"model {manifest.name}", not one.problem, detail, is_there=bool(one.problem)
            )
        elif folder is not None:
            detail = f"{folder}{_doubt(manifest, folder)}"
            finding = _Finding(f"model {manifest.name}", True, detail)
        elif has_local_source(manifest):
            detail = f"comes with the program, put together in {models_folder} on first use"
            finding = _Finding(f"model {manifest.name}", True, detail)
        else:
            detail = f"not needed where another is; type: recognizer models install {manifest.name}"
            finding = _Finding(f"model {manifest.name}", False, detail)
        yield finding


def _engine(settings: Settings, taken: dict[str, _Taken]) -> Iterator[_Finding]:
    """Say which engine would answer, and what a better one would bring."""
    from recognizer.base.errors import RecognizerError
    from recognizer.engines import choose_engine
    from recognizer.engines.models.finding import ENGINE_MODELS
    from recognizer.engines.models.install import has_local_source
    from recognizer.engines.models.registry import get_manifest

    wanted = settings.recognition.engine
    try:
        engine, folder = choose_engine(wanted, settings)
    except RecognizerError as problem:
        yield _Finding("engine", False, str(problem), is_vital=True)
        return
    model = ENGINE_MODELS[engine].name
    if engine in taken and taken[engine].problem:
        detail = f"{wanted}: {taken[engine].problem}"
        yield _Finding("engine", False, detail, is_vital=True, is_there=True)
    elif folder is not None:
        yield _Finding("engine", True, f"{wanted}: {engine} with {folder}")
    elif has_local_source(get_manifest(model)):
        yield _Finding("engine", True, f"{wanted}: {engine} with {model}")
    else:
        detail = f"{wanted}: no model for it is installed; see the models above"
        yield _Finding("engine", False, detail, is_vital=True)
    best = next(iter(ENGINE_MODELS))
    if engine != best:
        yield _Finding("better engine", False, _BETTER[best])


_BETTER = {
    "t-one": (
        "t-one is made for Russian telephones: 8.6 % of words wrong on call-centre speech, where "
        "Whisper large-v3 has 19.4 % (published); type: recognizer models install t-one (144 MB)"
    )
}


def _data(settings: Settings) -> Iterator[_Finding]:
    """Say what loads of all that recognition reads beside the model."""
    from recognizer.phrases.loading import load_phrases
    from recognizer.recognition.calibration import load_calibration
    from recognizer.recognition.office_script import load_office_script
    from recognizer.regulation.loading import load_regulation
    from recognizer.signals.tone_plans import load_known_tones

    regulation_file, office_file = settings.journal.regulation_file, settings.journal.office_file
    fit_file, script_file = settings.recognition.calibration_file, settings.recognition.script_file

    def fits() -> str:
        fits = load_calibration(fit_file=fit_file).fits.values()
        return ", ".join(f"of {f.engine} with {f.model} alone: {fit_file}" for f in fits)

    def script() -> str:
        load_office_script(script_file)
        return str(script_file)

    if fit_file is not None:
        yield _loads("fit", fits)
    if script_file is not None:
        yield _loads("script", script)
    yield _loads("tone plan", lambda: f"{load_known_tones().country}")
    yield _loads("phrase lists", lambda: f"{len(load_phrases(settings.phrases).phrases)} phrases")
    yield _loads(
        "regulation",
        lambda: f"{len(load_regulation(regulation_file, office_file=office_file).rules)} rules",
    )


def _loads(what: str, load: Callable[[], str]) -> _Finding:
    from recognizer.base.errors import RecognizerError

    try:
        return _Finding(what, True, load())
    except RecognizerError as problem:
        return _Finding(what, False, str(problem), is_vital=True, is_there=True)


def _extras() -> Iterator[_Finding]:
    """Say which extras are complete; none of them is needed to classify."""
    import importlib.metadata
    import re

    try:
        requirements = importlib.metadata.requires("recognizer") or []
    except importlib.metadata.PackageNotFoundError:
        yield _Finding("package recognizer", False, "type: pip install . in the checkout")
        return
    line = re.compile(r"([\w.-]+)(?P<self>\[)?.*;\s*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"]")
    missing: dict[str, list[str]] = {}
    for found in filter(None, map(line.match, requirements)):
        absent = missing.setdefault(found["extra"], [])
        if not found["self"] and not _is_installed(found[1]):
            absent.append(found[1])
    missing.pop("test", None)  # for developers
    for extra, packages in missing.items():
        detail = f"{', '.join(packages)}; type: pip install 'recognizer[{extra}]'"
        yield _Finding(f"extra {extra}", not packages, detail if packages else "")


def _is_installed(package: str) -> bool:
    import importlib.metadata

    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _journal(settings: Settings) -> _Finding:
    """Say whether the journal's file can be written; a database server is not asked."""
    import os
    from pathlib import Path

    scheme, _, rest = settings.journal.journal_url.partition(":///")
    if scheme != "sqlite":
        return _Finding("journal", True, f"{scheme.partition(':')[0]} (not contacted)")
    file = Path(rest)
    place = file if file.exists() else _nearest_folder(file)
    if os.access(place, os.W_OK):
        return _Finding("journal", True, str(file))
    detail = (
        f"{place} cannot be written to; change its permissions, or set RECOGNIZER_JOURNAL_URL "
        "to another place"
    )
    return _Finding("journal", False, detail)


def _nearest_folder(path: Path) -> Path:
    """Return the nearest parent that exists: what is missing below it will be created."""
    return next(parent for parent in path.absolute().parents if parent.exists())
