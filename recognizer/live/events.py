"""What is told of a live call: one JSON object an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recognizer.live.live_facts import LiveFacts
from recognizer.model import CallReport, phrase_list_of
from recognizer.model.report_json import report_to_dict

__all__ = ["Ending", "end_event", "final_event", "provisional_event", "start_event"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a call ended.

    Attributes
    ----------
    why : str
        `hangup`, `eof`, `cut_off` (no goodbye), `idle`, `too_long`, `frame`, `engine`, `stopped`.
    digits : str
        Keys pressed at the far end.
    kept : mapping
        `journal` and `decision` where the journal has the call; over what the sound alone says.
    """

    why: str
    digits: str = ""
    kept: Mapping[str, Any] = field(default_factory=dict)


def start_event(call: str, facts: LiveFacts) -> dict[str, Any]:
    """Return the event of a call that begins."""
    return {"event": "start", "call": call, "at_s": 0.0, "channel": facts.channel}


def provisional_event(call: str, at_s: float, report: CallReport) -> dict[str, Any]:
    """Return what the call looks like after `at_s` seconds of sound."""
    outcome = report.outcome
    kind = None if outcome is None else outcome.kind
    listed = phrase_list_of(kind)
    return {
        "event": "provisional",
        "call": call,
        "at_s": round(at_s, 3),
        "outcome": None if kind is None else str(kind),
        "phrase_list": None if listed is None else str(listed),
        "confidence": None if outcome is None else round(outcome.confidence, 4),
    }


def final_event(call: str, at_s: float, report: CallReport) -> dict[str, Any]:
    """Return the verdict, with the whole object of a classification."""
    return {"event": "final", "call": call, "at_s": round(at_s, 3), **report_to_dict(report)}


def end_event(
    call: str, at_s: float, verdict: CallReport, whole: CallReport, ending: Ending
) -> dict[str, Any]:
    """Return the end of a call.

    Parameters
    ----------
    verdict : CallReport
        The one that was final before, else that of the whole call.
    whole : CallReport
        Of the whole call. Where it differs from a final verdict that was given, `agrees` is false
        and `whole_outcome` says how: a verdict is not taken back, but nobody is left uninformed.
    """
    heard, said = whole.outcome, verdict.outcome
    return {
        "event": "end",
        "call": call,
        "at_s": round(at_s, 3),
        "why": ending.why,
        "dtmf": ending.digits,
        "agrees": (heard and heard.kind) == (said and said.kind),
        "whole_outcome": None if heard is None else str(heard.kind),
        **report_to_dict(verdict),
        **ending.kept,
    }
