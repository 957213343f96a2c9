"""Receiving recordings over HTTP, as the API and the page both do it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser

from recognizer.base.settings import ServerSettings

__all__ = [
    "FormEnd",
    "FormParser",
    "UploadClock",
    "chunks",
    "declared_too_large",
    "is_part",
    "shown_name",
    "with_timeout",
]

_EXTENDED_NAME = re.compile(rb";\s*filename\*\s*=\s*\"?([\w-]+)'[\w-]*'([^\s;\"]+)", re.IGNORECASE)


class UploadClock:
    """Says how long the next chunk of an upload may take.

    Parameters
    ----------
    settings : ServerSettings
        `upload_timeout_s` of silence, `upload_total_s` in all, and `upload_min_bytes_per_s`, which
        counts once the first `upload_timeout_s` have passed.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._began = time.monotonic()
        self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        """Take note of a chunk."""
        self._n_bytes += n_bytes

    def left_s(self) -> float:
        """Return how long the next chunk may take, seconds; 0 or less: the upload is given up."""
        settings = self._settings
        earned_s = self._n_bytes / settings.upload_min_bytes_per_s
        allowed_s = min(settings.upload_total_s, settings.upload_timeout_s + earned_s)
        return min(settings.upload_timeout_s, allowed_s - (time.monotonic() - self._began))


class FormEnd:
    """Looks for the end of a form with files: cut off before it, a form lacks fields unseen.

    The parser takes what came as the whole, though the fields after the last file are missing; and
    it passes over what follows the end, though that may be the rest of a recording or more fields.

    Parameters
    ----------
    content_type : str
        Of the request; of any other kind nothing is missing.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"") if kind == b"multipart/form-data" else b""
        self._end = b"\r\n--" + boundary + b"--" if boundary else b""
        self._tail = b"\r\n"  # before the first line there is none
        self.is_missing = bool(boundary)
        self._is_followed = False

    @property
    def problem(self) -> str | None:
        """What is wrong with a form of which no more comes; None: nothing."""
        if self.is_missing:
            return "the form is cut off: its last boundary is missing; send all of it again"
        if self._is_followed:
            return (
                "expected nothing after the form's last boundary, found more; send it again whole"
            )
        return None

    def count(self, piece: bytes) -> None:
        """Take note of a piece of the form."""
        if self.is_missing:
            seen = self._tail + piece
            _, end, piece = seen.partition(self._end)
            self.is_missing = not end
            self._tail = seen[-len(self._end) + 1 :]
        if self._end and not self.is_missing:
            self._is_followed = self._is_followed or bool(piece.strip())


class FormParser(MultiPartParser):
    """Starlette's, which also takes a file whose name stands in ``filename*`` only (RFC 5987)."""

    def on_headers_finished(self) -> None:
        """Begin a part."""
        part = self._current_part
        head = part.content_disposition or b""
        named = _EXTENDED_NAME.search(head)
        if named is None or b"filename" in parse_options_header(head)[1]:
            super().on_headers_finished()
            return
        part.content_disposition = head + b'; filename="x"'
        super().on_headers_finished()
        if part.file is not None:
            charset = "latin-1" if named[1].lower() == b"iso-8859-1" else "utf-8"
            part.file.filename = unquote_to_bytes(named[2]).decode(charset, "replace")


async def with_timeout(
    body: AsyncIterator[bytes], settings: ServerSettings
) -> AsyncGenerator[bytes, None]:
    """Yield the body, waiting for each chunk and for all of it no longer than the settings say.

    Raises
    ------
    TimeoutError
        If nothing came for too long, too little came, or it takes too long in all.
    """
    chunks, clock = aiter(body), UploadClock(settings)
    while True:
        try:
            chunk = await asyncio.wait_for(anext(chunks), max(0.0, clock.left_s()))
        except StopAsyncIteration:
            return
        clock.count(len(chunk))
        yield chunk


def declared_too_large(content_length: str | None, limit: int) -> bool:
    """Tell whether a request says itself that its body is larger than `limit` bytes."""
    return content_length is not None and content_length.isdigit() and int(content_length) > limit


def is_part(headers: Mapping[str, str]) -> bool:
    """Tell whether a request says itself that its body is but a part, or packed: no recording."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    return "content-range" in headers or encoding not in {"", "identity"}


async def chunks(file: UploadFile) -> AsyncIterator[bytes]:
    """Yield a file of a form."""
    while chunk := await file.read(1 << 16):
        yield chunk


def shown_name(name: str | None, *, unnamed: str) -> str:
    """Return a client's file name as text to show: one printable line, no folders."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in last if char.isprintable())[:300] or unnamed
