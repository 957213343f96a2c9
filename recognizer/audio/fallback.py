"""libsndfile first; where it breaks off in the middle of a damaged file, libav from there on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from recognizer.audio.decoders import DecodeError, Decoder, Frames

__all__ = ["FallbackDecoder"]


class FallbackDecoder:
    """A `Decoder` that goes on with a second one where the first gives up.

    libsndfile stops at the first damaged frame and drops what it had of that read; libav
    skips the frame.

    Parameters
    ----------
    first : Decoder
    open_second : callable
        Opens the other decoder at the beginning of the same file; may raise `DecodeError`.
    """

    def __init__(self, first: Decoder, open_second: Callable[[], Decoder]) -> None:
        self._current = first
        self._open_second: Callable[[], Decoder] | None = open_second
        self.codec = first.codec
        self.sample_rate = first.sample_rate
        self.n_channels = first.n_channels
        self.n_frames = first.n_frames
        self.position = 0
        self.broken_off: str | None = None

    def read(self, n_frames: int) -> Frames:
        """Return the next `n_frames`."""
        frames = self._current.read(n_frames)
        if len(frames) == 0 and self._current.broken_off and self._switch():
            frames = self._current.read(n_frames)
        self.position = self._current.position
        self.broken_off = self._current.broken_off
        return frames

    def _switch(self) -> bool:
        """Put the second decoder where the first one stopped, if it can take over."""
        if self._open_second is None:
            return False
        open_second, self._open_second = self._open_second, None
        with contextlib.suppress(DecodeError):
            second = open_second()
            same = (second.sample_rate, second.n_channels) == (self.sample_rate, self.n_channels)
            second.seek(self._current.position)
            if same and second.position == self._current.position:
                self._current.close()
                self._current = second
                return True
            second.close()
        return False

    def seek(self, frame: int) -> None:
        """Move to `frame`."""
        self._current.seek(frame)
        self.position = self._current.position

    def close(self) -> None:
        """Close the decoder in use."""
        self._current.close()
