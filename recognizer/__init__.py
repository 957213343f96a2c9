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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recognizer.base.errors import RecognizerError

if TYPE_CHECKING:
    from recognizer.model import CallOutcome, CallReport, Decision, Evidence, Outcome
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

_PIPELINE = {"Recognizer", "recognize"}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: the pipeline brings engines, the types take time too."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "pipeline" if name in _PIPELINE else "model"
    return getattr(import_module(f"{__name__}.{module}"), name)
