"""Learned announcements in an utterance that is still being said.

Sound comes block by block, and its features grow with it. While all that was said so far is known
announcements and the beginning of another, no speech engine need hear it; once a single outcome
fits and its keywords have been heard, that outcome may be named early. What it is for certain
is told of the whole utterance, by `AnnouncementLibrary.recognize`.

Conventions: seconds are those of the call; frames are those of `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recognizer.model import AnnouncementHeard, Audio
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.clearness import FLOOR_S
from recognizer.recognition.announcements.features import (
    HOP_S,
    N_BANDS,
    Floats,
    LogMelStream,
)
from recognizer.recognition.announcements.index import Candidate
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.matching import Comparison, Heard
from recognizer.recognition.announcements.sounds import Levels
from recognizer.recognition.precedence import is_mark

__all__ = ["Begun", "GrowingUtterance"]

_FIRST_FRAMES = 100  # what is shorter may be the beginning of anything
_PAUSE_FRAMES = 10  # kept before it
_MIN_NAMED_S = 2.0  # announcements of one voice begin with the same words
_WORD_END_S = 0.1  # the moment after a word that tells it from a longer one
_MAX_BEGINNINGS = 48


@dataclass(frozen=True, slots=True)
class Begun:
    """An utterance that so far is known announcements, or the beginning of one.

    Attributes
    ----------
    named : AnnouncementHeard or None
        The last whose outcome alone fits, its keywords heard; None: not yet.
    """

    named: AnnouncementHeard | None


@dataclass(frozen=True, slots=True)
class _Fit:
    """An announcement that all that is heard may be the beginning of."""

    announcement: Announcement
    candidate: Candidate
    comparison: Comparison

    @property
    def heard_s(self) -> float:
        return (self.comparison.end_frame - self.comparison.first_frame) * HOP_S

    @property
    def is_heard_out(self) -> bool:
        return self.comparison.n_wanted == len(self.announcement.bands)


class GrowingUtterance:
    """One utterance, from its beginning.

    Parameters
    ----------
    library : AnnouncementLibrary
    start_s : float
        Where in the call it begins.
    """

    def __init__(self, library: AnnouncementLibrary, start_s: float) -> None:
        self._library = library
        self.start_s = self.end_s = start_s
        self._stream: LogMelStream | None = None
        self._bands: Floats = np.zeros((0, N_BANDS), np.float32)
        self._first = 0  # up to here all is known
        self._candidates: Sequence[Candidate] | None = None
        self._begun: Begun | None = Begun(None)

    def feed(self, audio: Audio) -> Begun | None:
        """Take the block that follows the last; return what the utterance may be by now.

        None: it is not known, and will not be however it goes on.
        """
        if self._stream is None:
            self._stream = LogMelStream(audio.sample_rate)
        self._bands = np.concatenate([self._bands, self._stream.push(audio.samples)])
        self.end_s += audio.duration_s
        while self._begun is not None and self._has_begun():
            fits = self._fits()
            self._candidates = [fit.candidate for fit in fits]
            self._begun = Begun(self._name(fits) or self._begun.named) if fits else None
            if not fits or not all(fit.is_heard_out for fit in fits):
                break
            # It has ended: the same once more, or another, may follow.
            self._first += max(fit.comparison.end_frame for fit in fits)
            self._candidates = None
        return self._begun

    def _has_begun(self) -> bool:
        """Return whether enough is heard from the last known place on; pass over the pause."""
        part = self._bands[self._first :]
        if self._candidates is None and len(part) >= _FIRST_FRAMES:
            heard = np.flatnonzero(Levels(part).sounds())
            self._first += max(0, (int(heard[0]) if len(heard) else len(part)) - _PAUSE_FRAMES)
        return len(self._bands) - self._first >= _FIRST_FRAMES

    def _fits(self) -> list[_Fit]:
        """Return what fits all that is heard from the last known place on."""
        part = self._bands[self._first :]
        library = self._library
        if self._candidates is None:
            self._candidates = library.index.find_beginnings(part, _MAX_BEGINNINGS)
        heard = Heard(part, Levels(part).floor(FLOOR_S))
        fits = []
        for candidate in self._candidates:
            comparison = library.compare_beginning(heard, candidate)
            if comparison is not None:
                announcement = library.announcements[candidate.number]
                fits.append(_Fit(announcement, candidate, comparison))
        return fits

    def _name(self, fits: Sequence[_Fit]) -> AnnouncementHeard | None:
        """Return what may be named: no other outcome fits, and what decides has been heard."""
        best = max(fits, key=lambda fit: fit.comparison.worst_part)
        announcement, comparison = best.announcement, best.comparison
        is_alone = all(fit.announcement.outcome is announcement.outcome for fit in fits)
        if not (
            is_alone
            and _has_decided(best)
            and self._library.is_alike(announcement, comparison)
            and self._library.is_clear_enough(announcement, Levels(self._bands))
        ):
            return None
        begins_s = self.start_s + self._first * HOP_S
        return announcement.heard(
            round(max(0.0, begins_s + comparison.first_frame * HOP_S), 3),
            round(min(self.end_s, begins_s + comparison.end_frame * HOP_S), 3),
            similarity=round(comparison.similarity, 3),
            worst_part=round(comparison.worst_part, 3),
            coverage=1.0,
            decides=True,
        )


def _has_decided(fit: _Fit) -> bool:
    """Return whether what decides has been heard: a mark's is all of it if it is not known."""
    words = fit.announcement.keywords
    if words:
        return fit.heard_s >= max(end_s for _, end_s in words) + _WORD_END_S
    if is_mark(fit.announcement.outcome):
        return fit.is_heard_out
    half_s = len(fit.announcement.bands) * HOP_S / 2
    return fit.heard_s >= max(_MIN_NAMED_S, half_s)
