"""Contact cards, card files, the journal of attempts and decisions, and who is told of them.

Not here: sound and how it is recognised; a report comes in.
"""
