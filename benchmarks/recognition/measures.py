"""Features of merit of confidences.

Conventions: `confidence` and `right` are float64, shape (n_answers,), `right` 0 or 1.

Sources: expected calibration error with bins of equal mass, Nguyen & O'Connor 2015, "Posterior
calibration and exploratory analysis for natural language processing models"; risk-coverage curve,
Geifman & El-Yaniv 2017, "Selective classification for deep neural networks".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["expected_calibration_error", "reliability", "risk_coverage"]

Values = npt.NDArray[np.float64]


def reliability(
    confidence: Values, right: Values, n_bins: int = 10
) -> list[tuple[float, float, int]]:
    """Return (mean confidence, share right, count) of bins that hold equally many answers."""
    order = np.argsort(confidence, kind="stable")
    bins = [b for b in np.array_split(order, n_bins) if len(b)]
    return [(float(confidence[b].mean()), float(right[b].mean()), len(b)) for b in bins]


def expected_calibration_error(confidence: Values, right: Values, n_bins: int = 10) -> float:
    """Return the mean distance between confidence and share right over equal-mass bins."""
    bins = reliability(confidence, right, n_bins)
    total = sum(count for _, _, count in bins)
    return sum(abs(mean - share) * count for mean, share, count in bins) / max(1, total)


def risk_coverage(confidence: Values, right: Values) -> tuple[Values, Values]:
    """Return coverage and risk: the share answered, and of it wrong, surest answers first."""
    order = np.argsort(-confidence, kind="stable")
    n_answered = np.arange(1, len(order) + 1)
    return n_answered / max(1, len(order)), np.cumsum(1 - right[order]) / n_answered
