"""Calls contradict a mark that stands: not one that the CRM or a person ended since."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ALIVE = (
    "live_person", "voicemail", "call_assistant", "company_ivr", "ringback_only", "no_answer",
    "line_busy", "temporarily_unavailable", "temporarily_blocked", "service_suspended",
    "not_registered", "service_type_unavailable", "switched_off_or_out_of_coverage",
    "connection_impossible",
)  # fmt: skip
_INVALID = ("not_in_service", "blocked", "misdialled", "does_not_exist", "available_for_purchase")
_CLEAR = """UPDATE call_states SET contradicts = false, is_doubtful = coalesce(
    (has_error AND outcome IS NULL) OR confidence < 0.8
    OR (next = 'operator' AND heard <> 'live_person') OR network = 'disagrees', false)
  WHERE contradicts"""
_FILL = """UPDATE call_states SET contradicts = true, is_doubtful = true WHERE attempt_id IN (
  SELECT a.id FROM attempts a
  JOIN attempts m ON m.contact_key = a.contact_key AND m.called_at < a.called_at
  JOIN decisions d ON d.attempt_id = m.id
  LEFT JOIN corrections w ON w.id = d.correction_id
  LEFT JOIN contacts c ON c.id = m.contact_id
  LEFT JOIN decisions s ON s.id = c.deciding_id
  WHERE a.contact_key <> '' AND a.outcome IN :alive AND d.final AND d.incorrect_contact
    AND d.outcome IN :invalid
    AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.supersedes_id = d.id)
    AND (c.id IS NULL OR s.incorrect_contact)
    AND (c.cleared_at IS NULL OR m.recorded_at > c.cleared_at
      OR (w.made_at > c.cleared_at AND w.made_by <> 'recognizer')
      OR EXISTS (SELECT 1 FROM assignments g WHERE g.attempt_id = m.id AND g.contact_id = c.id
        AND g.made_at > c.cleared_at))
    AND NOT EXISTS (SELECT 1 FROM attempts t JOIN decisions e ON e.attempt_id = t.id
      JOIN corrections p ON p.id = e.correction_id
      WHERE t.contact_key = m.contact_key AND t.called_at > m.called_at AND e.resets
        AND p.made_by <> 'recognizer'
        AND NOT EXISTS (SELECT 1 FROM decisions f WHERE f.supersedes_id = e.id)))"""


def upgrade() -> None:
    """Find the contradictions there are anew."""
    for statement in statements():
        op.execute(statement)


def statements() -> tuple[sa.TextClause, ...]:
    """Return what forgets the contradictions, and finds them anew."""
    filling = sa.text(_FILL).bindparams(
        sa.bindparam("alive", _ALIVE, expanding=True),
        sa.bindparam("invalid", _INVALID, expanding=True),
    )
    return sa.text(_CLEAR), filling
