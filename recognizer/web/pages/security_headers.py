"""The headers of every answer: what a page may load, and who may embed it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recognizer.base.errors import SettingsError

__all__ = ["SECURITY_HEADERS", "SecurityHeaders", "security_headers"]

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


_FRAME_SOURCE = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")


def security_headers(frame_ancestors: str) -> Mapping[str, str]:
    """Return the headers of every answer; `frame_ancestors` names who may embed the page.

    Raises
    ------
    SettingsError
        If one of them is no address of a site.
    """
    sites = frame_ancestors.split()
    for site in sites:
        if not _FRAME_SOURCE.fullmatch(site):
            raise SettingsError(
                f"crm.frame_ancestors: expected addresses such as https://crm.example.ru, "
                f"found {site!r}"
            )
    if not sites:
        return SECURITY_HEADERS
    headers = dict(SECURITY_HEADERS)
    headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors 'self' {' '.join(sites)}"
    )
    # It knows no list of sites; browsers that know frame-ancestors do without it.
    del headers["X-Frame-Options"]
    return headers


class SecurityHeaders:
    """Adds the headers to every answer; plain ASGI, so that uploads are streamed as they come."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                is_static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", _FOREVER if is_static else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


_FOREVER = "public, max-age=31536000, immutable"
