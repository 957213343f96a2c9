"""What a speech engine can do for the other stages.

An engine listens to one stretch of speech at a time (16 kHz mono, 0.1 to 30 s) and returns an
`Utterance`: the transcript at once, and on request how well other wordings explain the same
sound. Whatever is costly (an encoded spectrum, a lattice) is kept inside the utterance, so that
asking again does not pay again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from recognizer.model import AcousticScore, Audio, Transcript

__all__ = ["ENGINE_SAMPLE_RATE", "MAX_UTTERANCE_S", "Engine", "Utterance"]

ENGINE_SAMPLE_RATE = 16_000
"""Hz; what every engine is given."""

MAX_UTTERANCE_S = 28.0
"""Longest stretch given to an engine at once, seconds (Whisper hears at most 30)."""


class Utterance(Protocol):
    """One stretch of speech an engine has listened to."""

    @property
    def transcript(self) -> Transcript:
        """What was heard; word times count from the start of the *recording*."""

    def rest_after(self, text: str) -> str:
        """Return what is heard after these first words of the stretch; empty if nothing is.

        Also empty where an engine's scores account for the end by themselves.

        Raises
        ------
        EngineError
            If the engine failed.
        """

    def language_probability(self, language: str) -> float | None:
        """Return how probable it is that `language` (ISO 639-1) is spoken, 0-1.

        None where the engine cannot tell.
        """

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        """Return how well each wording explains the whole stretch, in the order given.

        Wordings are plain text in the spelling of a transcript. Higher `total_logprob` is
        better; totals may be compared within one utterance only.

        Raises
        ------
        EngineError
            If the engine failed.
        """


class Engine(Protocol):
    """A loaded recogniser."""

    @property
    def name(self) -> str:
        """`vosk` or `whisper`."""

    @property
    def model(self) -> str:
        """Name of the model in use."""

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one stretch of speech, at `ENGINE_SAMPLE_RATE`, up to `MAX_UTTERANCE_S`.

        Raises
        ------
        EngineError
            If the rate is another one, the stretch is too long or empty, or the engine failed.
        """

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Work out the transcripts of several utterances of this engine now, where that is cheaper.

        Nothing else changes: each `transcript` is the one it would have been alone.

        Raises
        ------
        EngineError
            If the engine failed; the transcripts can still be asked for one by one.
        """
