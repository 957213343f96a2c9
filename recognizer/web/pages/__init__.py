"""The operators' page: its routes, views, templates and words.

For people, in Russian.

Not here: anything for programs, which `api` serves.
"""
