"""Labelled clips: how right the product is on them, what got worse, the confidence fitted to them.

Measures the pipeline; changes nothing in it.
"""
