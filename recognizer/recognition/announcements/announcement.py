"""One learned announcement: what a person said it is, and how it sounds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizer.model import AnnouncementHeard, CallOutcome
from recognizer.recognition.precedence import PRECEDENCE

__all__ = ["LEARNABLE", "LONGEST_S", "SHORTEST_S", "Announcement"]

LEARNABLE = tuple(o for o in PRECEDENCE if o is not CallOutcome.COMPANY_IVR)
"""Outcomes of recordings that a carrier plays; a company's menu is its own."""

SHORTEST_S, LONGEST_S = 1.0, 60.0
"""Of an announcement that can be learned, seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Announcement:
    """A recording that a carrier plays, learned.

    Attributes
    ----------
    id : str
        Lower-case kebab-case Latin.
    outcome : CallOutcome
    text : str
        What it says; empty where nobody wrote it down.
    carrier : str
        Who plays it; empty if unknown.
    confirmed_by : str
        Who said what it is.
    confirmed_at : datetime
        Aware.
    bands : float16, shape (n_frames, N_BANDS)
        Of `features.log_mel`, without the silence around it.
    keywords : tuple of (start_s, end_s)
        Where its keywords lie, from its start; empty: not known, all of it decides.
    """

    id: str
    outcome: CallOutcome
    text: str
    carrier: str
    confirmed_by: str
    confirmed_at: dt.datetime
    bands: npt.NDArray[np.float16]
    keywords: tuple[tuple[float, float], ...] = ()

    def heard(
        self,
        start_s: float,
        end_s: float,
        *,
        similarity: float,
        worst_part: float,
        coverage: float,
        decides: bool,
    ) -> AnnouncementHeard:
        """Return what a report says of it, found there; the parameters are its fields."""
        return AnnouncementHeard(
            id=self.id,
            outcome=self.outcome,
            text=self.text,
            carrier=self.carrier,
            similarity=similarity,
            worst_part=worst_part,
            coverage=coverage,
            start_s=start_s,
            end_s=end_s,
            confirmed_by=self.confirmed_by,
            confirmed_at=self.confirmed_at,
            decides=decides,
        )
