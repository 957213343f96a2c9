"""Imports as runs that can be taken back; what a CRM's word ended; the PBX's own id of a call.

Adds only; cards and changes of earlier versions belong to no run.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table and the columns."""
    op.create_table(
        "imports",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("undone_at", MOMENT, nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    for table in ("contacts", "contact_changes"):
        op.add_column(table, sa.Column("import_id", ROW_ID, nullable=True))
        op.create_index(f"ix_{table}_import_id", table, ["import_id"])
    op.add_column("contact_changes", sa.Column("deciding_id", ROW_ID, nullable=True))
    op.add_column("contacts", sa.Column("taken_back_at", MOMENT, nullable=True))
    op.add_column("contacts", sa.Column("cleared_at", MOMENT, nullable=True))
    op.add_column("attempts", sa.Column("call_id", sa.String(length=128), nullable=True))
