"""Shares of what was counted, and how far they can be trusted."""

from __future__ import annotations

__all__ = ["wilson_interval"]


def wilson_interval(n_right: int, n: int, *, z: float) -> tuple[float, float]:
    """Return between what the share lies of which `n_right` of `n` were counted, 0-1.

    E. B. Wilson's interval (1927); of nothing, from 0 to 1.

    Parameters
    ----------
    n_right, n : int
    z : float
        Of the normal distribution: 1.96 for 95 % between both, 1.645 for 95 % above the lower.
    """
    if n == 0:
        return 0.0, 1.0
    share = n_right / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
