"""How sure an outcome is that rests on signals and sounds alone: what was counted of its like."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError
from recognizer.base.shares import wilson_interval
from recognizer.model import CallOutcome, ToneEvent, ToneKind

__all__ = ["SignalConfidence", "load_signal_confidence", "periods_of"]

MOST_PERIODS = 4  # so many are as sure as any more
_Z = 1.645  # of the normal distribution, 95 % lie below it: the usual bound of one side
_KINDS = {
    CallOutcome.RINGBACK_ONLY: {ToneKind.RINGBACK},
    CallOutcome.BUSY_TONE: {ToneKind.BUSY, ToneKind.CONGESTION},
}


class _Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often an outcome was claimed, from so many periods on, and how often rightly."""

    outcome: CallOutcome
    from_periods: int
    n_claimed: int
    n_right: int


class SignalConfidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What data/signal_confidence.toml holds."""

    claim: tuple[_Claim, ...]

    def of(self, outcome: CallOutcome, n_periods: int = 0) -> float:
        """Return the probability, 0-1, that an outcome is right which rests on so many periods.

        It is what the counts hold for at least, at 95 % (Wilson's lower bound): five claims that
        were all right say less than ninety.
        """
        best = max(
            (c for c in self.claim if c.outcome is outcome and c.from_periods <= n_periods),
            key=lambda c: c.from_periods,
        )
        at_least, _ = wilson_interval(best.n_right, best.n_claimed, z=_Z)
        return round(at_least, 3)


def periods_of(outcome: CallOutcome, tones: Sequence[ToneEvent]) -> int:
    """Return the periods of the signal that an outcome rests on; 0 where it rests on none."""
    kinds = _KINDS.get(outcome, set[ToneKind]())
    return min(MOST_PERIODS, sum(t.n_periods for t in tones if t.kind in kinds))


@lru_cache(maxsize=1)
def load_signal_confidence(path: Path | None = None) -> SignalConfidence:
    """Read the counts.

    Raises
    ------
    DataFileError
        Naming the file and what is wrong: an unknown field, more right than claimed, or a signal
        without a line for its fewest periods.
    """
    file = read_toml(path or data_folder(".") / "signal_confidence.toml")
    found = convert_toml(file, SignalConfidence)
    for index, claim in enumerate(found.claim):
        if not 0 <= claim.n_right <= claim.n_claimed:
            place = file.place("claim", index, "n_right")
            raise DataFileError(f"{place}: expected 0 to n_claimed, found {claim.n_right}")
    for outcome in _OUTCOMES:
        fewest = 1 if outcome in _KINDS else 0
        if not any(c.outcome is outcome and c.from_periods <= fewest for c in found.claim):
            raise DataFileError(
                f"{file.path}: no [[claim]] of {outcome.value} from {fewest} periods"
            )
    return found


_OUTCOMES = (
    CallOutcome.BUSY_TONE,
    CallOutcome.RINGBACK_ONLY,
    CallOutcome.FAX,
    CallOutcome.MUSIC,
    CallOutcome.SILENCE,
    CallOutcome.DISCONNECTED,
)
