"""Find the few announcements that a recording may hold, among thousands.

Coarse features (0.1 s by 8 bands) of a few parts of 0.8 s of each announcement, the *anchors*,
are correlated with those of every place of the recording in one product of matrices. What comes
out is only whom to compare with, and where: `matching` decides.

Conventions: bands are those of `features.log_mel`; a place is a frame number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizer.recognition.announcements.features import N_BANDS, Floats
from recognizer.recognition.announcements.matching import MAX_SPEED

__all__ = ["Candidate", "CandidateIndex"]

_CELL = 10  # frames averaged
_HOP = 5  # frames between two places looked at
_CELLS = 8
_WINDOW = _CELL * _CELLS
_GROUP = 3  # bands averaged
_N_DIMENSIONS = _CELLS * N_BANDS // _GROUP
_MAX_ANCHORS = 2
_BEGINNING = 2 * _WINDOW  # frames in which an announcement has begun
_RANGE_DB = 25.0  # what is weaker than this below the loudest is the line's
_MIN_SCORE = 0.3  # the announcement itself: 0.6 and more in 5 dB of noise
_NEAR_THE_BEST = 0.6  # what comes near in every part comes near on the whole
_SHORTLIST = 2  # times as many as wanted are looked at for a common place


@dataclass(frozen=True, slots=True)
class Candidate:
    """An announcement that may begin at a frame of the recording.

    Attributes
    ----------
    number : int
        Its place in the sequence that the index was made of.
    first_frame : int
    score : float
        -1 to 1.
    """

    number: int
    first_frame: int
    score: float


class CandidateIndex:
    """Anchors of announcements.

    Parameters
    ----------
    announcements : sequence of float32 or float16, shape (n_frames, N_BANDS) each
    """

    def __init__(self, announcements: Sequence[npt.NDArray[np.floating]]) -> None:
        found = [_anchors(np.asarray(bands, np.float32)) for bands in announcements]
        self._places = [places for _, places in found]
        empty = np.zeros((0, _N_DIMENSIONS), np.float32)
        self._anchors = np.ascontiguousarray(np.concatenate([empty, *(a for a, _ in found)]).T)
        self._firsts = np.cumsum([0, *(len(places) for places in self._places)])

    def joined(self, bands: npt.NDArray[np.floating]) -> CandidateIndex:
        """Return an index of one announcement more."""
        anchors, places = _anchors(np.asarray(bands, np.float32))
        grown = CandidateIndex([])
        grown._places = [*self._places, places]
        grown._anchors = np.concatenate([self._anchors, anchors.T], axis=1)
        grown._firsts = np.append(self._firsts, self._firsts[-1] + len(places))
        return grown

    @property
    def n_bytes(self) -> int:
        """Memory of the anchors."""
        return self._anchors.nbytes

    def find(self, recording: Floats, n_wanted: int) -> tuple[Candidate, ...]:
        """Return the announcements most like some part of a recording, best first.

        Parameters
        ----------
        recording : float32, shape (n_frames, N_BANDS)
        n_wanted : int
        """
        if not self._places or not len(recording):
            return ()
        scores = _windows(recording) @ self._anchors
        sums = np.add.reduceat(scores.max(axis=0), self._firsts[:-1])
        means = sums / np.diff(self._firsts)
        n_listed = min(len(means), n_wanted * _SHORTLIST)
        listed = np.argpartition(-means, n_listed - 1)[:n_listed]
        found = [self._placed(int(number), scores) for number in listed]
        found.sort(key=lambda c: -c.score)
        cutoff = max(_MIN_SCORE, _NEAR_THE_BEST * found[0].score)
        return tuple(c for c in found[:n_wanted] if c.score >= cutoff)

    def find_beginnings(self, recording: Floats, n_wanted: int) -> tuple[Candidate, ...]:
        """Return the announcements whose first moment is most like the beginning of a recording."""
        if not self._places or not len(recording):
            return ()
        firsts = self._firsts[:-1]
        scores = _windows(recording[:_BEGINNING]) @ self._anchors[:, firsts]
        rows = scores.argmax(axis=0)
        best = scores.max(axis=0)
        cutoff = max(_MIN_SCORE, _NEAR_THE_BEST * float(best.max()))
        listed = np.argsort(-best)[:n_wanted].tolist()
        return tuple(
            Candidate(n, int(rows[n]) * _HOP, float(best[n])) for n in listed if best[n] >= cutoff
        )

    def _placed(self, number: int, scores: Floats) -> Candidate:
        """Return where the anchors of an announcement lie best, in one row."""
        columns = scores[:, self._firsts[number] : self._firsts[number + 1]]
        total = np.zeros(len(columns), np.float32)
        for place, column in zip(self._places[number].tolist(), columns.T, strict=True):
            reach = int(np.ceil(MAX_SPEED * place))
            total += _looking_ahead(column, place, reach)
        first = int(np.argmax(total))
        return Candidate(number, first * _HOP, float(total[first]) / columns.shape[1])


def _anchors(bands: Floats) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return a few parts of an announcement, and their places in hops."""
    windows = _windows(bands)
    n_anchors = min(_MAX_ANCHORS, max(1, len(windows) * _HOP // _WINDOW + 1))
    places = np.unique(np.linspace(0, len(windows) - 1, n_anchors).round().astype(np.intp))
    return windows[places], places


def _looking_ahead(column: Floats, place: int, reach: int) -> Floats:
    """Return for each row the best value around the row `place` later; 0 beyond the end."""
    padded = np.zeros(len(column) + place + reach, np.float32)
    padded[: len(column)] = column
    best = np.full(len(column), -1.0, np.float32)
    for offset in range(place - reach, place + reach + 1):
        if offset >= 0:
            np.maximum(best, padded[offset : offset + len(column)], out=best)
    return best


def _windows(bands: Floats) -> Floats:
    """Return the coarse features of every part, shape (n_places, _N_DIMENSIONS), length one."""
    if len(bands) < _WINDOW:
        silence = np.full((_WINDOW - len(bands), N_BANDS), bands.min(), np.float32)
        bands = np.concatenate([bands, silence])
    clipped = np.maximum(bands, bands.max(axis=0) - _RANGE_DB)
    grouped = clipped.reshape(len(bands), -1, _GROUP).mean(axis=2)
    sums = np.cumsum(np.pad(grouped, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    cells = ((sums[_CELL:] - sums[:-_CELL]) / _CELL)[::_HOP].astype(np.float32)
    n_places = (len(bands) - _WINDOW) // _HOP + 1
    stride = _CELL // _HOP
    rows = np.arange(n_places)[:, None] + stride * np.arange(_CELLS)
    windows = cells[rows]
    windows -= windows.mean(axis=1, keepdims=True)
    flat = windows.reshape(n_places, -1)
    scaled: Floats = flat / (np.linalg.norm(flat, axis=1, keepdims=True) + np.float32(1e-3))
    return scaled
