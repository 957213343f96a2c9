"""Stand-ins for slow parts, for every test that is not about those parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recognizer.base.errors import EngineError
from recognizer.engines.base import ENGINE_SAMPLE_RATE, MAX_UTTERANCE_S, Utterance
from recognizer.model import AcousticScore, Audio, Transcript, Word


@dataclass(frozen=True)
class ScriptedSpeech:
    """What a `ScriptedEngine` claims to hear.

    `scores` gives the total of a wording; one that is not in it gets 0 if it is the transcript,
    else -5 for every word of its length. `rests` gives what follows after a text; nothing if it is
    not in it. The words lie in the first `words_share` of the sound. `found` gives the logarithm of
    how often a wording is said; None: that cannot be told.
    """

    text: str
    scores: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 0.9
    language_probability: float | None = None
    rests: Mapping[str, str] = field(default_factory=dict)
    words_share: float = 1.0
    found: Mapping[str, float] | None = None


class ScriptedEngine:
    """An engine that hears what a table says, by `Audio.source`; anything else is `default`."""

    name = "scripted"
    model = "script"

    def __init__(
        self,
        script: Mapping[str, ScriptedSpeech] | None = None,
        default: ScriptedSpeech | None = None,
    ) -> None:
        self._script = script or {}
        self._default = default or ScriptedSpeech("")
        self.heard: list[Audio] = []
        self.together: list[int] = []

    def listen(self, audio: Audio) -> ScriptedUtterance:
        if audio.sample_rate != ENGINE_SAMPLE_RATE:
            raise EngineError(f"{audio.source}: expected {ENGINE_SAMPLE_RATE} Hz")
        if not 0 < audio.duration_s <= MAX_UTTERANCE_S:
            raise EngineError(f"{audio.source}: expected up to {MAX_UTTERANCE_S} s of speech")
        self.heard.append(audio)
        return ScriptedUtterance(self._script.get(audio.source, self._default), audio)

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        self.together.append(len(utterances))


class ScriptedUtterance:
    def __init__(self, speech: ScriptedSpeech, audio: Audio) -> None:
        self._speech = speech
        self._audio = audio

    @property
    def transcript(self) -> Transcript:
        return self._told(self._speech.text)

    def rest_after(self, text: str) -> str:
        return self._speech.rests.get(text, "")

    def language_probability(self, language: str) -> float | None:
        return self._speech.language_probability

    def find(self, wordings: Sequence[str]) -> tuple[float, ...] | None:
        found = self._speech.found
        if found is None:
            return None
        # Where a text is said its parts are.
        return tuple(
            max((n for said, n in found.items() if f" {w} " in f" {said} "), default=-50.0)
            for w in wordings
        )

    def score(self, wordings: Sequence[str]) -> tuple[AcousticScore, ...]:
        return tuple(self._score(wording) for wording in wordings)

    def _score(self, wording: str) -> AcousticScore:
        """Spread the total evenly over the words."""
        total, n_words = self._total(wording), len(wording.split())
        shares = (total / n_words,) * n_words if n_words else ()
        return AcousticScore(wording, total, shares, shares)

    def _total(self, wording: str) -> float:
        if wording in self._speech.scores:
            return self._speech.scores[wording]
        return 0.0 if wording == self._speech.text else -5.0 * len(wording.split())

    def _told(self, text: str) -> Transcript:
        """Spread the words evenly over their part of the sound."""
        texts = text.split()
        step = self._audio.duration_s * self._speech.words_share / max(len(texts), 1)
        words = tuple(
            Word(
                word,
                self._audio.start_s + i * step,
                self._audio.start_s + (i + 1) * step,
                self._speech.confidence,
            )
            for i, word in enumerate(texts)
        )
        confidence = self._speech.confidence if words else None
        return Transcript(text, words, "ru", "scripted", "script", confidence)
