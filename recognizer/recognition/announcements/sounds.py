"""What is heard in a recording beside the noise of its line.

Conventions: loudness is the sum over the bands in dB; frames are those of `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from recognizer.recognition.announcements.features import (
    FRAMES_PER_S,
    Floats,
    decibels,
    local_floor,
    powers_of,
    smoothed,
)
from recognizer.signals.gaps import runs

__all__ = ["Levels", "Mask"]

Mask: TypeAlias = npt.NDArray[np.bool_]

_MIN_HEARD = 6  # frames: a shorter sound is no word,
_MIN_LOUD = 3  # unless it is as loud as speech: a piece of one
_LOUD_DB = 15.0  # below speech
_WEAK_AND_LOUD = (5, 95)  # percentiles
_ABOVE_FLOOR_DB = 6.0
_OUT_OF_NOISE_DB = 9.0  # in three bands; even noise does so by 7 at most
_BELOW_SPEECH_DB = 40.0  # a person on a worse line is this much weaker than an announcement
_INAUDIBLE_DBFS = -66.0
# Noise may swell and fade by so much, slower than any syllable; a tone stands higher above it.
_CAR_S, _CAR_DB = 1.5, 15.0
_TONE_SHARE = 0.9  # of the power, in three bands
_MAX_TONE_REST = 30  # frames of a tone that were taken for the beginning of a voice
_TONE_EDGE = 4  # frames that reach into a tone


class Levels:
    """How loud each frame of a recording is.

    Parameters
    ----------
    bands : float32, shape (n_frames, N_BANDS)
        One frame or more.
    """

    def __init__(self, bands: Floats) -> None:
        self._bands = bands
        powers = powers_of(bands)
        self._power = powers.sum(axis=1)
        smooth = smoothed(powers)
        self._levels = decibels(smooth)
        self._loudness = decibels(smooth.sum(axis=1))
        self._noise = _following(self._loudness[:, None])[:, 0]
        self._floor_db, self._speech_db = np.percentile(self._loudness, _WEAK_AND_LOUD)

    @property
    def speech_db(self) -> float:
        """Loudness of the loud moments."""
        return float(self._speech_db)

    @property
    def clear_db(self) -> float:
        """How far the loud moments stand above the weak ones."""
        return float(self._speech_db - self._floor_db)

    @property
    def weak_db(self) -> float:
        """Loudness of the weak moments: noise of the line."""
        return float(self._floor_db)

    @property
    def noise(self) -> Floats:
        """Loudness of the noise at each frame, which may swell and fade a little; (n_frames,)."""
        return self._noise

    def lowest(self, span_s: float) -> Floats:
        """Return below which the loudness does not fall near each frame, shape (n_frames,)."""
        return local_floor(self._loudness[:, None], span_s)[:, 0]

    def floor(self, span_s: float) -> Floats:
        """Return the noise of each band at each frame; see `local_floor`."""
        return local_floor(self._levels, span_s)

    def sounds(self, tones: Sequence[tuple[float, float]] = ()) -> Mask:
        """Return for each frame whether more is heard in it than the noise of the line.

        Parameters
        ----------
        tones : sequence of (start_s, end_s)
            Signals, counted from the first frame; they are no sound here, and neither is the rest
            of one beyond its place.
        """
        above = self._levels - _following(self._levels)
        # A voice as weak as the noise stands out of it in some bands side by side.
        beside = np.minimum(np.minimum(above[:, :-2], above[:, 1:-1]), above[:, 2:])
        stands_out = (self._loudness >= self._noise + _ABOVE_FLOOR_DB) | (
            beside.max(axis=1) >= _OUT_OF_NOISE_DB
        )
        heard: Mask = stands_out & (
            self._loudness >= max(self._speech_db - _BELOW_SPEECH_DB, _INAUDIBLE_DBFS)
        )
        return heard & ~self.within(tones)

    def within(self, tones: Sequence[tuple[float, float]]) -> Mask:
        """Return the frames of signals and of what is left of them beyond their place."""
        inside = np.zeros(len(self._power), bool)
        for start_s, end_s in tones:
            inside[_with_rest(self._bands, self._power, _frames(start_s, end_s))] = True
        return inside

    def has_word(self, heard: Mask) -> bool:
        """Return whether some of the frames in which something is heard may be of a word."""
        is_loud = heard & (self._loudness >= self._speech_db - _LOUD_DB)
        return _has_run(heard, _MIN_HEARD) or _has_run(is_loud, _MIN_LOUD)


def _following(levels: Floats) -> Floats:
    """Return the noise of each band, which may swell and fade a little."""
    usual = np.percentile(levels, _WEAK_AND_LOUD[0], axis=0).astype(np.float32)
    return np.clip(local_floor(levels, _CAR_S), usual, usual + np.float32(_CAR_DB))


def _with_rest(bands: Floats, power: Floats, tone: slice) -> slice:
    """Return a tone's frames and those beside it in which the same tone goes on.

    Where speech is found its beginning is padded, and a tone that ends there is cut short.
    """
    first, end = min(tone.start, len(bands)), min(tone.stop, len(bands))
    if end <= first:
        return slice(0, 0)
    strongest = np.argmax(bands, axis=1)
    around = np.clip(strongest, 1, bands.shape[1] - 2)[:, None] + np.arange(-1, 2)
    share = np.sum(10 ** (np.take_along_axis(bands, around, axis=1) / 10), axis=1) / power
    band = int(np.median(strongest[max(first, end - 10) : end]))
    goes_on = (share >= _TONE_SHARE) & (np.abs(strongest - band) <= 1)
    last = end
    while last < min(len(bands), end + _MAX_TONE_REST) and goes_on[last]:
        last += 1
    begin = first
    band = int(np.median(strongest[first : first + 10]))
    goes_on = (share >= _TONE_SHARE) & (np.abs(strongest - band) <= 1)
    while begin > max(0, first - _MAX_TONE_REST) and goes_on[begin - 1]:
        begin -= 1
    return slice(max(0, begin - _TONE_EDGE), last + _TONE_EDGE)


def _has_run(mask: npt.NDArray[np.bool_], n: int) -> bool:
    """Return whether `n` values in a row are true."""
    return any(end - first >= n for first, end in runs(mask))


def _frames(start_s: float, end_s: float) -> slice:
    return slice(max(0, round(start_s * FRAMES_PER_S)), max(0, round(end_s * FRAMES_PER_S)))
