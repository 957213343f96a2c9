"""Contact cards, card files, the journal of attempts and decisions, and who is told of them.

Knows reports and rules; never listens.
"""
