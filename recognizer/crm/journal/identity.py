"""Whose a call is, and whether it is the same: by whole names, numbers and contents only."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import stat
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.contacts import read_numbers
from recognizer.crm.journal.conditions import has_content
from recognizer.crm.journal.recording_names import are_two_sides, is_one_name, is_one_path
from recognizer.crm.journal.tables import AttemptRow, ContactPhoneRow, ContactRow

__all__ = [
    "attempt_row",
    "card_row",
    "cards_with_number",
    "contact_key",
    "contact_row",
    "content_of",
    "dialled_number",
    "is_another_call",
    "is_one_call",
    "is_recording_of",
    "recording_digest",
    "same_call",
    "same_recording",
    "tell_apart",
    "written_number",
]

_RINGING_S = 60.0  # what lies between a call's dialling and its answer at most


def attempt_row(session: Session, attempt_id: int) -> AttemptRow:
    """Return an attempt; JournalError if there is none."""
    row = session.get(AttemptRow, attempt_id)
    if row is None:
        raise JournalError(f"attempt {attempt_id}: there is no such attempt")
    return row


def contact_row(session: Session, ref: str, *, for_update: bool = False) -> ContactRow:
    """Return the card of exactly this `ref`, merged or not; ContactError if there is none."""
    statement = sa.select(ContactRow).where(ContactRow.ref == ref)
    row = session.scalar(statement.with_for_update() if for_update else statement)
    if row is not None and row.taken_back_at is not None:
        raise ContactError(
            f"contact {ref!r}: was taken back with import {row.import_id}; import it again"
        )
    if row is None:
        raise ContactError(f"contact {ref!r}: there is no such card; see: recognizer contacts show")
    return row


def card_row(session: Session, ref: str, *, for_update: bool = False) -> ContactRow:
    """Return the card that calls of `ref` go to: itself, or the one it was merged into."""
    row = contact_row(session, ref, for_update=for_update)
    while row.merged_into_id is not None:
        row = session.get_one(ContactRow, row.merged_into_id, with_for_update=for_update)
    return row


def cards_with_number(session: Session, number: str, *, limit: int) -> list[int]:
    """Return the rows of the cards that have exactly this number (E.164), at most `limit`.

    A card that was merged into another counts as that other.
    """
    statement = (
        sa.select(ContactPhoneRow.contact_id, ContactRow.merged_into_id)
        .join(ContactRow, ContactRow.id == ContactPhoneRow.contact_id)
        .where(ContactPhoneRow.number == number)
    )
    found: dict[int, None] = {}
    for contact_id, merged_into in session.execute(statement):
        root, following = contact_id, merged_into
        while following is not None:
            root = following
            following = session.get_one(ContactRow, root).merged_into_id
        found[root] = None
        if len(found) == limit:
            break
    return list(found)


def dialled_number(number: str | None) -> str | None:
    """Return the one valid number of a text in E.164; None for part of one, several, or none."""
    found = [] if number is None else [one.e164 for one in read_numbers(number) if one.e164]
    return found[0] if len(found) == 1 else None


def written_number(number: str | None) -> str | None:
    """Return a number as it is kept with a call: E.164, else as it was written."""
    if number is None or not number.strip():
        return None
    return dialled_number(number) or number.strip()[:40]


def contact_key(contact: ContactRow | None, number: str | None) -> str:
    """Return what attempts are counted under; empty: by itself.

    Only a whole number is somebody's: what «555-12» is part of may be two clients.
    """
    if contact is not None:
        return f"contact:{contact.id}"
    dialled = dialled_number(number)
    return "" if dialled is None else f"number:{dialled}"


def same_recording(session: Session, key: str, attempt: AttemptRow) -> AttemptRow | None:
    """Return the attempt under this key that has the recording of another: one call's content."""
    content = content_of(attempt)
    if content is None:
        return None
    statement = sa.select(AttemptRow).where(AttemptRow.contact_key == key, has_content(content))
    there = session.scalars(statement.order_by(AttemptRow.id))
    return next((each for each in there if not is_another_call(each, attempt)), None)


def content_of(attempt: AttemptRow) -> str | None:
    """Return the digest of what an attempt's recording contains."""
    return attempt.content_digest or attempt.digest


def is_another_call(there: AttemptRow, attempt: AttemptRow) -> bool:
    """Tell whether a recording with the content of an attempt that is there is of another call.

    By the telephone system's ids where both are known, else by the moments where both are: a call
    does not begin while another of the same number lasts. What is not known tells nothing.
    """
    if there.call_id is not None and attempt.call_id is not None:
        return not _is_one_id(there, attempt)
    if not (_has_moment(there) and _has_moment(attempt)):
        return False
    apart_s = abs((there.called_at - attempt.called_at).total_seconds())
    return apart_s > max(1.0, there.duration_s or 0.0)


def is_one_call(there: AttemptRow, attempt: AttemptRow, zone: dt.tzinfo) -> bool:
    """Tell whether two recordings of one number are of one call: by id, else by the second.

    Without ids they are where they began in the same second. Midnight is what a day without a
    time is read as: it tells nothing.
    """
    if there.call_id and attempt.call_id:
        return _is_one_id(there, attempt)
    return _began_together(there, attempt, zone)


def _is_one_id(there: AttemptRow, attempt: AttemptRow) -> bool:
    """Tell whether the ids of two calls are of one call.

    Recorders count from one again after a restart, and several may serve one number: the same id
    at another time is another call. A moment may be that of the dialling or of the answer.
    """
    if there.call_id is None or there.call_id != attempt.call_id:
        return False
    if not (_has_moment(there) and _has_moment(attempt)):
        return True
    apart_s = abs((there.called_at - attempt.called_at).total_seconds())
    return apart_s <= max(_RINGING_S, there.duration_s or 0.0, attempt.duration_s or 0.0)


def _began_together(there: AttemptRow, attempt: AttemptRow, zone: dt.tzinfo) -> bool:
    if not (_has_moment(there) and _has_moment(attempt)):
        return False
    second = attempt.called_at.astimezone(zone).replace(microsecond=0)
    is_midnight = second.time() == dt.time()
    return not is_midnight and there.called_at.astimezone(zone).replace(microsecond=0) == second


def _has_moment(attempt: AttemptRow) -> bool:
    """Tell whether the moment of a call is known; else it is the moment it was recorded."""
    return abs((attempt.called_at - attempt.recorded_at).total_seconds()) >= 1.0


def tell_apart(session: Session, key: str, attempt: AttemptRow) -> None:
    """Give an attempt a digest of its own under a key where another call has its content."""
    content = content_of(attempt)
    statement = sa.select(AttemptRow.id).where(
        AttemptRow.contact_key == key, AttemptRow.digest == attempt.digest
    )
    with session.no_autoflush:
        if content is None or session.scalar(statement) in {None, attempt.id}:
            return
    moment = attempt.called_at.astimezone(dt.UTC).isoformat()
    which = f"{content}\0{attempt.call_id or ''}\0{moment}"
    attempt.content_digest = content
    attempt.digest = hashlib.sha256(which.encode()).hexdigest()


def same_call(session: Session, attempt: AttemptRow, zone: dt.tzinfo) -> list[AttemptRow]:
    """Return the attempts whose recordings this one replaces: the same call, another content."""
    content = content_of(attempt)
    if not attempt.contact_key or content is None:
        return []
    statement = sa.select(AttemptRow).where(
        AttemptRow.contact_key == attempt.contact_key,
        sa.or_(
            AttemptRow.called_at == attempt.called_at,
            sa.and_(AttemptRow.call_id.is_not(None), AttemptRow.call_id == attempt.call_id),
        ),
    )
    return [
        there
        for there in session.scalars(statement)
        if content_of(there) != content and is_recording_of(there, attempt, zone)
    ]


def is_recording_of(there: AttemptRow, attempt: AttemptRow, zone: dt.tzinfo) -> bool:
    """Tell whether two attempts of one number are of one recording of one call.

    By the ids of the call where both are known, wherever the file is and whatever it is called:
    only names that say so are of the two sides of a call that began in one second, of which
    neither replaces the other. Else by moment and file name: the same name in another folder only
    where the moment has a time of day.
    """
    one, other = there.recording, attempt.recording
    if there.call_id and attempt.call_id:
        has_two_sides = _began_together(there, attempt, zone) and are_two_sides(one, other)
        return _is_one_id(there, attempt) and not has_two_sides
    if not is_one_name(one, other) or there.called_at != attempt.called_at:
        return False
    return is_one_path(one, other) or _began_together(there, attempt, zone)


def recording_digest(source: Path | bytes) -> str:
    """Return the SHA-256 of a recording's content, hexadecimal.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    # Neither a pipe nor a device may keep us waiting, nor be read for ever.
    with os.fdopen(os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(source))
        if status.st_size == 0:  # as files of /proc have it, of which some are never read to an end
            return hashlib.sha256().hexdigest()
        return hashlib.file_digest(file, "sha256").hexdigest()
