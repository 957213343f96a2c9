"""Call-progress signals: from steady beeps, by frequency and cadence, to tone events.

Conventions: times are seconds from the start of the sound given; levels are RMS in dBFS (a
full-scale sine has -3). One event is a whole stretch of ringing or busy, not one beep of it.

Not handled: signals of more than two beeps a period, and signals that another, equally loud sound
covers completely.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from recognizer.base.errors import AudioError
from recognizer.model import Audio, Samples, ToneEvent
from recognizer.signals.beep_groups import MAX_GAP_S, find_signals
from recognizer.signals.beeps import Beep, BeepFinder
from recognizer.signals.close_tones import CloseToneFinder
from recognizer.signals.spectrum import Frames, FrameStream
from recognizer.signals.tone_plans import TonePlan

__all__ = ["ToneDetector", "detect_tones"]

_LOWEST_RATE = 8000


def detect_tones(
    audio: Audio, plan: TonePlan, *, min_level_dbfs: float = -60.0
) -> tuple[ToneEvent, ...]:
    """Return the call-progress tones heard in `audio`.

    Parameters
    ----------
    audio : Audio
        float32, shape (n_samples,), mono, 8000 Hz or more.
    plan : TonePlan
        Frequencies in Hz and cadences in ms for one country.
    min_level_dbfs : float
        Tones quieter than this are not looked for.

    Returns
    -------
    tuple of ToneEvent
        Ordered by start_s, in seconds of the source (`audio.start_s` is added); empty if none.

    Raises
    ------
    AudioError
        If `audio.sample_rate` is below 8000.
    """
    detector = ToneDetector(
        plan, audio.sample_rate, start_s=audio.start_s, min_level_dbfs=min_level_dbfs
    )
    return (*detector.push(audio.samples), *detector.finish())


class ToneDetector:
    """Finds tones in sound that comes chunk by chunk.

    The chunks may be of any length; the events are the same as of the whole at once. Memory holds
    ten seconds of spectra and the beeps of the signal going on.

    Parameters
    ----------
    plan : TonePlan
    sample_rate : int
        Hz, 8000 or more.
    start_s : float
        When the first sample sounds.
    min_level_dbfs : float
        Tones quieter than this are not looked for.
    """

    def __init__(
        self,
        plan: TonePlan,
        sample_rate: int,
        *,
        start_s: float = 0.0,
        min_level_dbfs: float = -60.0,
    ) -> None:
        self._plan = plan
        if sample_rate < _LOWEST_RATE:
            raise AudioError(
                f"tones need {_LOWEST_RATE} Hz or more, got {sample_rate} Hz; resample first",
                kind="sample_rate",
            )
        self._stream = FrameStream(sample_rate)
        self._finder = BeepFinder(self._stream.bin_hz, min_level_dbfs)
        close = [spec.close_lines_hz for spec in plan.tones if spec.close_lines_hz]
        self._close_finder = CloseToneFinder(close, min_level_dbfs)
        self._start_s = start_s
        self._open: list[Beep] = []
        self._close: list[Beep] = []

    def push(self, samples: Samples) -> tuple[ToneEvent, ...]:
        """Take more sound; return the signals that are certainly over, in order."""
        return tuple(
            event for frames in self._stream.push(samples) for event in self.push_frames(frames)
        )

    def push_frames(self, frames: Frames) -> tuple[ToneEvent, ...]:
        """Take the next frames of a `FrameStream` somebody else reads too."""
        self._add(self._finder.push(frames), self._close_finder.push(frames))
        ready: list[Beep] = []
        following_s = min(self._finder.settled_s, self._close_finder.settled_s)
        for index in range(len(self._open) - 1, -1, -1):
            if following_s - self._open[index].end_s > MAX_GAP_S:
                ready, self._open = self._open[: index + 1], self._open[index + 1 :]
                break
            following_s = self._open[index].start_s
        return self._decide(ready)

    def forked(self) -> ToneDetector:
        """Return a detector that has heard the same and goes on by itself."""
        fork: ToneDetector = copy.copy(self)
        fork._stream, fork._finder = self._stream.forked(), copy.copy(self._finder)
        fork._close_finder = copy.copy(self._close_finder)
        fork._open, fork._close = list(self._open), list(self._close)
        return fork

    def finish(self) -> tuple[ToneEvent, ...]:
        """Return the signals still open when the sound ends, in order."""
        events = [event for frames in self._stream.finish() for event in self.push_frames(frames)]
        return (*events, *self.finish_frames())

    def finish_frames(self) -> tuple[ToneEvent, ...]:
        """Return the signals still open after the last frames."""
        self._add(self._finder.finish(), self._close_finder.finish())
        beeps, self._open = self._open, []
        return self._decide(beeps)

    def _add(self, beeps: Sequence[Beep], close: Sequence[Beep]) -> None:
        """Note beeps; of what beats, the pieces that look like beeps of one tone are none."""
        self._close += close
        self._open = sorted(
            (b for b in (*self._open, *beeps, *close) if not _is_piece(b, self._close)),
            key=lambda beep: beep.start_s,
        )
        first_s = self._open[0].start_s if self._open else self._finder.settled_s
        self._close = [b for b in self._close if b.end_s > first_s]

    def _decide(self, beeps: list[Beep]) -> tuple[ToneEvent, ...]:
        return tuple(
            ToneEvent(
                kind=event.kind,
                start_s=event.start_s + self._start_s,
                end_s=event.end_s + self._start_s,
                frequencies_hz=event.frequencies_hz,
                cadence=event.cadence,
                n_periods=event.n_periods,
                level_dbfs=event.level_dbfs,
            )
            for event in find_signals(beeps, self._plan)
        )


def _is_piece(beep: Beep, close: Sequence[Beep]) -> bool:
    """Return whether a beep lies inside one of two close tones, and is another."""
    return any(
        beep is not whole and min(beep.end_s, whole.end_s) - max(beep.start_s, whole.start_s) > 0.0
        for whole in close
    )
