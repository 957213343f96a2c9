"""The HTTP API: routes, models of what is sent, metrics.

For programs; people are served by `pages`.
"""
