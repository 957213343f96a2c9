"""Download one file over HTTP so that a broken transfer is continued, not begun again.

The bytes go to the path given, which is a temporary name for the caller; beside it lies a small
file with the address and the server's validator (`ETag`, else `Last-Modified`). A transfer is
continued only if the server still has the same content by that validator (`If-Range`, RFC 9110
section 13.1.5); without a validator it starts from the beginning. Whether the bytes are the
right ones is for the caller to check by digest.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recognizer.base.errors import ModelError

if TYPE_CHECKING:
    import requests

__all__ = ["Progress", "download"]

Progress = Callable[[str, int, int], None]
"""Told what is being worked on, how many bytes of it are done, and how many there are."""

_TIMEOUTS_S = (10.0, 30.0)
"""To connect; between two reads."""
_MAX_ATTEMPTS = 30
_MAX_STALLS = 3
"""Attempts in a row that may end without a single new byte."""
_CHUNK_BYTES = 1 << 16
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_PASSING = {429, 500, 502, 503, 504}
"""Answers of a server that may be another one a moment later."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@dataclass(slots=True)
class _Transfer:
    """One file on its way."""

    url: str
    part: Path
    expected_bytes: int
    max_bytes: int
    report: Progress

    @property
    def note(self) -> Path:
        """File that remembers what the bytes so far are the beginning of."""
        return self.part.with_name(self.part.name + ".json")

    @property
    def done_bytes(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    url: str,
    part: Path,
    *,
    expected_bytes: int,
    report: Progress,
    max_bytes: int | None = None,
) -> None:
    """Fetch `url` into the file `part`, going on where an earlier attempt stopped.

    Parameters
    ----------
    url : str
    part : Path
        Complete when this returns. After an error it holds what came so far.
    expected_bytes : int
        For the progress, where the server does not say.
    report : callable
    max_bytes : int or None
        More than this is refused; None: `expected_bytes`.

    Raises
    ------
    ModelError
        If the server cannot be reached, refuses, sends too much, or keeps breaking off.
    OSError
        If the file cannot be written.
    """
    import requests  # noqa: PLC0415  (a third of a second, and only installations need it)

    transfer = _Transfer(url, part, expected_bytes, max_bytes or expected_bytes, report)
    stalls = 0
    with requests.Session() as session:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            before = transfer.done_bytes
            try:
                _attempt(session, transfer)
            except requests.HTTPError as problem:
                raise ModelError(f"{url}: the server answers {problem}") from problem
            except (requests.ConnectionError, requests.Timeout, _BrokenOffError) as problem:
                stalls = 0 if transfer.done_bytes > before else stalls + 1
                if stalls == _MAX_STALLS or attempt == _MAX_ATTEMPTS:
                    raise ModelError(_no_connection(transfer, problem)) from problem
                time.sleep(0.2 * 2**stalls)
            except requests.RequestException as problem:
                raise ModelError(f"{url}: cannot be downloaded: {problem}") from problem
            else:
                break
    transfer.note.unlink(missing_ok=True)


class _BrokenOffError(Exception):
    """The connection ended before the whole file was there."""


class _BusyError(_BrokenOffError):
    """The server cannot answer now."""


def _no_connection(transfer: _Transfer, problem: Exception) -> str:
    kept = transfer.done_bytes
    rest = f" ({kept} bytes are kept, the next attempt goes on from there)" if kept else ""
    if isinstance(problem, _BusyError):
        return f"{transfer.url}: {problem}, {_MAX_STALLS} times running{rest}"
    return (
        f"{transfer.url}: cannot be downloaded: {_cause(problem)}{rest}; check the network or "
        "the proxy"
    )


def _cause(problem: Exception) -> str:
    """Return the reason alone: urllib3 wraps it in the history of its own attempts."""
    wrapped = problem.args[0] if problem.args else None
    return str(getattr(wrapped, "reason", None) or problem)


def _attempt(session: requests.Session, transfer: _Transfer) -> None:
    headers = {"Accept-Encoding": "identity"}
    validator = _usable_validator(transfer)
    if validator is None:
        transfer.forget()
    else:
        headers |= {"Range": f"bytes={transfer.done_bytes}-", "If-Range": validator}
    with session.get(transfer.url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
        if response.status_code == _RANGE_NOT_SATISFIABLE and validator is not None:
            transfer.forget()
            raise _BrokenOffError("the server cannot continue it")
        if response.status_code in _PASSING:
            raise _BusyError(f"the server answers {response.status_code} {response.reason}")
        if response.status_code >= 400:
            raise _http_error(response)
        if not _continues(response, transfer):
            transfer.forget()
        _remember(response, transfer)
        _receive(response, transfer)


def _http_error(response: requests.Response) -> requests.HTTPError:
    import requests  # noqa: PLC0415

    return requests.HTTPError(f"{response.status_code} {response.reason}")


def _usable_validator(transfer: _Transfer) -> str | None:
    """Return the validator to continue by, None: start from the beginning."""
    if not transfer.done_bytes:
        return None
    try:
        note = json.loads(transfer.note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict) or note.get("url") != transfer.url:
        return None
    validator = note.get("validator")
    return validator if isinstance(validator, str) else None


def _continues(response: requests.Response, transfer: _Transfer) -> bool:
    """Whether the answer begins exactly where our bytes end; many servers ignore `Range`."""
    if response.status_code != _PARTIAL_CONTENT:
        return False
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found is None or int(found.group(1)) != transfer.done_bytes:
        transfer.forget()
        raise _BrokenOffError("the server continued at another place than asked")
    return True


def _remember(response: requests.Response, transfer: _Transfer) -> None:
    etag = response.headers.get("ETag", "")
    strong = etag if etag.startswith('"') else None  # a weak one promises no equal bytes
    validator = strong or response.headers.get("Last-Modified")
    note = json.dumps({"url": transfer.url, "validator": validator})
    transfer.note.write_text(note, encoding="utf-8")


def _receive(response: requests.Response, transfer: _Transfer) -> None:
    length = response.headers.get("Content-Length", "")
    total = transfer.done_bytes + int(length) if length.isdecimal() else None
    if total is not None:
        _check_size(total, transfer)
    done = transfer.done_bytes
    try:
        with transfer.part.open("ab") as stream:
            for block in response.iter_content(_CHUNK_BYTES):
                stream.write(block)
                done += len(block)
                _check_size(done, transfer)
                transfer.report(transfer.url, done, total or transfer.expected_bytes)
    except _stream_errors() as problem:
        raise _BrokenOffError(str(problem)) from problem
    if total is not None and done < total:
        raise _BrokenOffError(f"{done} of {total} bytes came")


def _stream_errors() -> tuple[type[Exception], ...]:
    import requests  # noqa: PLC0415

    return requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError


def _check_size(found: int, transfer: _Transfer) -> None:
    if found > transfer.max_bytes:
        transfer.forget()
        raise ModelError(
            f"{transfer.url}: expected at most {transfer.max_bytes} bytes, the server sends {found}"
        )
