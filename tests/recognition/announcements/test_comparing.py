"""The fast way to where an announcement lies, and to its sums, is the plain way to the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from announced import learned
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.recognition.announcements.clearness import FLOOR_S, KnownLevels
from recognizer.recognition.announcements.features import (
    N_BANDS,
    Floats,
    decibels,
    local_floor,
    powers_of,
    smoothed,
)
from recognizer.recognition.announcements.matching import Alignment, Heard, compare
from recognizer.recognition.announcements.sounds import Levels

HALF = N_BANDS // 2

Doubles = npt.NDArray[np.float64]


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


@settings(deadline=None, max_examples=50)
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


def _plain_parts(products: Doubles, powers: Doubles, size: int, step: int) -> list[float]:
    """Return the similarity of each part, by its definition: one frame after another."""
    common = size * N_BANDS * 4.0**2
    size = min(size, len(products))
    firsts = list(range(0, len(products) - size + 1, step))
    if firsts[-1] + size < len(products):
        firsts.append(len(products) - size)
    return [
        (products[f : f + size].sum() + common) / (powers[f : f + size].sum() + common)
        for f in firsts
    ]


def _plain_comparison(wanted: Doubles, said: Doubles, floor: Doubles) -> tuple[list[float], ...]:
    """Return the parts and short parts of one recording beside another, of one length."""
    above = (wanted >= wanted.max(axis=0) - 20) & (said > floor + 6)
    gain, count = np.zeros(N_BANDS), above.sum(axis=0)
    for band in np.flatnonzero(count):
        gain[band] = (said - wanted)[above[:, band], band].mean()
    usual = np.median(gain[count > 0]) if (count > 0).any() else 0.0
    wanted = wanted + np.where(count >= 10, gain, usual)
    noise = np.maximum(floor, wanted.max(axis=0) - 35)
    wanted = 10 * np.log10(10 ** (wanted / 10) + 10 ** (noise / 10))
    said = np.maximum(said, noise)
    pairs = [
        (wanted - wanted.mean(axis=0), said - said.mean(axis=0)),
        (np.maximum(wanted - noise - 3, 0), np.maximum(said - noise - 3, 0)),
    ]
    found = []
    for size, step in ((20, 5), (10, 2)):
        kinds = [
            _plain_parts((one * other).sum(axis=1), (one**2 + other**2).sum(axis=1) / 2, size, step)
            for one, other in pairs
        ]
        found.append([min(both) for both in zip(*kinds, strict=True)])
    return tuple(found)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.integers(1, 120),
    before=st.integers(0, 30),
    likeness=st.floats(0, 1),
)
def test_parts_are_as_alike_as_the_definition_says(
    *, seed: int, n_frames: int, before: int, likeness: float
) -> None:
    wanted = _sound(seed, n_frames)
    bands = _sound(seed + 1, before + n_frames)
    bands[before:] = likeness * wanted + (1 - likeness) * bands[before:]
    floor = local_floor(bands, 0.6)
    comparison = compare(wanted, Heard(bands, floor), Alignment(float(before), 1.0))
    parts, short_parts = _plain_comparison(
        *(b.astype(np.float64) for b in (wanted, bands[before:], floor[before:]))
    )
    assert comparison.parts == pytest.approx(parts, abs=2e-4)
    assert comparison.short_parts == pytest.approx(short_parts, abs=2e-4)
    assert (comparison.first_frame, comparison.end_frame) == (before, before + n_frames)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n_frames=st.integers(1, 80), span_s=st.floats(0.01, 0.7))
def test_the_noise_is_the_highest_of_the_lowest_around_each_frame(
    *, seed: int, n_frames: int, span_s: float
) -> None:
    levels = _sound(seed, n_frames)
    reach = min(n_frames - 1, round(span_s * 100)) // 2

    def around(values: Floats, frame: int) -> Floats:
        return values[max(0, frame - reach) : frame + reach + 1]

    lowest = np.stack([around(levels, frame).min(axis=0) for frame in range(n_frames)])
    highest = np.stack([around(lowest, frame).max(axis=0) for frame in range(n_frames)])
    assert np.array_equal(local_floor(levels, span_s), highest)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n_frames=st.integers(1, 40))
def test_powers_are_smoothed_over_five_frames_the_outermost_repeated(
    seed: int, n_frames: int
) -> None:
    powers = np.random.default_rng(seed).uniform(0.1, 9, (n_frames, 3)).astype(np.float32)
    places = np.clip(np.arange(n_frames)[:, None] + np.arange(-2, 3), 0, n_frames - 1)
    assert smoothed(powers) == pytest.approx(powers[places].mean(axis=1), rel=1e-5)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_powers_and_decibels_are_what_they_are_called(seed: int) -> None:
    levels = _sound(seed, 10)
    powers = powers_of(levels)
    assert powers == pytest.approx(10 ** (levels.astype(np.float64) / 10), rel=1e-5)
    assert decibels(powers) == pytest.approx(levels, abs=1e-4)


def test_how_loud_an_announcement_is_by_itself_is_found_out_once_and_counts_as_memory() -> None:
    announcement, known = learned("temporarily-blocked-number.wav"), KnownLevels()
    assert known.n_bytes == 0
    alone = known.of(announcement)
    levels = Levels(announcement.bands.astype(np.float32))
    assert alone.speech_db == levels.speech_db
    assert np.array_equal(alone.lowest, levels.lowest(FLOOR_S))
    assert known.of(announcement) is alone
    assert known.n_bytes == alone.lowest.nbytes > 0
