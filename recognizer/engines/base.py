"""What a speech engine can do for the other stages.

An engine listens to one utterance at a time (16 kHz mono, 0.1 to 30 s) and returns an
`Utterance`: the transcript at once, and on request how well other wordings explain the same
sound. Whatever is costly (an encoded spectrum, a lattice) is kept inside the utterance, so that
asking again does not pay again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from recognizer.base.errors import EngineError
from recognizer.model import AcousticScore, Audio, Transcript

__all__ = [
    "ENGINE_SAMPLE_RATE",
    "MAX_UTTERANCE_S",
    "Engine",
    "LimitedVocabulary",
    "StreamingEngine",
    "StreamingUtterance",
    "Utterance",
    "check_speech",
    "transcribe_ahead",
]

ENGINE_SAMPLE_RATE = 16_000
"""Hz; what every engine is given."""

MAX_UTTERANCE_S = 28.0
"""Longest utterance given to an engine at once, seconds (Whisper hears at most 30)."""


class Utterance(Protocol):
    """One utterance an engine has listened to."""

    @property
    def transcript(self) -> Transcript:
        """What was heard; word times count from the start of the *recording*."""

    def rest_after(self, text: str) -> str:
        """Return what is heard after these first words of the utterance; empty if nothing is.

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

    def find(self, wordings: Sequence[str]) -> tuple[float, ...] | None:
        """Return the logarithm of how often each wording is expected among the words said.

        Whatever stands before and after it, and whatever the transcript says. What is said at most
        once is there with this probability. None where the engine cannot tell.

        Raises
        ------
        EngineError
            If the engine failed.
        """

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        """Return how well each wording explains the whole utterance, in the order given.

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
        """One of `ENGINE_NAMES`, not `auto`."""

    @property
    def model(self) -> str:
        """Name of the model in use."""

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one utterance, at `ENGINE_SAMPLE_RATE`, up to `MAX_UTTERANCE_S`.

        Raises
        ------
        EngineError
            If the rate is another one, the utterance is too long or empty, or the engine failed.
        """

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Work out the transcripts of several utterances of this engine now, where that is cheaper.

        Nothing else changes: each `transcript` is the one it would have been alone.

        Raises
        ------
        EngineError
            If the engine failed; the transcripts can still be asked for one by one.
        """


class StreamingUtterance(Protocol):
    """One utterance that is still being said; for one thread, of one call.

    The first chunk says where in the recording it begins; the following ones are taken as its
    continuation, whatever moment they name. Nothing is kept of another utterance: each begins with
    a state of its own.
    """

    @property
    def partial(self) -> str:
        """What was heard so far. Its last words may still change: it may end a call, never mark."""

    def push(self, audio: Audio) -> None:
        """Take the next chunk, of any length but zero, at `ENGINE_SAMPLE_RATE`.

        Raises
        ------
        EngineError
            If the rate is wrong, the chunk empty, the utterance finished, or the engine failed.
            After a failure of the engine nothing more can be asked of the utterance.
        """

    def so_far(self) -> Utterance:
        """Return what `finish` would if nothing followed; more may be pushed afterwards.

        Raises
        ------
        EngineError
            If the engine failed.
        """

    def finish(self) -> Utterance:
        """Say that nothing follows, and return what was heard.

        Raises
        ------
        EngineError
            If the engine failed.
        """


@runtime_checkable
class StreamingEngine(Engine, Protocol):
    """A recogniser that works while the sound arrives."""

    @property
    def keeps_work(self) -> bool:
        """Whether `StreamingUtterance.so_far` hears what `listen` does and pays for no sound twice.

        Where that is so, `engines.growing` hears a live call at the price of a recording.
        """

    def stream(self) -> StreamingUtterance:
        """Begin an utterance."""


@runtime_checkable
class LimitedVocabulary(Protocol):
    """A recogniser that knows no words but those of a list."""

    def missing_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text that can never be heard, in order."""


def check_speech(audio: Audio, *, max_s: float | None = None) -> None:
    """Refuse sound that no engine can take.

    Raises
    ------
    EngineError
        If the rate is not `ENGINE_SAMPLE_RATE`, there are no samples, or more than `max_s` seconds.
    """
    if audio.sample_rate != ENGINE_SAMPLE_RATE:
        raise EngineError(
            f"{audio.source}: expected {ENGINE_SAMPLE_RATE} Hz, got {audio.sample_rate} Hz"
        )
    if not len(audio.samples):
        raise EngineError(f"{audio.source}: expected speech, got no samples")
    if max_s is not None and audio.duration_s > max_s:
        raise EngineError(
            f"{audio.source}: expected at most {max_s} s of speech at once, "
            f"got {audio.duration_s:.2f} s"
        )


def transcribe_ahead(engine: Engine, utterances: Sequence[Utterance]) -> None:
    """Work out several transcripts in one go.

    What fails together is decoded again alone, and the call it fails in says so.
    """
    if len(utterances) > 1:
        with suppress(EngineError):
            engine.transcribe_together(utterances)
