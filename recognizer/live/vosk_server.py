"""vosk-server's protocol: an existing client gets its results, and our verdict beside them.

``{"config": {"sample_rate": 8000}}`` first, then 16-bit sound as binary, each chunk answered with
``{"partial": ...}``, then ``{"eof": 1}``, answered with the whole text. What we say is in
`recognizer` of those answers, so that a client that reads one answer a chunk stays in step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from recognizer.base.errors import FrameError
from recognizer.live.dialects import (
    Ended,
    Facts,
    LinearSound,
    LiveInput,
    read_object,
    read_rate,
)
from recognizer.live.live_facts import LiveFacts

__all__ = ["VoskServer"]


class VoskServer:
    """One client of vosk-server.

    Parameters
    ----------
    sample_rate : int
        Hz, unless the configuration says another.
    """

    name = "vosk-server"

    def __init__(self, sample_rate: int = 8_000) -> None:
        self._sound = LinearSound(sample_rate)
        self._news: Mapping[str, Any] | None = None

    @staticmethod
    def begins(message: str | bytes) -> bool:
        """Return whether this is the first message of such a client."""
        found = None if isinstance(message, bytes) else read_object(message)
        return found is not None and ("config" in found or "eof" in found)

    def take(self, message: str | bytes) -> Sequence[LiveInput]:
        """Return what a message says."""
        if isinstance(message, bytes):
            return [self._sound.take(message)]
        fields = read_object(message)
        if fields is None:
            raise FrameError(f"{self.name}: expected a JSON object, found {message[:40]!r}")
        config = fields.get("config")
        if isinstance(config, Mapping):
            self._configure(config)
        facts = Facts(LiveFacts.read({**fields, **(config if isinstance(config, Mapping) else {})}))
        return [facts, Ended("hangup")] if fields.get("eof") else [facts]

    def _configure(self, config: Mapping[str, Any]) -> None:
        if "sample_rate" not in config:
            return
        if self._sound.has_begun:
            raise FrameError(f"{self.name}: expected the configuration before the first sound")
        self._sound.set_rate(read_rate(config["sample_rate"]))

    def tell(self, event: Mapping[str, Any]) -> Sequence[str]:
        """Keep an event for the next answer; the last one is an answer itself."""
        if event["event"] != "end":
            self._news = event
            return []
        transcript = event.get("transcript") or {}
        words = [
            {"word": w["text"], "start": w["start_s"], "end": w["end_s"], "conf": w["confidence"]}
            for w in transcript.get("words", ())
        ]
        whole = {"result": words, "text": transcript.get("text", ""), "recognizer": event}
        return [json.dumps(whole, ensure_ascii=False)]

    def answer(self, transcript: str) -> str:
        """Return a partial result."""
        partial: dict[str, Any] = {"partial": transcript}
        if self._news is not None:
            partial["recognizer"], self._news = self._news, None
        return json.dumps(partial, ensure_ascii=False)

    def hang_up(self) -> None:
        """Its protocol has no word for it."""
