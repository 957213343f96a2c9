"""Adding to the journal: what was heard of a call, what a person says of it, what is taken back.

Each of these adds rows and then lets the contact's timeline decide; nothing is overwritten.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.base.errors import ConflictError, JournalError
from recognizer.crm.journal.assignments import Assignments
from recognizer.crm.journal.conditions import STANDING
from recognizer.crm.journal.fitting import fits
from recognizer.crm.journal.heard_before import (
    attempt_that_stays,
    attempts_without_card,
    number_keys,
)
from recognizer.crm.journal.identity import (
    attempt_row,
    card_row,
    cards_with_number,
    contact_key,
    dialled_number,
    is_recording_of,
    same_call,
    same_recording,
    tell_apart,
    written_number,
)
from recognizer.crm.journal.queries import attempt_record
from recognizer.crm.journal.records import REHEARING, AttemptRecord
from recognizer.crm.journal.tables import AttemptRow, ContactRow, CorrectionRow
from recognizer.crm.journal.writing import Writing
from recognizer.model import CallOutcome, CallReport, PhraseListName, phrase_list_of

__all__ = ["Entries"]

_N_LOOKS = 5
_SOFTWARE_VERSION = importlib.metadata.version("recognizer")


class Entries:
    """Adds attempts and corrections, in one transaction of the journal.

    Parameters
    ----------
    writing : Writing
        The transaction.
    """

    def __init__(self, writing: Writing) -> None:
        self._session = writing.session
        self._assignments = Assignments(writing, REHEARING)
        self._timeline = writing.timeline
        self._lock = writing.lock
        self._now = writing.now

    def hear(
        self,
        report: CallReport,
        *,
        contact: str | None,
        number: str | None,
        digest: str | None,
        called_at: dt.datetime | None,
        call_id: str | None,
        received_at: dt.datetime | None,
    ) -> AttemptRecord:
        """Add what was heard of a call; the same recording again only corrects it."""
        attempt = self._heard(report)
        attempt.number = written_number(number)
        attempt.digest = digest
        # Written later, where the journal could not be: it is still the call of that moment.
        attempt.recorded_at = received_at or self._now
        attempt.called_at = called_at or attempt.recorded_at
        # Cut, it would be another call's; without one the moments tell calls apart.
        attempt.call_id = call_id if fits(AttemptRow.call_id, call_id) else None
        row = self._place(attempt, contact)
        there = same_recording(self._session, attempt.contact_key, attempt)
        if there is None:
            # Pure silence, or a tone a machine makes: the same bytes may be another call's.
            tell_apart(self._session, attempt.contact_key, attempt)
        if called_at is not None or attempt.call_id is not None:
            self._replace_content(attempt, there, row)
        if there is not None:
            self._hear_again(there, row, report)
            return self._record(there)
        self._add(attempt)
        self._timeline(row).add(attempt)
        return self._record(attempt, is_new=True)

    def state(
        self, contact: str, correction: CorrectionRow, *, called_at: dt.datetime | None
    ) -> AttemptRecord:
        """Add a call known only from what an operator states; twice the same is once."""
        moment = called_at or self._now
        identity = "\0".join(
            (contact, moment.astimezone(dt.UTC).isoformat(), correction.stated or "")
        )
        digest = hashlib.sha256(identity.encode()).hexdigest()
        row = card_row(self._session, contact, for_update=True)
        key = contact_key(row, None)
        attempt = AttemptRow(
            contact_id=row.id,
            contact_key=key,
            digest=digest,
            called_at=moment,
            recorded_at=self._now,
            software_version=_SOFTWARE_VERSION,
        )
        there = same_recording(self._session, key, attempt)
        if there is not None:
            return attempt_record(self._session, there)
        self._add(attempt)
        self._correct(attempt, row, correction)
        return self._record(attempt, is_new=True)

    def correct(
        self, attempt_id: int, correction: CorrectionRow, *, expected: str | None
    ) -> AttemptRecord:
        """Add what a person says an attempt was, if it is still what they saw."""
        attempt, row = self._held(attempt_id)
        if expected is not None:
            _check_version(self._session, attempt, expected)
        self._correct(attempt, row, correction)
        return self._record(attempt)

    def correct_many(
        self,
        expected: Mapping[int, str],
        outcome: CallOutcome | None,
        *,
        made_by: str,
        note: str,
    ) -> tuple[AttemptRecord, ...]:
        """Add what a person says of many attempts, of those that are still what they saw."""
        # In one order, so that two people do not wait for each other.
        ids = self._session.scalars(
            sa.select(AttemptRow.id)
            .where(AttemptRow.id.in_(expected))
            .order_by(AttemptRow.contact_id, AttemptRow.contact_key, AttemptRow.id)
        ).all()
        held = [self._held(attempt_id) for attempt_id in ids]
        # All versions first: a correction renumbers other attempts of its card.
        unchanged = [
            (attempt, row)
            for attempt, row in held
            if attempt_record(self._session, attempt).version == expected[attempt.id]
        ]
        for attempt, row in unchanged:
            said = outcome or CallOutcome(attempt.outcome or CallOutcome.UNDETERMINED)
            correction = CorrectionRow(made_by=made_by, outcome=said.value, note=note)
            self._correct(attempt, row, correction)
            self._session.flush()
        return tuple(self._record(attempt) for attempt, _ in unchanged)

    def withdraw(self, correction_id: int, *, made_by: str) -> AttemptRecord:
        """Add that a correction is taken back."""
        correction = self._session.get(CorrectionRow, correction_id)
        if correction is None or correction.withdraws_id is not None:
            raise JournalError(f"correction {correction_id}: there is no such correction")
        attempt, row = self._held(correction.attempt_id)
        taken_back = sa.select(CorrectionRow.id).where(CorrectionRow.withdraws_id == correction_id)
        if self._session.scalar(taken_back) is not None:
            raise JournalError(f"correction {correction_id} was taken back already")
        self._session.add(
            CorrectionRow(
                attempt_id=attempt.id,
                made_at=self._now,
                made_by=made_by,
                withdraws_id=correction_id,
            )
        )
        self._session.flush()
        self._timeline(row).withdraw(attempt)
        return self._record(attempt)

    # --- the parts of it ---

    def _place(self, attempt: AttemptRow, contact: str | None) -> ContactRow | None:
        """Say whose a call is, and hold that: its card, else its number.

        What was heard of the same recording while it had no card gets the card now.
        """
        row, stays = self._look(attempt, contact)
        for _ in range(_N_LOOKS):
            self._hold(row, attempt.number)
            found = self._look(attempt, contact)
            if found == (row, stays):
                break  # nobody moved it or brought a card while its place was waited for
            row, stays = found
        attempt.contact_id = None if row is None else row.id
        attempt.contact_key = contact_key(row, attempt.number)
        if row is not None and stays is None:
            keys = number_keys(self._session, attempt.number, row)
            zone = self._timeline(row).zone
            strays = attempts_without_card(self._session, attempt, keys, zone)
            self._assignments.attach(strays, row)
        return row

    def _look(
        self, attempt: AttemptRow, contact: str | None
    ) -> tuple[ContactRow | None, AttemptRow | None]:
        """Return whose a call is now, and the attempt that has its recording there, if it stays."""
        row = self._find_contact(contact, attempt.number)
        zone = self._timeline(row).zone
        named = contact is not None
        stays = attempt_that_stays(self._session, attempt, row, zone, named=named)
        if stays is None:
            return row, None
        card = stays.contact_id
        return None if card is None else self._session.get_one(ContactRow, card), stays

    def _hold(self, row: ContactRow | None, number: str | None) -> None:
        """Hold what a call is decided by: the row of its card, and its numbers."""
        if row is None:
            self._lock(contact_key(None, number))
            return
        self._session.refresh(row, with_for_update=True)
        for key in number_keys(self._session, number, row):
            self._lock(key)

    def _add(self, attempt: AttemptRow) -> None:
        self._session.add(attempt)
        self._session.flush()

    def _correct(
        self, attempt: AttemptRow, row: ContactRow | None, correction: CorrectionRow
    ) -> None:
        correction.attempt_id = attempt.id
        correction.made_at = self._now
        self._session.add(correction)
        self._session.flush()
        self._timeline(row).correct(attempt, correction)

    def _record(self, attempt: AttemptRow, *, is_new: bool = False) -> AttemptRecord:
        self._session.flush()
        return attempt_record(self._session, attempt, is_new=is_new)

    def _hear_again(self, attempt: AttemptRow, row: ContactRow | None, report: CallReport) -> None:
        """Correct an attempt whose recording is heard as something else than it was."""
        if report.outcome is None:
            return  # it cannot be heard now; what was heard once stands
        corrections = self._standing(attempt)
        if any(each.made_by != REHEARING for each in corrections):
            return
        was = corrections[-1].outcome if corrections else attempt.outcome
        heard = report.outcome.kind.value
        # What was heard as something else gets the mark from a person only.
        marks = phrase_list_of(report.outcome.kind) is PhraseListName.INVALID_NUMBER
        if was == heard or (marks and was is not None):
            return
        correction = CorrectionRow(
            made_by=REHEARING,
            outcome=heard,
            note=f"{_SOFTWARE_VERSION}: heard again as {heard}, before as {was}",
        )
        self._correct(attempt, row, correction)

    def _replace_content(
        self, attempt: AttemptRow, there: AttemptRow | None, row: ContactRow | None
    ) -> None:
        """Let what was heard of other contents of this very recording decide nothing more.

        `attempt` is about to be added, unless `there` is the attempt of the same content.
        """
        if attempt.error_kind == "empty_file":
            return
        timeline = self._timeline(row)
        replaced = same_call(self._session, attempt, timeline.zone)
        for other in replaced:
            if all(each.made_by == REHEARING for each in self._standing(other)):
                timeline.give_way(other)
        if there is not None and (replaced or is_recording_of(there, attempt, timeline.zone)):
            timeline.come_back(there)

    def _standing(self, attempt: AttemptRow) -> Sequence[CorrectionRow]:
        return self._session.scalars(
            sa.select(CorrectionRow)
            .where(CorrectionRow.attempt_id == attempt.id, STANDING)
            .order_by(CorrectionRow.id)
        ).all()

    def _held(self, attempt_id: int) -> tuple[AttemptRow, ContactRow | None]:
        """Return an attempt, and hold what decides it: its card's row, or its number."""
        attempt = attempt_row(self._session, attempt_id)
        row: ContactRow | None = None
        if attempt.contact_id is not None:
            row = self._session.get(ContactRow, attempt.contact_id, with_for_update=True)
        else:
            self._lock(attempt.contact_key)
        self._session.refresh(attempt)
        return attempt, row

    def _find_contact(self, ref: str | None, number: str | None) -> ContactRow | None:
        """Return the card meant: by its `ref`, else the only one with this number."""
        if ref is not None:
            return card_row(self._session, ref)
        dialled = dialled_number(number)
        if dialled is None:
            return None
        found = cards_with_number(self._session, dialled, limit=2)
        if len(found) != 1:
            return None
        return self._session.get(ContactRow, found[0])

    def _heard(self, report: CallReport) -> AttemptRow:
        from recognizer.model.report_json import report_to_dict  # noqa: PLC0415 - brings the audio stages

        written: dict[str, Any] = {**report_to_dict(report), "decision": None}
        transcript = None if report.evidence is None else report.evidence.transcript
        outcome = report.outcome
        return AttemptRow(
            recording=report.recording,
            outcome=None if outcome is None else outcome.kind.value,
            confidence=None if outcome is None else outcome.confidence,
            phrase_id=None if outcome is None or outcome.match is None else outcome.match.phrase.id,
            transcript=None if transcript is None else transcript.text,
            duration_s=None if report.evidence is None else report.evidence.duration_s,
            error_kind=None if report.error is None else report.error.kind,
            error_message=None if report.error is None else report.error.message,
            report=written,
            software_version=_SOFTWARE_VERSION,
            phrases_version=report.phrases_version,
            engine=None if transcript is None else transcript.engine,
            model=None if transcript is None else transcript.model,
        )


def _check_version(session: Session, attempt: AttemptRow, expected: str) -> None:
    found = attempt_record(session, attempt).version
    if found != expected:
        raise ConflictError(
            f"attempt {attempt.id}: somebody decided it meanwhile (version {found}, "
            f"expected {expected}); read it again"
        )
