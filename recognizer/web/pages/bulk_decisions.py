"""Many calls decided at once: alike ones as one, or those the machine is sure of as heard.

Nothing is decided that the person did not choose by name. A tenth of what was chosen, drawn at
random, is to be heard first. Each call gets a correction of its own, all with one note by which
they are taken back together.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallOutcome
from recognizer.web.pages.calls import Recordings
from recognizer.web.pages.review import Reviews

__all__ = ["MAX_TOGETHER", "Decided", "Together", "to_be_heard"]

MAX_TOGETHER = 200
"""Calls on one screen: what one person can have looked through."""

_NOTE = "together "
_HEARD_SHARE = 10


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision on many calls; `refused` names who was faster, by call."""

    batch: str
    calls: tuple[int, ...]
    refused: tuple[int, ...]


def to_be_heard(calls: Collection[int], whose: str) -> tuple[int, ...]:
    """Return the tenth of calls, one at least, that a person is to hear before deciding them all.

    Drawn by a hash of the person and the call: loading the screen anew draws no easier ones.
    """
    drawn = sorted(calls, key=lambda call: hashlib.sha256(f"{whose}:{call}".encode()).digest())
    return tuple(drawn[: -(-len(drawn) // _HEARD_SHARE)])


class Together:
    """Decides many calls, and takes that back."""

    def __init__(self, journal: Journal, reviews: Reviews, recordings: Recordings) -> None:
        self._journal = journal
        self._reviews = reviews
        self._recordings = recordings

    def decide(
        self,
        chosen: Mapping[int, str],
        outcome: CallOutcome | None,
        *,
        made_by: str,
        heard: Collection[int],
    ) -> Decided:
        """Decide calls that a person chose.

        Parameters
        ----------
        chosen : mapping of int to str
            Calls with the versions the person saw; what has changed since is refused, not
            overwritten.
        outcome : CallOutcome or None
            None: each as the program heard it.
        heard : collection of int
            Those the person listened to; only these become labelled clips.
        """
        batch = secrets.token_hex(8)
        attempts = self._journal.attempts_by_id(sorted(set(heard) & set(chosen)))
        done = self._reviews.correct_many(
            chosen,
            outcome,
            made_by=made_by,
            recordings={attempt.id: self._recordings.find(attempt) for attempt in attempts},
            note=_NOTE + batch,
        )
        return Decided(batch, done, tuple(sorted(set(chosen) - set(done))))

    def standing(self, batch: str, near: int) -> tuple[int, ...]:
        """Return the corrections of a batch that nobody took back.

        `near`: a call of it, to find them by; its correction tells where to look.
        """
        return self._journal.standing_corrections(_NOTE + batch, near, limit=MAX_TOGETHER)

    def take_back(self, batch: str, near: int, *, made_by: str) -> int:
        """Take a whole batch back; return how many corrections. Twice is once."""
        n_taken = 0
        for correction in self.standing(batch, near):
            try:
                self._reviews.withdraw(correction, made_by=made_by)
                n_taken += 1
            except (ContactError, JournalError):
                continue  # somebody was faster
        return n_taken


def playable(attempts: Iterable[AttemptRecord], recordings: Recordings) -> list[int]:
    """Return the calls whose recordings are still there."""
    return [attempt.id for attempt in attempts if recordings.find(attempt) is not None]
