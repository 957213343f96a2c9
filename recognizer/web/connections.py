"""Connections of the HTTP server: no more than so many, and none that never says what it asks."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

__all__ = ["LimitedProtocol", "limited_protocol"]


class LimitedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's protocol with limits; see `limited_protocol`."""

    max_connections: ClassVar[int] = 1000
    header_timeout_s: ClassVar[float] = 20.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Take a connection, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.close()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Give the head of a request its time, from the connection or its first byte on."""
        if not self._is_answering() and self._timer is None:
            self._timer = self.loop.call_later(self.header_timeout_s, self._give_up)
        elif self._is_answering() and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._is_answering() and not self.transport.is_closing():
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


def limited_protocol(max_connections: int, header_timeout_s: float) -> type[LimitedProtocol]:
    """Return uvicorn's protocol with limits.

    Parameters
    ----------
    max_connections : int
        Open at one time; one more is closed at once.
    header_timeout_s : float
        How long the head of a request may take, seconds; then the connection is closed.
    """
    limits = {"max_connections": max_connections, "header_timeout_s": header_timeout_s}
    return type("LimitedHTTPProtocol", (LimitedProtocol,), limits)
