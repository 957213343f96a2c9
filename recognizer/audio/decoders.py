"""What a decoder does: the one thing the two libraries behind it have in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["DecodeError", "Decoder", "Frames", "read_up_to"]

_SKIPPED_FRAMES = 65_536  # at a time

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


def read_up_to(decoder: Decoder, frame: int) -> None:
    """Decode what lies before a frame, a part at a time, and let it go."""
    while decoder.position < frame:
        if len(decoder.read(min(_SKIPPED_FRAMES, frame - decoder.position))) == 0:
            break
