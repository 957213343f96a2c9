"""Receiving recordings over HTTP, as the API and the page both do it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from starlette.datastructures import UploadFile

__all__ = ["chunks", "shown_name", "with_timeout"]


async def with_timeout(body: AsyncIterator[bytes], limit_s: float) -> AsyncGenerator[bytes, None]:
    """Yield the body, waiting for each piece no longer than `limit_s`.

    Raises
    ------
    TimeoutError
        If nothing came for so long.
    """
    chunks = aiter(body)
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), limit_s)
        except StopAsyncIteration:
            return


async def chunks(file: UploadFile) -> AsyncIterator[bytes]:
    """Yield a file of a form."""
    while chunk := await file.read(1 << 16):
        yield chunk


def shown_name(name: str | None, *, unnamed: str) -> str:
    """Return a client's file name as text to show: one printable line, no folders."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:300] or unnamed
