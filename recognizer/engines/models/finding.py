"""Where the model of an engine lies: a folder that the user names, else an installed one.

The variable comes first. A wrong one is an error, never another model that nobody asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recognizer.base.errors import ModelError
from recognizer.engines.models.model_folders import find_installed

__all__ = ["ENGINE_MODELS", "EngineModel", "find_model"]


@dataclass(frozen=True, slots=True)
class EngineModel:
    """The model that an engine takes.

    Attributes
    ----------
    name : str
        Of the manifest.
    variable : str
        Environment variable that names another folder.
    needs : tuple of tuple of str
        Of each tuple one file has to be in such a folder.
    pattern : str
        Names of the folders to look at inside the one named.
    """

    name: str
    variable: str
    needs: tuple[tuple[str, ...], ...]
    pattern: str

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder looks like such a model."""
        return all(any((folder / name).exists() for name in names) for names in self.needs)

    @property
    def named(self) -> str:
        """What the variable says now, empty if it is not set."""
        return os.environ.get(self.variable, "")

    def __str__(self) -> str:
        return ", ".join(" or ".join(names) for names in self.needs)


ENGINE_MODELS = {
    "t-one": EngineModel("t-one", "T_ONE_MODEL_PATH", (("model.onnx",),), "[tT]-[oO]ne*"),
    "gigaam-v3": EngineModel(
        "gigaam-v3-ctc",
        "GIGAAM_MODEL_PATH",
        (("v3_ctc.int8.onnx", "v3_ctc.onnx"), ("v3_vocab.txt",)),
        "gigaam-v3*",
    ),
    "vosk": EngineModel(
        "vosk-model-small-ru-0.22",
        "VOSK_MODEL_PATH",
        (("am/final.mdl",), ("conf",)),
        "vosk-model*-ru*",
    ),
    "whisper": EngineModel(
        "whisper-base",
        "WHISPER_MODEL_PATH",
        (("model.bin",), ("tokenizer.json",)),
        "*whisper*",
    ),
}
"""By engine, the one that `auto` would rather take first."""


def find_model(
    engine: str, models_folder: Path, environment: Mapping[str, str] = os.environ
) -> Path | None:
    """Return the folder of an engine's model, None if there is none.

    Raises
    ------
    ModelError
        If the engine's variable is set and leads to no such model.
    """
    model = ENGINE_MODELS[engine]
    named = environment.get(model.variable)
    if not named:
        return find_installed(model.name, models_folder)
    places = [Path(named), Path(named, model.name), *sorted(Path(named).glob(model.pattern))]
    found = next((place for place in places if model.is_in(place)), None)
    if found is None:
        raise ModelError(
            f"environment variable {model.variable}: expected a model of {engine} (a folder with "
            f"{model}), or a folder that holds one, found {named!r}; correct it or unset it"
        )
    return found
