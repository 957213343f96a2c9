"""Recordings by the thousand: workers, batch runs, watched folders, clusters, result files.

Brings recordings to the pipeline and reports to where they are kept.

Not here: what is recognised or decided.
"""
