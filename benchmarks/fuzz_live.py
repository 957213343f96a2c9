"""Coverage-guided fuzzing of what reads live clients: AudioSocket frames, messages of each dialect.

    pip install atheris
    python -m benchmarks.fuzz_live [-runs=200000] [-max_len=4096] [FOLDER_OF_INPUTS]

Options are libFuzzer's. The first byte of an input chooses the reader. A reader may refuse
(`FrameError`); anything else that it raises is a fault, and its input is written to a file.
"""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["recognizer.live"]):
    from recognizer.base.errors import FrameError
    from recognizer.live.audiosocket import FrameParser
    from recognizer.live.websocket_server import dialect_of


def read_frames(data: bytes) -> None:
    """Feed bytes to the AudioSocket parser in pieces of changing length."""
    parser, at = FrameParser(max_payload=1024), 0
    while at < len(data):
        n_bytes = 1 + data[at] % 97
        for frame in parser.feed(data[at : at + n_bytes]):
            assert len(frame.payload) <= 1024
        at += n_bytes


def read_messages(data: bytes) -> None:
    """Feed text and binary messages to the dialect that the first of them chooses."""
    messages: list[str | bytes] = [
        part[1:] if part[:1] == b"\x01" else part.decode("utf-8", "replace")
        for part in data.split(b"\x00")
    ]
    dialect = dialect_of(messages[0])
    for message in messages:
        with contextlib.suppress(FrameError):
            dialect.take(message)


def try_one(data: bytes) -> None:
    """Give one input to a reader."""
    with contextlib.suppress(FrameError):
        (read_frames if data[:1] < b"\x40" else read_messages)(data[1:])


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
