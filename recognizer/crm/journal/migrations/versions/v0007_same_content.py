"""Calls whose recordings are byte for byte the same: the digest of the content beside the key.

Adds only; in attempts of earlier versions both are one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column."""
    op.add_column("attempts", sa.Column("content_digest", sa.String(length=64), nullable=True))
