"""Geometry of the charts; the templates draw them as SVG, so nothing but escaped text gets in.

Conventions: x and widths are per cent of the picture, y and heights are pixels, so that a chart
fills any width and its letters keep their size.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Bar", "Chart", "Column", "stacked_columns"]

HEIGHT_PX = 200
_TOP_PX, _BOTTOM_PX = 12, 22


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a column."""

    group: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `title` is read aloud and shown as a tip, `label` stands under it."""

    label: str
    title: str
    x: float
    width: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns and horizontal lines (value, y)."""

    columns: tuple[Column, ...]
    grid: tuple[tuple[int, float], ...]
    base: float


def stacked_columns(
    buckets: Sequence[tuple[str, str, Mapping[str, int]]], groups: Sequence[str]
) -> Chart:
    """Return stacked columns.

    Parameters
    ----------
    buckets : sequence of (label, title, counts by group)
    groups : sequence of str
        From the bottom up.
    """
    base = float(HEIGHT_PX - _BOTTOM_PX)
    highest = max((sum(counts.values()) for _, _, counts in buckets), default=0)
    step = nice_step(highest)
    top = max(step, math.ceil(highest / step) * step)
    scale = (base - _TOP_PX) / top
    pitch = 100 / max(1, len(buckets))
    every = max(1, math.ceil(len(buckets) / 8))
    columns = []
    for number, (label, title, counts) in enumerate(buckets):
        bars, y = [], base
        for group in groups:
            height = counts.get(group, 0) * scale
            if height:
                y -= height
                bars.append(Bar(group, counts[group], round(y, 2), round(height, 2)))
        columns.append(
            Column(
                label if number % every == 0 else "",
                title,
                round((number + 0.15) * pitch, 3),
                round(0.7 * pitch, 3),
                tuple(bars),
            )
        )
    grid = tuple((value, round(base - value * scale, 2)) for value in range(0, top + 1, step))
    return Chart(tuple(columns), grid, base)


def nice_step(highest: int) -> int:
    """Return 1, 2 or 5 times a power of ten that goes into `highest` at most four times."""
    return next(
        step
        for power in itertools.accumulate(itertools.repeat(10), operator.mul, initial=1)
        for step in (power, 2 * power, 5 * power)
        if highest <= 4 * step
    )
