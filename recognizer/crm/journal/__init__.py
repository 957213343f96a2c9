"""The journal: attempts, corrections, cards and decisions in one database.

The only package that speaks SQL for calls; `migrations` holds its schema, version by version.
"""
