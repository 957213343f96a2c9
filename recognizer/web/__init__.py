"""The server: the HTTP API for programs, the operators' page for people, and what both stand on.

`app` puts it together; `connections`, `limits` and `receiving` guard it against slow and greedy
clients; `live` shows calls that go on, `parameters` reads what is asked; `answer_limit` gives up a
journal that does not answer, `stopping` answers whom a stop breaks off.

Not here: rules of recognition, of the regulation or of the journal.
"""
