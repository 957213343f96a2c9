"""What records attempts: the journal, or whatever stands in for it; needs no database to name."""

from __future__ import annotations

import datetime as dt
from typing import Any, Protocol

from recognizer.model import CallReport

__all__ = ["Attempts"]


class Attempts(Protocol):
    """What is needed of `recognizer.crm.journal.journal.Journal`."""

    def record_attempt(
        self,
        report: CallReport,
        *,
        contact: str | None = None,
        number: str | None = None,
        digest: str | None = None,
        called_at: dt.datetime | None = None,
        call_id: str | None = None,
        received_at: dt.datetime | None = None,
    ) -> Any:
        """Record an attempt and decide it."""
