"""Schema versions of the journal's database (Alembic), each of which can be upgraded to the next.

Not here: the tables as they are now, which `journal.tables` declares.
"""
