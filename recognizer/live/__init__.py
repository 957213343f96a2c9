"""Live lines: listeners that hear a call as it happens.

Bytes are read in one module a protocol, without sockets; `listener` has the sockets.
"""
