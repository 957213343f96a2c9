"""A real HTTP server in a thread of the tests, where a test client would hide the network."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

__all__ = ["serving"]


@contextlib.contextmanager
def serving(app: FastAPI, **options: Any) -> Iterator[int]:
    """Serve `app` on loopback and give the port; what the server logs is seen by `caplog`."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, ws="none", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
