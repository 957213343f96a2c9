"""Labelled clips: how right the product is on them, and what got worse.

Measures the pipeline; changes nothing in it.
"""
