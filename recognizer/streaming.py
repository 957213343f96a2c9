"""One live channel from sound to a verdict that grows.

The stages are those of a recording: tones and segments are found block by block, utterances that
have ended are heard once, and the one still being said is heard again as it grows. At the end of
the call the whole sound is weighed as a recording is, so the outcome is that of `classify`.

A verdict is `final` before the end only if `SettleRules` say so; see there for what each needs.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np

from recognizer.audio.resampling import StreamResampler
from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.model import (
    Audio,
    CallOutcome,
    CallReport,
    PhraseListName,
    RecordedCall,
    Samples,
    SegmentKind,
    ToneKind,
    phrase_list_of,
)
from recognizer.pipeline import Recognizer
from recognizer.recognition.listening import KnownUtterances
from recognizer.signals.segments import Scan, Scanner
from recognizer.signals.tone_plans import load_known_tones

__all__ = ["LiveChannel", "SettleRules"]

_QUIET_PEAK = 0.003  # -50 dBFS: under this there is nothing new to weigh
_BLOCK_S = 0.25  # sound is taken in blocks: 20 ms at a time costs twice as much
_OPEN_S = 0.05  # an utterance that ends this close to the last sample is still being said


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRules:
    """When a verdict is final before the call has ended.

    Attributes
    ----------
    min_confidence : float
        0-1; nothing less sure is final early.
    n_agreeing : int
        So many looks in a row, each with more sound, must come to the same outcome
        (the comparison of live prefixes, arXiv 2605.18222).
    mark_quiet_s : float
        A mark also needs this much without speech after the announcement: what may still
        reverse it («... или временно заблокирован») would belong to the same utterance.
    announcement_quiet_s : float
        The same for every other announcement, which a person's answer may follow.
    n_busy_periods : int
        Short beeps that are busy for certain.
    """

    min_confidence: float = 0.9
    n_agreeing: int = 2
    mark_quiet_s: float = 1.6
    announcement_quiet_s: float = 0.3
    n_busy_periods: int = 3


class LiveChannel:
    """A call that is going on.

    Not safe to share between threads that call at the same time.

    Parameters
    ----------
    recognizer : Recognizer
    name : str
        What reports call it, `live:<uuid>`.
    rules : SettleRules
    look_every_s : float
        Seconds of sound between two looks.
    first_speech_s : float
        Seconds of an unfinished utterance before it is heard; then it is heard again whenever it
        has doubled, so that all of it is heard about twice however long it grows.
    attempt : int
        From 1.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        name: str,
        *,
        rules: SettleRules | None = None,
        look_every_s: float = 0.5,
        first_speech_s: float = 3.0,
        attempt: int = 1,
    ) -> None:
        self._recognizer = recognizer
        self._call = RecordedCall(source=b"", name=name, attempt=attempt)
        self._rules = rules or SettleRules()
        self._look_every_s, self._first_speech_s = look_every_s, first_speech_s
        self._scanner = Scanner(load_known_tones(), ENGINE_SAMPLE_RATE)
        self._sound = _GrowingSound(name)
        self._resampler: StreamResampler | None = None
        self._waiting: list[Samples] = []
        self._n_waiting = self._sample_rate = 0
        self._known: KnownUtterances = {}
        self._looked_s = self._heard_s = 0.0
        self._open_s = 0.0  # of the unfinished utterance, when it was last heard
        self._peak = 0.0
        self._n_same = 0
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

    def push(self, samples: Samples, sample_rate: int) -> CallReport | None:
        """Take sound; return what it looks like now, if that was looked at and is something.

        Parameters
        ----------
        samples : float32, shape (n_samples,)
            Mono, in [-1, 1].
        sample_rate : int
            Hz, the same in every call.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        self._sample_rate = sample_rate
        self._waiting.append(samples)
        self._n_waiting += len(samples)
        if self._n_waiting < _BLOCK_S * sample_rate:
            return None
        self._take_waiting(sample_rate)
        is_due = self.duration_s - self._looked_s >= self._look_every_s
        if self.final is not None or not is_due:
            return None
        is_quiet, self._peak = self._peak < _QUIET_PEAK, 0.0
        self._looked_s = self.duration_s
        # After speech the pause itself is news; else silence adds nothing to what is known.
        if is_quiet and self.duration_s - self._heard_s > 2 * self._rules.mark_quiet_s:
            return None
        return self._look()

    def finish(self) -> CallReport:
        """Return the report on the whole call; nothing may be pushed afterwards.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        if self._waiting:
            self._take_waiting(self._sample_rate)
        if self._resampler is not None:
            self._take(self._resampler.finish())
        report = self._classified(self._scanner.finish())
        self.report = report
        return report

    def _take_waiting(self, sample_rate: int) -> None:
        if self._resampler is None:
            self._resampler = StreamResampler(sample_rate, ENGINE_SAMPLE_RATE)
        block = np.concatenate(self._waiting)
        self._waiting.clear()
        self._n_waiting = 0
        self._take(self._resampler.push(block))

    def _take(self, samples: Samples) -> None:
        if not len(samples):
            return
        self._peak = max(self._peak, float(np.abs(samples).max()))
        self._scanner.push(self._sound.append(samples))

    def _look(self) -> CallReport | None:
        scan = copy.deepcopy(self._scanner).finish()
        speech_end_s = _speech_end_s(scan)
        if speech_end_s is not None:
            if self.duration_s - speech_end_s < _OPEN_S and not self._has_grown(scan):
                return None
            self._heard_s = self.duration_s
        report = self._classified(scan)
        self._weigh(report, scan, self.duration_s - (speech_end_s or 0.0))
        return report

    def _has_grown(self, scan: Scan) -> bool:
        """Return whether the unfinished utterance is long enough to be heard (again)."""
        open_s = [s for s in scan.segments if s.kind is SegmentKind.SPEECH][-1].duration_s
        if open_s < self._open_s:
            self._open_s = 0.0  # another one
        if open_s < max(self._first_speech_s, 2 * self._open_s):
            return False
        self._open_s = open_s
        return True

    def _classified(self, scan: Scan) -> CallReport:
        known = dict(self._known)
        report = self._recognizer.classify_scanned(self._call, scan, self._sound, known)
        # An utterance is kept once its place can no longer grow with the call.
        self._known = {
            place: heard for place, heard in known.items() if place[1] <= scan.duration_s
        }
        return report

    def _weigh(self, report: CallReport, scan: Scan, quiet_s: float) -> None:
        """Count agreement with the look before, and settle."""
        before = None if self.report is None else self.report.outcome
        now = report.outcome
        is_same = before is not None and now is not None and before.kind is now.kind
        self._n_same = self._n_same + 1 if is_same else 1
        self.report = report
        if now is None or now.confidence < self._rules.min_confidence:
            return
        if self._n_same >= self._rules.n_agreeing and self._is_settled(now.kind, scan, quiet_s):
            self.final = report

    def _is_settled(self, kind: CallOutcome, scan: Scan, quiet_s: float) -> bool:
        """Return whether nothing that usually follows can change this outcome."""
        rules = self._rules
        if kind is CallOutcome.BUSY_TONE:
            n_periods = sum(
                t.n_periods for t in scan.tones if t.kind in {ToneKind.BUSY, ToneKind.CONGESTION}
            )
            return n_periods >= rules.n_busy_periods
        if kind in {CallOutcome.FAX, CallOutcome.LIVE_PERSON}:
            return True
        phrase_list = phrase_list_of(kind)
        if phrase_list is PhraseListName.INVALID_NUMBER:
            return quiet_s >= rules.mark_quiet_s
        return phrase_list is not None and quiet_s >= rules.announcement_quiet_s


class _GrowingSound:
    """All the sound of a call so far, in memory only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._blocks: list[Samples] = []
        self._n_samples = 0

    @property
    def duration_s(self) -> float:
        return self._n_samples / ENGINE_SAMPLE_RATE

    def append(self, samples: Samples) -> Audio:
        block = Audio(samples, ENGINE_SAMPLE_RATE, self._name, self.duration_s)
        self._blocks.append(samples)
        self._n_samples += len(samples)
        return block

    def read(self, start_s: float, end_s: float) -> Audio:
        """Return the sound between two moments, less what is not there."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        whole = self._blocks[0] if self._blocks else np.zeros(0, np.float32)
        return Audio(whole, ENGINE_SAMPLE_RATE, self._name).slice(start_s, end_s)


def _speech_end_s(scan: Scan) -> float | None:
    return max((s.end_s for s in scan.segments if s.kind is SegmentKind.SPEECH), default=None)
