"""Decode with libsndfile: WAV, AU, AIFF, CAF, Ogg, and headerless telephone codecs."""

from __future__ import annotations

import numpy as np
import soundfile

from recognizer.audio.decoders import DecodeError, Frames, read_up_to
from recognizer.audio.sources import View

__all__ = ["SoundfileDecoder"]


class SoundfileDecoder:
    """A `Decoder` over `soundfile.SoundFile`.

    Parameters
    ----------
    view : View
    raw_subtype : str or None
        libsndfile's name of a headerless coding (`ALAW`, `GSM610` ...), None to read the header.
    raw_sample_rate : int
        Hz, of a headerless file, which is mono.

    Raises
    ------
    DecodeError
        If libsndfile does not read it.
    """

    def __init__(
        self, view: View, *, raw_subtype: str | None = None, raw_sample_rate: int = 8000
    ) -> None:
        self._view = view
        self._raw_subtype = raw_subtype
        self._raw_sample_rate = raw_sample_rate
        self._file = self._open()
        self.codec = raw_subtype or self._file.subtype
        self.sample_rate = self._file.samplerate
        self.n_channels = self._file.channels
        # libsndfile gives 0 or 2**63-1 where it does not know.
        self.n_frames = self._file.frames if 0 < self._file.frames < 2**50 else None
        self.position = 0
        self.broken_off: str | None = None

    def _open(self) -> soundfile.SoundFile:
        self._view.seek(0)
        try:
            if self._raw_subtype is None:
                return soundfile.SoundFile(self._view)
            return soundfile.SoundFile(
                self._view,
                format="RAW",
                subtype=self._raw_subtype,
                samplerate=self._raw_sample_rate,
                channels=1,
                endian="LITTLE" if self._raw_subtype == "PCM_16" else "FILE",
            )
        except soundfile.LibsndfileError as problem:
            raise DecodeError(problem.error_string) from problem

    def read(self, n_frames: int) -> Frames:
        """Return the next `n_frames`."""
        try:
            frames: Frames = self._file.read(n_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as problem:
            # A cut or damaged file: what lies before this point was read.
            self.broken_off = problem.error_string
            return np.zeros((0, self.n_channels), np.float32)
        self.position += len(frames)
        return frames

    def seek(self, frame: int) -> None:
        """Move to `frame`: at once where the coding can, else by decoding up to it."""
        self.broken_off = None
        if self._file.seekable():
            try:
                self.position = self._file.seek(min(frame, self._file.frames))
            except soundfile.LibsndfileError:
                self._restart()
        elif frame < self.position:
            self._restart()
        read_up_to(self, frame)

    def _restart(self) -> None:
        self._file.close()
        self._file = self._open()
        self.position = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()
