"""Announcements learned once: the same recording is known again by its sound alone.

`features` measure, `matching` compares, `index` finds whom to compare with, `store` keeps.

Not here: speech engines, and reading recordings.
"""
