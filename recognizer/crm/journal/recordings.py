"""What a journal knows of recordings by their digests: which are its own, which were purged."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from recognizer.crm.journal.conditions import has_content
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.tables import AttemptRow

__all__ = ["knows_recording", "purged_recordings"]


def knows_recording(database: Database, digest: str) -> bool:
    """Return whether there is a call of this recording."""
    known = sa.select(AttemptRow.id).where(has_content(digest)).limit(1)
    with database.reading() as session:
        return session.scalar(known) is not None


def purged_recordings(database: Database, digests: Iterable[str]) -> set[str]:
    """Return those of some recordings of whose calls every trace was purged."""
    purged = set()
    with database.reading() as session:
        for digest in digests:
            query = sa.select(AttemptRow.purged_at).where(has_content(digest))
            moments = session.scalars(query).all()
            if moments and None not in moments:
                purged.add(digest)
    return purged
