"""Whose call it is, as rows; corrections taken back; who decides what.

Adds only; rows of earlier versions stay as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables and columns."""
    op.add_column("corrections", sa.Column("withdraws_id", ROW_ID, nullable=True))
    op.create_index("ix_corrections_withdraws_id", "corrections", ["withdraws_id"])
    op.add_column("contacts", sa.Column("merged_into_id", ROW_ID, nullable=True))
    op.create_table(
        "assignments",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("attempt_id", ROW_ID, nullable=False),
        sa.Column("from_contact_id", ROW_ID, nullable=True),
        sa.Column("contact_id", ROW_ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name="fk_assignments_attempt_id"),
        sa.ForeignKeyConstraint(
            ["from_contact_id"], ["contacts.id"], name="fk_assignments_from_contact_id"
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_assignments_contact_id"),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
    )
    op.create_index("ix_assignments_attempt_id", "assignments", ["attempt_id"])
    op.create_table(
        "page_reservations",
        sa.Column("attempt_id", ROW_ID, nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("until_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name="fk_page_reservations_attempt_id"
        ),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_page_reservations"),
    )
