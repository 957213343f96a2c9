"""How likely it is that somebody speaks, every 32 ms, by Silero's model.

The weights come with faster-whisper, a core dependency, and run in onnxruntime, which that needs
too; nothing is fetched. The model wants 16 kHz; sound at 8 kHz is brought up to it here.

Conventions: a probability belongs to 512 samples at 16 kHz. The model remembers what it heard, and
its state is kept from chunk to chunk.

Source: Silero VAD version 6, MIT licence.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import numpy as np

from recognizer.base.errors import AudioError
from recognizer.model import Samples
from recognizer.signals.spectrum import Floats

__all__ = ["VAD_FRAME_S", "SpeechProbability"]

_RATE = 16000
_FRAME = 512
_CONTEXT = 64
_STATE_SHAPE = (1, 1, 128)
_BLOCK = 32 * _FRAME
# Measured on 560 one-word prompts: the model misses 29 as they are, 2 when it has heard a second of
# digital silence before and they are 10 dB quieter; and it hears the first word sooner.
_GAIN = np.float32(0.3)
_SILENT_PEAK = 10 ** (-60 / 20)  # nothing to hear, and nothing to spend time on
VAD_FRAME_S = _FRAME / _RATE


@functools.cache
def _session() -> Any:
    """Return the model, loaded once a process."""
    # Imported here: it takes a quarter of a second that other commands need not pay.
    from faster_whisper.vad import get_vad_model  # noqa: PLC0415

    return get_vad_model().session


@functools.cache
def _rested() -> tuple[Floats, Floats]:
    """Return the model's state after a second of silence."""
    state = (np.zeros(_STATE_SHAPE, np.float32), np.zeros(_STATE_SHAPE, np.float32))
    silence = np.zeros((_RATE // _FRAME, _CONTEXT + _FRAME), np.float32)
    _, hidden, cell = _session().run(None, {"input": silence, "h": state[0], "c": state[1]})
    return hidden, cell


class SpeechProbability:
    """Gives the probability of speech in sound that comes chunk by chunk.

    Parameters
    ----------
    sample_rate : int
        8000 or 16000 Hz.

    Raises
    ------
    AudioError
        At any other rate.
    """

    def __init__(self, sample_rate: int) -> None:
        if sample_rate not in (_RATE // 2, _RATE):
            raise AudioError(
                f"speech is looked for at 8000 or 16000 Hz, got {sample_rate} Hz; resample first",
                kind="sample_rate",
            )
        self._doubler = _Doubler() if sample_rate != _RATE else None
        self._pending: Samples = np.zeros(0, np.float32)
        self._state: tuple[Floats, Floats] | None = None  # None: rested
        self._context: Samples = np.zeros(_CONTEXT, np.float32)

    def push(self, samples: Samples) -> Floats:
        """Take more sound; return the probabilities of the frames worked through."""
        if self._doubler is not None:
            samples = self._doubler.push(samples)
        sound = np.concatenate((self._pending, samples))
        # Blocks of one length only, so that the numbers do not depend on the chunks.
        n_blocks = len(sound) // _BLOCK
        self._pending = sound[n_blocks * _BLOCK :].copy()
        blocks = sound[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK)
        return np.concatenate([np.zeros(0, np.float32), *map(self._run, blocks)])

    def forked(self) -> SpeechProbability:
        """Return one that has heard the same and goes on by itself."""
        fork: SpeechProbability = copy.copy(self)
        fork._doubler = copy.copy(self._doubler)
        return fork

    def finish(self) -> Floats:
        """Return the probabilities of the last frames, the last of all filled up with silence."""
        rest = self._pending
        self._pending = np.zeros(0, np.float32)
        return self._run(np.pad(rest, (0, -len(rest) % _FRAME)))

    def _run(self, sound: Samples) -> Floats:
        n_frames = len(sound) // _FRAME
        with_context = np.concatenate((self._context, sound))
        self._context = with_context[-_CONTEXT:].copy()
        if not n_frames or float(np.abs(sound).max()) < _SILENT_PEAK:
            self._state = None
            return np.zeros(n_frames, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(with_context, _CONTEXT + _FRAME)
        hidden, cell = self._state or _rested()
        probabilities, hidden, cell = _session().run(
            None, {"input": windows[::_FRAME] * _GAIN, "h": hidden, "c": cell}
        )
        self._state = (hidden, cell)
        return np.asarray(probabilities, np.float32).ravel()


class _Doubler:
    """Doubles the sample rate of sound that comes chunk by chunk.

    A windowed sinc of 32 taps finds the samples between; those given are kept as they are, 16
    samples late.
    """

    def __init__(self) -> None:
        at = np.arange(-15.5, 16)
        self._taps = (np.sinc(at) * np.hanning(34)[1:-1]).astype(np.float32)
        self._before: Samples = np.zeros(len(self._taps) - 1, np.float32)

    def push(self, samples: Samples) -> Samples:
        if not len(samples):
            return samples
        sound = np.concatenate((self._before, samples))
        self._before = sound[len(sound) - len(self._before) :].copy()
        doubled = np.empty(2 * len(samples), np.float32)
        middle = len(self._taps) // 2
        doubled[0::2] = sound[middle - 1 : middle - 1 + len(samples)]
        doubled[1::2] = np.convolve(sound, self._taps, "valid")
        return doubled
