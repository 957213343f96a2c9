"""How long a recording may take before its worker is taken for hung."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BASE_LIMIT_S", "TimeLimits"]

BASE_LIMIT_S = 60.0
"""For any recording, however short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimits:
    """How long a worker may be silent, seconds, before it is taken for hung.

    The limit of one recording is `base_s` + `per_audio_s` for each of its seconds, that of several
    given together `base_s` + `per_audio_s` for all of their seconds; `base_s` for each that does
    not say how long it is; never more than `max_s`, whatever a header says. A recording longer
    than `max_duration_s` is refused.
    """

    start_s: float = 300.0
    base_s: float = BASE_LIMIT_S
    per_audio_s: float = 4.0
    max_s: float = 7200.0
    max_duration_s: float = 14_400.0

    def of(self, duration_s: float, *, n_undeclared: int = 0) -> float:
        """Return the limit for recordings of so many seconds together, seconds."""
        limit_s = self.base_s * max(1, n_undeclared) + self.per_audio_s * max(0.0, duration_s)
        return limit_s if limit_s < self.max_s else max(self.max_s, self.base_s)  # not a number too
