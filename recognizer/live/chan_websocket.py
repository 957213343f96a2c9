"""Asterisk's WebSocket channel driver (chan_websocket, Asterisk 22.6 and later).

Control messages are text, ``MEDIA_START key:value ...`` or, where the dialplan asks for it, JSON
with `event`; sound is binary in the channel's format. Facts come as channel variables
(``RECOGNIZER_NUMBER``) or, with text, in the address.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recognizer.base.errors import FrameError
from recognizer.live.dialects import Digit, Encoding, Facts, LiveInput, Sound, read_object
from recognizer.live.live_facts import FIELDS, LiveFacts

__all__ = ["ChanWebSocket"]

_START = "MEDIA_START"


class ChanWebSocket:
    """One channel of Asterisk."""

    name = "chan_websocket"

    def __init__(self) -> None:
        self._encoding: Encoding | None = None
        self._is_json = False

    @staticmethod
    def begins(message: str | bytes) -> bool:
        """Return whether this is the first message of such a channel."""
        if isinstance(message, bytes):
            return False
        found = read_object(message)
        return message.startswith(_START) if found is None else found.get("event") == _START

    def take(self, message: str | bytes) -> Sequence[LiveInput]:
        """Return what a message says; events about sound sent to Asterisk say nothing to us."""
        if isinstance(message, bytes):
            if self._encoding is None:
                raise FrameError(f"{self.name}: expected {_START} first, found sound")
            return [Sound(self._encoding.samples(message), self._encoding.sample_rate)]
        fields = read_object(message)
        is_json, fields = fields is not None, fields or _fields(message)
        event = fields.get("event")
        if event == _START:
            return [self._start(fields, is_json=is_json)]
        if event == "DTMF_END":
            return [Digit(str(fields.get("digit", ""))[:1])]
        return []

    def _start(self, fields: Mapping[str, Any], *, is_json: bool) -> Facts:
        if self._encoding is not None:
            raise FrameError(f"{self.name}: expected one {_START}, found a second")
        self._encoding = Encoding.of_asterisk(str(fields.get("format", "")))
        self._is_json = is_json
        variables = fields.get("channel_variables")
        if not isinstance(variables, Mapping):
            variables = {}
        given = {name: variables.get(f"RECOGNIZER_{name.upper()}") for name in FIELDS}
        # connection_id names a profile of the configuration, not the call.
        given["channel"] = fields.get("channel_id") or fields.get("channel")
        return Facts(LiveFacts.read(given))

    def tell(self, _event: Mapping[str, Any], /) -> Sequence[str]:
        """Return nothing: Asterisk takes commands only."""
        return []

    def answer(self, _transcript: str, /) -> None:
        """Return nothing: Asterisk makes its own silence where nothing is sent."""

    def hang_up(self) -> str:
        """Return the command that ends the channel."""
        return json.dumps({"command": "HANGUP"}) if self._is_json else "HANGUP"


def _fields(message: str) -> dict[str, Any]:
    """Return the values of ``EVENT key:value key:value``."""
    event, *pairs = message.split()[:64] or [""]
    split = (pair.partition(":") for pair in pairs)
    return {"event": event, **{key: value for key, colon, value in split if colon}}
