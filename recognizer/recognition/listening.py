"""Every utterance of a recording, heard and judged.

The judgement comes step by step: what listens yields each utterance before its words are needed,
so that the speech of several calls can be decoded together.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeAlias

from recognizer.audio.resampling import stretch_time
from recognizer.base.errors import EngineError
from recognizer.base.stopwatch import Stopwatch
from recognizer.engines.base import MAX_UTTERANCE_S, Engine, Utterance
from recognizer.model import AcousticScore, Audio, CallOutcome, Segment, SegmentKind, Transcript
from recognizer.phrases.book import WordLists
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.verdicts import checked_against, heard_in, verdict_of
from recognizer.recognition.calibration import Calibration
from recognizer.recognition.precedence import GREETS_AS_A_PERSON, is_mark
from recognizer.recognition.said_twice import halves_of, is_said_twice
from recognizer.recognition.slow_retry import (
    SLOWER,
    agrees,
    confirms,
    is_close,
    is_doubtful,
    rescale_times,
)
from recognizer.recognition.sound_vetoes import vetoes_of_sound
from recognizer.recognition.spoken_language import judge_language
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.utterance_intervals import (
    PAD_S,
    speech_without_words,
    utterance_intervals,
)
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.verification import VerifiedTranscript, Verifier
from recognizer.recognition.vetoes import raised
from recognizer.signals.gaps import find_gaps

__all__ = [
    "NOT_TRANSCRIBED",
    "JudgedUtterance",
    "KnownUtterances",
    "Listener",
    "SoundReader",
]

NOT_TRANSCRIBED = VerifiedTranscript(Transcript("", (), "", "", ""), AcousticScore("", 0.0))
"""Of an utterance that is known by its sound."""


class JudgedUtterance(NamedTuple):
    """What an utterance is taken to say, and the words that rests on."""

    verdict: SpokenVerdict
    verified: VerifiedTranscript


KnownUtterances: TypeAlias = dict[tuple[float, float], list[JudgedUtterance]]
"""What was heard in each utterance, by its place in seconds."""


class SoundReader(Protocol):
    """Sound of which any part can be read, such as `AudioReader`."""

    def read(self, start_s: float, end_s: float) -> Audio:
        """Return the sound between two moments, less what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What hears and judges the utterances of one call.

    Each method yields an utterance before its words are needed, and returns the verdicts.

    Attributes
    ----------
    engine : Engine
    verifier : Verifier
    classifier : UtteranceClassifier
    calibration : Calibration
    words : WordLists
        Of the phrase book.
    announcements : AnnouncementLibrary or None
        What is known by its sound.
    stages : Stopwatch
        Told how long each stage takes.
    """

    engine: Engine
    verifier: Verifier
    classifier: UtteranceClassifier
    calibration: Calibration
    words: WordLists
    announcements: AnnouncementLibrary | None
    stages: Stopwatch

    def listen(
        self,
        sound: SoundReader,
        segments: Sequence[Segment],
        known: KnownUtterances | None = None,
    ) -> Generator[Utterance, None, list[JudgedUtterance]]:
        """Judge each utterance, until a person is heard for certain.

        What is `known` of an utterance is not heard again; what is heard is added to it.

        Raises
        ------
        RecognizerError
            If the sound cannot be read or the engine failed.
        """
        known = {} if known is None else known
        judged: list[JudgedUtterance] = []
        for interval in utterance_intervals(segments):
            if interval not in known:
                with self.stages.timed("read"):
                    audio = sound.read(*interval)
                known[interval] = yield from self._judge_by_sound(audio, segments)
            judged += known[interval]
            if any(_is_person(verdict) for verdict, _ in judged):
                break
        return judged

    def _judge_by_sound(
        self, audio: Audio, segments: Sequence[Segment]
    ) -> Generator[Utterance, None, list[JudgedUtterance]]:
        """Judge one utterance by the announcements that are known, else by what is said in it."""
        if self.announcements is None:
            return (yield from self._judge_by_words(audio, segments))
        with self.stages.timed("announcements"):
            tones = [(s.start_s, s.end_s) for s in segments if s.kind is SegmentKind.TONE]
            announced = heard_in(self.announcements.recognize(audio, tones))
        if any(a.decides for a in announced):
            return [JudgedUtterance(verdict_of(a), NOT_TRANSCRIBED) for a in announced if a.decides]
        judged = yield from self._judge_by_words(audio, segments)
        verdicts = checked_against([verdict for verdict, _ in judged], announced)
        return [
            JudgedUtterance(verdict, verified)
            for verdict, (_, verified) in zip(verdicts, judged, strict=True)
        ]

    def _judge_by_words(
        self, audio: Audio, segments: Sequence[Segment]
    ) -> Generator[Utterance, None, list[JudgedUtterance]]:
        """Judge one utterance, and what the recogniser passed over in it."""
        verdict, verified = yield from self._understand(audio)
        is_undecided = verdict.outcome is CallOutcome.UNDETERMINED
        if is_undecided and is_said_twice(verified.transcript):
            said_twice = yield from self._judge_halves(audio)
            if said_twice is not None:
                return said_twice
        judged = [JudgedUtterance(verdict, verified)]
        if verdict.outcome in GREETS_AS_A_PERSON or _is_person(verdict):  # so would the rest
            return judged
        passed_over = speech_without_words(segments, audio, verified.transcript)
        for first_s, last_s in utterance_intervals(passed_over):
            part = audio.slice(first_s, last_s)
            judged.append((yield from self._understand(part)))
        return judged

    def _judge_halves(
        self, audio: Audio
    ) -> Generator[Utterance, None, list[JudgedUtterance] | None]:
        """Judge the halves of an utterance alone, None if they do not mark alike."""
        judged: list[JudgedUtterance] = []
        for half in halves_of(audio) or ():
            judged.append((yield from self._judge(half)))
            outcome = judged[-1].verdict.outcome
            if not is_mark(outcome) or outcome is not judged[0].verdict.outcome:
                return None
        return judged or None

    def _understand(self, audio: Audio) -> Generator[Utterance, None, JudgedUtterance]:
        """Judge one utterance, and play it slower where that may confirm a doubtful one."""
        verdict, verified = yield from self._judge(audio)
        can_be_slowed = audio.duration_s * SLOWER <= MAX_UTTERANCE_S
        slowed: JudgedUtterance | None = None
        if is_close(verdict, self.calibration):
            if can_be_slowed:
                slowed = yield from self._judge(audio, slower=SLOWER)
            if slowed is None or not agrees(slowed.verdict, verdict):
                verdict = verdict.vetoed([raised("not-steady")])
        if can_be_slowed and is_doubtful(verdict, verified):
            # The slow retry is a chance, no condition: if it fails the first stands.
            with suppress(EngineError):
                if slowed is None:
                    slowed = yield from self._judge(audio, slower=SLOWER)
                again, verified_again = slowed
                if confirms(again.outcome, verified, has_more=verdict.has_more):
                    reason = f"{again.reason}, understood when played slower"
                    return JudgedUtterance(replace(again, reason=reason), verified_again)
        return JudgedUtterance(verdict, verified)

    def _judge(
        self, audio: Audio, *, slower: float = 1.0
    ) -> Generator[Utterance, None, JudgedUtterance]:
        """Recognise, verify and judge one utterance, played slower if so asked."""
        with self.stages.timed("listen"):
            is_slowed = slower != 1.0
            utterance = self.engine.listen(stretch_time(audio, slower) if is_slowed else audio)
        yield utterance
        with self.stages.timed("listen"):
            verified = self.verifier.hear(utterance)
            if is_slowed:
                verified = rescale_times(verified, audio.start_s, slower)
        with self.stages.timed("judge"):
            verdict = self.classifier.judge(verified)
            speech_s = audio.duration_s - 2 * PAD_S
            verdict = judge_language(verdict, utterance, speech_s=speech_s)
            if is_mark(verdict.claimed) and verdict.match is not None:
                gaps = find_gaps(audio)
                vetoes = vetoes_of_sound(verdict.match, verified.transcript, gaps, self.words)
                verdict = replace(verdict.vetoed(vetoes), gaps=gaps)
        return JudgedUtterance(verdict, verified)


def _is_person(verdict: SpokenVerdict) -> bool:
    """Return whether a person was heard for certain."""
    return verdict.outcome is CallOutcome.LIVE_PERSON and verdict.match is not None
