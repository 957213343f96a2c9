"""Asterisk's AudioSocket protocol: frames as bytes, no sockets.

A frame is one byte of kind, two of payload length (big-endian), then the payload
(Asterisk ``res_audiosocket.h``). Sound is signed 16-bit little-endian mono.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recognizer.base.errors import FrameError
from recognizer.model import Samples

__all__ = ["SAMPLE_RATES_HZ", "Frame", "FrameKind", "FrameParser", "samples_of", "silence_like"]

_HEAD = struct.Struct(">BH")


class FrameKind:
    """Kinds that are not sound."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    ERROR = 0xFF


SAMPLE_RATES_HZ = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
"""Kinds that are sound, with their rate (Asterisk 22)."""

_LENGTHS = {FrameKind.HANGUP: 0, FrameKind.UUID: 16, FrameKind.DTMF: 1}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `bytes(frame)` is what goes over the wire."""

    kind: int
    payload: bytes = b""

    def __bytes__(self) -> bytes:
        return _HEAD.pack(self.kind, len(self.payload)) + self.payload

    @property
    def sample_rate(self) -> int | None:
        """Hz; None if this is no sound."""
        return SAMPLE_RATES_HZ.get(self.kind)

    @property
    def call_id(self) -> str:
        """The UUID of a frame of that kind."""
        return str(uuid.UUID(bytes=self.payload))


class FrameParser:
    """Frames out of bytes that come in any chunks.

    Parameters
    ----------
    max_payload : int
        Longer frames are refused before they are gathered, bytes.
    """

    def __init__(self, *, max_payload: int = 65_535) -> None:
        self._max_payload = max_payload
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete now: those before a wrong one are not lost with it.

        Raises
        ------
        FrameError
            If a frame has an unknown kind or a length its kind may not have; the stream cannot be
            read any further.
        """
        self._pending += data
        while len(self._pending) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._pending)
            self._check(kind, length)
            end = _HEAD.size + length
            if len(self._pending) < end:
                break
            payload = bytes(self._pending[_HEAD.size : end])
            del self._pending[:end]
            yield Frame(kind, payload)

    def _check(self, kind: int, length: int) -> None:
        if kind not in SAMPLE_RATES_HZ and kind not in _LENGTHS and kind != FrameKind.ERROR:
            raise FrameError(
                f"AudioSocket frame: expected kind 0x00, 0x01, 0x03, 0x10-0x18 or 0xff, "
                f"found 0x{kind:02x}; is this an AudioSocket client?"
            )
        expected = _LENGTHS.get(kind, length)
        if length != expected:
            raise FrameError(
                f"AudioSocket frame 0x{kind:02x}: expected {expected} bytes, found {length}"
            )
        if length > self._max_payload:
            raise FrameError(
                f"AudioSocket frame 0x{kind:02x}: expected at most {self._max_payload} bytes, "
                f"found {length}"
            )
        if kind in SAMPLE_RATES_HZ and length % 2:
            raise FrameError(
                f"AudioSocket frame 0x{kind:02x}: expected 16-bit samples, found {length} bytes"
            )


def samples_of(payload: bytes) -> Samples:
    """Return signed 16-bit little-endian sound as float32 in [-1, 1], shape (n_samples,)."""
    samples: Samples = np.frombuffer(payload, "<i2").astype(np.float32) / np.float32(32768)
    return samples


def silence_like(frame: Frame) -> bytes:
    """Return a frame of silence as long as this one: Asterisk stops listening without any."""
    return bytes(Frame(frame.kind, bytes(len(frame.payload))))
