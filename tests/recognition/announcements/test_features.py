"""Features are the power in mel bands of the Fourier transform, however the sound comes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.model import Audio, Samples
from recognizer.recognition.announcements.features import N_BANDS, Floats, LogMelStream, log_mel


def _sound(seed: int, n_samples: int, level_dbfs: float) -> Samples:
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(n_samples) * 10 ** (level_dbfs / 20)
    wave[n_samples // 3 : n_samples // 2] = 0
    tone = 0.3 * np.sin(np.arange(n_samples) * rng.uniform(0.1, 3))
    sound: Samples = (wave + tone).astype(np.float32)
    return sound


def _plain(samples: Samples, rate: int) -> Floats:
    """Return the features by their definition, with an FFT in double precision."""
    size, hop = round(0.032 * rate), round(0.01 * rate)
    n_frames = -(-len(samples) // hop)
    padded = np.zeros(size // 2 + (n_frames - 1) * hop + size + size, np.float64)
    padded[size // 2 : size // 2 + len(samples)] = samples
    window = np.hanning(size + 1)[:-1]
    frames = np.stack([padded[f * hop : f * hop + size] * window for f in range(n_frames)])
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    hz = np.arange(power.shape[1]) * rate / size
    lowest, highest = (2595 * math.log10(1 + f / 700) for f in (200.0, 3400.0))
    mels = np.linspace(lowest, highest, N_BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bands = np.zeros((n_frames, N_BANDS))
    for band in range(N_BANDS):
        low, middle, high = edges[band : band + 3]
        triangle = np.clip(np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)), 0, None)  # fmt: skip # noqa: E501
        bands[:, band] = power @ triangle
    levels: Floats = 10 * np.log10(2 * bands / (size * np.sum(window**2)) + 1e-9).astype(np.float32)
    return levels


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.sampled_from([8000, 11025, 16_000, 44_100]),
    seconds=st.floats(0.001, 0.5),
    level_dbfs=st.floats(-80, 0),
)
def test_the_features_are_those_of_an_fft(
    seed: int, rate: int, seconds: float, level_dbfs: float
) -> None:
    samples = _sound(seed, max(1, round(seconds * rate)), level_dbfs)
    found = log_mel(Audio(samples, rate))
    assert found.dtype == np.float32
    # What is compared reaches 35 dB down; rounding shows 80 dB below the loudest.
    expected = _plain(samples, rate)
    assert found.shape == expected.shape
    heard = expected > expected.max() - 60
    assert found[heard] == pytest.approx(expected[heard], abs=0.02)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_sound_that_comes_in_blocks_has_the_features_of_the_whole(
    seed: int, cuts: list[int]
) -> None:
    samples = _sound(seed, 4000, -20.0)
    stream = LogMelStream(8000)
    blocks = np.split(samples, sorted(cuts))
    found = np.concatenate([*(stream.push(block) for block in blocks), stream.finish()])
    expected = log_mel(Audio(samples, 8000))
    assert found.shape == expected.shape
    heard = expected > expected.max() - 60  # weaker is rounding
    assert found[heard] == pytest.approx(expected[heard], abs=0.02)
