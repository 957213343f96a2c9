"""How alike two spellings are, 0-100: the one module that asks RapidFuzz for ratios.

A *ratio* is RapidFuzz's: the share of letters that need no change, 100 for the same text. A
*partial ratio* is that of the shorter text with the best part of the longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

__all__ = [
    "N_WORDS_REMEMBERED",
    "Near",
    "best_part",
    "best_partial_ratio",
    "best_ratio",
    "nearest",
    "partial_ratio",
    "ratio",
]

N_WORDS_REMEMBERED = 4096
"""How many words' answers are kept by who compares words: announcements repeat theirs."""


class Near(NamedTuple):
    """One of several texts, by its place among them."""

    place: int
    ratio: float


def ratio(a: str, b: str) -> float:
    """Return the ratio of two texts, 0-100."""
    return float(fuzz.ratio(a, b))


def partial_ratio(a: str, b: str) -> float:
    """Return the partial ratio of two texts, 0-100."""
    return float(fuzz.partial_ratio(a, b))


def best_part(text: str, longer: str) -> tuple[int, int]:
    """Return the half-open range of letters of a longer text that is most like `text`."""
    found = fuzz.partial_ratio_alignment(text, longer)
    return (0, len(longer)) if found is None else (found.dest_start, found.dest_end)


def best_ratio(text: str, choices: Sequence[str]) -> float:
    """Return the highest ratio among some texts; 0 if there are none."""
    found = process.extractOne(text, choices, scorer=fuzz.ratio)
    return float(found[1]) if found else 0.0


def best_partial_ratio(text: str, choices: Sequence[str]) -> float:
    """Return the highest partial ratio among some texts; 0 if there are none."""
    found = process.extractOne(text, choices, scorer=fuzz.partial_ratio)
    return float(found[1]) if found else 0.0


def nearest(text: str, choices: Sequence[str], *, score_cutoff: float) -> list[Near]:
    """Return the texts whose ratio reaches a cutoff, nearest first, equals in the order given."""
    found = process.extract(text, choices, scorer=fuzz.ratio, score_cutoff=score_cutoff, limit=None)
    return [Near(place, float(value)) for _, value, place in found]
