"""The sound of a call that is going on, and how loud it is just now."""

from __future__ import annotations

import numpy as np

from recognizer.engines.base import ENGINE_SAMPLE_RATE
from recognizer.model import Audio, Samples

__all__ = ["GrowingSound", "Loudness"]

_QUIET_PEAK = 0.003  # -50 dBFS: under this nothing is heard
_MOMENT = round(0.05 * ENGINE_SAMPLE_RATE)
_FALL = 0.5  # 6 dB from one moment to the next: a beep or a word is over


class GrowingSound:
    """All the sound of a call so far, in memory only, at `ENGINE_SAMPLE_RATE`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._blocks: list[Samples] = []
        self._n_samples = 0

    @property
    def duration_s(self) -> float:
        """Seconds of sound taken."""
        return self._n_samples / ENGINE_SAMPLE_RATE

    def append(self, samples: Samples) -> Audio:
        """Take more sound; return it with its place."""
        block = Audio(samples, ENGINE_SAMPLE_RATE, self._name, self.duration_s)
        self._blocks.append(samples)
        self._n_samples += len(samples)
        return block

    def read(self, start_s: float, end_s: float) -> Audio:
        """Return the sound between two moments, less what is not there."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        whole = self._blocks[0] if self._blocks else np.zeros(0, np.float32)
        return Audio(whole, ENGINE_SAMPLE_RATE, self._name).slice(start_s, end_s)


class Loudness:
    """Whether there was anything to hear since the last look, and whether it is just over."""

    def __init__(self) -> None:
        self._peak = self._last_peak = 0.0

    @property
    def is_loud(self) -> bool:
        """Whether anything was heard since the last look."""
        return self._peak >= _QUIET_PEAK

    @property
    def has_fallen(self) -> bool:
        """Whether what was heard is over, or a moment of it."""
        return self.is_loud and self._last_peak < _FALL * self._peak

    def take(self, samples: Samples) -> None:
        """Take more sound."""
        self._last_peak = float(np.abs(samples[-_MOMENT:]).max())
        self._peak = max(self._peak, float(np.abs(samples).max()))

    def looked(self) -> None:
        """Begin anew; what sounds at this moment goes on."""
        self._peak = self._last_peak
