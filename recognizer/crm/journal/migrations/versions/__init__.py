"""One module a version, in the order of their numbers; a released one is not changed any more.

Not here: imports of the journal, whose tables are those of today.
"""
