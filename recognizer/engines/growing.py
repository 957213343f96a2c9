"""Hear speech again and again while it is being said, and pay for each part of it once.

A live call asks for the same utterance as it grows. An engine that keeps its work from one chunk of
sound to the next (`StreamingEngine.keeps_work`) hears only what is new, and says of the whole what
it would say of a recording.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recognizer.engines.base import (
    MAX_UTTERANCE_S,
    Engine,
    StreamingEngine,
    StreamingUtterance,
    Utterance,
    check_speech,
)
from recognizer.engines.lazy import LazyEngine
from recognizer.model import Audio

__all__ = ["GrowingEngine"]

_N_KEPT = 4  # an utterance, its halves, and what was passed over in it


class GrowingEngine:
    """An engine as one live call asks it; not to be shared between calls or threads.

    `listen` answers as the engine itself does. Where the engine keeps its work, sound that begins
    with what was heard before at the same moment costs only what follows; any other engine is not
    asked twice in a row for the same sound.

    Parameters
    ----------
    engine : Engine
        May be shared with other calls.
    """

    def __init__(self, engine: Engine) -> None:
        self._shared = engine
        self._kept: OrderedDict[float, _Kept] = OrderedDict()
        self._last: tuple[Audio, Utterance] | None = None

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self._shared.name

    @property
    def model(self) -> str:
        """Name of the model in use."""
        return self._shared.model

    def listen(self, audio: Audio) -> Utterance:
        """Recognise one utterance; see `Engine.listen`."""
        engine = self._shared.loaded if isinstance(self._shared, LazyEngine) else self._shared
        if not isinstance(engine, StreamingEngine) or not engine.keeps_work:
            return self._listen_anew(engine, audio)
        check_speech(audio, max_s=MAX_UTTERANCE_S)
        kept = self._kept.pop(audio.start_s, None)
        if kept is None:
            kept = _Kept(engine.stream())
        elif not kept.begins(audio):  # shorter, or played slower
            self._kept[audio.start_s] = kept
            return engine.listen(audio)
        heard = kept.go_on(audio)  # what fails here is not kept
        self._kept[audio.start_s] = kept
        while len(self._kept) > _N_KEPT:
            self._kept.popitem(last=False)
        return heard

    def _listen_anew(self, engine: Engine, audio: Audio) -> Utterance:
        if self._last is None or not _is_same(self._last[0], audio):
            heard = engine.listen(audio)
            self._last = replace(audio, samples=audio.samples.copy()), heard
        return self._last[1]

    def transcribe_together(self, utterances: Sequence[Utterance]) -> None:
        """Work out several transcripts; see `Engine.transcribe_together`."""
        self._shared.transcribe_together(utterances)


class _Kept:
    """One utterance that may still grow."""

    def __init__(self, stream: StreamingUtterance) -> None:
        self._stream = stream
        self._samples = np.zeros(0, np.float32)

    def begins(self, audio: Audio) -> bool:
        """Return whether a sound begins with the one heard."""
        n = len(self._samples)
        return len(audio.samples) >= n and np.array_equal(audio.samples[:n], self._samples)

    def go_on(self, audio: Audio) -> Utterance:
        """Hear what is new, and return the whole."""
        n = len(self._samples)
        if len(audio.samples) > n:
            start_s = audio.start_s + n / audio.sample_rate
            self._stream.push(replace(audio, samples=audio.samples[n:], start_s=start_s))
            self._samples = audio.samples.copy()  # the call's whole sound may be behind it
        return self._stream.so_far()


def _is_same(one: Audio, other: Audio) -> bool:
    return one.start_s == other.start_s and np.array_equal(one.samples, other.samples)
