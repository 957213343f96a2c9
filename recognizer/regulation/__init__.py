"""The rules of the call centre: outcome, card and attempt in, decision out.

Not here: sound and transcripts.
"""
