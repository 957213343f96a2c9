"""The phrase lists: loading, checks of their form, editing, and the normalization of texts.

Knows what is listed; never looks for it in a transcript.
"""
