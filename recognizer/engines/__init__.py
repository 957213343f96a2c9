"""Speech engines, one module each; `load_engine` finds the model and loads one of them.

The libraries behind the engines are imported only when one is loaded.

Not here: phrase lists and what a transcript means.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from recognizer.base.errors import EngineError, ModelError, ModelFileError
from recognizer.base.settings import Settings, load_settings
from recognizer.engines.base import Engine
from recognizer.engines.models.finding import ENGINE_MODELS, find_model

__all__ = ["ENGINE_NAMES", "choose_engine", "load_engine"]

ENGINE_NAMES = ("auto", *ENGINE_MODELS)
"""What may be asked for; after `auto`, the better for Russian telephones the earlier."""
_EMBEDDED = "whisper"
_RUSSIAN_WORD = "номер"


def choose_engine(name: str, settings: Settings) -> tuple[str, Path | None]:
    """Return which engine a name stands for, and the folder of its model, None if there is none.

    `auto` is the first of `ENGINE_NAMES` whose model is there, or else the embedded one. Nothing
    is loaded.

    Raises
    ------
    EngineError
        If there is no such engine.
    ModelError
        If the user names a folder that holds no model of an engine that is looked at.
    """
    if name not in ENGINE_NAMES:
        raise EngineError(f"expected an engine of {', '.join(ENGINE_NAMES)}, found {name!r}")
    asked = ENGINE_NAMES[1:] if name == "auto" else (name,)
    for engine in asked:
        folder = find_model(engine, settings.recognition.models_folder)
        if folder is not None:
            return engine, folder
    return (_EMBEDDED if name == "auto" else name), None


def load_engine(name: str = "auto", settings: Settings | None = None) -> Engine:
    """Load a speech engine with its model.

    Parameters
    ----------
    name : str
        One of `ENGINE_NAMES`; `auto` is the best that is installed, see `choose_engine`.
    settings : Settings or None
        None: those of this process.

    Raises
    ------
    EngineError
        If there is no such engine or its library is missing.
    ModelError
        If its model is missing or damaged; the message says what to type.
    """
    settings = settings or load_settings()
    engine, folder = choose_engine(name, settings)
    if folder is None and engine != _EMBEDDED:
        model = ENGINE_MODELS[engine]
        raise ModelError(
            f"no model of {engine} is installed in {settings.recognition.models_folder}; type: "
            f"recognizer models install {model.name}, or name its folder in the environment "
            f"variable {model.variable}"
        )
    try:
        return _LOADERS[engine](folder, settings)
    except ModelFileError as problem:
        raise ModelFileError(f"{problem}; {_remedy(engine)}") from problem


def _remedy(engine: str) -> str:
    """Return what to do about a model that is not what its engine was written for."""
    model = ENGINE_MODELS[engine]
    if os.environ.get(model.variable):
        return f"correct the environment variable {model.variable} or unset it"
    return f"type: recognizer models install {model.name} --force"


def _load_t_one(folder: Path | None, settings: Settings) -> Engine:
    try:
        from recognizer.engines.t_one import TOneEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("onnxruntime", problem) from problem
    assert folder is not None
    return TOneEngine(folder, threads=settings.recognition.threads)


def _load_gigaam(folder: Path | None, settings: Settings) -> Engine:
    try:
        from recognizer.engines.gigaam import GigaAmEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("onnxruntime", problem) from problem
    assert folder is not None
    return GigaAmEngine(folder, threads=settings.recognition.threads)


def _load_whisper(folder: Path | None, settings: Settings) -> Engine:
    try:
        from recognizer.engines.faster_whisper import WhisperEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("faster-whisper", problem) from problem
    from recognizer.engines.models.install import ensure_model  # noqa: PLC0415  matching needs none

    model = ENGINE_MODELS["whisper"].name
    if folder is None or folder == settings.recognition.models_folder / model:
        folder = ensure_model(model, settings)
    return WhisperEngine(folder, threads=settings.recognition.threads)


def _load_vosk(folder: Path | None, _settings: Settings) -> Engine:
    try:
        from recognizer.engines.vosk import VoskEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:  # OSError: its shared library does not load
        raise _library_missing("vosk", problem) from problem
    assert folder is not None
    engine = VoskEngine(folder)
    if engine.missing_words(_RUSSIAN_WORD):
        raise ModelError(
            f"{folder}: expected a Russian model of vosk, this one does not know the word "
            f"{_RUSSIAN_WORD!r}; name another one in the environment variable VOSK_MODEL_PATH"
        )
    return engine


_LOADERS: dict[str, Callable[[Path | None, Settings], Engine]] = {
    "t-one": _load_t_one,
    "gigaam-v3": _load_gigaam,
    "vosk": _load_vosk,
    "whisper": _load_whisper,
}


def _library_missing(library: str, problem: ImportError | OSError) -> EngineError:
    return EngineError(
        f"the library {library} cannot be loaded ({problem}); type: pip install {library}"
    )
