"""Speech engines, one module each; `load_engine` finds the model and loads one of them.

The libraries behind the engines are imported only when one is loaded.
"""

from __future__ import annotations

from recognizer.base.errors import EngineError, ModelError
from recognizer.base.settings import Settings, load_settings
from recognizer.engines.base import Engine
from recognizer.engines.models.registry import RUSSIAN_VOSK_MODEL, find_vosk_model

__all__ = ["ENGINE_NAMES", "load_engine"]

ENGINE_NAMES = ("auto", "vosk", "whisper")
WHISPER_MODEL = "whisper-base"
_RUSSIAN_WORD = "номер"


def load_engine(name: str = "auto", settings: Settings | None = None) -> Engine:
    """Load a speech engine with its model.

    Parameters
    ----------
    name : str
        `vosk`, `whisper`, or `auto`: vosk where its Russian model is installed, else whisper.
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
    if name == "auto":
        return _load_vosk(settings, required=False) or _load_whisper(settings)
    if name == "vosk":
        engine = _load_vosk(settings, required=True)
        assert engine is not None
        return engine
    if name == "whisper":
        return _load_whisper(settings)
    raise EngineError(f"expected an engine of {', '.join(ENGINE_NAMES)}, found {name!r}")


def _load_whisper(settings: Settings) -> Engine:
    try:
        from recognizer.engines.faster_whisper import WhisperEngine  # noqa: PLC0415
    except (ImportError, OSError) as problem:
        raise _library_missing("faster-whisper", problem) from problem
    from recognizer.engines.models.install import ensure_model  # noqa: PLC0415  matching needs none

    folder = ensure_model(WHISPER_MODEL, settings)
    return WhisperEngine(folder, threads=settings.recognition.threads)


def _load_vosk(settings: Settings, *, required: bool) -> Engine | None:
    folder = find_vosk_model(settings.recognition.models_folder)
    if folder is None:
        if not required:
            return None
        raise ModelError(
            f"no Russian model of vosk is installed in {settings.recognition.models_folder}; "
            f"type: recognizer models install {RUSSIAN_VOSK_MODEL} (45 MB from the vendor), or "
            "name its folder in the environment variable VOSK_MODEL_PATH"
        )
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


def _library_missing(library: str, problem: ImportError | OSError) -> EngineError:
    return EngineError(
        f"the library {library} cannot be loaded ({problem}); type: pip install {library}"
    )
