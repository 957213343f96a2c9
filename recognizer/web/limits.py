"""How much one client may ask of the server, and all together at one time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from recognizer.web.jobs import QueueFullError

__all__ = ["RateLimit", "RateLimitError", "UploadGate"]

_MAX_CLIENTS = 10_000


class RateLimitError(QueueFullError):
    """One client asks too often."""

    kind = "rate_limit"


class RateLimit:
    """A token bucket for each client: `per_minute` on average, a burst of as many.

    Used from one event loop only.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60
        self._burst = float(per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> None:
        """Count one request.

        Raises
        ------
        RateLimitError
            If the client has to wait.
        """
        now = time.monotonic()
        tokens, then = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._per_s)
        allowed = tokens >= 1
        self._buckets[client] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > _MAX_CLIENTS:  # whoever has been quiet longest
            self._buckets.popitem(last=False)
        if not allowed:
            wait_s = max(1, round((1 - tokens) / self._per_s + 0.5))
            message = f"more than {self._burst:.0f} requests a minute; try again in {wait_s} s"
            raise RateLimitError(message, wait_s)


class UploadGate:
    """Lets so many uploads in at one time; used from one event loop only."""

    def __init__(self, n_at_once: int) -> None:
        self._n_at_once = n_at_once
        self.n_inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside; QueueFullError if there is no room."""
        if self.n_inside >= self._n_at_once:
            message = f"{self.n_inside} uploads are being received, the most at one time"
            raise QueueFullError(message, retry_after_s=2)
        self.n_inside += 1
        try:
            yield
        finally:
            self.n_inside -= 1
