"""Tables of the journal. Attempts, corrections and decisions are only ever added, never changed.

The page's own tables (users, sessions, audit) join the same `Base` from their own module and
bring their own Alembic version file.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "AssignmentRow",
    "AttemptRow",
    "Base",
    "CallStateRow",
    "ContactChangeRow",
    "ContactPhoneRow",
    "ContactRow",
    "CorrectionRow",
    "DecisionRow",
    "ImportRow",
    "RecorderRow",
    "UtcDateTime",
]


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware moment, kept as UTC; comes back aware, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Refuse a moment without a zone: it could mean anything."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a moment with a time zone, got {value!r}")
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002
    ) -> dt.datetime | None:
        """Return UTC."""
        if value is None:
            return None
        moment: dt.datetime = value
        if moment.tzinfo is None:
            return moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)


# SQLite numbers rows by itself only where the key is spelt INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Declarative base shared by every table of the database; constraints have fixed names."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def _partial(name: str, condition: str) -> Index:
    where = text(condition)
    return Index(name, "attempt_id", sqlite_where=where, postgresql_where=where)


class ContactRow(Base):
    """A contact card as the CRM gave it, and the decision in force for it.

    `result` and `incorrect_contact` are the CRM's; `deciding_id` points at the decision whose
    status and mark stand over them. `comments` only ever grows. `search_text` is case-folded.
    """

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    ref: Mapped[str] = mapped_column(String(100), unique=True)
    contact_date: Mapped[dt.date | None]
    trusted_phone: Mapped[str] = mapped_column(Text, default="")
    mobile_phone: Mapped[str] = mapped_column(Text, default="")
    general_number: Mapped[bool | None]
    trusted_person: Mapped[str] = mapped_column(Text, default="")
    owner: Mapped[str] = mapped_column(Text, default="")
    owner_kind: Mapped[str | None] = mapped_column(String(20))
    payer: Mapped[str] = mapped_column(Text, default="")
    vin: Mapped[str] = mapped_column(Text, default="")
    plate: Mapped[str] = mapped_column(Text, default="")
    make: Mapped[str] = mapped_column(Text, default="")
    basis: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[str] = mapped_column(Text, default="")
    incorrect_contact: Mapped[bool] = mapped_column(default=False)
    comments: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str | None] = mapped_column(String(20))
    do_not_call: Mapped[bool] = mapped_column(default=False)
    # The source said nothing of the number: empty phone fields are not «no number».
    number_unknown: Mapped[bool] = mapped_column(default=False)
    search_text: Mapped[str] = mapped_column(Text, default="")
    # No foreign key: it would make a circle with decisions.contact_id.
    deciding_id: Mapped[int | None] = mapped_column(RowId)
    # The card this one was found to be the same as; calls of either go there.
    merged_into_id: Mapped[int | None] = mapped_column(RowId)
    # The import that added it; once that is taken back, the card is as if it were not there.
    import_id: Mapped[int | None] = mapped_column(RowId, index=True)
    taken_back_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    # When the CRM brought a result or number of its own: calls recorded before decide no more.
    cleared_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    updated_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)


class ContactPhoneRow(Base):
    """A valid number of a card in E.164, to find the card by."""

    __tablename__ = "contact_phones"
    __table_args__ = (Index("ix_contact_phones_number", "number"),)

    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[str] = mapped_column(String(40), primary_key=True)


class ImportRow(Base):
    """A file of cards that was imported, and whether that was taken back."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(Text)
    undone_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    undone_by: Mapped[str | None] = mapped_column(Text)


class ContactChangeRow(Base):
    """What an import changed in a card: {field: [old, new]}; `deciding_id` stood before it."""

    __tablename__ = "contact_changes"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(Text)
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
    import_id: Mapped[int | None] = mapped_column(RowId, index=True)
    deciding_id: Mapped[int | None] = mapped_column(RowId)


class AttemptRow(Base):
    """One call attempt as it was heard.

    `contact_key` is the contact's row, else the number called, else nothing: with the digest of
    the recording it makes the same recording one attempt. `report` is the classification
    without its decision (JSON contract). Another call with the very same content has a `digest`
    made of both, and that of its content in `content_digest`. Purging empties `transcript`,
    `report`, `recording`, `number` and `call_id`, which is the telephone system's, and sets
    `purged_at`; the counts stay.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("contact_key", "digest"),
        Index("ix_attempts_contact_key_called_at", "contact_key", "called_at"),
        Index("ix_attempts_called_at", "called_at"),
        Index(
            "ix_attempts_error_kind",
            "error_kind",
            sqlite_where=text("error_kind IS NOT NULL"),
            postgresql_where=text("error_kind IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    contact_key: Mapped[str] = mapped_column(String(100))
    number: Mapped[str | None] = mapped_column(String(40), index=True)
    recording: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str | None] = mapped_column(String(64), index=True)
    content_digest: Mapped[str | None] = mapped_column(String(64), index=True)
    call_id: Mapped[str | None] = mapped_column(String(128))
    called_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    recorded_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(40), index=True)
    confidence: Mapped[float | None] = mapped_column(Double)
    phrase_id: Mapped[str | None] = mapped_column(Text)
    transcript: Mapped[str | None] = mapped_column(Text)
    duration_s: Mapped[float | None] = mapped_column(Double)
    error_kind: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    software_version: Mapped[str] = mapped_column(Text)
    phrases_version: Mapped[str | None] = mapped_column(Text)
    engine: Mapped[str | None] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(Text)
    purged_at: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)


class AssignmentRow(Base):
    """Whose call it is, as a person said: `kind` is assign, change, detach or merge.

    `contact_id` None: nobody's. The attempt itself names the card in force; these rows say how
    it came to that.
    """

    __tablename__ = "assignments"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    from_contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    kind: Mapped[str] = mapped_column(String(16))
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(Text)


class CorrectionRow(Base):
    """What a person says was heard instead; refers to the attempt, replaces nothing.

    A row with `withdraws_id` says nothing of the call: it takes that correction back.
    """

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(40))
    stated: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, default="")
    words: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    withdraws_id: Mapped[int | None] = mapped_column(RowId, index=True)


class DecisionRow(Base):
    """What the regulation said, when, of what.

    A newer decision on the same attempt (after a correction, or an earlier attempt that came
    late) is another row whose `supersedes_id` names the old one; the unique constraint keeps
    two writers from replacing the same one. `counted_after` is the number of counted attempts
    of this contact after this one; it starts anew after a conversation.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        UniqueConstraint("supersedes_id"),
        Index("ix_decisions_contact_id", "contact_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    made_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    source: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(40), index=True)
    stated: Mapped[str | None] = mapped_column(Text)
    rule_id: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    incorrect_contact: Mapped[bool | None]
    by_analogy: Mapped[bool]
    attempt: Mapped[int]
    after_attempt: Mapped[int | None]
    final: Mapped[bool]
    next: Mapped[str] = mapped_column(String(20), index=True)
    comment: Mapped[str | None] = mapped_column(Text)
    explanation: Mapped[list[str]] = mapped_column(JSON)
    counts: Mapped[bool]
    resets: Mapped[bool]
    counted_after: Mapped[int]
    regulation_version: Mapped[str] = mapped_column(Text)


class CallStateRow(Base):
    """What stands for a call now, made from the rows above; see `states`.

    `heard` is what the program heard, `outcome` what stands (of a statement: what was heard).
    """

    __tablename__ = "call_states"
    __table_args__ = (
        Index("ix_call_states_called_at", "called_at"),
        Index("ix_call_states_outcome_attempt_id", "outcome", "attempt_id"),
        Index("ix_call_states_confidence_attempt_id", "confidence", "attempt_id"),
        Index("ix_call_states_elapsed_s_attempt_id", "elapsed_s", "attempt_id"),
        _partial("ix_call_states_marked", "incorrect_contact"),
        _partial("ix_call_states_reviewed", "is_reviewed"),
        _partial("ix_call_states_errors", "has_error"),
        _partial("ix_call_states_waiting", "is_doubtful AND NOT is_reviewed"),
    )

    attempt_id: Mapped[int] = mapped_column(RowId, ForeignKey("attempts.id"), primary_key=True)
    called_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    decision_id: Mapped[int | None] = mapped_column(RowId)
    heard: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(40))
    confidence: Mapped[float | None] = mapped_column(Double)
    final: Mapped[bool]
    incorrect_contact: Mapped[bool | None]
    next: Mapped[str | None] = mapped_column(String(20))
    network: Mapped[str | None] = mapped_column(String(20))
    elapsed_s: Mapped[float | None] = mapped_column(Double)
    has_error: Mapped[bool]
    is_stated: Mapped[bool]
    is_doubtful: Mapped[bool]
    contradicts: Mapped[bool] = mapped_column(server_default=false())
    is_reviewed: Mapped[bool]


class RecorderRow(Base):
    """When a recorder was heard last; see `recorders`."""

    __tablename__ = "recorders"

    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    heard_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
