"""Hear why a call failed and decide its status, offline.

Examples
--------
>>> from recognizer import Recognizer
>>> recognizer = Recognizer.load()  # loads the speech model once
>>> report = recognizer.recognize("call.wav", attempt=1)
>>> report.outcome.kind, report.decision.rule_id
(<CallOutcome.DOES_NOT_EXIST: 'does_not_exist'>, 'does-not-exist')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recognizer.errors import RecognizerError
from recognizer.types import CallOutcome, CallReport, Decision, Evidence, Outcome

if TYPE_CHECKING:
    from recognizer.pipeline import Recognizer, recognize

__all__ = [
    "CallOutcome",
    "CallReport",
    "Decision",
    "Evidence",
    "Outcome",
    "Recognizer",
    "RecognizerError",
    "recognize",
]


def __getattr__(name: str) -> Any:
    """Import the pipeline, with its engines, only when it is asked for."""
    if name in {"Recognizer", "recognize"}:
        from recognizer import pipeline  # noqa: PLC0415

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
