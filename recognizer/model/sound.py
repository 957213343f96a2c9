"""Sound between the stages: samples at a known rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Audio", "Samples"]


Samples: TypeAlias = "npt.NDArray[np.float32]"
"""Mono samples, float32, shape (n_samples,), nominally in [-1, 1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound at a known rate.

    Attributes
    ----------
    samples : float32, shape (n_samples,)
        Mono, nominally in [-1, 1]; made read-only.
    sample_rate : int
        Hz.
    source : str
        Where it came from, for messages.
    start_s : float
        Where in that source the first sample lies, seconds.
    """

    samples: Samples
    sample_rate: int
    source: str = "<samples>"
    start_s: float = 0.0

    def __post_init__(self) -> None:
        import numpy as np  # noqa: PLC0415  (commands that read no sound start without it)

        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise ValueError(f"{self.source}: expected mono samples, got shape {samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"{self.source}: expected a sample rate in Hz, got {self.sample_rate}")
        view = samples.view()
        view.flags.writeable = False
        object.__setattr__(self, "samples", view)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def slice(self, start_s: float, end_s: float) -> Audio:
        """Return the part between two moments of the *source*, clipped to what is here."""
        first = max(0, round((start_s - self.start_s) * self.sample_rate))
        last = max(first, round((end_s - self.start_s) * self.sample_rate))
        return Audio(
            self.samples[first:last],
            self.sample_rate,
            self.source,
            self.start_s + first / self.sample_rate,
        )
