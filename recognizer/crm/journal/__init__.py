"""The journal: attempts, corrections, cards and decisions in one database.

The only package that writes calls; the outbox also reads its tables. `migrations` holds its schema,
version by version.

Not here: card files, numbers and codes, and who is told of what.
"""
