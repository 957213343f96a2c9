"""Whether a card's source said anything of its number: unknown is not absent.

Cards of earlier versions keep what was understood of them then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "contacts",
        sa.Column("number_unknown", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
