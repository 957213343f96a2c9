"""Schema versions of the journal's database (Alembic)."""
