"""Compressing answers, but never one that another site asked for in a person's name.

The length of a compressed page tells who sees it go by what two of its parts have in common: a
word another site put into the address, and a token or a number of the page (BREACH). So an answer
to a browser that brings a session is compressed only where the browser says that this very site,
or its user, asked for it.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Compression"]

_PACKED = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
_LEAST_BYTES = 1000
_LEVEL = 5


class Compression:
    """Compresses with gzip what may be; a middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._compressed = GZipMiddleware(
            app, _LEAST_BYTES, compresslevel=_LEVEL, exclude_content_types=_PACKED
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        app = self._compressed if _may_compress(scope) else self._plain
        await app(scope, receive, send)


def _may_compress(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    headers = Headers(scope=scope)
    if "cookie" not in headers:
        return True
    return headers.get("Sec-Fetch-Site") in {"same-origin", "none"}
