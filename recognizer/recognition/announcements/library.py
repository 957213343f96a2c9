"""Recognise learned announcements in a part of a recording.

A part is known only if it is known whole: every announcement found fits in all its parts and in
its keywords, no other comes near, and nothing else is heard before, between or after them.
What is not known whole is for a speech engine to hear.

Conventions: seconds are those of the recording; loudness is the sum over the bands in dB.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizer.model import Audio, PhraseListName, phrase_list_of
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.features import (
    FRAMES_PER_S,
    HOP_S,
    Floats,
    log_mel,
    noise_floor,
)
from recognizer.recognition.announcements.index import CandidateIndex
from recognizer.recognition.announcements.matching import Comparison, align, compare

__all__ = ["AnnouncementLibrary", "Limits", "Match", "Recognized", "sounds"]

_N_CANDIDATES = 6
_SLACK = 8  # frames by which the index may misplace an announcement
_MAX_MATCHES = 8  # in one part
_MIN_STRETCH = 60  # frames: a shorter one holds no announcement
_EDGE = 6  # frames at the ends of an announcement that ring on


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on an announcement is known. Measured by `benchmarks.announcements`.

    Attributes
    ----------
    similarity : float
        Of the whole announcement.
    worst_part : float
        Of its least similar 0.2 s, if it does not mark the contact.
    worst_part_of_mark : float
        The same if it does.
    worst_keyword : float
        Of the least similar 0.1 s of the keywords of an announcement that marks.
    clear_of_mark_db : float
        So far the speech must stand above the noise for the mark: in 10 dB of white noise and worse
        a word beside the announcement might not be noticed.
    margin : float
        By so much the worst part of any announcement with another outcome must be worse.
    likely_part : float
        Worst part from which an announcement is likely: speech that says another thing marks
        nothing.
    """

    similarity: float = 0.6
    worst_part: float = 0.65
    worst_part_of_mark: float = 0.75
    worst_keyword: float = 0.5
    clear_of_mark_db: float = 19.0
    margin: float = 0.15
    likely_part: float = 0.45


@dataclass(frozen=True, slots=True)
class Match:
    """An announcement found in a recording.

    Attributes
    ----------
    announcement : Announcement
    similarity, worst_part : float
        See `Comparison`.
    start_s, end_s : float
    is_known : bool
        Whether it is certain; it is likely otherwise.
    """

    announcement: Announcement
    similarity: float
    worst_part: float
    start_s: float
    end_s: float
    is_known: bool


@dataclass(frozen=True, slots=True)
class Recognized:
    """What learned announcements explain of a part.

    Attributes
    ----------
    matches : tuple of Match
        In order.
    coverage : float
        Share of what is heard in it that known announcements explain, 0-1.
    is_whole : bool
        Whether they explain all of it: no engine need hear it.
    """

    matches: tuple[Match, ...]
    coverage: float
    is_whole: bool


class AnnouncementLibrary:
    """The announcements that are known, ready to be found.

    Parameters
    ----------
    announcements : sequence of Announcement
    limits : Limits
    """

    def __init__(
        self, announcements: Sequence[Announcement], *, limits: Limits | None = None
    ) -> None:
        self.announcements = tuple(announcements)
        self._limits = limits or Limits()
        self._index = CandidateIndex([a.bands for a in self.announcements])

    def __len__(self) -> int:
        return len(self.announcements)

    def joined(self, announcement: Announcement) -> AnnouncementLibrary:
        """Return a library that knows one more."""
        grown = copy.copy(self)
        grown.announcements = (*self.announcements, announcement)
        grown._index = self._index.joined(announcement.bands)  # noqa: SLF001  its own kind
        return grown

    @property
    def n_bytes(self) -> int:
        """Memory of the features and the index."""
        return self._index.n_bytes + sum(a.bands.nbytes for a in self.announcements)

    def recognize(self, audio: Audio, ignored: Sequence[tuple[float, float]] = ()) -> Recognized:
        """Return which announcements a part of a recording holds, and whether anything else.

        Parameters
        ----------
        audio : Audio
            One utterance with a little around it.
        ignored : sequence of (start_s, end_s)
            Signals in it that are explained already.
        """
        return self.recognize_bands(log_mel(audio), start_s=audio.start_s, ignored=ignored)

    def recognize_bands(
        self,
        bands: Floats,
        *,
        start_s: float = 0.0,
        ignored: Sequence[tuple[float, float]] = (),
    ) -> Recognized:
        """Return the same of features; `start_s` is where in the recording they begin."""
        if not self.announcements or not len(bands):
            return Recognized((), 0.0, is_whole=False)
        floor = noise_floor(bands)
        found = sorted(
            self._find(bands, floor, 0, len(bands), _MAX_MATCHES), key=lambda f: f[1].first_frame
        )
        heard = sounds(
            bands, [(first_s - start_s, last_s - start_s) for first_s, last_s in ignored]
        )
        clear_db = _clear_db(bands)
        matches = tuple(self._match(f, start_s, clear_db) for f in found)
        explained = np.zeros(len(heard), bool)
        for match, (_, comparison, _) in zip(matches, found, strict=True):
            if match.is_known:
                first = max(0, comparison.first_frame - _EDGE)
                explained[first : comparison.end_frame + _EDGE] = True
        n_heard = int(heard.sum())
        coverage = float((heard & explained).sum()) / max(1, n_heard)
        is_whole = bool(explained.any()) and not _has_run(heard & ~explained, _MIN_HEARD)
        return Recognized(matches, round(coverage, 3), is_whole)

    def rivals(self, announcement: Announcement) -> tuple[tuple[Announcement, float], ...]:
        """Return announcements with another outcome that this one is likely, with worst parts."""
        bands = announcement.bands.astype(np.float32)
        compared = self._compared(bands, noise_floor(bands), 0, len(bands))
        return tuple(
            (other, comparison.worst_part)
            for other, comparison in compared
            if other.outcome is not announcement.outcome
        )

    def _find(
        self, bands: Floats, floor: Floats, first: int, end: int, n_left: int
    ) -> list[_Found]:
        """Return what fits best between two frames, then what fits beside it."""
        if end - first < _MIN_STRETCH or n_left <= 0:
            return []
        best = self._best(bands, floor, first, end)
        if best is None:
            return []
        _, comparison, _ = best
        before = self._find(bands, floor, first, comparison.first_frame + _EDGE, n_left - 1)
        after = self._find(
            bands, floor, comparison.end_frame - _EDGE, end, n_left - 1 - len(before)
        )
        return [*before, best, *after]

    def _best(self, bands: Floats, floor: Floats, first: int, end: int) -> _Found | None:
        """Return the announcement that fits best, and by how much it fits better than others."""
        compared = self._compared(bands, floor, first, end)
        if not compared:
            return None
        best, comparison = max(compared, key=lambda c: c[1].worst_part)
        rivals = [
            c.worst_part
            for other, c in compared
            if other.outcome is not best.outcome
            and c.first_frame < comparison.end_frame
            and comparison.first_frame < c.end_frame
        ]
        return best, comparison, comparison.worst_part - max(rivals, default=-1.0)

    def _compared(
        self, bands: Floats, floor: Floats, first: int, end: int
    ) -> list[tuple[Announcement, Comparison]]:
        """Return the announcements that are likely to lie between two frames."""
        compared = []
        part = bands[first:end]
        for candidate in self._index.find(part, _N_CANDIDATES):
            announcement = self.announcements[candidate.number]
            wanted = announcement.bands.astype(np.float32)
            place = align(wanted, part, candidate.first_frame, _SLACK)
            comparison = compare(wanted, part, place, floor)
            if comparison.worst_part >= self._limits.likely_part:
                compared.append((announcement, comparison.moved(first)))
        return compared

    def _match(self, found: _Found, start_s: float, clear_db: float) -> Match:
        announcement, comparison, margin = found
        limits = self._limits
        marks = phrase_list_of(announcement.outcome) is PhraseListName.INVALID_NUMBER
        worst = limits.worst_part_of_mark if marks else limits.worst_part
        is_known = (
            comparison.similarity >= limits.similarity
            and comparison.worst_part >= worst
            and margin >= limits.margin
        )
        if marks:
            keyword = comparison.worst_between(announcement.keywords)
            is_clear = clear_db >= limits.clear_of_mark_db
            is_known = is_known and is_clear and keyword >= limits.worst_keyword
        return Match(
            announcement,
            similarity=round(comparison.similarity, 3),
            worst_part=round(comparison.worst_part, 3),
            start_s=round(max(0.0, start_s + comparison.first_frame * HOP_S), 3),
            end_s=round(start_s + comparison.end_frame * HOP_S, 3),
            is_known=is_known,
        )


_Found = tuple[Announcement, Comparison, float]

_MIN_HEARD = 6  # frames: a shorter sound is no word
_SMOOTH = 5  # frames: the noise of a line hardly moves over so many
_WEAK_AND_LOUD = (5, 95)  # percentiles
_ABOVE_FLOOR_DB = 6.0
_OUT_OF_NOISE_DB = 9.0  # in three bands; even noise does so by 7 at most
_BELOW_SPEECH_DB = 40.0  # a person on a worse line is this much weaker than an announcement
_INAUDIBLE_DBFS = -66.0
_TONE_SHARE = 0.9  # of the power, in three bands
_MAX_TONE_REST = 30  # frames of a tone that were taken for the beginning of a voice
_TONE_EDGE = 4  # frames that reach into a tone


def sounds(bands: Floats, tones: Sequence[tuple[float, float]] = ()) -> npt.NDArray[np.bool_]:
    """Return for each frame whether more is heard in it than the noise of the line.

    Parameters
    ----------
    bands : float32, shape (n_frames, N_BANDS)
    tones : sequence of (start_s, end_s)
        Signals, counted from the first frame; they are no sound here, and neither is the rest of
        one beyond its place.
    """
    powers = 10 ** (bands / 10)
    power = powers.sum(axis=1)
    smooth = _smoothed(powers)
    loudness = 10 * np.log10(smooth.sum(axis=1))
    floor, speech = np.percentile(loudness, _WEAK_AND_LOUD)
    above_floor = 10 * np.log10(smooth)
    above_floor -= np.percentile(above_floor, 5, axis=0)
    # A voice as weak as the noise stands out of it in some bands side by side.
    beside = np.minimum(np.minimum(above_floor[:, :-2], above_floor[:, 1:-1]), above_floor[:, 2:])
    stands_out = (loudness >= floor + _ABOVE_FLOOR_DB) | (beside.max(axis=1) >= _OUT_OF_NOISE_DB)
    is_audible = loudness >= max(speech - _BELOW_SPEECH_DB, _INAUDIBLE_DBFS)
    heard: npt.NDArray[np.bool_] = stands_out & is_audible
    for start_s, end_s in tones:
        heard[_with_rest(bands, power, _frames(start_s, end_s))] = False
    return heard


def _clear_db(bands: Floats) -> float:
    """Return how far the loud moments stand above the weak ones."""
    loudness = 10 * np.log10(_smoothed(10 ** (bands / 10)).sum(axis=1))
    floor, speech = np.percentile(loudness, _WEAK_AND_LOUD)
    return float(speech - floor)


def _smoothed(powers: npt.NDArray[np.floating]) -> Floats:
    """Return the mean of each band over `_SMOOTH` frames."""
    padded = np.pad(powers, ((_SMOOTH // 2 + 1, _SMOOTH // 2), (0, 0)), mode="edge")
    padded[0] = 0
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    means = (sums[_SMOOTH:] - sums[:-_SMOOTH]) / _SMOOTH
    smooth: Floats = np.maximum(means, 1e-9).astype(np.float32)
    return smooth


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


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the half-open runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _has_run(mask: npt.NDArray[np.bool_], n: int) -> bool:
    """Return whether `n` values in a row are true."""
    return any(end - first >= n for first, end in _runs(mask))


def _frames(start_s: float, end_s: float) -> slice:
    return slice(max(0, round(start_s * FRAMES_PER_S)), max(0, round(end_s * FRAMES_PER_S)))
