"""Compare a part of a recording with a whole announcement, and with every part of it.

One recording of an announcement differs from another by the line: its band, its level, its noise,
a clock that is a little off. `align` finds the place and the speed; `compare` takes line and noise
out and correlates what is left, whole and in parts of 0.2 s. The worst part decides: where a word
was cut out, put in or changed, or sound was lost, some part is nothing like the announcement,
however well the rest fits. A part counts by the lesser of two similarities: of how each band moves
about its mean, and of what stands above the noise.

Conventions: bands are those of `features.log_mel`; a similarity is a normalised cross-correlation,
1 for the same sound and about 0 for another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from recognizer.recognition.announcements.features import (
    FRAMES_PER_S,
    N_BANDS,
    Floats,
)

__all__ = ["MAX_SPEED", "Alignment", "Comparison", "Heard", "align", "compare"]

MAX_SPEED = 0.025
"""A recording may run this much faster or slower: clocks, and tapes of old."""

_CHUNK = 60  # frames compared at once to find the speed
_MANY_CHUNKS = 5  # so many need not overlap
_OFF_LINE_FRAMES = 2.5  # noise moves a chunk's best place by so much
_RANGE_DB = 35.0  # below the loudest of a band: noise of the line, whatever it was
_HEARD_DB = 20.0  # below the loudest of a band: carries what is said
_PART_S = 0.2
_PART_STEP_S = 0.05
_SHORT_S, _SHORT_STEP_S = 0.1, 0.02
# What noise and codecs move a band by in a part, in dB: differences of that size say nothing.
_COMMON_DB = 4.0
_NOISE_MOVES_DB = 3.0  # above its local floor
_NEPERS_A_DB = float(np.log(10) / 10)  # of power


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where an announcement lies in a recording.

    Attributes
    ----------
    first_frame : float
        Of the recording, where the announcement begins.
    speed : float
        Frames of the announcement in a frame of the recording.
    """

    first_frame: float
    speed: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike a recording and an announcement are.

    Attributes
    ----------
    similarity : float
        Over the whole announcement, -1 to 1.
    parts : float32, shape (n_parts,)
        The same for every 0.2 s, one each 0.05 s.
    short_parts : float32, shape (n_short_parts,)
        The same for every 0.1 s, one each 0.02 s.
    first_frame, end_frame : int
        Of the recording, half-open.
    n_wanted : int
        Frames of the announcement that were compared.
    gain_db : float
        By how much the line carries it louder than it was learned.
    """

    similarity: float
    parts: Floats
    short_parts: Floats
    first_frame: int
    end_frame: int
    n_wanted: int
    gain_db: float

    def moved(self, n_frames: int) -> Comparison:
        """Return the same in a recording that begins so many frames earlier."""
        return replace(
            self, first_frame=self.first_frame + n_frames, end_frame=self.end_frame + n_frames
        )

    @property
    def worst_part(self) -> float:
        """Similarity of the part that is least alike."""
        return float(self.parts.min(initial=1.0))

    @property
    def usual_part(self) -> float:
        """Similarity of the parts on the mean: what this line leaves of any."""
        return float(self.parts.mean()) if len(self.parts) else 1.0

    def worst_between(self, intervals: Sequence[tuple[float, float]]) -> float:
        """Return the similarity of the short part that is least alike within any interval.

        Parameters
        ----------
        intervals : sequence of (start_s, end_s)
            Of the announcement; none: all of it.
        """
        if not intervals:
            return float(self.short_parts.min(initial=1.0))
        starts_s = np.arange(len(self.short_parts)) * _SHORT_STEP_S
        inside = np.zeros(len(starts_s), bool)
        for start_s, end_s in intervals:
            inside |= (starts_s + _SHORT_S > start_s) & (starts_s < end_s)
        return float(self.short_parts[inside].min(initial=1.0))


class Heard:
    """What is heard in a part of a recording, made ready once for all that is looked for in it.

    Parameters
    ----------
    bands : float32, shape (n_frames, N_BANDS)
    floor : float32, of the same shape
        Noise of the line in dB, at each frame.
    """

    def __init__(self, bands: Floats, floor: Floats) -> None:
        self.bands, self.floor = bands, floor
        coarse = _centred(_coarse(bands))
        n_bands = coarse.shape[1]
        self._sums = _running(coarse)
        self._energies = _running(np.einsum("ij,ij->i", coarse, coarse))
        # A window on the frames after each; beyond the end none is looked at.
        padded = np.concatenate([coarse, np.zeros((_CHUNK, n_bands), np.float32)]).ravel()
        size = _CHUNK * n_bands
        self._windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::n_bands]

    def best_lag(self, chunk: Floats, place: int, reach: int) -> tuple[float, float] | None:
        """Return by how many frames a chunk lies off `place`, and how alike it is there.

        Parameters
        ----------
        chunk : float32, shape (n_frames, N_BANDS / 2)
            Coarse, `_CHUNK` frames or fewer.
        place : int
        reach : int
            Frames to either side of `place` that it may lie off.
        """
        n = len(chunk)
        low, high = max(0, place - reach), min(len(self.bands), place + reach + n)
        n_lags = high - low - n + 1
        if n_lags < 1:
            return None
        wanted = _centred(chunk).ravel()
        products = np.einsum("ij,j->i", self._windows[low : low + n_lags, : len(wanted)], wanted)
        norms = self._norms(low, high, n) * float(np.sqrt(wanted @ wanted))
        scores = products / (norms + 1e-6)
        best = int(scores.argmax())
        return low + best + _vertex(scores, best) - place, float(scores[best])

    def _norms(self, low: int, high: int, n: int) -> npt.NDArray[np.float64]:
        """Return the norm of each `n` frames from `low` to `high` about the mean of all these."""
        mean = (self._sums[high] - self._sums[low]) / (high - low)
        firsts, ends = slice(low, high - n + 1), slice(low + n, high + 1)
        sums = (self._sums[ends] - self._sums[firsts]) @ mean
        energy = self._energies[ends] - self._energies[firsts] - 2 * sums + n * (mean @ mean)
        norms: npt.NDArray[np.float64] = np.sqrt(np.maximum(energy, 0))
        return norms


def align(announcement: Floats, heard: Heard, first_frame: int, slack: int) -> Alignment:
    """Return where `announcement` fits what is heard best, near a place given.

    Parameters
    ----------
    announcement : float32, shape (n_frames, N_BANDS)
    heard : Heard
    first_frame : int
        Of what is heard, where the announcement is thought to begin.
    slack : int
        Frames by which that may be wrong.
    """
    announcement = _coarse(announcement)
    places, lags, weights = [], [], []
    step = _CHUNK if len(announcement) >= _MANY_CHUNKS * _CHUNK else _CHUNK // 2
    for first in range(0, max(1, len(announcement) - _CHUNK // 2), step):
        chunk = announcement[first : first + _CHUNK]
        reach = slack + round(MAX_SPEED * (first + _CHUNK / 2)) + 1
        found = heard.best_lag(chunk, first_frame + first, reach)
        if found is not None:
            places.append(first + len(chunk) / 2)
            lags.append(found[0])
            weights.append(max(0.0, found[1]) ** 2)
    if not places:
        return Alignment(float(first_frame), 1.0)
    return _line(
        np.array(places), np.array(lags), np.array(weights), first_frame, len(announcement)
    )


def _coarse(bands: Floats) -> Floats:
    """Return the mean of each two bands: as good to find a place by, at half the cost."""
    coarse: Floats = (bands[:, ::2] + bands[:, 1::2]) * np.float32(0.5)
    return coarse


def _vertex(scores: npt.NDArray[np.float64], best: int) -> float:
    """Return the offset of the maximum between lags, by a parabola through three."""
    if not 0 < best < len(scores) - 1:
        return 0.0
    left, middle, right = (float(scores[best + o]) for o in (-1, 0, 1))
    curve = left - 2 * middle + right
    return 0.0 if curve >= -1e-9 else 0.5 * (left - right) / curve


def _line(
    places: Floats, lags: Floats, weights: Floats, first_frame: int, n_frames: int
) -> Alignment:
    """Return the straight line that most of the lags lie on."""
    slopes = np.arange(-MAX_SPEED, MAX_SPEED + 1e-9, min(0.004, 1.0 / max(1, n_frames)))
    rest = lags - slopes[:, None] * places  # (n_slopes, n_chunks): where each says it begins
    near = np.clip(1 - np.abs(rest[:, None, :] - rest[:, :, None]) / _OFF_LINE_FRAMES, 0, None)
    scores = near @ weights
    slope, chunk = np.unravel_index(int(np.argmax(scores)), scores.shape)
    shares = near[slope, chunk] * weights
    begin = float(np.sum(shares * rest[slope])) / max(1e-9, float(np.sum(shares)))
    return Alignment(first_frame + begin, float(1 / (1 + slopes[slope])))


def compare(announcement: Floats, heard: Heard, alignment: Alignment) -> Comparison:
    """Return how alike what is heard is where it was aligned.

    Parameters
    ----------
    announcement : float32, shape (n_frames, N_BANDS)
    heard : Heard
    alignment : Alignment
    """
    n = round(len(announcement) / alignment.speed)
    first = round(alignment.first_frame)
    places = (np.arange(n) + first - alignment.first_frame) * alignment.speed
    wanted = _at(announcement, places)
    wanted, said, noise, gain_db = _through_line(
        wanted, _cut(heard.bands, first, n), _cut(heard.floor, first, n)
    )
    moving = _products(_centred(wanted), _centred(said))
    above = _products(_above(wanted, noise), _above(said, noise))
    sums = _running(np.stack([*moving, *above], axis=1))
    return Comparison(
        similarity=float(moving[0].sum() / max(1e-6, float(moving[1].sum()))),
        parts=_by_part(sums, _PART_S, _PART_STEP_S),
        short_parts=_by_part(sums, _SHORT_S, _SHORT_STEP_S),
        first_frame=first,
        end_frame=first + n,
        n_wanted=len(announcement),
        gain_db=gain_db,
    )


def _products(wanted: Floats, heard: Floats) -> tuple[Floats, Floats]:
    """Return for each frame the product of both, and their mean power."""
    product = np.einsum("ij,ij->i", wanted, heard)
    power = np.einsum("ij,ij->i", wanted, wanted) + np.einsum("ij,ij->i", heard, heard)
    return product, power / 2


def _above(bands: Floats, noise: Floats) -> Floats:
    above: Floats = np.maximum(bands - noise - np.float32(_NOISE_MOVES_DB), 0)
    return above


def _by_part(sums: npt.NDArray[np.float64], part_s: float, step_s: float) -> Floats:
    """Return the lesser similarity of each part.

    Parameters
    ----------
    sums : float64, shape (n_frames + 1, 4)
        Running sums of the products of what moves, of its powers, and both of what stands above
        the noise.
    part_s, step_s : float
    """
    size, step = round(part_s * FRAMES_PER_S), round(step_s * FRAMES_PER_S)
    common = np.float32(size * N_BANDS * _COMMON_DB**2)
    n_frames = len(sums) - 1
    size = min(size, n_frames)  # all of it where there are fewer
    firsts = np.arange(0, n_frames - size + 1, step)
    if firsts[-1] + size < n_frames:
        firsts = np.append(firsts, n_frames - size)
    of_parts = (sums[firsts + size] - sums[firsts]).astype(np.float32) + common
    by_kind = of_parts[:, ::2] / of_parts[:, 1::2]
    parts: Floats = by_kind.min(axis=1)
    return parts


def _at(bands: Floats, places: Floats) -> Floats:
    """Return the bands at places between frames."""
    places = np.clip(places, 0, len(bands) - 1)
    left = np.floor(places).astype(int)
    right = np.minimum(left + 1, len(bands) - 1)
    share = (places - left)[:, None].astype(np.float32)
    between: Floats = bands[left] * (1 - share) + bands[right] * share
    return between


def _cut(bands: Floats, first: int, n: int) -> Floats:
    """Return `n` frames from `first` on; silence where there are none."""
    cut = np.full((n, N_BANDS), float(bands.min(initial=0.0)), np.float32)
    low, high = max(0, first), min(len(bands), first + n)
    if low < high:
        cut[low - first : high - first] = bands[low:high]
    return cut


def _through_line(
    wanted: Floats, heard: Floats, floor: Floats
) -> tuple[Floats, Floats, Floats, float]:
    """Return the announcement as this line would carry it, both above the noise; noise; gain."""
    loud = wanted >= wanted.max(axis=0) - _HEARD_DB
    above = loud & (heard > floor + 6)
    count = _sum(above.astype(np.float32))
    gain = _sum((heard - wanted) * above) / np.maximum(count, 1)
    usual = float(np.median(gain[count > 0])) if (count > 0).any() else 0.0
    carried = wanted + np.where(count >= 10, gain, usual).astype(np.float32)
    noise = np.maximum(floor, carried.max(axis=0) - _RANGE_DB)
    ratio = np.exp(-_NEPERS_A_DB * np.abs(carried - noise))
    carried = np.maximum(carried, noise) + np.log(1 + ratio) / np.float32(_NEPERS_A_DB)
    return carried, np.maximum(heard, noise), noise, usual


def _centred(bands: Floats) -> Floats:
    centred: Floats = bands - _sum(bands) / np.float32(len(bands))
    return centred


def _sum(bands: Floats) -> Floats:
    """Return the sum of each band over the frames (numpy's own takes twice as long)."""
    total: Floats = np.ones(len(bands), np.float32) @ bands
    return total


def _running(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the sum of what is before each frame, and of all."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, dtype=np.float64, out=sums[1:])
    return sums
