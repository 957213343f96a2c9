"""The operators' page: its routes, views, templates and words.

For people, in Russian; programs are served by `api`.
"""
