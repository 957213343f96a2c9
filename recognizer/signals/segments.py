"""Split a recording into speech, tone, music, noise and silence.

Conventions: segments are half-open, in order, and cover the whole recording without gaps. The label
is decided every 10 ms. Levels are RMS in dBFS of the telephone band (215-3700 Hz): a constant
offset and mains hum are not sound.

Speech is what Silero's model takes for speech and what moves as a voice does, with its edges
padded; while a tone lasts a voice stays speech (somebody answers between two rings). Of the
rest, what is loud enough is music if its spectrum holds still over 80 ms and noise otherwise.

Not handled: singing without instruments may come out as speech.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizer.model import Audio, Segment, SegmentKind, ToneEvent
from recognizer.signals.spectrum import HOP_S, Floats, Frames, FrameStream
from recognizer.signals.speech_activity import VAD_FRAME_S, SpeechProbability

__all__ = ["SegmentFeatures", "UnknownSound", "dbfs"]

_SPEECH_FROM = 0.5
_SPEECH_UNTIL = 0.25
_MIN_SPEECH_S = 0.15
# What a voice is and hum, tones and music are not. Measured on 1650 intervals of 560 prompts,
# clean, through codecs and in 10 dB of noise, against hold music and 300 clips without speech:
_MIN_DYNAMICS = 3.2  # 5 dB between the loud and the weak moments; voices 6 and more, hum up to 4.1
_MAX_TONAL_PART = 0.95  # of the power in moments that are one tone; 99 voices in 100 up to 0.89
_MAX_STEADINESS = 0.42  # voices up to 0.38
_TONAL_SHARE = 0.6
_TWO_TONES_SHARE = 0.75
# Hum and low tones, below the telephone band: 125 to 200 Hz holds those of 100 to 215 Hz, and next
# to nothing of 50 and 60 Hz. What hums so loudly is no quiet line; by meaning, not fitted.
_LOW_BINS = slice(5, 9)
_LOW_DBFS = -40.0
_LOW_RATIO = 4.0  # of its power to that of the band: a bass in music has less
_PAD_S = 0.25
_MAX_PAUSE_S = 0.6
_TONE_PAD_S = 0.03  # a frame reaches this far
_SILENCE_DBFS = -52.0
_STEADY_LAG = 8  # frames, twice a window: neighbours share samples
_STEADY_WINDOW_S = 1.0
_MUSIC_STEADINESS = 0.45
_SMOOTH_BINS = 9
_MIN_LOUD_S = 0.3
_MAX_EDGE_S = 0.6  # a shorter noise that touches speech is the rest of a word

_Labels = npt.NDArray[np.int8]
_KINDS = (
    SegmentKind.SILENCE,
    SegmentKind.NOISE,
    SegmentKind.MUSIC,
    SegmentKind.TONE,
    SegmentKind.SPEECH,
)
_SILENCE, _NOISE, _MUSIC, _TONE, _SPEECH = range(len(_KINDS))


@dataclass(frozen=True, slots=True)
class UnknownSound:
    """Seconds of sound that is neither speech nor a signal that a plan knows.

    Attributes
    ----------
    sound_s : float
        Louder than silence, however short each of them.
    tonal_s : float
        Of those, what is a tone or two, or holds still as a chord or music does.
    lone_s : float
        Of those, what is a tone or two: a siren, not music.
    low_s : float
        Loud hum and low tones, with little in the telephone band above them.
    """

    sound_s: float = 0.0
    tonal_s: float = 0.0
    lone_s: float = 0.0
    low_s: float = 0.0


class SegmentFeatures:
    """What segments are decided from: level and steadiness every 10 ms, speech every 32 ms."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._stream = FrameStream(sample_rate)
        self._speech = SpeechProbability(sample_rate)
        self._before: Floats | None = None
        self._totals: list[Floats] = []
        self._steadiness: list[npt.NDArray[np.float16]] = []
        self._is_tonal: list[npt.NDArray[np.bool_]] = []
        self._is_lone: list[npt.NDArray[np.bool_]] = []
        self._is_low: list[npt.NDArray[np.bool_]] = []
        self._probabilities: list[Floats] = []
        self._n_samples = 0
        self.start_s = 0.0

    @property
    def duration_s(self) -> float:
        """How much sound was taken, seconds."""
        return self._n_samples / self._sample_rate

    @property
    def may_be_speech(self) -> bool:
        """Whether the last second that was worked through may hold speech."""
        latest = next((p for p in reversed(self._probabilities) if len(p)), None)
        return latest is not None and float(latest.max()) >= _SPEECH_UNTIL

    def push(self, audio: Audio) -> Iterator[Frames]:
        """Take the next block of sound; yield its frames for others to use."""
        if self._n_samples == 0:
            self.start_s = audio.start_s
        self._n_samples += len(audio.samples)
        self._probabilities.append(self._speech.push(audio.samples))
        yield from map(self._noted, self._stream.push(audio.samples))

    def forked(self) -> SegmentFeatures:
        """Return features of the same sound that go on by themselves."""
        fork: SegmentFeatures = copy.copy(self)
        fork._stream, fork._speech = self._stream.forked(), self._speech.forked()
        fork._totals, fork._steadiness = list(self._totals), list(self._steadiness)
        fork._is_tonal, fork._is_lone = list(self._is_tonal), list(self._is_lone)
        fork._is_low, fork._probabilities = list(self._is_low), list(self._probabilities)
        return fork

    def finish(self) -> Iterator[Frames]:
        """Yield the last frames."""
        self._probabilities.append(self._speech.finish())
        yield from map(self._noted, self._stream.finish())

    def _noted(self, frames: Frames) -> Frames:
        shape = _fine_structure(frames.spectrum)
        before = np.zeros((_STEADY_LAG, shape.shape[1]), np.float32)
        earlier = np.concatenate((before if self._before is None else self._before, shape))
        self._before = earlier[-_STEADY_LAG:]
        steadiness = np.sum(earlier[: len(shape)] * shape, axis=1)
        self._steadiness.append(steadiness.astype(np.float16))
        self._is_tonal.append(frames.share >= _TONAL_SHARE)
        self._is_lone.append(
            (frames.share_anywhere >= _TONAL_SHARE) | (frames.share_of_two >= _TWO_TONES_SHARE)
        )
        low = frames.spectrum[:, _LOW_BINS].sum(axis=1)
        self._is_low.append(low > np.maximum(10 ** (_LOW_DBFS / 10), _LOW_RATIO * frames.total))
        self._totals.append(frames.total)
        return frames

    def segments(self, tones: Sequence[ToneEvent]) -> tuple[tuple[Segment, ...], UnknownSound]:
        """Return the segments of all sound taken, and what is none of speech and signals."""
        n_cells = math.ceil(self._n_samples / (self._sample_rate * HOP_S) - 1e-9)
        if n_cells == 0:
            return (), UnknownSound()
        totals = np.concatenate(self._totals)[:n_cells]
        steadiness = np.concatenate(self._steadiness)[:n_cells].astype(np.float32)
        labels = _background(totals, steadiness)
        for tone in tones:
            start_s, end_s = tone.start_s - self.start_s, tone.end_s - self.start_s
            labels[_cells(start_s - _TONE_PAD_S, end_s + _TONE_PAD_S)] = _TONE
        is_tonal = np.concatenate(self._is_tonal)[:n_cells]
        tonal = np.where(is_tonal, totals, 0)
        intervals = [
            (start_s, end_s)
            for start_s, end_s in _likely_speech(np.concatenate(self._probabilities))
            if _is_voice(
                *(column[_cells(start_s, end_s)] for column in (totals, steadiness, tonal))
            )
        ]
        for start_s, end_s in _padded(intervals):
            labels[_cells(start_s, end_s)] = _SPEECH
        labels = _with_word_edges(labels)
        return self._cut(labels, totals), self._unknown(labels, totals)

    def _unknown(self, labels: _Labels, totals: Floats) -> UnknownSound:
        is_other = (labels != _TONE) & (labels != _SPEECH)
        is_lone, is_low = (
            np.concatenate(cells)[: len(labels)] for cells in (self._is_lone, self._is_low)
        )
        is_sound = is_other & _is_loud(totals)
        return UnknownSound(
            sound_s=_seconds(is_sound),
            tonal_s=_seconds(is_sound & (is_lone | (labels == _MUSIC))),
            lone_s=_seconds(is_sound & is_lone),
            low_s=_seconds(is_other & is_low),
        )

    def _cut(self, labels: _Labels, totals: Floats) -> tuple[Segment, ...]:
        edges = np.flatnonzero(np.diff(labels)) + 1
        firsts = [0, *edges.tolist()]
        ends = [*edges.tolist(), len(labels)]
        return tuple(
            Segment(
                kind=_KINDS[labels[first]],
                start_s=self.start_s + first * HOP_S,
                end_s=self.start_s + (self.duration_s if end == len(labels) else end * HOP_S),
                level_dbfs=round(dbfs(float(np.mean(totals[first:end]))), 1),
            )
            for first, end in zip(firsts, ends, strict=True)
        )


def _fine_structure(spectrum: Floats) -> Floats:
    """Return each frame's logarithmic spectrum less its envelope, scaled to length one."""
    levels = np.log(spectrum[:, _SMOOTH_BINS:] + np.float32(1e-12))
    sums = np.cumsum(np.pad(levels, ((0, 0), (1, 0))), axis=1)
    envelope = (sums[:, _SMOOTH_BINS:] - sums[:, :-_SMOOTH_BINS]) / _SMOOTH_BINS
    half = _SMOOTH_BINS // 2
    shape = levels[:, half : half + envelope.shape[1]] - envelope
    length = np.sqrt(np.sum(shape**2, axis=1, keepdims=True))
    scaled: Floats = (shape / np.maximum(length, 1e-6)).astype(np.float32)
    return scaled


def _smooth(values: Floats, window: int) -> Floats:
    """Return the mean of `values` over `window` neighbours, fewer at the ends."""
    ones = np.ones(window, np.float32)
    n = len(values)
    offset = window // 2
    weight = np.convolve(np.ones(n, np.float32), ones)[offset : offset + n]
    mean: Floats = np.convolve(values, ones)[offset : offset + n] / weight
    return mean


def _is_loud(totals: Floats) -> npt.NDArray[np.bool_]:
    """Return which cells hold more than silence."""
    loud: npt.NDArray[np.bool_] = totals > 10 ** (_SILENCE_DBFS / 10)
    return loud


def _seconds(cells: npt.NDArray[np.bool_]) -> float:
    return round(float(cells.sum()) * HOP_S, 3)


def _background(totals: Floats, steadiness: Floats) -> _Labels:
    """Label every cell as if nobody spoke and no signal sounded."""
    window = round(_STEADY_WINDOW_S / HOP_S)
    loud = _is_loud(totals).astype(np.float32)
    steady = _smooth(steadiness * loud, window)
    is_music = steady > _MUSIC_STEADINESS * np.maximum(_smooth(loud, window), 0.3)
    is_loud = _smooth(loud, round(_MIN_LOUD_S / HOP_S)) > 0.5
    labels = np.where(is_loud, np.where(is_music, _MUSIC, _NOISE), _SILENCE)
    return labels.astype(np.int8)


def _likely_speech(probabilities: Floats) -> list[tuple[float, float]]:
    """Return intervals, in seconds, that pass the upper threshold and stay over the lower one."""
    edges = np.flatnonzero(np.diff(probabilities >= _SPEECH_UNTIL, prepend=False, append=False))
    return [
        (first * VAD_FRAME_S, end * VAD_FRAME_S)
        for first, end in edges.reshape(-1, 2).tolist()
        if (end - first) * VAD_FRAME_S >= _MIN_SPEECH_S
        and float(probabilities[first:end].max()) >= _SPEECH_FROM
    ]


def _is_voice(totals: Floats, steadiness: Floats, tonal: Floats) -> bool:
    """Return whether cells change as those of speech do; `tonal` is the power in lone tones."""
    power = float(totals.sum())
    if power <= 0:
        return False
    weak, strong = np.percentile(totals, [10, 95])
    return (
        float(strong) >= _MIN_DYNAMICS * float(weak)
        and float(tonal.sum()) < _MAX_TONAL_PART * power
        and float((totals * steadiness).sum()) < _MAX_STEADINESS * power
    )


def _padded(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return `intervals` with some sound before and after, short pauses bridged."""
    padded: list[tuple[float, float]] = []
    for start_s, end_s in intervals:
        if padded and start_s - (padded[-1][1] - _PAD_S) < _MAX_PAUSE_S:
            padded[-1] = (padded[-1][0], end_s + _PAD_S)
        else:
            padded.append((max(0.0, start_s - _PAD_S), end_s + _PAD_S))
    return padded


def _with_word_edges(labels: _Labels) -> _Labels:
    """Give short noise that touches speech to it: the model needs a moment to notice a word."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    longest = round(_MAX_EDGE_S / HOP_S)
    widened = labels.copy()
    for first, end in itertools.pairwise(edges):
        is_beside = (first > 0 and labels[first - 1] == _SPEECH) or (
            end < len(labels) and labels[end] == _SPEECH
        )
        if labels[first] == _NOISE and end - first <= longest and is_beside:
            widened[first:end] = _SPEECH
    return widened


def _cells(start_s: float, end_s: float) -> slice:
    return slice(max(0, round(start_s / HOP_S)), max(0, round(end_s / HOP_S)))


def dbfs(mean_square: float) -> float:
    """Return a mean square of samples, full scale 1, in dBFS."""
    return 10 * math.log10(mean_square) if mean_square > 0 else -math.inf
