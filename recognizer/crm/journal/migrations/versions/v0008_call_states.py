"""What stands for each call now, as one narrow row; words found by their parts on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

_NETWORK = {
    "sqlite": "json_extract(a.report, '$.signalling.agreement')",
    "postgresql": "a.report #>> '{signalling,agreement}'",
}
_ELAPSED = {
    "sqlite": "json_extract(a.report, '$.elapsed_s')",
    "postgresql": "CAST(a.report ->> 'elapsed_s' AS double precision)",
}
_FILL = """INSERT INTO call_states (attempt_id, called_at, decision_id, heard, outcome, confidence,
    final, incorrect_contact, next, network, elapsed_s, has_error, is_stated, is_doubtful,
    is_reviewed)
  SELECT a.id, a.called_at, d.id, a.outcome, coalesce(d.outcome, a.outcome), a.confidence,
    coalesce(d.final, false), d.incorrect_contact, d.next, {network}, {elapsed},
    a.error_kind IS NOT NULL, d.stated IS NOT NULL,
    coalesce((a.error_kind IS NOT NULL AND d.outcome IS NULL) OR a.confidence < 0.8
      OR (d.next = 'operator' AND a.outcome <> 'live_person') OR {network} = 'disagrees', false),
    EXISTS (SELECT 1 FROM corrections c WHERE c.attempt_id = a.id AND c.withdraws_id IS NULL
      AND c.made_by <> 'recognizer'
      AND NOT EXISTS (SELECT 1 FROM corrections w WHERE w.withdraws_id = c.id))
  FROM attempts a LEFT JOIN decisions d ON d.attempt_id = a.id
    AND NOT EXISTS (SELECT 1 FROM decisions n WHERE n.supersedes_id = d.id)"""

_PARTIAL = {
    "ix_call_states_marked": "incorrect_contact",
    "ix_call_states_reviewed": "is_reviewed",
    "ix_call_states_errors": "has_error",
    "ix_call_states_waiting": "is_doubtful AND NOT is_reviewed",
}
_BY_PARTS = (
    ("attempts", "transcript"),
    ("attempts", "recording"),
    ("attempts", "number"),
    ("contacts", "search_text"),
    ("contact_phones", "number"),
)


def upgrade() -> None:
    """Add and fill the table."""
    op.create_table(
        "call_states",
        sa.Column("attempt_id", ROW_ID, nullable=False),
        sa.Column("called_at", MOMENT, nullable=False),
        sa.Column("decision_id", ROW_ID, nullable=True),
        sa.Column("heard", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("incorrect_contact", sa.Boolean(), nullable=True),
        sa.Column("next", sa.String(length=20), nullable=True),
        sa.Column("network", sa.String(length=20), nullable=True),
        sa.Column("elapsed_s", sa.Double(), nullable=True),
        sa.Column("has_error", sa.Boolean(), nullable=False),
        sa.Column("is_stated", sa.Boolean(), nullable=False),
        sa.Column("is_doubtful", sa.Boolean(), nullable=False),
        sa.Column("is_reviewed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_call_states_attempt_id"),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_call_states"),
    )
    dialect = op.get_bind().dialect.name
    op.execute(_FILL.format(network=_NETWORK[dialect], elapsed=_ELAPSED[dialect]))
    op.create_index("ix_attempts_content_digest", "attempts", ["content_digest"])
    op.create_index("ix_call_states_called_at", "call_states", ["called_at"])
    for column in ("outcome", "confidence", "elapsed_s"):
        name = f"ix_call_states_{column}_attempt_id"
        op.create_index(name, "call_states", [column, "attempt_id"])
    for name, condition in _PARTIAL.items():
        where = sa.text(condition)
        op.create_index(
            name, "call_states", ["attempt_id"], sqlite_where=where, postgresql_where=where
        )
    if dialect == "postgresql":
        _index_parts()


def _index_parts() -> None:
    """Index words by their parts, where the server has the extension and lets us have it."""
    connection = op.get_bind()
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except sa.exc.DBAPIError:
        return  # searching reads the whole table, as before
    for table, column in _BY_PARTS:
        op.create_index(
            f"ix_{table}_{column}_parts",
            table,
            [column],
            postgresql_using="gin",
            postgresql_ops={column: "gin_trgm_ops"},
        )
