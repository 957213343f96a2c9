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

from recognizer.base.errors import AnnouncementError
from recognizer.model import Audio, CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.clearness import (
    FLOOR_S,
    AboveNoise,
    KnownLevels,
    above_noise,
)
from recognizer.recognition.announcements.features import (
    HOP_S,
    Floats,
    log_mel,
)
from recognizer.recognition.announcements.index import Candidate, CandidateIndex
from recognizer.recognition.announcements.matching import Comparison, Heard, align, compare
from recognizer.recognition.announcements.sounds import Levels, Mask
from recognizer.recognition.precedence import is_mark

__all__ = [
    "AnnouncementLibrary",
    "Limits",
    "Match",
    "Recognized",
    "check_unlike_known",
    "contradicts",
]

_N_CANDIDATES = 6
_SLACK = 8  # frames by which the index may misplace an announcement
_MAX_MATCHES = 8  # in one part
_MIN_STRETCH = 60  # frames: a shorter one holds no announcement
_AFTER = 3  # frames in which an announcement rings on: echo, codecs
_PAD_FRAMES = 30  # of silence
_STILL_SAID = 20  # frames of what is being said that only tell how loud the noise is


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
    uneven : float
        By so much a part may be less alike than the parts are on the mean: noise and codecs do the
        same to all, a splice only to one.
    uneven_of_mark : float
        The same if it marks.
    least_clear_of_mark_db : float
        The same beside it, where the noise has swollen most.
    clear_within_mark_db : float
        The same in its midst, where what is said is compared with what was learned: a word changed
        under a burst of noise passed up to a level with the speech, none 6 dB below it.
    margin : float
        By so much the worst part of any announcement with another outcome must be worse.
    likely_part : float
        Worst part from which an announcement is likely: speech that says another thing marks
        nothing.
    """

    similarity: float = 0.6
    worst_part: float = 0.65
    worst_part_of_mark: float = 0.82
    worst_keyword: float = 0.7
    clear_of_mark_db: float = 19.0
    least_clear_of_mark_db: float = 16.0
    clear_within_mark_db: float = 10.0
    uneven: float = 0.15
    uneven_of_mark: float = 0.12
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
        self.limits = limits or Limits()
        self.index = CandidateIndex([a.bands for a in self.announcements])
        self._levels = KnownLevels()

    def __len__(self) -> int:
        return len(self.announcements)

    def joined(self, announcement: Announcement) -> AnnouncementLibrary:
        """Return a library that knows one more."""
        grown = copy.copy(self)
        grown.announcements = (*self.announcements, announcement)
        grown.index = self.index.joined(announcement.bands)
        return grown

    @property
    def n_bytes(self) -> int:
        """Memory of the features, of what was found out of them, and of the index."""
        features = sum(a.bands.nbytes for a in self.announcements)
        return self.index.n_bytes + features + self._levels.n_bytes

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
        levels = Levels(bands)
        floor = levels.floor(FLOOR_S)
        found = sorted(
            self._find(bands, floor, 0, len(bands), _MAX_MATCHES), key=lambda f: f[1].first_frame
        )
        if not found:
            return Recognized((), 0.0, is_whole=False)
        places = [_place(comparison, len(bands)) for _, comparison, _ in found]
        tones = [(first_s - start_s, last_s - start_s) for first_s, last_s in ignored]
        in_tones = levels.within(tones)
        is_clear = self._is_clear(
            above_noise(
                self._levels, [(a, comparison) for a, comparison, _ in found], levels, in_tones
            )
        )
        matches = tuple(self._match(f, start_s, is_clear=is_clear) for f in found)
        explained = np.zeros(len(bands), bool)
        for match, place in zip(matches, places, strict=True):
            explained |= place & match.is_known
        heard = levels.sounds() & ~in_tones
        coverage = float((heard & explained).sum()) / max(1, int(heard.sum()))
        is_whole = bool((heard & explained).any()) and not levels.has_word(heard & ~explained)
        return Recognized(matches, round(coverage, 3), is_whole)

    def compare_beginning(self, heard: Heard, candidate: Candidate) -> Comparison | None:
        """Return how alike the beginning of an announcement is to what is heard of it so far.

        None: something else has begun. `heard`: its noise is that over `FLOOR_S`.
        """
        n_wanted = max(1, len(heard.bands) - candidate.first_frame - _STILL_SAID)
        wanted = self.announcements[candidate.number].bands[:n_wanted].astype(np.float32)
        place = align(wanted, heard, candidate.first_frame, _SLACK)
        comparison = compare(wanted, heard, place)
        return comparison if comparison.worst_part >= self.limits.likely_part else None

    def is_alike(self, announcement: Announcement, comparison: Comparison) -> bool:
        """Return whether a comparison is close enough for what the announcement says."""
        limits = self.limits
        marks = is_mark(announcement.outcome)
        worst = limits.worst_part_of_mark if marks else limits.worst_part
        uneven = limits.uneven_of_mark if marks else limits.uneven
        return (
            comparison.similarity >= limits.similarity
            and comparison.worst_part >= worst
            and comparison.usual_part - comparison.worst_part <= uneven
            and not (
                marks and comparison.worst_between(announcement.keywords) < limits.worst_keyword
            )
        )

    def is_clear_enough(self, announcement: Announcement, levels: Levels) -> bool:
        """Return whether a word beside an announcement would not go unnoticed, if it marks."""
        return not is_mark(announcement.outcome) or levels.clear_db >= self.limits.clear_of_mark_db

    def recognize_kept(self, announcement: Announcement) -> Recognized:
        """Return which announcements a kept one holds; it is heard in silence, as in a call."""
        bands = announcement.bands.astype(np.float32)
        silence = np.full((_PAD_FRAMES, bands.shape[1]), bands.min(), np.float32)
        return self.recognize_bands(np.concatenate([silence, bands, silence]))

    def rivals(self, announcement: Announcement) -> tuple[tuple[Announcement, float], ...]:
        """Return announcements with another outcome that this one is likely, with worst parts."""
        bands = announcement.bands.astype(np.float32)
        compared = self._compared(bands, Levels(bands).floor(FLOOR_S), 0, len(bands))
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
        before = self._find(bands, floor, first, comparison.first_frame + _AFTER, n_left - 1)
        after = self._find(
            bands, floor, comparison.end_frame - _AFTER, end, n_left - 1 - len(before)
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
        heard = Heard(bands[first:end], floor[first:end])
        for candidate in self.index.find(heard.bands, _N_CANDIDATES):
            announcement = self.announcements[candidate.number]
            wanted = announcement.bands.astype(np.float32)
            place = align(wanted, heard, candidate.first_frame, _SLACK)
            comparison = compare(wanted, heard, place)
            if comparison.worst_part >= self.limits.likely_part:
                compared.append((announcement, comparison.moved(first)))
        return compared

    def _is_clear(self, above: AboveNoise) -> bool:
        """Return whether the mark may follow."""
        return (
            above.weak_db >= self.limits.clear_of_mark_db
            and above.beside_db >= self.limits.least_clear_of_mark_db
            and above.within_db >= self.limits.clear_within_mark_db
        )

    def _match(self, found: _Found, start_s: float, *, is_clear: bool) -> Match:
        announcement, comparison, margin = found
        is_known = (
            self.is_alike(announcement, comparison)
            and margin >= self.limits.margin
            and (is_clear or not is_mark(announcement.outcome))
        )
        return Match(
            announcement,
            similarity=round(comparison.similarity, 3),
            worst_part=round(comparison.worst_part, 3),
            start_s=round(max(0.0, start_s + comparison.first_frame * HOP_S), 3),
            end_s=round(start_s + comparison.end_frame * HOP_S, 3),
            is_known=is_known,
        )


_Found = tuple[Announcement, Comparison, float]


def _place(comparison: Comparison, n_frames: int) -> Mask:
    """Return the frames in which an announcement is heard."""
    place = np.zeros(n_frames, bool)
    place[max(0, comparison.first_frame) : comparison.end_frame + _AFTER] = True
    return place


def contradicts(match: Match, outcome: CallOutcome) -> bool:
    """Return whether a recording in which something is heard cannot be learned as an outcome.

    The same recording has one outcome; beside a mark not even one that is much like it has another.
    """
    heard = match.announcement.outcome
    either_marks = is_mark(heard) or is_mark(outcome)
    return heard is not outcome and (match.is_known or either_marks)


def check_unlike_known(
    known: Sequence[Announcement], new: Sequence[Announcement], *, may_repeat: bool = False
) -> None:
    """Refuse what contradicts a known announcement, or is one once more.

    Of a recording that is kept twice the one stays known when the other is forgotten.

    Parameters
    ----------
    known, new : sequence of Announcement
    may_repeat : bool
        The same may be kept twice.

    Raises
    ------
    AnnouncementError
        Naming both.
    """
    library = AnnouncementLibrary(known)
    for announcement in new:
        heard = library.recognize_kept(announcement).matches
        other = next((m for m in heard if contradicts(m, announcement.outcome)), None)
        if other is not None:
            raise AnnouncementError(
                f"'{announcement.id}' is '{announcement.outcome}', but '{other.announcement.id}', "
                f"the same recording or much like it, is '{other.announcement.outcome}'; find out "
                "which is right, and forget the other first",
                reason="near",
            )
        same = next((m.announcement.id for m in heard if m.is_known), None)
        if same is not None and not may_repeat:
            raise AnnouncementError(
                f"'{announcement.id}' is known already, as '{same}'", reason="known"
            )
