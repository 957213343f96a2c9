"""The lines that decisions write into the comments of a card."""

from __future__ import annotations

import datetime as dt

from recognizer.crm.comments import append_line
from recognizer.crm.journal.tables import ContactRow, DecisionRow
from recognizer.crm.office import Office
from recognizer.regulation.rules import Regulation

__all__ = ["CardComments"]


class CardComments:
    """The comments of one card; without a card nothing is written.

    Parameters
    ----------
    contact : ContactRow or None
    regulation : Regulation
        Words the lines that correct others.
    office : Office
    now : datetime
        Aware.
    """

    def __init__(
        self, contact: ContactRow | None, regulation: Regulation, office: Office, now: dt.datetime
    ) -> None:
        self._contact = contact
        self._regulation = regulation
        self._now = now
        self._today = office.day_of(now)

    def add(self, line: str | None) -> None:
        """Add a line, if there is one."""
        if self._contact is not None and line is not None:
            self._contact.comments = append_line(self._contact.comments, line)
            self._contact.updated_at = self._now

    def withdraw(self, call_day: dt.date) -> None:
        """Take back the line of a call that goes to another card."""
        self.add(self._regulation.correction_line(None, call_day=call_day, on=self._today))

    def correct(self, old: DecisionRow | None, new: DecisionRow, call_day: dt.date) -> None:
        """Add a line that corrects the earlier one; the plain line where there was none."""
        if old is None or old.comment is None:
            self.add(new.comment)
        elif new.comment != old.comment:
            line = self._regulation.correction_line(new.comment, call_day=call_day, on=self._today)
            self.add(line)
