"""Speech engines, one module each; `load_engine` finds the model and loads one of them.

The libraries behind the engines are imported only when one is loaded.

Not here: phrase lists and what a transcript means.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recognizer.base.errors import EngineError, ModelError, ModelFileError, RecognizerError
from recognizer.base.settings import Settings, load_settings
from recognizer.engines.base import Engine
from recognizer.engines.models.finding import ENGINE_MODELS, find_model

__all__ = ["ENGINE_NAMES", "choose_engine", "load_engine", "why_refused"]

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
    if engine == _EMBEDDED:
        folder = _intact_whisper(folder, settings)
    assert folder is not None
    return _open(engine, folder, settings)


def why_refused(engine: str, settings: Settings) -> str:
    """Return what an engine has against the model it would take, empty if nothing or none is there.

    The model is loaded and let go again; nothing on the disk is changed.
    """
    try:
        folder = find_model(engine, settings.recognition.models_folder)
        if folder is not None:
            _open(engine, folder, settings)
    except RecognizerError as problem:
        return str(problem)
    return ""


def _open(engine: str, folder: Path, settings: Settings) -> Engine:
    try:
        return _LOADERS[engine](folder, settings)
    except ModelFileError as problem:
        raise ModelFileError(f"{problem}; {_remedy(engine)}") from problem


def _remedy(engine: str) -> str:
    """Return what to do about a model that is not what its engine was written for."""
    model = ENGINE_MODELS[engine]
    if model.named:
        return f"correct the environment variable {model.variable} or unset it"
    return f"type: recognizer models install {model.name} --force"


def _intact_whisper(folder: Path | None, settings: Settings) -> Path:
    """Return the folder given; in place of the installed one, or of none, one that is whole."""
    from recognizer.engines.models.install import ensure_model  # noqa: PLC0415  matching needs none

    model = ENGINE_MODELS[_EMBEDDED].name
    if folder is None or folder == settings.recognition.models_folder / model:
        return ensure_model(model, settings)
    return folder


def _load_t_one(folder: Path, settings: Settings) -> Engine:
    try:
        from recognizer.engines.t_one import TOneEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("onnxruntime", problem) from problem
    return TOneEngine(folder, threads=settings.recognition.threads)


def _load_gigaam(folder: Path, settings: Settings) -> Engine:
    try:
        from recognizer.engines.gigaam import GigaAmEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("onnxruntime", problem) from problem
    return GigaAmEngine(folder, threads=settings.recognition.threads)


def _load_whisper(folder: Path, settings: Settings) -> Engine:
    try:
        from recognizer.engines.faster_whisper import WhisperEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("faster-whisper", problem) from problem
    return WhisperEngine(folder, threads=settings.recognition.threads)


def _load_vosk(folder: Path, _settings: Settings) -> Engine:
    try:
        from recognizer.engines.vosk import VoskEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:  # OSError: its shared library does not load
        raise _library_missing("vosk", problem) from problem
    engine = VoskEngine(folder)
    if engine.missing_words(_RUSSIAN_WORD):
        raise ModelError(
            f"{folder}: expected a Russian model of vosk, this one does not know the word "
            f"{_RUSSIAN_WORD!r}; name another one in the environment variable VOSK_MODEL_PATH"
        )
    return engine


_LOADERS: dict[str, Callable[[Path, Settings], Engine]] = {
    "t-one": _load_t_one,
    "gigaam-v3": _load_gigaam,
    "vosk": _load_vosk,
    "whisper": _load_whisper,
}


def _library_missing(library: str, problem: ImportError | OSError) -> EngineError:
    return EngineError(
        f"the library {library} cannot be loaded ({problem}); type: pip install {library}"
    )
