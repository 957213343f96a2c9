"""One live channel from sound to a verdict that grows.

The stages are those of a recording: tones and segments are found block by block, utterances that
have ended are heard once. One still being said is heard again as it grows, as text first: only
where that comes to something its wordings are held against the sound. While it is what a known
announcement begins with, nothing is decoded. At the end of the call the whole sound is weighed as
a recording is, so the outcome is that of `classify`.

A verdict is `final` before the end only if `SettleRules` say so; see there for what each needs.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np

from recognizer.audio.resampling import StreamResampler
from recognizer.engines.base import ENGINE_SAMPLE_RATE, MAX_UTTERANCE_S, Utterance
from recognizer.engines.growing import GrowingEngine
from recognizer.model import (
    Audio,
    CallOutcome,
    CallReport,
    PhraseListName,
    RecordedCall,
    Samples,
)
from recognizer.model.signals import LONGEST_PAUSE_S
from recognizer.pipeline import Recognizer
from recognizer.recognition.announcements.growing import Begun, GrowingUtterance
from recognizer.recognition.announcements.verdicts import verdict_of
from recognizer.recognition.listening import NOT_TRANSCRIBED, JudgedUtterance, KnownUtterances
from recognizer.recognition.utterance_intervals import utterance_intervals
from recognizer.signals.scanner import Scan, Scanner
from recognizer.streaming.pacing import FIRST_SPEECH_S, MORE_SPEECH_S, next_length_s
from recognizer.streaming.settling import SettleRules, Settling
from recognizer.streaming.sound import GrowingSound, Loudness

__all__ = ["LiveChannel", "run_through"]

_BLOCK_S = 0.25  # sound is taken in blocks: 20 ms at a time costs twice as much
_SHORT_BLOCK_S = 0.06  # where something is due before a whole block has come
_LOOK_EVERY_S = 0.5
_LOOK_AT_NOISE_EVERY_S = 2.0
_OPEN_S = 0.05  # an utterance that ends this close to the last sample is still being said
_STILL_SAID_S = 0.2  # a word that ends this close to the end of the sound may go on

_T = TypeVar("_T")


class LiveChannel:
    """A call that is going on.

    Not safe to share between threads that call at the same time.

    Parameters
    ----------
    recognizer : Recognizer
    name : str
        What reports call it, `live:<uuid>`.
    rules : SettleRules
    attempt : int
        From 1.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        name: str,
        *,
        rules: SettleRules | None = None,
        attempt: int = 1,
    ) -> None:
        self._recognizer = recognizer
        self._engine = GrowingEngine(recognizer.engine)
        self._call = RecordedCall(source=b"", name=name, attempt=attempt)
        self._rules = rules or SettleRules()
        self._settling = Settling(self._rules)
        self._scanner = Scanner(recognizer.tone_plan, ENGINE_SAMPLE_RATE)
        self._sound, self._loudness = GrowingSound(name), Loudness()
        self._resampler: StreamResampler | None = None
        self._waiting: list[Samples] = []
        self._n_waiting = self._sample_rate = 0
        self._known: KnownUtterances = {}
        self._growing: GrowingUtterance | None = None
        self._looked_s = 0.0
        self._speech_end_s: float | None = None  # at the last look
        # Where an utterance begins, and how long it must be before it is heard next.
        self._next_hearing = (0.0, FIRST_SPEECH_S)
        self.report: CallReport | None = None
        self.final: CallReport | None = None

    @property
    def duration_s(self) -> float:
        """Seconds of sound taken."""
        return self._sound.duration_s

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1; may become known while the call lasts."""
        return self._call.attempt

    @attempt.setter
    def attempt(self, attempt: int) -> None:
        if attempt != self._call.attempt:
            self._call = replace(self._call, attempt=attempt)

    def sound(self) -> Audio:
        """Return the sound taken so far."""
        return self._sound.read(0.0, self.duration_s)

    def push(
        self, samples: Samples, sample_rate: int, *, is_late: bool = False
    ) -> CallReport | None:
        """Take sound; return what it looks like now, if that was looked at and is something.

        Parameters
        ----------
        samples : float32, shape (n_samples,)
            Mono, in [-1, 1].
        sample_rate : int
            Hz, the same in every call.
        is_late : bool
            The machine cannot keep up: nothing is heard twice.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        return run_through(self.push_steps(samples, sample_rate, is_late=is_late))

    def push_steps(
        self, samples: Samples, sample_rate: int, *, is_late: bool = False
    ) -> Generator[Utterance, None, CallReport | None]:
        """Do what `push` does, pausing at each utterance before its words are needed."""
        self._sample_rate = sample_rate
        self._waiting.append(samples)
        self._n_waiting += len(samples)
        if self._n_waiting < self._next_block_s() * sample_rate:
            return None
        self._take_waiting(sample_rate)
        if self.final is not None or not self._is_look_due():
            return None
        self._looked_s = self.duration_s
        self._loudness.looked()
        return (yield from self._look(is_late=is_late))

    def finish(self) -> CallReport:
        """Return the report on the whole call; nothing may be pushed afterwards.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        return run_through(self.finish_steps())

    def finish_steps(self) -> Generator[Utterance, None, CallReport]:
        """Do what `finish` does, pausing at each utterance before its words are needed."""
        if self._waiting:
            self._take_waiting(self._sample_rate)
        if self._resampler is not None:
            self._take(self._resampler.finish())
        self.report = yield from self._classified(self._scanner.finish())
        return self.report

    def _next_block_s(self) -> float:
        """Return how much sound is waited for: up to the moment at which a look is due."""
        spoken_s = self._speech_end_s
        if spoken_s is None or self.final is not None:
            return _BLOCK_S
        if spoken_s < self._looked_s - _OPEN_S:
            due_s = spoken_s + self._rules.pause_s
        else:
            due_s = sum(self._next_hearing)
        left_s = due_s - self.duration_s
        return min(_BLOCK_S, max(_SHORT_BLOCK_S, left_s)) if left_s > 0 else _BLOCK_S

    def _take_waiting(self, sample_rate: int) -> None:
        if self._resampler is None:
            self._resampler = StreamResampler(sample_rate, ENGINE_SAMPLE_RATE)
        block = np.concatenate(self._waiting)
        self._waiting.clear()
        self._n_waiting = 0
        self._take(self._resampler.push(block))

    def _take(self, samples: Samples) -> None:
        if len(samples):
            self._loudness.take(samples)
            self._scanner.push(self._sound.append(samples))

    def _is_look_due(self) -> bool:
        """Return whether a look may tell anything new.

        After speech the pause itself does; else only what is loud, the end of a beep or a word
        first of all. A noise that goes on tells little.
        """
        since_s = self.duration_s - self._looked_s
        spoken_s = self._speech_end_s
        if spoken_s is not None and self.duration_s - spoken_s <= 2 * self._rules.quiet_s:
            began_s, due_s = self._next_hearing
            is_pause = not self._loudness.is_loud or spoken_s < self._looked_s - _OPEN_S
            is_pause |= self._loudness.has_fallen and since_s >= _LOOK_EVERY_S
            return is_pause or self.duration_s - began_s >= due_s
        if not self._loudness.is_loud:
            return False
        is_news = self._loudness.has_fallen or self._scanner.may_be_speech
        return is_news or since_s >= _LOOK_AT_NOISE_EVERY_S

    def _look(self, *, is_late: bool) -> Generator[Utterance, None, CallReport | None]:
        scan = self._scanner.so_far()
        self._speech_end_s = scan.speech_end_s if scan.has_speech else None
        start_s = 0.0
        if scan.has_speech:
            quiet_s = self.duration_s - scan.speech_end_s
            start_s, end_s = utterance_intervals(scan.segments)[-1]
            if quiet_s < _OPEN_S:
                return None if is_late else (yield from self._hear_unfinished(scan, start_s))
            if quiet_s < (LONGEST_PAUSE_S if is_late else self._rules.pause_s):
                return None
            may_go_on = quiet_s < LONGEST_PAUSE_S
            if may_go_on and not (yield from self._says_anything(start_s, end_s)):
                return None
        self.report = yield from self._classified(scan)
        continuations = self._recognizer.continuations
        if self._settling.is_final(self.report, scan, continuations, since_s=start_s):
            self.final = self.report
        return self.report

    def _says_anything(self, start_s: float, end_s: float) -> Generator[Utterance, None, bool]:
        """Return whether an utterance that may go on after a pause is worth judging already.

        What is not understood is played slower, at three times the cost: once it is over.
        """
        if (start_s, end_s) in self._known:
            return True
        audio = self._sound.read(start_s, end_s)
        library = self._recognizer.library
        if library is not None and self._begun(start_s, self.duration_s) is not None:
            return library.recognize(audio).is_whole
        utterance = self._engine.listen(audio)
        yield utterance
        words = [word.text for word in utterance.transcript.words]
        said = self._recognizer.judge.judge_text(" ".join(words))
        return said.outcome is not CallOutcome.UNDETERMINED

    def _hear_unfinished(
        self, scan: Scan, start_s: float
    ) -> Generator[Utterance, None, CallReport | None]:
        """Hear an utterance that is being said; classify the call if that comes to something."""
        length_s = scan.duration_s - start_s
        began_s, due_s = self._next_hearing
        if began_s != start_s:
            due_s = FIRST_SPEECH_S
        self._next_hearing = (start_s, due_s)
        if not due_s <= length_s <= MAX_UTTERANCE_S:
            return None
        begun = self._begun(start_s, scan.duration_s)
        if begun is not None:
            self._next_hearing = (start_s, length_s + MORE_SPEECH_S)
            return (yield from self._name_early(begun, scan))
        utterance = self._engine.listen(self._sound.read(start_s, scan.duration_s))
        yield utterance
        now_s = scan.duration_s
        said = [w for w in utterance.transcript.words if w.end_s <= now_s - _STILL_SAID_S]
        words = [word.text for word in said]
        continuations = self._recognizer.continuations
        settled = continuations.settled(words)
        heard_after_s = 0.0 if settled is None else now_s - said[settled.n_words - 1].end_s
        may_retry = continuations.may_lead_to(words, PhraseListName.TEMPORARILY_UNAVAILABLE)
        is_sure = heard_after_s >= self._rules.sure_after_s
        due_s = next_length_s(length_s, len(words), settled, may_retry=may_retry, is_sure=is_sure)
        self._next_hearing = (start_s, due_s)
        if settled is None:
            self._settling.is_certain(None, heard_after_s=0.0)
            return None
        return (yield from self._say_early(settled.outcome, scan, heard_after_s=heard_after_s))

    def _begun(self, start_s: float, now_s: float) -> Begun | None:
        """Return what an unfinished utterance begins as, None if nothing known begins so."""
        library = self._recognizer.library
        if library is None or not len(library):
            return None
        growing = self._growing
        if growing is None or growing.start_s != start_s:
            growing = GrowingUtterance(library, start_s)
        self._growing = growing
        return growing.feed(self._sound.read(growing.end_s, now_s))

    def _name_early(
        self, begun: Begun, scan: Scan
    ) -> Generator[Utterance, None, CallReport | None]:
        """Classify a call by a known announcement that is being said, if one alone fits."""
        named = begun.named
        if named is None:
            self._settling.is_certain(None, heard_after_s=0.0)
            return None
        place = utterance_intervals(scan.segments)[-1]
        by_sound = {place: [JudgedUtterance(verdict_of(named), NOT_TRANSCRIBED)]}
        return (yield from self._say_early(named.outcome, scan, by_sound))

    def _say_early(
        self,
        kind: CallOutcome,
        scan: Scan,
        begun: KnownUtterances | None = None,
        *,
        heard_after_s: float = 0.0,
    ) -> Generator[Utterance, None, CallReport | None]:
        """Classify a call by what an unfinished utterance comes to, if that is new or final."""
        is_certain = self._settling.is_certain(kind, heard_after_s=heard_after_s)
        is_news = not _comes_to(self.report, kind)
        # What was weighed when less of it had been heard may have been doubtful then.
        if is_news or (is_certain and not self._settling.is_sure(self.report, kind)):
            self.report = yield from self._classified(scan, begun)
        if is_certain and self._settling.is_sure(self.report, kind):
            self.final = self.report
        return self.report if is_news or self.final is not None else None

    def _classified(
        self, scan: Scan, begun: KnownUtterances | None = None
    ) -> Generator[Utterance, None, CallReport]:
        known = {**self._known, **(begun or {})}
        report = yield from self._recognizer.scanned_steps(
            self._call, scan, self._sound, known, self._engine
        )
        # An utterance is kept once its place can no longer grow with the call.
        self._known = {
            place: heard for place, heard in known.items() if place[1] <= scan.duration_s
        }
        return report


def run_through(steps: Generator[Utterance, None, _T]) -> _T:
    """Return what a generator of utterances comes to, alone."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _T = done.value
            return result


def _comes_to(report: CallReport | None, kind: CallOutcome) -> bool:
    return report is not None and report.outcome is not None and report.outcome.kind is kind
