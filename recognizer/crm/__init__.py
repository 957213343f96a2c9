"""Contact cards, card files, and the journal of attempts and decisions.

Knows reports and rules; never listens.
"""
