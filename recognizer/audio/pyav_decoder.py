"""Decode with libav (PyAV): MP3, AAC, AMR, Speex, video containers, and what libsndfile refuses.

The demuxer is always named: left to guess, libav would take a text file for a playlist and open
the files and addresses written in it. Time stamps inside the container are not used: frames are
joined as they come. Of several audio tracks libav's choice of the best is read.

Damaged files make PyAV raise more than its own errors (an IndexError for a stream that turns up
in the middle ...), so around its calls everything is caught: the file is to blame.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import av.error
import av.logging
import numpy as np

from recognizer.audio.decoders import DecodeError, Frames, read_up_to
from recognizer.audio.sources import View

__all__ = ["NoAudioTrackError", "PyAVDecoder"]

# Damaged files are our everyday input: what matters is raised, nothing goes to stderr.
av.logging.set_level(None)

_ESTIMATING_DEMUXERS = ("aac", "amr")
"""Their files do not say how long they are; libav guesses from the first frames."""

_MAX_BAD_PACKETS = 1000
"""In a row: then the rest of the file is not sound."""


class NoAudioTrackError(DecodeError):
    """The container was read and holds no sound."""


class PyAVDecoder:
    """A `Decoder` over `av.open`.

    Parameters
    ----------
    view : View
    demuxer : str
        libav's name of the container.

    Raises
    ------
    DecodeError
        If libav does not read it, or not one frame of sound can be decoded.
    """

    def __init__(self, view: View, demuxer: str) -> None:
        self._view = view
        self._demuxer = demuxer
        self.broken_off: str | None = None
        self.position = 0
        self.sample_rate = 0
        self.n_channels = 0
        self._layout: av.AudioLayout | None = None
        self._pending: list[Frames] = []
        self._open()
        first = next(self._decoded, None)
        if first is None:
            self.close()
            raise DecodeError(self.broken_off or "no sound could be decoded")
        self._pending = [self._frames(first)]
        self.codec = self._codec.codec.canonical_name
        self.n_frames = self._declared_frames()

    def _open(self) -> None:
        self._view.seek(0)
        try:
            self._container = av.open(
                self._view, mode="r", format=self._demuxer, metadata_errors="replace"
            )
        except Exception as problem:
            raise DecodeError(_reason(problem)) from problem
        stream = self._container.streams.best("audio")
        if not isinstance(stream, av.AudioStream):
            self._container.close()
            raise NoAudioTrackError("no audio track")
        if not stream.codec_context:  # None where libav knows no decoder, whatever its type says
            self._container.close()
            raise DecodeError("a coding without a decoder")
        self._stream = stream
        self._codec = _better_decoder(stream)
        self._decoded = self._decode()
        self.broken_off = None

    def _decode(self) -> Iterator[av.AudioFrame]:
        """Yield decoded frames in the form of the first one; a damaged packet is skipped."""
        resampler: av.AudioResampler | None = None
        form: tuple[object, ...] | None = None
        for decoded in self._decode_packets():
            if self._layout is None:
                self._layout = decoded.layout
                self.sample_rate = decoded.sample_rate
                self.n_channels = len(decoded.layout.channels)
            # Time stamps of a damaged file would be taken for gaps to be filled.
            decoded.pts = None
            try:
                found = (decoded.format.name, decoded.layout.name, decoded.sample_rate)
                if resampler is None or found != form:
                    # Interleaved: of 8 and more channels in planes PyAV reads one too many.
                    resampler = av.AudioResampler("flt", self._layout, self.sample_rate)
                    form = found
                chunks = resampler.resample(decoded)
            except Exception as problem:  # noqa: BLE001
                self.broken_off = _reason(problem)
            else:
                yield from chunks

    def _decode_packets(self) -> Iterator[av.AudioFrame]:
        n_bad = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    decoded = self._codec.decode(packet)
                except Exception as problem:  # noqa: BLE001 - see the top of the module
                    self.broken_off = _reason(problem)
                    n_bad += 1
                    if n_bad > _MAX_BAD_PACKETS:
                        return
                    continue
                for frame in decoded:
                    if isinstance(frame, av.AudioFrame) and frame.samples:
                        n_bad = 0
                        self.broken_off = None
                        yield frame
        except Exception as problem:  # noqa: BLE001
            self.broken_off = _reason(problem)

    def _declared_frames(self) -> int | None:
        if self._demuxer in _ESTIMATING_DEMUXERS:
            return None
        if self._stream.duration is not None and self._stream.time_base is not None:
            duration_s = self._stream.duration * self._stream.time_base
        elif self._container.duration is not None:
            duration_s = Fraction(self._container.duration, av.time_base)
        else:
            return None
        return round(duration_s * self.sample_rate) if duration_s > 0 else None

    def read(self, n_frames: int) -> Frames:
        """Return the next `n_frames`."""
        have = sum(len(frames) for frames in self._pending)
        while have < n_frames and (frame := next(self._decoded, None)) is not None:
            self._pending.append(self._frames(frame))
            have += len(self._pending[-1])
        joined = (
            np.concatenate(self._pending)
            if self._pending
            else np.zeros((0, self.n_channels), np.float32)
        )
        self._pending = [joined[n_frames:]]
        self.position += min(n_frames, len(joined))
        return joined[:n_frames]

    def _frames(self, frame: av.AudioFrame) -> Frames:
        return np.asarray(frame.to_ndarray(), np.float32).reshape(-1, self.n_channels)

    def seek(self, frame: int) -> None:
        """Move to `frame` by decoding up to it, from the start if it lies behind.

        libav's own seeking is by time stamp, which MP3 and damaged files do not have.
        """
        if frame < self.position:
            self.close()
            self._open()
            self._pending = []
            self.position = 0
        read_up_to(self, frame)

    def close(self) -> None:
        """Close the container."""
        self._container.close()


def _better_decoder(stream: av.AudioStream) -> av.AudioCodecContext:
    """Return the decoder of a stream: for Opus libopus, if this libav has it.

    libav's own Opus decoder starts some streams with a quarter second of loud rumble.
    """
    if stream.codec_context.name != "opus" or "libopus" not in av.codecs_available:
        return stream.codec_context
    codec = av.AudioCodecContext.create("libopus", "r")
    codec.extradata = stream.codec_context.extradata
    return codec


def _reason(problem: Exception) -> str:
    strerror = getattr(problem, "strerror", None)
    return str(strerror or problem)
