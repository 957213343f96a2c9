"""The fast way to where an announcement lies, and to its sums, is the plain way to the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.recognition.announcements.features import N_BANDS, Floats
from recognizer.recognition.announcements.matching import Heard

HALF = N_BANDS // 2


def _sound(seed: int, n_frames: int) -> Floats:
    """Return bands in dB that move as those of speech do, some of them silent."""
    rng = np.random.default_rng(seed)
    bands = rng.uniform(-80, -20, N_BANDS) + rng.uniform(0, 15, (n_frames, 1)) * (
        rng.standard_normal((n_frames, N_BANDS))
    )
    bands[:, rng.random(N_BANDS) < 0.1] = -90.0
    return np.maximum(bands, -90).astype(np.float32)


def _plain_scores(chunk: Floats, coarse: Floats, place: int, reach: int) -> list[float]:
    """Return the normalised cross-correlation of a chunk at each lag, by its definition."""
    low, high = max(0, place - reach), min(len(coarse), place + reach + len(chunk))
    near = coarse[low : max(low, high)].astype(np.float64)
    near = near - near.mean(axis=0) if len(near) else near
    wanted = chunk.astype(np.float64) - chunk.astype(np.float64).mean(axis=0)
    scores = []
    for first in range(len(near) - len(chunk) + 1):
        part = near[first : first + len(chunk)]
        norms = np.linalg.norm(part) * np.linalg.norm(wanted)
        scores.append(float((part * wanted).sum() / (norms + 1e-6)))
    return scores


@given(
    seed=st.integers(0, 2**32 - 1),
    n_heard=st.integers(1, 300),
    n_chunk=st.integers(2, 60),
    place=st.integers(-100, 400),
    reach=st.integers(0, 40),
    is_there=st.booleans(),
)
def test_a_chunk_lies_where_the_definition_of_correlation_finds_it(
    *, seed: int, n_heard: int, n_chunk: int, place: int, reach: int, is_there: bool
) -> None:
    bands = _sound(seed, n_heard)
    coarse = ((bands[:, ::2] + bands[:, 1::2]) / 2).astype(np.float32)
    chunk = _sound(seed + 1, n_chunk)[:, :HALF]
    part = coarse[max(0, place) : max(0, place) + n_chunk]
    if is_there and len(part) == n_chunk:
        chunk = part + np.float32(3.0)
    expected = _plain_scores(chunk, coarse, place, reach)
    found = Heard(bands, np.zeros_like(bands)).best_lag(chunk, place, reach)
    if not expected:
        assert found is None
        return
    assert found is not None
    lag, score = found
    assert score == pytest.approx(max(expected), abs=2e-4)
    nearest = round(lag) + place - max(0, place - reach)
    around = expected[max(0, nearest - 1) : nearest + 2]
    assert max(around) == pytest.approx(max(expected), abs=2e-4)
