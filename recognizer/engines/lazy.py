"""An engine that is loaded when something is to be heard, and not before."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recognizer.engines.base import Engine, Utterance
from recognizer.model import Audio

__all__ = ["LazyEngine"]


class LazyEngine:
    """Stands for an engine until it is needed.

    Parameters
    ----------
    load : callable
        Returns the engine; called once, at the first use.
    """

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Engine | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether the engine was needed."""
        return self._engine is not None

    @property
    def loaded(self) -> Engine:
        """The engine itself."""
        if self._engine is None:
            self._engine = self._load()
        return self._engine

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self.loaded.name

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self.loaded.model

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one utterance; see `Engine.listen`."""
        return self.loaded.listen(audio)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Work out several transcripts; see `Engine.transcribe_together`."""
        self.loaded.transcribe_together(utterances)
