"""`recognizer models`: what speech models there are, install them, check them, find them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli.groups import new_group

if TYPE_CHECKING:
    from recognizer.base.settings import Settings
    from recognizer.engines.models.download import Progress
    from recognizer.engines.models.registry import Manifest

__all__ = ["app"]

app = new_group(
    "Speech models: what there is, install, check, and where they lie.\n\n"
    "whisper-base comes with the program and is put together on first use. The others are "
    "downloaded from where their makers publish them when you ask for it:\n\n"
    "recognizer models install t-one",
)

_Name = Annotated[str, typer.Argument(help="Name of the model, as `recognizer models list` says.")]


@app.command("list")
def list_models() -> None:
    """Show the models: engine, size, licence, and whether they are installed.

    Example: recognizer models list
    """
    from recognizer.base.settings import load_settings
    from recognizer.engines import why_refused
    from recognizer.engines.models.finding import ENGINE_MODELS
    from recognizer.engines.models.registry import load_manifests

    settings = load_settings()
    folder = settings.recognition.models_folder
    rows = [("MODEL", "ENGINE", "LANGUAGES", "SIZE", "LICENCE", "STATE")]
    rows += [_row(manifest, folder) for manifest in load_manifests().values()]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)]
        print("  ".join(cells))
    for engine, model in ENGINE_MODELS.items():
        if named := model.named:
            problem = why_refused(engine, settings)
            told = f"cannot use it: {problem}" if problem else f"takes its model from {named}"
            print(f"\n{model.variable} is set: {engine} {told}")


def _row(manifest: Manifest, models_folder: Path) -> tuple[str, str, str, str, str, str]:
    return (
        manifest.name,
        manifest.engine,
        ",".join(manifest.languages),
        f"{manifest.size_bytes / 1e6:.0f} MB",
        manifest.licence,
        _state(manifest, models_folder),
    )


def _state(manifest: Manifest, models_folder: Path) -> str:
    from recognizer.engines.models.install import has_local_source
    from recognizer.engines.models.model_folders import find_installed

    folder = find_installed(manifest.name, models_folder)
    if folder is not None:
        return f"installed in {folder}"
    if has_local_source(manifest):
        return "comes with the program, put together on first use"
    return f"missing; type: recognizer models install {manifest.name}"


@app.command("install")
def install(
    name: _Name,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Take it from this folder or zip archive instead of downloading, "
            "for a machine without internet.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Install again, even if it is there and whole.")
    ] = False,
) -> None:
    """Install a model: download or copy it, check it, then move it in place.

    A download that breaks off is continued by the next attempt. Models lie in
    the user's data folder; the environment variable
    RECOGNIZER_RECOGNITION_MODELS_DIR names another.

    Example: recognizer models install t-one

    Offline: recognizer models install vosk-model-small-ru-0.22 --from model.zip
    """
    from recognizer.base.settings import load_settings
    from recognizer.engines.models.install import install_model, kept_bytes
    from recognizer.engines.models.registry import get_manifest

    manifest = get_manifest(name)
    models_folder = load_settings().recognition.models_folder
    try:
        with _progress() as progress:
            folder = install_model(
                manifest, models_folder, given=source, force=force, progress=progress
            )
    except (KeyboardInterrupt, SystemExit) as stop:  # Ctrl-C, SIGTERM
        print(f"recognizer: {_interrupted(kept_bytes(name, models_folder))}", file=sys.stderr)
        raise typer.Exit(130 if isinstance(stop, KeyboardInterrupt) else 143) from None
    print(f"{name} is installed in {folder}")


def _interrupted(kept: int) -> str:
    if not kept:
        return "interrupted, nothing of it is kept; the same command begins again"
    return f"interrupted, {kept / 1e6:.1f} MB are kept; the same command goes on from there"


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar on a terminal, else a line when something new begins; both on stderr."""
    if not sys.stderr.isatty():
        yield _announce()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what.rpartition("/")[2])
            bars.update(tasks[what], completed=done, total=total)

        yield show


def _announce() -> Progress:
    begun = set()

    def show(what: str, _done: int, total: int) -> None:
        if what not in begun:
            begun.add(what)
            print(f"{what}: {total / 1e6:.0f} MB", file=sys.stderr)

    return show


@app.command("verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models to check; none: all that are installed.")
    ] = None,
) -> None:
    """Read every file of installed models and compare it with what is known.

    "ok" has the pinned SHA-256. "matches" and "differs" speak of a digest that
    is merely known, where the vendor publishes none: a difference is no error.
    Of a folder that a variable such as T_ONE_MODEL_PATH names, it says whether
    the engine can load the model. Exit status 1 if a file is missing or wrong,
    or a model cannot be loaded.

    Example: recognizer models verify whisper-base
    """
    from recognizer.base.settings import load_settings
    from recognizer.engines.models.finding import ENGINE_MODELS
    from recognizer.engines.models.model_folders import find_folder
    from recognizer.engines.models.registry import get_manifest, load_manifests

    settings = load_settings()
    models_folder = settings.recognition.models_folder
    named = {model.name: engine for engine, model in ENGINE_MODELS.items() if model.named}
    is_right = True
    for name in names or load_manifests():
        manifest = get_manifest(name)
        folder = find_folder(manifest, models_folder)
        if name in named:
            is_right &= _verify_named(named[name], settings)
        elif folder is None:
            print(f"{name}: {_state(manifest, models_folder)}")
            is_right &= not names
        if folder is not None:
            is_right &= _verify(manifest, folder)
    if not is_right:
        raise typer.Exit(1)


def _verify_named(engine: str, settings: Settings) -> bool:
    """Say whether an engine can load the model of the folder that its variable names."""
    from recognizer.engines import why_refused
    from recognizer.engines.models.finding import ENGINE_MODELS

    model = ENGINE_MODELS[engine]
    print(f"{model.name} in {model.named}, named in {model.variable}")
    problem = why_refused(engine, settings)
    print(f"  {'refused' if problem else 'loads':<12}  {problem}".rstrip())
    return not problem


def _verify(manifest: Manifest, folder: Path) -> bool:
    from recognizer.engines.models.model_folders import check_files

    print(f"{manifest.name} in {folder}")
    checks = check_files(manifest, folder)
    for check in checks:
        print(f"  {check.state:<12}  {check.path}  {check.detail}".rstrip())
    is_right = not any(check.is_error for check in checks)
    if not is_right:
        print(f"  damaged; type: recognizer models install {manifest.name}")
    return is_right


@app.command("path")
def path(name: _Name) -> None:
    """Print the folder of an installed model, for scripts.

    Example: recognizer models path whisper-base
    """
    from recognizer.base.errors import ModelError
    from recognizer.base.settings import load_settings
    from recognizer.engines.models.model_folders import find_installed

    models_folder = load_settings().recognition.models_folder
    folder = find_installed(name, models_folder)
    if folder is None:
        raise ModelError(
            f"model {name!r} is not installed in {models_folder}; "
            f"type: recognizer models install {name}"
        )
    print(folder)
