"""The phrase lists: loading, checks of their form, editing, and the normalization of texts.

Not here: looking for a phrase in a transcript.
"""
