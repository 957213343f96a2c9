"""Who may do what: users, sessions, passwords, API keys, the audit log.

Not here: calls, and the routes by which somebody signs in.
"""
