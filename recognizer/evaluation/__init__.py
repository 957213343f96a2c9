"""Labelled clips: how right the product is on them, what got worse, the confidence fitted to them.

Not here: anything that changes what is measured.
"""
