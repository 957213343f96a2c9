"""Find the channel of the remote party in a recording of several channels.

Call recorders put one party on each channel, but which one is first is not agreed on. The rule,
in this order:

1. Call-progress tones (ringback, busy, special information, fax answer) in one channel and at
   least 10 dB weaker in every other: that channel. The network plays them towards us, so they
   lie where the remote party is heard; our agent's microphone does not hear them. Measured in
   the band of the tone, so that an agent who talks meanwhile does not matter.
2. All channels with sound in them carry the same sound (also inverted): the loudest of them.
3. Only one channel has anything but silence or a steady noise: that one.
4. Otherwise both parties are there and nothing here tells them apart: the mean of the channels
   that are not silent. A party that is missed costs more than two that overlap.

Rules 3 and 4 only look at levels (`ChannelChoice.rivals`): whose each channel is, is then found by
what is said in them (`recognizer.recognition.parties`).

Only the first `SURVEY_S` seconds are listened to. In a longer file rule 3 is not applied, and
the mean in rule 4 is over all channels: one that is empty so far may speak later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from recognizer.audio.decoders import Frames
from recognizer.base.errors import AudioError
from recognizer.model.signals import CROSSTALK_DB

__all__ = [
    "FRAMES_PER_S",
    "SURVEY_S",
    "ChannelChoice",
    "ChannelSurvey",
    "RequestedChannel",
    "only_channel",
    "requested_choice",
]

RequestedChannel = int | str
"""`auto`, `mix`, or a channel number from 0."""

SURVEY_S = 120.0
FRAMES_PER_S = 20
"""Frames of 50 ms: they part 425 Hz from its neighbours, and the shortest beep holds two."""

_SILENT_DBFS = -60.0
"""The loudest frame of an empty channel; line noise lies below."""

_STEADY_DB = 6.0
"""A channel whose loudest frame is less than this above its quietest (5 %) says nothing."""

_TONE_HZ = ((425.0, 45.0), (950.0, 70.0), (1100.0, 70.0), (1400.0, 70.0), (1800.0, 70.0),
            (2100.0, 70.0))  # fmt: skip
"""Frequency and half width in Hz, the window's main lobe included. Source: ITU-T E.180 and the
Russian 425 Hz for call progress, T.30 for fax."""

_TONE_SHARE = 0.75
"""Of a frame's power, in one tone's band: through a 10 dB noise some 0.9 remain."""

_TONE_DBFS = -50.0
_TONE_RUN_FRAMES = 3
_TONE_MIN_S = 0.3
"""Shortest tone, and how much of them in all, before they count."""

_SAME_CORRELATION = 0.98


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """How the channels become one.

    Attributes
    ----------
    weights : float32, shape (n_channels,)
        Sum 1.
    channel : int or `mix`
    reason : str
        One English sentence.
    rivals : tuple of int
        Channels among which tones do not tell the parties apart; else empty.
    """

    weights: npt.NDArray[np.float32]
    channel: int | Literal["mix"]
    reason: str
    rivals: tuple[int, ...] = ()


class ChannelSurvey:
    """Listens to the beginning of a recording and chooses.

    Parameters
    ----------
    n_channels : int
    sample_rate : int
        Hz, 4000 or more.
    """

    def __init__(self, n_channels: int, sample_rate: int) -> None:
        self._n_channels = n_channels
        self._length = sample_rate // FRAMES_PER_S
        self._window = np.hanning(self._length).astype(np.float32)[:, None]
        frequencies = np.fft.rfftfreq(self._length, 1 / sample_rate)
        self._bands = [np.abs(frequencies - hz) <= half_hz for hz, half_hz in _TONE_HZ]
        self._audible = frequencies >= 60.0
        self._level_dbfs: list[npt.NDArray[np.floating]] = []
        self._tone_share: list[npt.NDArray[np.floating]] = []
        self._band_db: list[npt.NDArray[np.floating]] = []
        self._products = np.zeros((n_channels, n_channels))

    def push(self, samples: Frames) -> None:
        """Take the next samples, shape (n, n_channels); what does not fill a frame is dropped."""
        n_frames = len(samples) // self._length
        if n_frames == 0:
            return
        frames = samples[: n_frames * self._length].reshape(n_frames, self._length, -1)
        frames = frames - frames.mean(axis=1, keepdims=True)
        self._level_dbfs.append(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12))
        spectrum = np.abs(np.fft.rfft(frames * self._window, axis=1)) ** 2
        total = spectrum[:, self._audible].sum(axis=1) + 1e-12
        bands = np.stack([spectrum[:, band].sum(axis=1) for band in self._bands], axis=1)
        self._tone_share.append(bands.max(axis=1) / total)
        self._band_db.append(10 * np.log10(bands + 1e-12))
        flat = frames.reshape(-1, frames.shape[2])
        self._products += np.einsum("ti,tj->ij", flat, flat)

    def choose(self, *, is_whole_file: bool) -> ChannelChoice:
        """Apply the rule of this module to what was pushed."""
        everything = list(range(self._n_channels))
        if not self._level_dbfs:
            return self._mix(everything, "it is too short to compare the channels")
        levels = np.concatenate(self._level_dbfs)
        sounding = [int(c) for c in np.flatnonzero(levels.max(axis=0) > _SILENT_DBFS)]
        if not sounding:
            return self._mix(everything, "every channel is silent")
        return (
            self._with_tones(levels)
            or self._of_same_sound(sounding)
            or (self._with_speech(levels, sounding) if is_whole_file else None)
            or self._rivalled(
                self._mix(
                    sounding if is_whole_file else everything, "nothing tells the parties apart"
                )
            )
        )

    def _with_tones(self, levels: npt.NDArray[np.floating]) -> ChannelChoice | None:
        tonal = (np.concatenate(self._tone_share) >= _TONE_SHARE) & (levels >= _TONE_DBFS)
        tonal = np.stack([_long_runs(column) for column in tonal.T], axis=1)
        seconds = tonal.sum(axis=0) / FRAMES_PER_S
        found = int(np.argmax(seconds))
        if seconds[found] < _TONE_MIN_S or np.any(np.delete(seconds, found) >= _TONE_MIN_S):
            return None
        beeps_db = np.concatenate(self._band_db)[tonal[:, found]]
        heard = np.arange(len(beeps_db)), beeps_db[:, :, found].argmax(axis=1)
        in_band_db = beeps_db[heard]  # (n_frames, n_channels): the same tone in every channel
        # An agent who talks meanwhile crosses the band now and then, an echo is always in it.
        others_db = np.percentile(np.delete(in_band_db, found, axis=1), 25, axis=0)
        if np.any(in_band_db[:, found].mean() - others_db < CROSSTALK_DB):
            return None
        return only_channel(self._n_channels, found, "call-progress tones are heard in it alone")

    def _of_same_sound(self, sounding: list[int]) -> ChannelChoice | None:
        energy = np.diag(self._products)
        loudest = max(sounding, key=lambda c: float(energy[c]))
        if len(sounding) > 1 and all(
            abs(self._products[loudest, c])
            >= _SAME_CORRELATION * np.sqrt(energy[loudest] * energy[c])
            for c in sounding
        ):
            return only_channel(self._n_channels, loudest, "the channels carry the same sound")
        return None

    def _with_speech(
        self, levels: npt.NDArray[np.floating], sounding: list[int]
    ) -> ChannelChoice | None:
        rise_db = levels.max(axis=0) - np.percentile(levels, 5, axis=0)
        speaking = [c for c in sounding if rise_db[c] >= _STEADY_DB]
        if len(sounding) > 1 and len(speaking) != 1:
            return None
        reason = "the other channels are silent or hold a steady noise"
        return self._rivalled(only_channel(self._n_channels, (speaking or sounding)[0], reason))

    def _rivalled(self, choice: ChannelChoice) -> ChannelChoice:
        return replace(choice, rivals=tuple(range(self._n_channels)))

    def _mix(self, channels: list[int], reason: str) -> ChannelChoice:
        return _mix_of(self._n_channels, channels, reason)


def _long_runs(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Keep the runs of at least `_TONE_RUN_FRAMES`."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    kept = np.zeros_like(flags)
    for start, end in edges.reshape(-1, 2):
        kept[start:end] = end - start >= _TONE_RUN_FRAMES
    return kept


def only_channel(n_channels: int, channel: int, reason: str) -> ChannelChoice:
    """Return the choice of one channel."""
    weights = np.zeros(n_channels, np.float32)
    weights[channel] = 1.0
    return ChannelChoice(weights, channel, reason)


def _mix_of(n_channels: int, channels: Sequence[int], reason: str) -> ChannelChoice:
    weights = np.zeros(n_channels, np.float32)
    weights[list(channels)] = 1.0 / len(channels)
    return ChannelChoice(weights, "mix", reason)


def requested_choice(channel: RequestedChannel, n_channels: int, name: str) -> ChannelChoice | None:
    """Return the choice that needs no listening, None for `auto` among several channels.

    Raises
    ------
    AudioError
        `no_such_channel`.
    ValueError
        If `channel` is no channel at all.
    """
    if channel not in ("auto", "mix"):
        number = int(channel) if str(channel).isdecimal() else -1
        if number < 0:
            raise ValueError(f"channel: expected auto, mix, or a number from 0, got {channel!r}")
        if number >= n_channels:
            raise AudioError(
                f"{name}: expected a channel number {number}, found {n_channels} channel(s), "
                "counted from 0; choose one of them, mix, or auto",
                kind="no_such_channel",
            )
        return only_channel(n_channels, number, "asked for")
    if n_channels == 1:
        return only_channel(1, 0, "there is one channel")
    return _mix_of(n_channels, range(n_channels), "asked for") if channel == "mix" else None
