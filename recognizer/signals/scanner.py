"""All that is heard without a recogniser, found at once: tones and segments."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from recognizer.model import Audio, Segment, SegmentKind, ToneEvent
from recognizer.signals.segments import SegmentFeatures, UnknownSound
from recognizer.signals.tone_plans import TonePlan
from recognizer.signals.tones import ToneDetector

__all__ = ["Scan", "Scanner"]


@dataclass(frozen=True, slots=True)
class Scan:
    """All that is heard without a recogniser.

    Attributes
    ----------
    tones : tuple of ToneEvent
    segments : tuple of Segment
        Cover the recording; empty where it is empty.
    duration_s : float
    unknown : UnknownSound
        What is heard besides.
    """

    tones: tuple[ToneEvent, ...]
    segments: tuple[Segment, ...]
    duration_s: float
    unknown: UnknownSound = field(default_factory=UnknownSound)

    @property
    def has_speech(self) -> bool:
        """Whether anybody speaks."""
        return any(s.kind is SegmentKind.SPEECH for s in self.segments)

    @property
    def speech_end_s(self) -> float:
        """When speech ends, seconds; 0 where there is none."""
        return max((s.end_s for s in self.segments if s.kind is SegmentKind.SPEECH), default=0.0)


class Scanner:
    """Finds tones and segments at once in sound that comes block by block.

    Memory does not hold the sound: 1 kB a second of recording is kept (7 MB for two hours), and at
    most some ten seconds of spectra.

    Parameters
    ----------
    plan : TonePlan
    sample_rate : int
        8000 or 16000 Hz.

    Raises
    ------
    AudioError
        At any other rate.
    """

    def __init__(self, plan: TonePlan, sample_rate: int) -> None:
        self._features = SegmentFeatures(sample_rate)
        self._detector = ToneDetector(plan, sample_rate)
        self._tones: list[ToneEvent] = []

    def push(self, audio: Audio) -> None:
        """Take the next block."""
        for frames in self._features.push(audio):
            self._tones += self._detector.push_frames(frames)

    @property
    def may_be_speech(self) -> bool:
        """Whether the last second that was worked through may hold speech."""
        return self._features.may_be_speech

    def so_far(self) -> Scan:
        """Return what `finish` would if nothing followed; more may be pushed afterwards."""
        ahead: Scanner = copy.copy(self)
        ahead._features = self._features.forked()
        ahead._detector = self._detector.forked()
        ahead._tones = list(self._tones)
        return ahead.finish()

    def finish(self) -> Scan:
        """Return what was heard; nothing may be pushed afterwards."""
        for frames in self._features.finish():
            self._tones += self._detector.push_frames(frames)
        self._tones += self._detector.finish_frames()
        start_s = self._features.start_s
        tones = tuple(
            replace(tone, start_s=tone.start_s + start_s, end_s=tone.end_s + start_s)
            for tone in self._tones
        )
        segments, unknown = self._features.segments(tones)
        return Scan(
            tones=tones,
            segments=segments,
            duration_s=self._features.duration_s,
            unknown=unknown,
        )
