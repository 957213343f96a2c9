"""The HTTP API: routes, models of what is sent, metrics.

Not here: anything for people, whom `pages` serves.
"""
