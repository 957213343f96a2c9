"""Can a clean cut be told in the sound? ``python -m benchmarks.splices``.

A word cut out from one weak place of the voice to another, the ends faded into each other over
10 ms, leaves nothing digital to see. Human prompts (Debian's asterisk-core-sounds-ru-wav) are cut
so, put through the telephone codecs, and the seam is compared with weak places of the same prompts
that nobody touched: how much the spectrum, the loudness, the pitch and the noise between words
change across it, how sudden that is, and how long the voice is weak there. A logistic model of all
of it is fitted on one half of the prompts and judged on the other. Printed by codec: area under the
curve of the model, and the share of the seams found where 2 % of the untouched places are taken
for one: what a veto could cost.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.dropouts import RATE, Samples
from benchmarks.recognition.channel import CODECS, through_codec, to_line
from benchmarks.recognition.voices import prompt_names, read_prompt
from benchmarks.spoken_dropouts import faded_cut

Features = npt.NDArray[np.float64]

_FRAME, _HOP = RATE // 50, RATE // 200  # 20 ms every 5 ms
_CUT_S = (0.25, 0.65)  # «не» to «временно»
_MIN_S = 2.0
_N_BANDS = 18
_AROUND = 12  # hops: 60 ms
_COST = 0.02


def weak_places(samples: Samples) -> list[int]:
    """Return the samples at which the voice is weaker than 60 ms before and after."""
    power = np.convolve(samples**2, np.ones(_FRAME) / _FRAME, "same")[::_HOP]
    inner = range(_AROUND, len(power) - _AROUND)
    weak = [
        i for i in inner if power[i] == power[i - _AROUND : i + _AROUND + 1].min() and power[i] > 0
    ]
    loud = float(np.quantile(power, 0.9))
    near = 4 * _AROUND
    return [
        i * _HOP
        for i in weak
        if power[max(0, i - near) : i].max() > loud / 10 and power[i : i + near].max() > loud / 10
    ]


def features(samples: Samples, place: int) -> Features | None:
    """Return what changes across a place; None too near an end."""
    first = place - 3 * _AROUND * _HOP
    part = samples[first : place + 3 * _AROUND * _HOP + _FRAME]
    if first < 0 or len(part) < 6 * _AROUND * _HOP + _FRAME:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(part, _FRAME)[::_HOP]
    spectra = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), 256)) ** 2
    bands = np.log(spectra[:, 2:110].reshape(len(spectra), _N_BANDS, -1).mean(2) + 1e-9)
    shape = bands - bands.mean(1, keepdims=True)
    middle = 3 * _AROUND
    flux = np.linalg.norm(shape[4:] - shape[:-4], axis=1)
    at_seam = flux[middle - 6 : middle + 2]
    before, after = bands[middle - 6 : middle - 1], bands[middle + 1 : middle + 6]
    far_before, far_after = bands[: middle - 6], bands[middle + 6 :]
    level = bands.mean(1)
    floor_before, floor_after = (np.quantile(b.mean(1), 0.1) for b in (far_before, far_after))
    return np.array(
        [
            np.linalg.norm(before.mean(0) - after.mean(0)),
            np.linalg.norm(far_before.mean(0) - far_after.mean(0)),
            at_seam.max(),
            at_seam.max() - np.median(flux),
            abs(np.diff(level))[middle - 4 : middle + 4].max(),
            level[middle] - level.max(),
            abs(floor_before - floor_after),
            float((level < level[middle] + 1.0).sum()),
            abs(_pitch(part[: middle * _HOP]) - _pitch(part[middle * _HOP :])),
        ]
    )


def _pitch(samples: Samples) -> float:
    """Return the logarithm of the period in samples that repeats best (60 to 400 Hz)."""
    centred = samples - samples.mean()
    same = np.correlate(centred, centred, "full")[len(centred) - 1 :]
    lags = range(RATE // 400, min(RATE // 60, len(same)))
    return float(np.log(max(lags, key=lambda lag: same[lag])))


def places(
    codec: str, n_prompts: int, rng: np.random.Generator
) -> Iterator[tuple[int, int, Features]]:
    """Yield the prompt's number, 1 for a seam or 0 for an untouched place, and the features."""
    for number, name in enumerate(prompt_names()[:n_prompts]):
        prompt = np.asarray(to_line(read_prompt(name)), np.float32)
        if len(prompt) < _MIN_S * RATE:
            continue
        untouched = through_codec(prompt, codec)
        weak = weak_places(prompt)
        for place in rng.permutation(weak)[:3]:
            found = features(untouched, int(place))
            if found is not None:
                yield number, 0, found
        pairs = [
            (a, b) for a in weak for b in weak if _CUT_S[0] * RATE <= b - a <= _CUT_S[1] * RATE
        ]
        for a, b in rng.permutation(pairs)[:3]:
            found = features(through_codec(faded_cut(prompt, int(a), int(b - a)), codec), int(a))
            if found is not None:
                yield number, 1, found


def main() -> None:
    """Measure, and print one line a codec."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--prompts", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'codec':>8} {'seams':>6} {'others':>7} {'area':>6} {'found at 2 %':>13}")
    for codec in CODECS:
        rows = list(places(codec, options.prompts, np.random.default_rng(options.seed)))
        numbers = np.array([number for number, _, _ in rows])
        is_seam = np.array([label for _, label, _ in rows])
        table = np.stack([found for _, _, found in rows])
        fit, judge = numbers % 2 == 0, numbers % 2 == 1
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
        model.fit(table[fit], is_seam[fit])
        score = model.decision_function(table[judge])
        limit = np.quantile(score[is_seam[judge] == 0], 1 - _COST)
        found = (score[is_seam[judge] == 1] > limit).mean()
        print(
            f"{codec:>8} {int(is_seam[judge].sum()):>6} {int((is_seam[judge] == 0).sum()):>7}"
            f" {roc_auc_score(is_seam[judge], score):>6.2f} {found:>12.0%}"
        )


if __name__ == "__main__":
    main()
