"""Telephone sounds made of literal numbers, for tests; all at 8 kHz unless said otherwise."""

from __future__ import annotations

import io

import av
import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from recognizer.model import Samples

RATE = 8000


def tone(frequency_hz: float, seconds: float, level_dbfs: float = -20.0) -> Samples:
    """Return a sine whose RMS is `level_dbfs`."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave: Samples = np.sin(2 * np.pi * frequency_hz * t).astype(np.float32)
    return wave * np.float32(np.sqrt(2) * 10 ** (level_dbfs / 20))


def pause(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def join(*parts: Samples) -> Samples:
    return np.concatenate(parts)


def beeps(
    frequency_hz: float, on_s: float, off_s: float, n: int, level_dbfs: float = -20.0
) -> Samples:
    one = join(tone(frequency_hz, on_s, level_dbfs), pause(off_s))
    return np.tile(one, n)


def white_noise(n_samples: int, level_dbfs: float, seed: int = 1) -> Samples:
    noise = np.random.default_rng(seed).standard_normal(n_samples)
    return (noise * 10 ** (level_dbfs / 20)).astype(np.float32)


def babble(n_samples: int, level_dbfs: float, seed: int = 1) -> Samples:
    """Return noise like many voices at once: gliding harmonics under a speech-like envelope."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_samples) / RATE
    knots = np.arange(0, n_samples / RATE + 0.3, 0.15)
    sound = np.zeros(n_samples)
    for _ in range(8):
        pitch = rng.uniform(90, 240) * (
            1 + 0.15 * np.interp(t, knots, rng.standard_normal(len(knots)))
        )
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        loudness = np.clip(np.interp(t, knots, rng.uniform(-0.4, 1, len(knots))), 0, 1)
        for k in range(1, 16):
            gain = 1 / (1 + ((k * pitch.mean() - 500) / 400) ** 2)
            sound += gain * loudness * np.sin(k * phase)
    scaled: Samples = sound.astype(np.float32)
    return scaled * np.float32(10 ** (level_dbfs / 20) / np.sqrt(np.mean(sound**2)))


def through_file(samples: Samples, subtype: str) -> Samples:
    """Return what is left after a WAV file of `subtype`: ``ALAW``, ``ULAW``, ``GSM610``."""
    file = io.BytesIO()
    sf.write(file, samples, RATE, format="WAV", subtype=subtype)
    file.seek(0)
    decoded: Samples = sf.read(file, dtype="float32")[0]
    return decoded


def through_codec(samples: Samples, name: str, bit_rate: int) -> Samples:
    """Return what is left after a codec of FFmpeg's: ``libopus``, ``g723_1``."""
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.bit_rate = RATE, "mono", bit_rate
    encoder.format = av.AudioFormat("s16")
    encoder.open()
    size = encoder.frame_size or 240
    whole = np.pad(samples, (0, -len(samples) % size + 4 * size))
    pcm = (np.clip(whole, -1, 1) * 32767).astype(np.int16)
    packets = []
    for first in range(0, len(pcm), size):
        frame = av.AudioFrame.from_ndarray(pcm[None, first : first + size], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, first
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create(name.removeprefix("lib"), "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.sample_rate, decoder.layout = RATE, "mono"
    decoder.extradata = encoder.extradata
    resampler = av.AudioResampler("flt", "mono", RATE)
    frames = [f for p in packets for d in decoder.decode(p) for f in resampler.resample(d)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype(np.float32)


def at_16_khz(samples: Samples) -> Samples:
    doubled: npt.NDArray[np.float32] = soxr.resample(samples, RATE, 16000)
    return doubled
