"""Fit the confidence: ``python -m benchmarks.calibration --calls DIR``.

Listens to the calls that ``python -m benchmarks.recognition.build --split fit`` made, notes the
figures of every wording considered and whether it was right, and fits the logistic model of
data/calibration.toml by Newton's method with a small ridge. Prints the coefficients, and the
confidence's calibration error on the same calls; the honest figure is the one that
benchmarks.recognition.run gives on the `judge` calls, which have other voices and wordings.

``--figures FILE`` keeps what was heard, so that a second fit takes a second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.recognition.build import Call, read_calls
from recognizer.calibration import MAX_GAP_NATS, MAX_MARGIN_NATS, Coefficients, Figures
from recognizer.pipeline import Recognizer

__all__ = ["Example", "fit"]

_RIDGE = 0.02
_NAMES = tuple(name for name in Coefficients.__struct_fields__ if name != "intercept")
# What can only speak for a wording may not come out as speaking against it by chance.
_SIGNS = {"score": 1, "gap": 1, "base_gap": 1, "margin": 1, "mean_logprob": 1}


class Example(msgspec.Struct, frozen=True):
    """One wording that was considered.

    Attributes
    ----------
    figures : Figures
    is_right : bool
        Whether its outcome is one that the call is labelled with.
    """

    figures: Figures
    is_right: bool


def fit(examples: Iterable[Example]) -> Coefficients:
    """Return the coefficients of highest likelihood, with a small ridge against extremes."""
    told = list(examples)
    matrix = np.array([_row(e.figures) for e in told])
    right = np.array([e.is_right for e in told], np.float64)
    kept = list(range(len(_NAMES)))
    while True:
        weights = _newton(matrix[:, [0, *(k + 1 for k in kept)]], right)
        wrong = [k for k, w in zip(kept, weights[1:], strict=True) if w * _sign(k) < 0]
        if not wrong:
            break
        kept = [k for k in kept if k not in wrong]
    found = dict.fromkeys(_NAMES, 0.0)
    found.update({_NAMES[k]: round(float(w), 4) for k, w in zip(kept, weights[1:], strict=True)})
    return Coefficients(intercept=round(float(weights[0]), 4), **found)


def _sign(index: int) -> int:
    return _SIGNS.get(_NAMES[index], -1)


def _row(figures: Figures) -> list[float]:
    return [
        1.0,
        figures.score,
        float(np.clip(figures.gap, -MAX_GAP_NATS, MAX_GAP_NATS)),
        float(np.clip(figures.base_gap, -MAX_GAP_NATS, MAX_GAP_NATS)),
        float(np.clip(figures.margin, -MAX_MARGIN_NATS, MAX_MARGIN_NATS)),
        max(-4.0, figures.mean_logprob),
        float(figures.n_live_words),
        figures.unknown_share,
    ]


def _newton(
    matrix: npt.NDArray[np.float64], right: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    scale = np.maximum(matrix.std(axis=0), 1e-9)
    scale[0] = 1.0
    scaled = matrix / scale
    ridge = np.eye(scaled.shape[1]) * _RIDGE * len(right)
    ridge[0, 0] = 0.0
    weights = np.zeros(scaled.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-np.clip(scaled @ weights, -30, 30)))
        slope = scaled.T @ (right - probability) - ridge @ weights
        curve = (scaled * (probability * (1 - probability))[:, None]).T @ scaled + ridge
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(curve)), slope)
        weights = weights + step
        if np.abs(step).max() < 1e-7:
            break
    return np.asarray(weights / scale, np.float64)


def expected_calibration_error(
    probabilities: npt.NDArray[np.float64], right: npt.NDArray[np.float64], n_bins: int = 10
) -> float:
    """Return the mean distance of confidence and truth over bins of equal size, 0-1."""
    order = np.argsort(probabilities)
    bins = [b for b in np.array_split(order, n_bins) if len(b)]
    return float(
        sum(abs(probabilities[b].mean() - right[b].mean()) * len(b) for b in bins) / len(order)
    )


def _listen(calls: list[Call], folder: Path) -> Iterator[Example]:
    recognizer = Recognizer.load()
    for number, call in enumerate(calls, start=1):
        print(f"\r{number}/{len(calls)} calls", end="", file=sys.stderr)
        for considered in recognizer.considered(folder / call.path):
            match, _, figures = considered
            yield Example(figures, match.outcome.value in call.expected.split("|"))
    print(file=sys.stderr)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=Path, required=True, help="folder with manifest.tsv")
    parser.add_argument("--figures", type=Path, help="keep the figures here, or read them")
    options = parser.parse_args()
    if options.figures is not None and options.figures.exists():
        examples = msgspec.json.decode(options.figures.read_bytes(), type=list[Example])
    else:
        examples = list(_listen(read_calls(options.calls / "manifest.tsv"), options.calls))
        if options.figures is not None:
            options.figures.write_bytes(msgspec.json.encode(examples))
    report(examples)
    return 0


def report(examples: list[Example]) -> Coefficients:
    """Print the coefficients as data/calibration.toml wants them, and how well they fit."""
    model = fit(examples)
    right = np.array([e.is_right for e in examples], np.float64)
    probabilities = np.array([model.probability(e.figures) for e in examples])
    print(f"# {len(examples)} wordings considered, {right.mean():.0%} right")
    for name in model.__struct_fields__:
        print(f"{name} = {getattr(model, name)}")
    print(
        f"# calibration error on these calls {expected_calibration_error(probabilities, right):.3f}"
    )
    for cutoff in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98):
        above = probabilities >= cutoff
        wrong = 1 - right[above].mean() if above.any() else 0.0
        print(f"# from {cutoff:.2f}: {above.mean():.1%} kept, {wrong:.2%} of them wrong")
    return model


if __name__ == "__main__":
    sys.exit(main())
