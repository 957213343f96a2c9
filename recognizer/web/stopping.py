"""What a client is told whose request the server cannot finish, for it stops."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AnswersWhenStopped"]

_RETRY_S = 10


class AnswersWhenStopped:
    """Answers 503 where a request is cancelled before its answer began; only a stop cancels one.

    The outermost: what is inside may not go on once it is cancelled.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError:
            if scope["type"] != "http" or has_begun:
                raise
            message = "the server stops; nothing of this was taken, send it again"
            answer = JSONResponse(
                {"error": {"kind": "stopping", "message": message}},
                503,
                {"Retry-After": str(_RETRY_S)},
            )
            await answer(scope, receive, send)
