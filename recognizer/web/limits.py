"""How much one client may ask of the server, and all together at one time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recognizer.base.settings import ServerSettings
from recognizer.web.jobs.submissions import QueueFullError
from recognizer.web.receiving import FormEnd, UploadClock

__all__ = ["FormLimits", "RateLimit", "RateLimitError", "UploadGate"]

_MAX_CLIENTS = 10_000
_MAX_FORM_BYTES = 1 << 20


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
    """Lets so many uploads in at one time; used from one event loop only.

    A client has at most `n_per_client` places, and at most half of those that the others leave:
    so a few that take all they can get leave room for the next.
    """

    def __init__(self, n_at_once: int, n_per_client: int | None = None) -> None:
        self._n_at_once = n_at_once
        self._n_per_client = n_at_once if n_per_client is None else n_per_client
        self._inside: Counter[str] = Counter()

    @property
    def n_inside(self) -> int:
        """Uploads that are being received."""
        return self._inside.total()

    @contextmanager
    def entered(self, client: str = "") -> Iterator[None]:
        """Be inside; QueueFullError if there is no room, or the client has its share already."""
        if self.n_inside >= self._n_at_once:
            message = f"{self.n_inside} uploads are being received, the most at one time"
            raise QueueFullError(message, retry_after_s=2)
        n_mine = self._inside[client]
        n_left_by_others = self._n_at_once - (self.n_inside - n_mine)
        if n_mine >= min(self._n_per_client, max(1, n_left_by_others // 2)):
            message = f"{n_mine} uploads of yours are being received, the most of one now"
            raise QueueFullError(message, retry_after_s=2)
        self._inside[client] += 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            self._inside += Counter()  # forgets whoever has none


class _FormRefusedError(HTTPException, OSError):
    """An answer to the client, and an OSError: at one a form's parser closes its files."""

    def __init__(self, status: int, reason: str) -> None:
        HTTPException.__init__(self, status, reason)


class FormLimits:
    """Reads a form of the page no further than `_MAX_FORM_BYTES`, nor waits for it for ever.

    FastAPI reads a form whole before it asks who sent it. Forms with recordings (``/uploads``)
    may be as long as they are, one with cards (``/imports``) as long as a recording; those routes
    look who sends one first.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_form = scope["type"] == "http" and scope["method"] == "POST"
        if not is_form or scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        left = self._limit(scope["path"])
        is_whole = False
        clock = UploadClock(self._settings)
        end = FormEnd(Headers(scope=scope).get("content-type", ""))

        async def limited() -> Message:
            nonlocal left, is_whole
            if is_whole:  # whatever comes now is no part of the form
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, clock.left_s()))
            except TimeoutError:
                reason = "nothing came for too long, or it took too long in all"
                raise _FormRefusedError(408, reason) from None
            if message["type"] == "http.disconnect":
                raise _FormRefusedError(400, "the form broke off")
            is_whole = not message.get("more_body", False)
            end.count(message.get("body", b""))
            if is_whole and end.problem is not None:
                raise _FormRefusedError(400, end.problem)
            left -= len(message.get("body", b""))
            clock.count(len(message.get("body", b"")))
            if left < 0:
                raise _FormRefusedError(413, "the form is too large")
            return message

        await self._app(scope, limited, send)

    def _limit(self, path: str) -> float:
        """Return how many bytes a form may have."""
        if path == "/uploads":
            return float("inf")
        is_with_cards = path == "/imports"
        return _MAX_FORM_BYTES + (self._settings.max_upload_bytes if is_with_cards else 0)
