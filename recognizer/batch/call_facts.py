"""What is known of a call besides its sound."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from recognizer.model import SignallingCode

__all__ = ["CallFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call besides its sound; None: not known.

    Attributes
    ----------
    number : str or None
        The number called, as written.
    called_at : datetime or None
        Wall-clock time without a zone, unless the source says the zone; `FactFinder` takes the
        office's for it.
    call_id : str or None
        The telephone system's own id.
    attempt : int or None
        From 1.
    codes : tuple of SignallingCode
    """

    number: str | None = None
    called_at: dt.datetime | None = None
    call_id: str | None = None
    attempt: int | None = None
    codes: tuple[SignallingCode, ...] = ()

    def over(self, other: CallFacts) -> CallFacts:
        """Return these facts, with `other` where these are silent."""
        return CallFacts(
            number=self.number or other.number,
            called_at=self.called_at or other.called_at,
            call_id=self.call_id or other.call_id,
            attempt=self.attempt or other.attempt,
            codes=self.codes or other.codes,
        )
