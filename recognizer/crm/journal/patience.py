"""Waiting for a database server that is starting, or away for a moment."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["STARTING", "Patience"]

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_AGAIN_S = 1.0

STARTING = (
    r"system is (starting up|shutting down)|recovery mode|not (yet )?accepting connections"
    r"|запускается|останавливается|выключается|режиме восстановления|не принимает подключения"
)
"""What PostgreSQL says itself, in the language of its `lc_messages`."""
_AWAY = (
    r"connection refused|no such file or directory|server closed the connection"
    r"|could not translate host name|no route to host|network is unreachable|timeout expired"
)
"""What the client's library says where nobody answers."""

_MAY_PASS = re.compile(f"{STARTING}|{_AWAY}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server that takes no connections is waited for.

    Attributes
    ----------
    name : str
        Of the database, for the message.
    wait_s : float
        Seconds at each connection.
    """

    name: str
    wait_s: float = 0.0

    def connect(self, connect: Callable[[], T], error: type[Exception]) -> T:
        """Return what `connect` returns, called again while it raises `error` that may pass."""
        end_s = time.monotonic() + self.wait_s
        is_said = False
        while True:
            try:
                return connect()
            except error as problem:
                reason = str(problem).strip()
                if time.monotonic() >= end_s or not _MAY_PASS.search(reason):
                    raise
                if not is_said:
                    message = (
                        "%s: the database server takes no connections (%s); waiting up to %g s"
                    )
                    _LOG.warning(message, self.name, reason.partition("\n")[0], self.wait_s)
                    is_said = True
            time.sleep(_AGAIN_S)
