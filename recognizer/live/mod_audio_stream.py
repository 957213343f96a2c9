"""FreeSWITCH's mod_audio_stream: 16-bit sound as binary, JSON in both directions.

The module sends the metadata of ``uuid_audio_stream start`` first, if there is any, and fires what
comes back as the event ``mod_audio_stream::json``. It does not say its rate: `sample_rate` in the
metadata or in the address does, else it is 8000 Hz.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recognizer.base.errors import FrameError
from recognizer.live.dialects import (
    Digit,
    Ended,
    Facts,
    LinearSound,
    LiveInput,
    read_object,
    read_rate,
)
from recognizer.live.live_facts import LiveFacts

__all__ = ["ModAudioStream"]


class ModAudioStream:
    """One channel of FreeSWITCH, mono.

    Parameters
    ----------
    sample_rate : int
        Hz, unless the metadata says another.
    """

    name = "mod_audio_stream"

    def __init__(self, sample_rate: int = 8_000) -> None:
        self._sound = LinearSound(sample_rate)

    def take(self, message: str | bytes) -> Sequence[LiveInput]:
        """Return what a message says."""
        if isinstance(message, bytes):
            return [self._sound.take(message)]
        fields = read_object(message)
        if fields is None:
            raise FrameError(
                f"{self.name}: expected metadata as a JSON object, found {message[:40]!r}; "
                f"is this one of the clients of docs/telephony.md?"
            )
        if "sample_rate" in fields:
            self._set_rate(read_rate(fields["sample_rate"]))
        if fields.get("channels", 1) not in (1, "1"):
            raise FrameError(f"{self.name}: expected mix-type mono, found more than one channel")
        said: list[LiveInput] = [Facts(LiveFacts.read(fields))]
        if isinstance(fields.get("dtmf"), str):
            said += [Digit(digit) for digit in fields["dtmf"][:32]]
        return [*said, Ended("hangup")] if fields.get("eof") else said

    def _set_rate(self, sample_rate: int) -> None:
        if self._sound.has_begun and sample_rate != self._sound.sample_rate:
            raise FrameError(f"{self.name}: expected sample_rate before the first sound")
        self._sound.set_rate(sample_rate)

    def tell(self, event: Mapping[str, Any]) -> Sequence[str]:
        """Return the event as JSON."""
        return [json.dumps(event, ensure_ascii=False)]

    def answer(self, _transcript: str, /) -> None:
        """Return nothing: the module expects no answer."""

    def hang_up(self) -> None:
        """Hanging up is the dialplan's work, on the event `final`."""
