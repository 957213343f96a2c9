"""From words and sound to what was said: matching, verification, classification, outcome.

Knows no cards and no regulation; `announcements` alone keeps files, the folder of what was learned.
"""
