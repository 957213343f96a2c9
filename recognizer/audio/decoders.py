"""What a decoder does: the one thing the two libraries behind it have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["DecodeError", "Decoder", "Frames"]

Frames = npt.NDArray[np.float32]
"""float32, shape (n_frames, n_channels), nominally in [-1, 1]."""


class DecodeError(Exception):
    """A library refused the file; the message is its reason, without the file's name."""


class Decoder(Protocol):
    """An open recording at its own rate and channels.

    Attributes
    ----------
    codec : str
        Name of the coding, for people.
    sample_rate : int
        Hz, as in the file.
    n_channels : int
    n_frames : int or None
        How many frames there should be, None if the file does not say. A cut file has fewer.
    position : int
        Frame that the next `read` begins with.
    broken_off : str or None
        Why reading ended before the end of the file, None if it did not.
    """

    codec: str
    sample_rate: int
    n_channels: int
    n_frames: int | None
    position: int
    broken_off: str | None

    def read(self, n_frames: int) -> Frames:
        """Return the next `n_frames`; fewer only at the end of the sound, none after it."""

    def seek(self, frame: int) -> None:
        """Make the next `read` begin with `frame` (or find the end, if it lies beyond)."""

    def close(self) -> None:
        """Free what the library holds; may be called twice."""
