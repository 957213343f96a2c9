"""Who may do what: users, sessions, passwords, API keys, the audit log.

Knows nothing of calls.
"""
