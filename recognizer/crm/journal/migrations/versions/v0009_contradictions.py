"""Calls that contradict the mark: heard after it on a number that was said not to exist."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_ALIVE = (
    "live_person", "voicemail", "call_assistant", "company_ivr", "ringback_only", "no_answer",
    "line_busy", "temporarily_unavailable", "temporarily_blocked", "service_suspended",
    "not_registered", "service_type_unavailable", "switched_off_or_out_of_coverage",
    "connection_impossible",
)  # fmt: skip
_INVALID = ("not_in_service", "blocked", "misdialled", "does_not_exist", "available_for_purchase")
_FILL = """UPDATE call_states SET contradicts = true, is_doubtful = true WHERE attempt_id IN (
  SELECT a.id FROM attempts a
  JOIN attempts m ON m.contact_key = a.contact_key AND m.called_at < a.called_at
  JOIN decisions d ON d.attempt_id = m.id
  WHERE a.contact_key <> '' AND a.outcome IN :alive AND d.final AND d.incorrect_contact
    AND d.outcome IN :invalid
    AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.supersedes_id = d.id)
    AND (a.contact_id IS NULL OR EXISTS (SELECT 1 FROM contacts c JOIN decisions s
      ON s.id = c.deciding_id WHERE c.id = a.contact_id AND s.incorrect_contact)))"""


def upgrade() -> None:
    """Add and fill the column."""
    op.add_column(
        "call_states",
        sa.Column("contradicts", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(filling())


def filling() -> sa.TextClause:
    """Return the statement that finds the contradictions there are."""
    return sa.text(_FILL).bindparams(
        sa.bindparam("alive", _ALIVE, expanding=True),
        sa.bindparam("invalid", _INVALID, expanding=True),
    )
