"""A classification as the JSON object other programs read: docs/classification.schema.json."""

from __future__ import annotations

from typing import Any

from recognizer.model import (
    CallReport,
    Decision,
    Outcome,
    PhraseMatch,
    SignallingEvidence,
    Transcript,
    phrase_list_of,
)

__all__ = ["decision_to_dict", "report_to_dict"]


def report_to_dict(report: CallReport) -> dict[str, Any]:
    """Return `report` as plain lists, dicts, strings and numbers, ready for any JSON encoder."""
    evidence, outcome = report.evidence, report.outcome
    kind = None if outcome is None else outcome.kind
    phrase_list = phrase_list_of(kind)
    return {
        "recording": report.recording,
        "duration_s": None if evidence is None else round(evidence.duration_s, 3),
        "outcome": None if kind is None else kind.value,
        "phrase_list": None if phrase_list is None else phrase_list.value,
        "confidence": None if outcome is None else round(outcome.confidence, 4),
        "phrase": _phrase(outcome),
        "transcript": None if evidence is None else _transcript(evidence.transcript),
        "tones": []
        if evidence is None
        else [
            {
                "kind": t.kind.value,
                "start_s": round(t.start_s, 3),
                "end_s": round(t.end_s, 3),
                "frequencies_hz": [round(f, 1) for f in t.frequencies_hz],
                "n_periods": t.n_periods,
            }
            for t in evidence.tones
        ],
        "segments": []
        if evidence is None
        else [
            {"kind": s.kind.value, "start_s": round(s.start_s, 3), "end_s": round(s.end_s, 3)}
            for s in evidence.segments
        ],
        "decision": None if report.decision is None else decision_to_dict(report.decision),
        "elapsed_s": report.elapsed_s,
        "error": None
        if report.error is None
        else {"kind": report.error.kind, "message": report.error.message},
        "reason": "" if outcome is None else outcome.reason,
        "alternatives": []
        if evidence is None
        else [{"outcome": o.value, "probability": p} for o, p in evidence.alternatives],
        "signalling": _signalling(report.signalling),
    }


def decision_to_dict(decision: Decision) -> dict[str, Any]:
    """Return `decision` as in the JSON contract, with its explanation."""
    return {
        "status": decision.status,
        "incorrect_contact": decision.incorrect_contact,
        "rule": decision.rule_id,
        "by_analogy": decision.by_analogy,
        "attempt": decision.attempt,
        "after_attempt": decision.after_attempt,
        "final": decision.final,
        "next": decision.next.value,
        "comment": decision.comment,
        "explanation": list(decision.explanation),
    }


def _phrase(outcome: Outcome | None) -> dict[str, Any] | None:
    match: PhraseMatch | None = None if outcome is None else outcome.match
    if match is None:
        return None
    return {
        "id": match.phrase.id,
        "text": match.phrase.text,
        "score": match.score,
        "start_s": match.start_s,
        "end_s": match.end_s,
    }


def _signalling(signalling: SignallingEvidence | None) -> dict[str, Any] | None:
    if signalling is None:
        return None
    return {
        "codes": [
            {"protocol": protocol, "code": code, "meaning": meaning}
            for protocol, code, meaning in signalling.codes
        ],
        "agreement": signalling.agreement,
        "heard": signalling.heard.value,
        "note": signalling.note,
    }


def _transcript(transcript: Transcript | None) -> dict[str, Any] | None:
    if transcript is None:
        return None
    return {
        "text": transcript.text,
        "engine": transcript.engine,
        "model": transcript.model,
        "language": transcript.language,
        "words": [
            {
                "text": w.text,
                "start_s": w.start_s,
                "end_s": w.end_s,
                "confidence": None if w.confidence is None else round(w.confidence, 3),
            }
            for w in transcript.words
        ],
    }
