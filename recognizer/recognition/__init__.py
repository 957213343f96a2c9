"""From words and sound to what was said: matching, verification, classification, outcome.

Not here: cards, the regulation, and files, but for its own data and settings and the folder of
`announcements` that were learned.
"""
