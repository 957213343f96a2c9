"""Parts of recordings that calls to many numbers have in common: what may be worth learning.

What one person says is heard in calls to that person; what a carrier plays is heard in calls to
many. Numbers are counted here and kept nowhere, and so is the sound.

Conventions: bands are those of `features.log_mel`, of one utterance.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from recognizer.model import Audio, CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.features import FRAMES_PER_S, log_mel
from recognizer.recognition.announcements.library import AnnouncementLibrary
from recognizer.recognition.announcements.sounds import Levels

__all__ = ["Repeated", "RepeatedParts"]

_MIN_S = 1.0
_NOBODY = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class Repeated:
    """A part that was met.

    Attributes
    ----------
    call : int
        The first call it was met in.
    start_s, end_s : float
        Where it lies there.
    n_calls : int
    numbers, clients : set of str
        Whom those calls were made to; held while counting, never written.
    outcomes : Counter of CallOutcome
        What the program took those calls for.
    """

    call: int
    start_s: float
    end_s: float
    n_calls: int = 0
    numbers: set[str] = field(default_factory=set)
    clients: set[str] = field(default_factory=set)
    outcomes: Counter[CallOutcome] = field(default_factory=Counter)

    @property
    def n_numbers(self) -> int:
        """To how many numbers of different clients: the greeting of one is heard on all theirs."""
        return min(len(self.numbers), len(self.clients))


class RepeatedParts:
    """Counts utterances that are the same recording.

    Parameters
    ----------
    known : AnnouncementLibrary
        What is learned already is not counted.
    """

    def __init__(self, known: AnnouncementLibrary) -> None:
        self._known = known
        self._met = AnnouncementLibrary([])
        self._repeated: list[Repeated] = []

    def add(
        self, audio: Audio, *, call: int, number: str, client: str, outcome: CallOutcome
    ) -> None:
        """Count one utterance of a call to a number of a client."""
        bands = log_mel(audio)
        if len(bands) < _MIN_S * FRAMES_PER_S:
            return
        heard = np.flatnonzero(Levels(bands).sounds())
        if len(heard) < _MIN_S * FRAMES_PER_S or self._known.recognize_bands(bands).is_whole:
            return
        found = self._met.recognize_bands(bands)
        if found.is_whole and len(found.matches) == 1:
            place = int(found.matches[0].announcement.id)
        else:
            first, end = int(heard[0]), int(heard[-1]) + 1
            place = len(self._repeated)
            self._met = self._met.joined(
                Announcement(
                    str(place), CallOutcome.NO_ANSWER, "", "", "", _NOBODY,
                    bands[first:end].astype(np.float16),
                )
            )  # fmt: skip
            start_s = audio.start_s + first / FRAMES_PER_S
            self._repeated.append(Repeated(call, start_s, start_s + (end - first) / FRAMES_PER_S))
        repeated = self._repeated[place]
        repeated.n_calls += 1
        repeated.numbers.add(number)
        repeated.clients.add(client)
        repeated.outcomes[outcome] += 1

    def of_many(self, min_numbers: int) -> Iterator[Repeated]:
        """Yield what was met in calls to so many numbers of clients, the most frequent first."""
        for repeated in sorted(self._repeated, key=lambda r: -r.n_calls):
            if repeated.n_numbers >= min_numbers:
                yield repeated
