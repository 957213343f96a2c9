"""A report as the JSON object other programs read: `classification.Classification` filled in.

``python -m recognizer.model.report_json`` prints docs/classification.schema.json.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from recognizer.model.announcements import AnnouncementHeard
from recognizer.model.classification import (
    ChannelHeard,
    Classification,
    Considered,
    DecisionTaken,
    ErrorDetail,
    Interval,
    LearnedAnnouncement,
    PhraseFound,
    SignallingCodeRead,
    SignallingWeighed,
    ToneHeard,
    TranscriptHeard,
    VetoRaised,
    WordHeard,
    json_schema,
)
from recognizer.model.outcomes import phrase_list_of
from recognizer.model.reports import CallReport, Decision, Evidence, Outcome, SignallingEvidence
from recognizer.model.signals import Segment, SoundGap, ToneEvent
from recognizer.model.text import Transcript

__all__ = ["classification_of", "decision_to_dict", "report_to_dict"]


def report_to_dict(report: CallReport) -> dict[str, Any]:
    """Return `report` as plain lists, dicts, strings and numbers, ready for any JSON encoder."""
    return _plain(classification_of(report))


def decision_to_dict(decision: Decision) -> dict[str, Any]:
    """Return `decision` as in the JSON contract, with its explanation."""
    return _plain(_decision(decision))


def _plain(part: Classification | DecisionTaken) -> dict[str, Any]:
    """Return what a JSON reader gets: lists, not tuples; no NaN."""
    written: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(part))
    return written


def classification_of(report: CallReport) -> Classification:
    """Return what other programs read of `report`."""
    outcome = report.outcome
    kind = None if outcome is None else outcome.kind
    error = report.error
    return Classification(
        recording=report.recording,
        outcome=kind,
        phrase_list=phrase_list_of(kind),
        confidence=None if outcome is None else round(outcome.confidence, 4),
        phrase=_phrase(outcome),
        decision=None if report.decision is None else _decision(report.decision),
        elapsed_s=report.elapsed_s,
        error=None if error is None else ErrorDetail(kind=error.kind, message=error.message),
        reason="" if outcome is None else outcome.reason,
        signalling=None if report.signalling is None else _signalling(report.signalling),
        **({} if report.evidence is None else _evidence(report.evidence)),
    )


def _evidence(evidence: Evidence) -> dict[str, Any]:
    transcript = evidence.transcript
    return {
        "duration_s": round(evidence.duration_s, 3),
        "transcript": None if transcript is None else _transcript(transcript),
        "tones": tuple(_tone(t) for t in evidence.tones),
        "segments": tuple(_interval(s) for s in evidence.segments),
        "alternatives": tuple(
            Considered(outcome=outcome, probability=probability)
            for outcome, probability in evidence.alternatives
        ),
        "basis": evidence.basis,
        "announcements": tuple(map(_announcement, evidence.announcements)),
        "vetoes": tuple(
            VetoRaised(id=v.id, effect=v.effect, reason=v.reason, reason_ru=v.reason_ru)
            for v in evidence.vetoes
        ),
        "gaps": tuple(_interval(g) for g in evidence.gaps),
        "parties": tuple(
            ChannelHeard(channel=p.channel, party=p.party, reason=p.reason, text=p.text)
            for p in evidence.parties
        ),
    }


def _announcement(heard: AnnouncementHeard) -> LearnedAnnouncement:
    return LearnedAnnouncement(
        id=heard.id,
        outcome=heard.outcome,
        text=heard.text,
        carrier=heard.carrier,
        similarity=heard.similarity,
        worst_part=heard.worst_part,
        coverage=heard.coverage,
        start_s=heard.start_s,
        end_s=heard.end_s,
        confirmed_by=heard.confirmed_by,
        confirmed_at=heard.confirmed_at.isoformat(timespec="seconds"),
        decides=heard.decides,
    )


def _tone(tone: ToneEvent) -> ToneHeard:
    return ToneHeard(
        kind=tone.kind,
        start_s=round(tone.start_s, 3),
        end_s=round(tone.end_s, 3),
        frequencies_hz=tuple(round(f, 1) for f in tone.frequencies_hz),
        n_periods=tone.n_periods,
    )


def _interval(part: Segment | SoundGap) -> Interval:
    return Interval(
        kind=part.kind.value, start_s=round(part.start_s, 3), end_s=round(part.end_s, 3)
    )


def _decision(decision: Decision) -> DecisionTaken:
    return DecisionTaken(
        status=decision.status,
        incorrect_contact=decision.incorrect_contact,
        rule=decision.rule_id,
        by_analogy=decision.by_analogy,
        attempt=decision.attempt,
        after_attempt=decision.after_attempt,
        final=decision.final,
        next=decision.next,
        comment=decision.comment,
        explanation=decision.explanation,
    )


def _phrase(outcome: Outcome | None) -> PhraseFound | None:
    match = None if outcome is None else outcome.match
    if match is None:
        return None
    return PhraseFound(
        id=match.phrase.id,
        text=match.phrase.text,
        score=match.score,
        start_s=match.start_s,
        end_s=match.end_s,
    )


def _signalling(signalling: SignallingEvidence) -> SignallingWeighed:
    return SignallingWeighed(
        codes=tuple(
            SignallingCodeRead(protocol=protocol, code=code, meaning=meaning)
            for protocol, code, meaning in signalling.codes
        ),
        agreement=signalling.agreement,
        heard=signalling.heard,
        note=signalling.note,
    )


def _transcript(transcript: Transcript) -> TranscriptHeard:
    return TranscriptHeard(
        text=transcript.text,
        engine=transcript.engine,
        model=transcript.model,
        language=transcript.language,
        words=tuple(
            WordHeard(
                text=w.text,
                start_s=w.start_s,
                end_s=w.end_s,
                confidence=None if w.confidence is None else round(w.confidence, 3),
            )
            for w in transcript.words
        ),
    )


if __name__ == "__main__":
    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
