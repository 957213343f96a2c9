"""What is to be told to other programs, until they have taken it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the outbox and how far each target has read."""
    op.create_table(
        "outbox_targets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("start_id", ROW_ID, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_outbox_targets"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("decision_id", ROW_ID, nullable=False),
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("n_tries", sa.Integer(), nullable=False),
        sa.Column("next_try_s", sa.Double(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.Column("last_problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_outbox_decision_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("target", "decision_id", name="uq_outbox_target_decision_id"),
    )
    op.create_index("ix_outbox_target_state", "outbox", ["target", "state"])
