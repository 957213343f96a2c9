"""How far what is said stands above the noise of the line, where a mark may follow from it.

Conventions: loudness is the sum over the bands in dB; frames are those of `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.features import Floats
from recognizer.recognition.announcements.matching import Comparison
from recognizer.recognition.announcements.sounds import Levels, Mask
from recognizer.recognition.precedence import is_mark

__all__ = ["FLOOR_S", "AboveNoise", "KnownLevels", "above_noise"]

FLOOR_S = 0.6
"""Noise is followed over so much, longer than a syllable."""

_OWN_DB = 6.0  # what a codec may raise the pauses of speech by


@dataclass(frozen=True, slots=True)
class _Alone:
    """How loud an announcement was where it was learned: its loud moments, and each frame's pause.

    Attributes
    ----------
    speech_db : float
    lowest : float32, shape (n_frames,)
    """

    speech_db: float
    lowest: Floats


class KnownLevels:
    """How loud announcements were where they were learned, found out once for each."""

    def __init__(self) -> None:
        self._known: dict[Announcement, _Alone] = {}

    def of(self, announcement: Announcement) -> _Alone:
        """Return how loud one is by itself."""
        alone = self._known.get(announcement)
        if alone is None:
            levels = Levels(announcement.bands.astype(np.float32))
            alone = _Alone(levels.speech_db, levels.lowest(FLOOR_S))
            self._known[announcement] = alone
        return alone

    @property
    def n_bytes(self) -> int:
        """Memory of what was found out so far."""
        return sum(alone.lowest.nbytes for alone in list(self._known.values()))


@dataclass(frozen=True, slots=True)
class AboveNoise:
    """How far what marks stands above the noise: of weak moments, beside it, in its midst."""

    weak_db: float
    beside_db: float
    within_db: float


def above_noise(
    known: KnownLevels,
    found: Sequence[tuple[Announcement, Comparison]],
    levels: Levels,
    in_tones: Mask,
) -> AboveNoise:
    """Return how far what marks stands above the noise where that is loudest.

    What is compared is what stands above the noise over `FLOOR_S`: in louder noise two recordings
    look alike whatever they say. A burst is louder than the speech too, so how loud that is is told
    by what was learned. Where the announcement itself does not fall silent there is no noise.
    """
    n_frames = len(in_tones)
    own = np.full(n_frames, -np.inf, np.float32)
    speech_db = levels.speech_db
    for announcement, comparison in found:
        if is_mark(announcement.outcome):
            alone = known.of(announcement)
            speech_db = min(speech_db, alone.speech_db + comparison.gain_db)
            n = comparison.end_frame - comparison.first_frame
            places = np.linspace(0, len(announcement.bands) - 1, n).round().astype(int)
            said = alone.lowest[places] + np.float32(comparison.gain_db)
            first, end = max(0, comparison.first_frame), min(n_frames, comparison.end_frame)
            own[first:end] = said[first - comparison.first_frame : end - comparison.first_frame]
    expected = 10 * np.log10(10 ** (own / 10) + 10 ** (levels.weak_db / 10))
    within = np.isfinite(own)

    def loudest_db(noise: Floats, where: Mask) -> float:
        is_noise = where & ~in_tones & (noise > expected + _OWN_DB)
        return float(noise[is_noise].max(initial=levels.weak_db))

    return AboveNoise(
        weak_db=speech_db - levels.weak_db,
        beside_db=speech_db - loudest_db(levels.noise, ~within),
        within_db=speech_db - loudest_db(levels.lowest(FLOOR_S), within),
    )
