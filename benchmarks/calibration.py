"""Fit the confidence: ``python -m benchmarks.calibration DIR...``, printed as calibration.toml.

Each DIR holds a manifest and ``figures.jsonl`` of
``benchmarks.recognition.run --figures --results figures.jsonl`` over calls of the `fit` split. Only
calls with one stretch of judged speech are used: there it is known which wording the figures
belong to. The model is a logistic one whose signs are kept sensible (a better score never lowers
the probability): a figure whose weight would turn out the wrong way is left out.

Printed besides: the expected calibration error and, for every cut-off, how many marks would be set,
how many of them wrongly. Both are measured on calls the coefficients were not fitted on (five
folds); the final judgement is `benchmarks.recognition.report` on the `judge` split.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.recognition.build import read_calls
from benchmarks.recognition.measures import expected_calibration_error
from recognizer.calibration import MAX_GAP_NATS, MAX_MARGIN_NATS
from recognizer.evaluation import is_wrong_mark
from recognizer.types import CallOutcome, PhraseListName, phrase_list_of

Values = npt.NDArray[np.float64]

# Name, sign, and how far the value is heeded; the same limits as in recognizer.calibration.
FIGURES = (
    ("score", 1, 0.0, 100.0),
    ("gap", 1, -MAX_GAP_NATS, MAX_GAP_NATS),
    ("margin", 1, -MAX_MARGIN_NATS, MAX_MARGIN_NATS),
    ("mean_logprob", 1, -4.0, 0.0),
    ("n_live_words", -1, 0.0, 100.0),
    ("unknown_share", -1, 0.0, 1.0),
)
_RIDGE = 1.0  # of standardised weights; keeps a few hundred calls from being believed too much
N_FOLDS = 5


def _observations(folder: Path) -> list[dict[str, Any]]:
    """Return one row a call: its figures, whether the candidate was right, whether it marks."""
    calls = {call.path: call for call in read_calls(folder / "manifest.tsv")}
    rows = []
    for line in (folder / "figures.jsonl").read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        if len(answer["figures"]) != 1 or answer["candidate"] not in set(CallOutcome):
            continue
        candidate = CallOutcome(answer["candidate"])
        expected = [CallOutcome(name) for name in calls[answer["path"]].expected.split("|")]
        rows.append(
            {
                **answer["figures"][0],
                "right": candidate in expected,
                "marks": phrase_list_of(candidate) is PhraseListName.INVALID_NUMBER,
                "wrong_mark": is_wrong_mark(expected, candidate),
            }
        )
    return rows


def _matrix(rows: list[dict[str, Any]]) -> Values:
    columns = [
        np.clip([np.inf if row[name] is None else row[name] for row in rows], low, high)
        for name, _, low, high in FIGURES
    ]
    return np.column_stack(columns)


def fit(features: Values, right: Values) -> Values:
    """Return intercept and weights, one a figure, none with the wrong sign.

    Parameters
    ----------
    features : float64, shape (n_calls, n_figures)
    right : float64, shape (n_calls,), 0 or 1
    """
    used = np.ones(features.shape[1], dtype=bool)
    signs = np.array([sign for _, sign, _, _ in FIGURES])
    while True:
        weights = np.zeros(features.shape[1])
        intercept, weights[used] = _logistic(features[:, used], right)
        wrong = used & (weights * signs < 0)
        if not wrong.any():
            return np.concatenate([[intercept], weights])
        used &= ~wrong


def _logistic(features: Values, right: Values) -> tuple[float, Values]:
    """Return intercept and weights of a ridge logistic regression, by Newton's method."""
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.diag([1e-6] + [_RIDGE] * features.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(100):
        probability = _sigmoid(design @ weights)
        gradient = design.T @ (right - probability) - penalty @ weights
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.max(np.abs(step)) < 1e-8:
            break
    slopes = weights[1:] / spread
    return float(weights[0] - slopes @ mean), slopes


def _sigmoid(values: Values) -> Values:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))


def _cross_fitted(features: Values, right: Values) -> Values:
    """Return each call's probability under coefficients fitted without its fold."""
    fold = np.random.default_rng(0).permutation(len(right)) % N_FOLDS
    probability = np.zeros(len(right))
    for number in range(N_FOLDS):
        weights = fit(features[fold != number], right[fold != number])
        probability[fold == number] = _sigmoid(weights[0] + features[fold == number] @ weights[1:])
    return probability


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR")
    rows = [row for folder in parser.parse_args().folders for row in _observations(folder)]
    features = _matrix(rows)
    right = np.array([row["right"] for row in rows], dtype=np.float64)
    weights = fit(features, right)
    probability = _cross_fitted(features, right)
    error = expected_calibration_error(probability, right)
    print(f"# {len(rows)} calls, {right.mean():.1%} right, calibration error {error:.3f}")
    print("# cut-off: marks set, of them wrong marks; announcements reported, of them wrong")
    marks = np.array([row["marks"] for row in rows])
    wrong_marks = np.array([row["wrong_mark"] for row in rows])
    for cutoff in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99):
        above = probability >= cutoff
        print(
            f"# {cutoff:.2f}: {np.sum(above & marks)}, {np.sum(above & wrong_marks)}; "
            f"{np.sum(above & ~marks)}, {np.sum(above & ~marks & (right == 0))}"
        )
    print("\n[acoustic]")
    print(f"intercept = {weights[0]:.3f}")
    for (name, _, _, _), weight in zip(FIGURES, weights[1:], strict=True):
        print(f"{name} = {weight:.4f}")


if __name__ == "__main__":
    main()
