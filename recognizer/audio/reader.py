"""Read a recording as float32 mono at one rate: in blocks, in parts, or all at once.

Conventions: seconds count from the first sample of the file; samples are float32, shape
(n_samples,), within [-1, 1]. A constant offset (DC) is removed, samples that are not numbers
become zero, samples beyond full scale are clipped.

Not handled: gaps between the time stamps of a video container (frames are joined), a file that
grows while it is read (what is appended after opening is not seen).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from recognizer.audio.channels import (
    FRAMES_PER_S,
    SURVEY_S,
    ChannelChoice,
    ChannelSurvey,
    RequestedChannel,
    only_channel,
    requested_choice,
)
from recognizer.audio.decoders import Decoder, Frames
from recognizer.audio.lengths import believed_s, refuse_too_long
from recognizer.audio.opening import OpenRecording, open_decoder
from recognizer.audio.resampling import resampled
from recognizer.audio.sources import SourceFile, open_source
from recognizer.base.errors import AudioError
from recognizer.model import Audio, AudioSource, Samples

__all__ = ["AudioInfo", "AudioReader", "open_audio", "probe_audio", "read_audio"]

_CHUNK_FRAMES = 10
"""Survey frames decoded at once: half a second, whatever the rate."""

_DC_S = 10.0
"""How much is listened to for a constant offset; the converter that makes it does not change."""

_MIN_DC = 1e-3
"""Smaller offsets (-60 dBFS) are left: good files come out bit by bit as they are."""

_MAX_WRONG_SHARE = 0.1
"""Of samples that are no numbers or beyond 1.5: more, and the file holds something else."""

_CUT_SHARE, _CUT_S = 0.98, 0.5
"""Codecs round the declared duration to whole frames and forget padding: so much is no cut."""

_CONTEXT_S = 0.1
"""Sound before and after a part, for the resampling filter to settle."""


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a recording is.

    Attributes
    ----------
    name : str
        For messages.
    format, codec : str
        For people: `WAV`, `ALAW`.
    sample_rate : int
        Hz, in the file.
    n_channels : int
        In the file.
    channel : int or `mix`
        The one that is read.
    channel_reason : str
        Why, one English sentence.
    duration_s : float or None
        As the file says, None if it does not. A cut file holds less.
    notes : tuple of str
        What was wrong and could be mended, in English.
    rivals : tuple of int
        Channels among which tones do not tell the parties apart; else empty.
    has_unread : bool
        The file holds more sound than is read.
    """

    name: str
    format: str
    codec: str
    sample_rate: int
    n_channels: int
    channel: int | Literal["mix"]
    channel_reason: str
    duration_s: float | None
    notes: tuple[str, ...] = ()
    rivals: tuple[int, ...] = ()
    has_unread: bool = False


class AudioReader:
    """An open recording; a context manager. Made by `open_audio`.

    Memory: half a second of the file as decoded (at most 3.1 MB: 192 kHz, 8 channels), one
    block of output, and what the decoder keeps (tens of kilobytes; a few megabytes of index for
    a long video). It does not grow with the duration: ``benchmarks/long_audio.py`` found 7 to
    13 MB over an idle process for ten minutes and 8 to 13 MB for two hours (WAV, GSM, FLAC, MP3,
    Opus).

    Reading in parts (`read`) and `blocks` may be mixed and repeated.
    """

    def __init__(
        self,
        source: SourceFile,
        recording: OpenRecording,
        *,
        sample_rate: int,
        channel: RequestedChannel,
        block_s: float,
        limit_s: float | None,
    ) -> None:
        self._source = source
        self._decoder = recording.decoder
        self._sample_rate = sample_rate
        self._block_s = block_s
        self._limit_s = math.inf if limit_s is None else limit_s
        self._end_note: str | None = None
        self._chunk = max(1, self._decoder.sample_rate // FRAMES_PER_S) * _CHUNK_FRAMES
        choice, self._offsets = self._survey(channel)
        self._weights, self._dc = choice.weights, _offset(self._offsets, choice.weights)
        self.info = AudioInfo(
            name=source.name,
            format=recording.format,
            codec=self._decoder.codec,
            sample_rate=self._decoder.sample_rate,
            n_channels=self._decoder.n_channels,
            channel=choice.channel,
            channel_reason=choice.reason,
            duration_s=_claimed_s(self._decoder),
            notes=() if recording.note is None else (recording.note,),
            rivals=choice.rivals,
            has_unread=recording.has_unread,
        )

    def only(self, channel: int, reason: str) -> AudioReader:
        """Return a reader of one channel of the same open recording, closed with this one.

        Parameters
        ----------
        channel : int
            From 0.
        reason : str
            For `AudioInfo.channel_reason`.
        """
        other = copy.copy(self)
        choice = only_channel(self.info.n_channels, channel, reason)
        other._weights = choice.weights  # noqa: SLF001  a copy of itself
        other._dc = _offset(self._offsets, choice.weights)  # noqa: SLF001
        other.info = replace(self.info, channel=channel, channel_reason=reason, rivals=())
        return other

    def at_rate(self, sample_rate: int) -> AudioReader:
        """Return a reader of the same open recording at another rate, closed with this one."""
        other = copy.copy(self)
        other._sample_rate = sample_rate  # noqa: SLF001  a copy of itself
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the recording; a file object that was given stays open."""
        self._decoder.close()
        self._source.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong and could be mended, in English; more may come while `blocks` runs."""
        return self.info.notes + (() if self._end_note is None else (self._end_note,))

    def blocks(self) -> Iterator[Audio]:
        """Yield the whole recording from its beginning, `block_s` seconds at a time.

        Raises
        ------
        AudioError
            `unreadable_file`: the disk or network failed on the way; `too_long`: there is more
            than the limit that `open_audio` was given.
        """
        n_block = max(1, round(self._block_s * self._sample_rate))
        first = 0
        for samples in _regroup(self._resample(self._mono(0, None)), n_block):
            yield Audio(samples, self._sample_rate, self.info.name, first / self._sample_rate)
            first += len(samples)
            if first > self._limit_s * self._sample_rate:
                refuse_too_long(
                    self.info.name, first / self._sample_rate, self._source.size, self._limit_s
                )
        self._end_note = self._say_end(first / self._sample_rate)

    def _say_end(self, duration_s: float) -> str | None:
        """Return how the end came before its time, None if it did not."""
        if self._decoder.broken_off:
            return f"it is damaged: after {duration_s:.1f} s {self._decoder.broken_off}"
        declared_s = self.info.duration_s or 0.0
        if duration_s < _CUT_SHARE * declared_s - _CUT_S:
            return f"it is cut: its header says {declared_s:.1f} s, {duration_s:.1f} s are there"
        return None

    def read(self, start_s: float, end_s: float) -> Audio:
        """Return the part ``[start_s, end_s)``, shorter or empty where the recording ends.

        The same samples as `blocks` gives, but for the rounding of the resampling filter.
        Formats that libsndfile reads are entered at that place; the others are decoded up to
        it, from the last place read if that lies before.

        Raises
        ------
        AudioError
            `unreadable_file`.
        ValueError
            If `start_s` is negative or not below `end_s`.
        """
        if not 0 <= start_s < end_s < math.inf:
            raise ValueError(f"expected 0 <= start_s < end_s, got [{start_s}, {end_s})")
        rate_in, rate_out = self._decoder.sample_rate, self._sample_rate
        first, last = round(start_s * rate_out), round(end_s * rate_out)
        # Only here does a sample of the file coincide with one of the output.
        step = rate_out // math.gcd(rate_in, rate_out)
        begin = max(0, first - math.ceil(_CONTEXT_S * rate_out)) // step * step
        begin_in = begin * rate_in // rate_out
        end_in = math.ceil((last / rate_out + _CONTEXT_S) * rate_in)
        parts = list(self._resample(self._mono(begin_in, end_in)))
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return Audio(
            samples[first - begin : last - begin], rate_out, self.info.name, first / rate_out
        )

    def read_whole(self, *, max_s: float) -> Audio | None:
        """Return all of a recording, None if it is longer than `max_s` seconds.

        Raises
        ------
        AudioError
            `unreadable_file`.
        """
        if (self.info.duration_s or 0.0) > max_s:
            return None
        parts: list[Samples] = []
        for block in self.blocks():
            parts.append(block.samples)
            if block.start_s + block.duration_s > max_s:
                return None
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return Audio(samples, self._sample_rate, self.info.name)

    def _survey(self, channel: RequestedChannel) -> tuple[ChannelChoice, npt.NDArray[np.float64]]:
        """Listen to the beginning: is there sound, which channel, what offset has each."""
        decoder = self._decoder
        fixed = requested_choice(channel, decoder.n_channels, self._source.name)
        survey = ChannelSurvey(decoder.n_channels, decoder.sample_rate)
        limit_s = _DC_S if fixed else SURVEY_S
        n_frames = n_wrong = 0
        sums = np.zeros(decoder.n_channels)
        is_whole_file = False
        while n_frames < limit_s * decoder.sample_rate:
            frames = self._decode_chunk(self._chunk)
            if len(frames) == 0:
                is_whole_file = True
                break
            n_wrong += int(np.count_nonzero(~(np.abs(frames) <= 1.5)))
            n_frames += len(frames)
            frames = _in_range(frames)
            sums += frames.sum(axis=0, dtype=np.float64)
            if fixed is None:
                survey.push(frames)
        self._check_survey(n_frames, n_wrong / max(1, n_frames * decoder.n_channels))
        choice = fixed or survey.choose(is_whole_file=is_whole_file)
        return choice, sums / n_frames

    def _check_survey(self, n_frames: int, wrong_share: float) -> None:
        if n_frames == 0:
            reason = self._decoder.broken_off
            raise AudioError(
                f"{self._source.name}: expected samples, found none"
                f"{f' ({reason})' if reason else ''}; "
                "the recorder wrote a header only, take the recording again",
                kind="no_samples",
            )
        if wrong_share > _MAX_WRONG_SHARE:
            raise AudioError(
                f"{self._source.name}: expected samples within -1 to 1, found {wrong_share:.0%} "
                "that are no numbers or far beyond; save the recording as 16-bit WAV",
                kind="invalid_samples",
            )

    def _decode_chunk(self, n_frames: int) -> Frames:
        frames = self._decoder.read(n_frames)
        self._source.check()
        return frames

    def _mono(self, first: int, last: int | None) -> Iterator[Samples]:
        """Yield the chosen channel of the file's frames ``[first, last)``."""
        position = first
        while last is None or position < last:
            if self._decoder.position != position:  # the beginning, or somebody else has read
                self._decoder.seek(position)
                self._source.check()
                if self._decoder.position != position:
                    return
            n_frames = self._chunk if last is None else min(self._chunk, last - position)
            frames = self._decode_chunk(n_frames)
            if len(frames) == 0:
                return
            position += len(frames)
            # Not `@`: for so little work BLAS wakes threads that then fight other processes.
            mono: Samples = np.einsum("tc,c->t", _in_range(frames), self._weights)
            yield mono - np.float32(self._dc) if self._dc else mono

    def _resample(self, chunks: Iterable[Samples]) -> Iterator[Samples]:
        return resampled(chunks, self._decoder.sample_rate, self._sample_rate)


def _claimed_s(decoder: Decoder) -> float | None:
    return None if decoder.n_frames is None else decoder.n_frames / decoder.sample_rate


def _offset(offsets: npt.NDArray[np.float64], weights: Samples) -> float:
    """Return the constant offset of the channels together, 0 where it is small."""
    offset = float(weights @ offsets)
    return offset if abs(offset) >= _MIN_DC else 0.0


def _in_range(frames: Frames) -> Frames:
    return np.clip(np.nan_to_num(frames, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)


def _regroup(chunks: Iterable[Samples], n_block: int) -> Iterator[Samples]:
    """Yield the same samples in arrays of `n_block`, the last one shorter."""
    held: list[Samples] = []
    n_held = 0
    for chunk in chunks:
        held.append(chunk)
        n_held += len(chunk)
        if n_held >= n_block:
            joined = np.concatenate(held)
            n_whole = n_held // n_block * n_block
            yield from np.split(joined[:n_whole], n_whole // n_block)
            held, n_held = [joined[n_whole:]], n_held - n_whole
    if n_held:
        yield np.concatenate(held)


def open_audio(
    source: AudioSource,
    *,
    sample_rate: int = 16_000,
    channel: RequestedChannel = "auto",
    block_s: float = 30.0,
    name: str | None = None,
    format_hint: str | None = None,
    limit_s: float | None = None,
) -> AudioReader:
    """Return an open recording; use it in a ``with`` statement.

    Parameters
    ----------
    source : path, bytes, or binary file object
        A file object is read from its beginning and stays open; one that cannot seek is copied
        (to a temporary file beyond 16 MB).
    sample_rate : int
        Hz, of what is read.
    channel : `auto`, `mix` or int
        `auto` finds the remote party's channel by the rule in `recognizer.audio.channels`;
        numbers count from 0.
    block_s : float
        Length of what `AudioReader.blocks` yields, seconds.
    name : str or None
        What messages call it; its extension says the format of headerless sound. None: the
        path, or the file object's own name.
    format_hint : str or None
        `alaw`, `ulaw`, `sln16`, `gsm` ...: what headerless sound is, whatever its name.
    limit_s : float or None
        Seconds; what claims to be longer, or is found to be, is refused.

    Raises
    ------
    AudioError
        With `kind`: `not_found`, `permission`, `is_directory`, `not_a_file`, `empty_file`,
        `unreadable_file` (disk or network), `unreadable_audio` (damaged, or not sound),
        `unsupported` (known, but not for us), `no_audio_track`, `no_samples`,
        `invalid_samples`, `no_such_channel`, `too_long`.
    ValueError
        If `channel`, `sample_rate` or `block_s` is not one at all.
    """
    if sample_rate <= 0 or not block_s > 0:
        raise ValueError(
            f"expected a rate and a block above 0, got {sample_rate} Hz and {block_s} s"
        )
    opened = open_source(source, name)
    try:
        recording = open_decoder(opened, format_hint)
        try:
            if limit_s is not None:
                duration_s = believed_s(_claimed_s(recording.decoder), opened.size)
                refuse_too_long(opened.name, duration_s, opened.size, limit_s)
            return AudioReader(
                opened,
                recording,
                sample_rate=sample_rate,
                channel=channel,
                block_s=block_s,
                limit_s=limit_s,
            )
        except BaseException:
            recording.decoder.close()
            raise
    except BaseException:
        opened.close()
        raise


def read_audio(
    source: AudioSource,
    *,
    sample_rate: int = 16_000,
    channel: RequestedChannel = "auto",
    max_duration_s: float | None = None,
    name: str | None = None,
    format_hint: str | None = None,
) -> Audio:
    """Return a whole recording, or its first `max_duration_s` seconds; see `open_audio`.

    Memory grows with the duration (64 kB a second at 16 kHz); for long ones use `open_audio`.

    Raises
    ------
    AudioError, ValueError
        As `open_audio`.
    """
    with open_audio(
        source, sample_rate=sample_rate, channel=channel, name=name, format_hint=format_hint
    ) as reader:
        if max_duration_s is not None:
            return reader.read(0.0, max_duration_s)
        parts = [block.samples for block in reader.blocks()]
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        return Audio(samples, sample_rate, reader.info.name)


def probe_audio(
    source: AudioSource,
    *,
    channel: RequestedChannel = "auto",
    name: str | None = None,
    format_hint: str | None = None,
) -> AudioInfo:
    """Return what a recording is, after listening to its beginning; see `open_audio`.

    Raises
    ------
    AudioError, ValueError
        As `open_audio`.
    """
    with open_audio(source, channel=channel, name=name, format_hint=format_hint) as reader:
        return reader.info
