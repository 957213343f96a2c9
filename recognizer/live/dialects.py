"""WebSocket dialects: what each client's messages mean, and what it is told back.

Asterisk's chan_websocket, FreeSWITCH's mod_audio_stream and vosk-server's clients come to one
port; the first message tells which it is. No sockets here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from recognizer.audio.companding import COMPANDED, expand
from recognizer.base.errors import FrameError
from recognizer.live.live_facts import LiveFacts
from recognizer.model import Samples

__all__ = [
    "Dialect",
    "Digit",
    "Encoding",
    "Ended",
    "Facts",
    "LinearSound",
    "LiveInput",
    "Sound",
    "read_object",
    "read_rate",
]

_MAX_TEXT_CHARACTERS = 16_384
_RATES_HZ = range(4_000, 192_001)


@dataclass(frozen=True, slots=True)
class Facts:
    """Something became known of the call."""

    facts: LiveFacts


@dataclass(frozen=True, slots=True)
class Sound:
    """A chunk of the far end's sound, mono float32 in [-1, 1]."""

    samples: Samples = field(repr=False)
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Digit:
    """A key was pressed at the far end."""

    digit: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The client says that the call is over."""

    why: str


LiveInput: TypeAlias = Facts | Sound | Digit | Ended


class Dialect(Protocol):
    """One client's way of speaking; keeps what it has to remember of the connection."""

    name: str

    def take(self, message: str | bytes) -> Sequence[LiveInput]:
        """Return what a message says.

        Raises
        ------
        FrameError
            If the dialect does not allow it.
        """

    def tell(self, event: Mapping[str, Any], /) -> Sequence[str]:
        """Return what to send at once for an event of the call."""

    def answer(self, transcript: str, /) -> str | None:
        """Return what a chunk of sound is answered with, None if it is not.

        Parameters
        ----------
        transcript : str
            What has been understood so far.
        """

    def hang_up(self) -> str | None:
        """Return what ends the call at the client, None if it has no word for it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How sound is written: 16-bit little-endian, or companded to 8 bits (G.711)."""

    sample_rate: int
    companding: str | None = None

    def samples(self, payload: bytes) -> Samples:
        """Return a chunk of sound as float32, shape (n_samples,).

        Raises
        ------
        FrameError
            If the length does not fit.
        """
        if self.companding is not None:
            return expand(self.companding, payload)
        if len(payload) % 2:
            raise FrameError(f"expected 16-bit samples, found {len(payload)} bytes")
        samples: Samples = np.frombuffer(payload, "<i2").astype(np.float32) / np.float32(32768)
        return samples

    @classmethod
    def of_asterisk(cls, name: str) -> Encoding:
        """Return what Asterisk calls by a format's name: `slin`, `slin16`, `ulaw`, `alaw`.

        Raises
        ------
        FrameError
            If it is another one.
        """
        if name in COMPANDED:
            return cls(8_000, name)
        kilohertz = name.removeprefix("slin") or "8"
        if name.startswith("slin") and kilohertz in _SLIN_HZ:
            return cls(_SLIN_HZ[kilohertz])
        raise FrameError(
            f"sound as {name[:20]!r}: expected slin, slin12 ... slin192, ulaw or alaw; "
            f"set it with the option c(slin) of Dial(WebSocket/...)"
        )


class LinearSound:
    """16-bit sound of a client that may say its rate, Hz, before the first chunk."""

    def __init__(self, sample_rate: int) -> None:
        self._encoding = Encoding(sample_rate)
        self.has_begun = False

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._encoding.sample_rate

    def take(self, payload: bytes) -> Sound:
        """Return a chunk; FrameError if it is torn."""
        self.has_begun = True
        return Sound(self._encoding.samples(payload), self.sample_rate)

    def set_rate(self, sample_rate: int) -> None:
        """Take the rate that was said."""
        self._encoding = Encoding(sample_rate)


_SLIN_HZ = {
    "8": 8_000,
    "12": 12_000,
    "16": 16_000,
    "24": 24_000,
    "32": 32_000,
    "44": 44_100,
    "48": 48_000,
    "96": 96_000,
    "192": 192_000,
}


def read_object(message: str) -> dict[str, Any] | None:
    """Return the JSON object in a text message, None if it is none.

    Raises
    ------
    FrameError
        If the message is longer than any control message.
    """
    if len(message) > _MAX_TEXT_CHARACTERS:
        raise FrameError(
            f"expected a message of at most {_MAX_TEXT_CHARACTERS} characters, found {len(message)}"
        )
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def read_rate(value: Any) -> int:
    """Return a sample rate that a client named.

    Raises
    ------
    FrameError
        If it is none.
    """
    try:
        rate = int(value)
    except (TypeError, ValueError, OverflowError):
        rate = 0
    if rate not in _RATES_HZ:
        raise FrameError(f"sample rate: expected 4000..192000 Hz, found {str(value)[:20]!r}")
    return rate
