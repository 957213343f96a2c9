"""One POST to somebody who is told: how long an answer may take, and what counts as one.

An answer has its time as a whole. The time limit of a socket is for each piece of it, and a server
that sends a byte now and then is never late by that.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import io
import json
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from recognizer.crm.dispatching import DeliveryError

__all__ = ["ANSWER_TIMEOUT_S", "error_code", "post"]

ANSWER_TIMEOUT_S = 10.0
_LONGEST_BODY = 1 << 20


def post(url: str, body: bytes, headers: Mapping[str, str], *, reads_answer: bool = True) -> bytes:
    """Send JSON and return what was answered.

    Parameters
    ----------
    reads_answer : bool
        False: that it was taken is all that matters, whatever follows the status.

    Raises
    ------
    DeliveryError
        If anything but 2xx came, or nothing in time. It never holds the URL, and says how long the
        other side wants to be left alone where it does (``Retry-After``).
    """
    request = urllib.request.Request(  # noqa: S310 - http(s) is checked on load
        url, body, {"Content-Type": "application/json", **headers}, method="POST"
    )
    try:
        with _OPENER.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
            found: bytes = answer.read(_LONGEST_BODY) if reads_answer else b""
            return found
    except urllib.error.HTTPError as problem:
        with problem:
            said = _error_code(problem)
        raise DeliveryError(
            f"expected 2xx, found {problem.code}{said}", wait_s=_retry_after_s(problem)
        ) from problem
    except (OSError, http.client.HTTPException) as problem:
        raise DeliveryError(f"no answer: {type(problem).__name__}") from problem


_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,60}")


def error_code(found: Any) -> str:
    """Return the short name that an answer gives its error, such as ``WRONG_AUTH_TYPE``; else "".

    Nothing else of it: descriptions quote what was sent, and that is numbers and names.
    """
    code = found.get("error") if isinstance(found, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _error_code(answer: urllib.error.HTTPError) -> str:
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        code = error_code(json.loads(answer.read(1 << 16)))
        return f" {code}" if code else ""
    return ""


def _retry_after_s(answer: urllib.error.HTTPError) -> float:
    """Return for how long somebody asks to be left alone: seconds or a date (RFC 9110, 10.2.3)."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    return 0.0


class _InTime(io.RawIOBase):
    """What a socket receives until a moment of the monotonic clock; then TimeoutError."""

    def __init__(self, connection: socket.socket, until_s: float) -> None:
        self._connection = connection
        self._received = connection.makefile("rb", buffering=0)
        self._until_s = until_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(left_s)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_InTime(sock, time.monotonic() + ANSWER_TIMEOUT_S))


class _Connection(http.client.HTTPConnection):
    response_class = _Answer


class _SecureConnection(http.client.HTTPSConnection):
    response_class = _Answer


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_SecureConnection, req)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take numbers and secrets to somebody nobody named."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_Http, _Https, _NoRedirect)
