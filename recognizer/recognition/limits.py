"""The constants of a decision: data/decision_limits.toml, each with where it comes from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import msgspec

from recognizer.base.data_files import convert_toml, data_folder, read_toml
from recognizer.base.errors import DataFileError

__all__ = ["DecisionLimits", "load_limits"]

_SHARES = (
    "read_mark",
    "read_retry",
    "clear_sentence",
    "clear_mark_word",
    "not_listed",
    "min_live_confidence",
)


class DecisionLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds; its comments say what each is and where it comes from."""

    read_mark: float
    read_retry: float
    max_unknown_words: int
    min_words_of_mark: int
    clear_sentence: float
    clear_mark_word: float
    min_reading_margin_nats: float
    as_listed_score: float
    not_listed: float
    min_live_confidence: float
    min_person_words: int


@lru_cache(maxsize=1)
def load_limits(path: Path | None = None) -> DecisionLimits:
    """Read the limits.

    Raises
    ------
    DataFileError
        Naming file and field: a field that is missing, unknown or no probability.
    """
    file = read_toml(path or data_folder(".") / "decision_limits.toml")
    limits = convert_toml(file, DecisionLimits)
    for name in _SHARES:
        if not 0.0 < getattr(limits, name) < 1.0:
            raise DataFileError(
                f"{file.place(key=name)}: expected 0 to 1, found {getattr(limits, name)}"
            )
    return limits
