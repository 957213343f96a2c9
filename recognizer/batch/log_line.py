"""What the programs themselves need to know of a line of a result log."""

from __future__ import annotations

import msgspec

from recognizer.batch.jobs import CHANGED
from recognizer.batch.recordings import FileIdentity

__all__ = ["LogLine", "decode_line"]


class _File(msgspec.Struct):
    path: str
    size_bytes: int
    modified_ns: int
    sha256: str | None = None


class _Error(msgspec.Struct):
    kind: str


class LogLine(msgspec.Struct):
    """One result; everything else in its line is passed over."""

    file: _File
    outcome: str | None = None
    error: _Error | None = None

    @property
    def done_key(self) -> bytes | None:
        """Key of the file that is done; None if it changed: what is there now was not heard."""
        if self.error is not None and self.error.kind == CHANGED:
            return None
        return FileIdentity(self.file.path, self.file.size_bytes, self.file.modified_ns).key


decode_line = msgspec.json.Decoder(LogLine).decode
