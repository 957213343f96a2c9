"""From words and sound to what was said: matching, verification, classification, outcome.

Knows no files, no cards and no regulation.
"""
