"""The telephone line: band, level, noise and codec.

Conventions: sound goes in at 16 kHz and comes out at 8 kHz, float32, mono. The signal-to-noise
ratio is taken over the speech alone (frames within 30 dB of the loudest), the level is the peak.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import cast

import av
import numpy as np
import soundfile
import soxr
from av.audio.codeccontext import AudioCodecContext

from benchmarks.recognition.voices import SAMPLE_RATE, Samples

__all__ = ["CODECS", "LINE_RATE", "active_rms", "through_codec", "to_line"]

LINE_RATE = 8_000
CODECS = ("pcm", "alaw", "ulaw", "gsm", "g723.1", "opus8", "amr")


def to_line(samples: Samples) -> Samples:
    """Return 16 kHz sound as a telephone line carries it: 8 kHz, 300-3400 Hz."""
    narrow = np.asarray(soxr.resample(samples, SAMPLE_RATE, LINE_RATE, quality="HQ"))
    spectrum = np.fft.rfft(narrow)
    frequency = np.fft.rfftfreq(len(narrow), 1 / LINE_RATE)
    low = np.clip((frequency - 200) / 100, 0, 1)
    high = np.clip((3600 - frequency) / 200, 0, 1)
    return np.asarray(np.fft.irfft(spectrum * low * high, len(narrow)), dtype=np.float32)


def active_rms(samples: Samples) -> float:
    """Return the RMS of 20 ms frames within 30 dB of the loudest one."""
    size = LINE_RATE // 50
    n_frames = max(1, len(samples) // size)
    frames = np.resize(samples, (n_frames, size)).astype(np.float64)
    power = np.mean(frames**2, axis=1)
    return float(np.sqrt(np.mean(power[power >= power.max() / 1000])))


def through_codec(samples: Samples, codec: str) -> Samples:
    """Return 8 kHz sound after encoding and decoding; length as given, delay left in."""
    if codec == "pcm":
        return samples
    if codec in _SNDFILE:
        return _sndfile_round_trip(samples, _SNDFILE[codec])
    if codec not in _AV:
        raise ValueError(f"codec: expected one of {', '.join(CODECS)}, got {codec!r}")
    return _av_round_trip(samples, *_AV[codec])


_SNDFILE = {"alaw": "ALAW", "ulaw": "ULAW", "gsm": "GSM610"}

_AV: dict[str, tuple[str, str, int, dict[str, str]]] = {
    "g723.1": ("g723_1", "g723_1", 6_300, {}),
    "opus8": ("libopus", "libopus", 8_000, {"application": "voip"}),
    "amr": ("libopencore_amrnb", "amrnb", 5_900, {}),
}


def _sndfile_round_trip(samples: Samples, subtype: str) -> Samples:
    file = io.BytesIO()
    soundfile.write(file, samples, LINE_RATE, subtype=subtype, format="WAV")
    file.seek(0)
    return _of_length(soundfile.read(file, dtype="float32")[0], len(samples))


def _av_round_trip(
    samples: Samples, encoder_name: str, decoder_name: str, bit_rate: int, options: dict[str, str]
) -> Samples:
    encoder = cast(AudioCodecContext, av.CodecContext.create(encoder_name, "w"))
    encoder.sample_rate, encoder.layout, encoder.format = LINE_RATE, "mono", "s16"
    encoder.bit_rate, encoder.time_base = bit_rate, Fraction(1, LINE_RATE)
    encoder.options = options
    encoder.open()
    decoder = cast(AudioCodecContext, av.CodecContext.create(decoder_name, "r"))
    decoder.sample_rate, decoder.layout = LINE_RATE, "mono"
    if encoder.extradata:
        decoder.extradata = encoder.extradata
    size = encoder.frame_size or 160
    n_frames = -(-len(samples) // size) + 2  # two more, for the codec's delay
    whole = np.zeros(n_frames * size, dtype=np.int16)
    whole[: len(samples)] = np.clip(samples * 32768, -32768, 32767)
    packets = []
    for first in range(0, len(whole), size):
        frame = av.AudioFrame.from_ndarray(whole[None, first : first + size], "s16", "mono")
        frame.sample_rate, frame.pts = LINE_RATE, first
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = [frame for packet in packets for frame in decoder.decode(packet)]
    decoded = np.concatenate([_to_float(frame) for frame in frames])
    if frames[0].sample_rate != LINE_RATE:
        decoded = soxr.resample(decoded, frames[0].sample_rate, LINE_RATE, quality="HQ")
    return _of_length(decoded, len(samples))


def _of_length(decoded: Samples, n_samples: int) -> Samples:
    out = np.zeros(n_samples, dtype=np.float32)
    out[: len(decoded)] = decoded[:n_samples]
    return out


def _to_float(frame: av.AudioFrame) -> Samples:
    values = frame.to_ndarray()[0]
    scale = 32768 if values.dtype == np.int16 else 1
    return np.asarray(values / scale, dtype=np.float32)
