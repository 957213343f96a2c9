"""The rules of the call centre: outcome, card and attempt in, decision out.

Never sees sound or a transcript.
"""
