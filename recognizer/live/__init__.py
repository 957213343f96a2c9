"""Live lines: listeners that hear a call as it happens, and who is told of it.

One module a protocol reads bytes and messages without sockets; `audiosocket_server` and
`websocket_server` have the sockets, `calls` what is going on, `spools` what must not be lost.

Not here: recognising; a growing call is judged by `recognizer.streaming`.
"""
