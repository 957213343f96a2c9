"""Uploads waiting for a worker, and what became of them.

Serves the API and the page alike.

Not here: HTTP, and the recognising itself (`recognizer.batch`).
"""
