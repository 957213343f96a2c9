"""A learned announcement that was heard again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from recognizer.model._checks import check_interval, check_range
from recognizer.model.outcomes import CallOutcome

__all__ = ["AnnouncementHeard"]


@dataclass(frozen=True, slots=True)
class AnnouncementHeard:
    """A learned announcement found in a recording.

    Attributes
    ----------
    id : str
        Its name in the folder of learned announcements.
    outcome : CallOutcome
    text : str
        What it says; empty where nobody wrote it down.
    carrier : str
        Empty if unknown.
    similarity : float
        Normalised cross-correlation over the whole of it, -1 to 1.
    worst_part : float
        The same of its least similar 0.2 s.
    coverage : float
        Share of what is heard in its utterance that known announcements explain, 0-1.
    start_s, end_s : float
        In the recording.
    confirmed_by : str
        Who said what it is.
    confirmed_at : datetime
        Aware.
    decides : bool
        False: it is only likely, and the speech engine heard the utterance.
    """

    id: str
    outcome: CallOutcome
    text: str
    carrier: str
    similarity: float
    worst_part: float
    coverage: float
    start_s: float
    end_s: float
    confirmed_by: str
    confirmed_at: dt.datetime
    decides: bool

    def __post_init__(self) -> None:
        check_interval(f"announcement {self.id}", self.start_s, self.end_s)
        check_range(f"coverage of announcement {self.id}", self.coverage, 0.0, 1.0)
