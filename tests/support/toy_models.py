"""A model of one file, where it can come from, and a server that gives it, good or bad."""

from __future__ import annotations

import hashlib
import http.server
import socket
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from recognizer.engines.models.registry import (
    Manifest,
    ModelFile,
    Source,
    ZipSource,
)

CONTENT = bytes(range(256)) * 4000  # about a megabyte: many blocks of a transfer
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Behaviour:
    """What the server does; `requests` records the Range header of every request."""

    content: bytes = CONTENT
    etag: str | None = '"v1"'
    last_modified: str | None = None
    takes_ranges: bool = True
    status: int | None = None
    n_refusals: int = 1_000  # answers with that status, then the file
    dies_after: int | None = None  # bytes of one answer, then the connection is cut
    n_deaths: int = 1_000
    range_shift: int = 0
    announces: int | None = None  # Content-Length other than the truth
    requests: list[str | None] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        does = self.behaviour
        wanted = self.headers.get("Range")
        does.requests.append(wanted)
        if does.status is not None and does.n_refusals:
            does.n_refusals -= 1
            if does.status in {301, 302, 307, 308}:
                self.send_response(does.status)
                self.send_header("Location", self.path)
                self.end_headers()
                return
            self.send_error(does.status)
            return
        start = self._start(wanted)
        if start > len(does.content):
            self.send_error(416)
            return
        body = does.content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start + does.range_shift
            end, total = len(does.content) - 1, len(does.content)
            self.send_header("Content-Range", f"bytes {first}-{end}/{total}")
        if does.etag is not None:
            self.send_header("ETag", does.etag)
        if does.last_modified is not None:
            self.send_header("Last-Modified", does.last_modified)
        self.send_header("Content-Length", str(does.announces or len(body)))
        self.end_headers()
        self._send(body)

    def _start(self, wanted: str | None) -> int:
        does = self.behaviour
        condition = self.headers.get("If-Range")
        is_same = condition is None or condition in {does.etag, does.last_modified}
        if wanted is None or not does.takes_ranges or not is_same:
            return 0
        return int(wanted.removeprefix("bytes=").rstrip("-"))

    def _send(self, body: bytes) -> None:
        does = self.behaviour
        if does.dies_after is None or does.n_deaths == 0:
            self.wfile.write(body)
            return
        does.n_deaths -= 1
        self.wfile.write(body[: does.dies_after])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def toy_manifest(*sources: Source, digest: str = DIGEST, size: int = len(CONTENT)) -> Manifest:
    return Manifest(
        name="toy",
        engine="whisper",
        languages=("ru",),
        licence="MIT",
        files=(ModelFile("model.bin", size, digest),),
        sources=sources,
    )


def left_over(models: Path) -> set[str]:
    """Return the files under the models folder but the lock."""
    files = (path for path in models.rglob("*") if path.is_file())
    return {str(path.relative_to(models)) for path in files if path.name != ".toy.lock"}


INSTALLED = {"toy/model.bin", "toy/.verified.json"}


def write_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def zip_source(url: str, *, digest: str | None = None, limit: int = 10**7) -> ZipSource:
    return ZipSource(url, 1_000_000, limit, digest)


def unpinned(*sources: Source) -> Manifest:
    manifest = toy_manifest(*(sources or (zip_source("http://unused/"),)))
    return msgspec.structs.replace(manifest, files=(ModelFile("model.bin"),))
