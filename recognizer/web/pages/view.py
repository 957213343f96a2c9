"""From the JSON contract of a classification to what an operator sees of it.

The page reads the same object as every other program (`model.report_json`), so a result
looks the same whether it came from an upload, from a batch or through the API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, NextStep
from recognizer.model.classification import (
    Classification,
    Considered,
    DecisionTaken,
    ErrorDetail,
    PhraseFound,
    TranscriptHeard,
)
from recognizer.regulation.rules import Regulation
from recognizer.web.pages import wording
from recognizer.web.pages.waveform import Interval

__all__ = ["Alternative", "CallView", "Problem", "ShownWord", "read_report", "view_call"]

_SPOKEN_BY_PEOPLE = CallOutcome.LIVE_PERSON
_NOT_SPOKEN = SIGNAL_OUTCOMES | {CallOutcome.UNDETERMINED}
_DOUBTFUL_WORD = 0.5


@dataclass(frozen=True, slots=True)
class ShownWord:
    """One word of the transcript: `decides` is highlighted, `doubtful` underlined."""

    text: str
    start_s: float
    decides: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another outcome the machine considered."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no result: what happened, what to do, and the program's own words."""

    title: str
    advice: str
    detail: str


@dataclass(frozen=True, slots=True)
class CallView:
    """Everything the templates say about one call.

    Attributes
    ----------
    tint : str
        `mark`, `retry`, `final`, `operator`, `person`, `line` or `error`: colour and icon.
    """

    recording: str
    outcome: CallOutcome | None
    heard: str
    verdict: str
    tint: str
    decision: DecisionTaken | None
    mark_words: str
    next_words: str
    attempt_words: str
    rule_wording: str
    result_words: str
    confidence: float | None
    confidence_words: str
    phrase: PhraseFound | None
    words: tuple[ShownWord, ...]
    transcript: TranscriptHeard | None
    intervals: tuple[Interval, ...]
    alternatives: tuple[Alternative, ...]
    duration_s: float | None
    elapsed_s: float
    problem: Problem | None


def read_report(data: Mapping[str, Any]) -> Classification:
    """Return the report behind a classification's JSON object."""
    return msgspec.convert(data, Classification)


def view_call(
    report: Classification, regulation: Regulation, *, stated: str | None = None
) -> CallView:
    """Return what the page shows of `report`; `stated`: the operator's reason, if one decided."""
    decision = report.decision
    # A person who listened and said what it is outranks a program that could not read the file.
    settled = stated is not None or report.outcome is not None
    problem = None if report.error is None or settled else _problem(report.error)
    heard = wording.OUTCOME_NAMES[report.outcome] if report.outcome else "Нет результата"
    if stated is not None:
        heard = wording.STATED_NAMES.get(stated, stated)
    mark, attempt, then = _decision_words(decision)
    return CallView(
        recording=report.recording,
        outcome=report.outcome,
        heard=problem.title if problem else heard,
        verdict=verdict(heard, mark, attempt, then, decision) if not problem else problem.title,
        tint="error" if problem else _tint(report, stated),
        decision=decision,
        mark_words=mark,
        next_words=then,
        attempt_words=attempt,
        rule_wording=_rule_wording(decision, regulation),
        result_words=_result_words(decision, regulation),
        confidence=report.confidence,
        confidence_words=(
            "" if report.confidence is None else wording.confidence_words(report.confidence)
        ),
        phrase=report.phrase,
        words=_words(report),
        transcript=report.transcript,
        intervals=intervals(report),
        alternatives=_alternatives(report.alternatives, report.outcome),
        duration_s=report.duration_s,
        elapsed_s=report.elapsed_s,
        problem=problem,
    )


def verdict(heard: str, mark: str, attempt: str, then: str, decision: DecisionTaken | None) -> str:
    """Return the verdict as one sentence: heard → status, mark; attempt, next step."""
    if decision is None:
        return heard
    if decision.status is None:
        return f"{heard} → {then}"
    return f"{heard} → {decision.status}, {mark}; {attempt}, {then}"


def _decision_words(decision: DecisionTaken | None) -> tuple[str, str, str]:
    """Return the mark, the attempt and the next step in words; empty where there is none."""
    if decision is None:
        return "", "", ""
    mark = {
        True: "с отметкой «Некорректный контакт»",
        False: "без отметки",
        None: "",
    }[decision.incorrect_contact]
    attempt = f"попытка{wording.NBSP}{decision.attempt}"
    needed = decision.after_attempt
    if needed is not None and decision.attempt > needed:
        attempt += f", нужно{wording.NBSP}{needed}"
    elif needed is not None:
        attempt += f" из{wording.NBSP}{decision.after_attempt}"
    return mark, attempt, wording.NEXT_NAMES[decision.next]


def _tint(report: Classification, stated: str | None) -> str:
    if report.outcome is CallOutcome.LIVE_PERSON and stated in {None, "conversation"}:
        return "person"
    decision = report.decision
    if decision is None or decision.next is NextStep.OPERATOR:
        return "operator"
    if decision.next is NextStep.CHECK_LINE:
        return "line"
    if decision.next is NextStep.RETRY:
        return "retry"
    return "mark" if decision.incorrect_contact else "final"


def _rule_wording(decision: DecisionTaken | None, regulation: Regulation) -> str:
    if decision is None or decision.rule is None:
        return ""
    return next((rule.wording for rule in regulation.rules if rule.id == decision.rule), "")


def _result_words(decision: DecisionTaken | None, regulation: Regulation) -> str:
    """Return what the rule leads to: «Недоступен» после 3-й попытки, без отметки."""
    if decision is None or decision.rule is None:
        return ""
    rule = next((rule for rule in regulation.rules if rule.id == decision.rule), None)
    if rule is None:
        return ""
    result = rule.result
    mark = f"с отметкой «{regulation.mark}»" if result.incorrect_contact else "без отметки"
    return f"→ «{result.status}» после{wording.NBSP}{result.after_attempt}-й попытки, {mark}."


def _problem(error: ErrorDetail) -> Problem:
    title, advice = wording.ERROR_ADVICE.get(error.kind, wording.UNKNOWN_ERROR)
    return Problem(title, advice, error.message)


def _words(report: Classification) -> tuple[ShownWord, ...]:
    if report.transcript is None:
        return ()
    phrase = report.phrase
    first = phrase.start_s if phrase else None
    last = phrase.end_s if phrase else None
    return tuple(
        ShownWord(
            word.text,
            word.start_s,
            decides=first is not None
            and last is not None
            and first <= (word.start_s + word.end_s) / 2 <= last,
            doubtful=word.confidence is not None and word.confidence < _DOUBTFUL_WORD,
        )
        for word in report.transcript.words
    )


def _alternatives(
    considered: Iterable[Considered], chosen: CallOutcome | None
) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(wording.OUTCOME_NAMES[item.outcome], item.probability)
        for item in considered
        if item.outcome is not chosen
    )


def intervals(report: Classification) -> tuple[Interval, ...]:
    """Return what was on the line, one after another, without overlaps, in order of time.

    A tone is named by what it is rather than «tone»; speech is an announcement where a spoken
    outcome decided, a person where that was the outcome, and plain speech where it is not known.
    """
    tones = [
        Interval(
            "ringing" if tone.kind == "ringback" else "tone",
            wording.TONE_NAMES.get(tone.kind, wording.INTERVAL_NAMES["tone"]),
            tone.start_s,
            tone.end_s,
        )
        for tone in report.tones
    ]
    speech = "speech"
    if report.outcome is _SPOKEN_BY_PEOPLE:
        speech = "person"
    elif report.outcome is not None and report.outcome not in _NOT_SPOKEN:
        speech = "announcement"
    found = sorted(tones, key=lambda interval: interval.start_s)
    for segment in report.segments:
        kind = speech if segment.kind == "speech" else segment.kind
        if kind not in wording.INTERVAL_NAMES:
            continue
        whole = Interval(kind, wording.INTERVAL_NAMES[kind], segment.start_s, segment.end_s)
        found.extend(_without(whole, tones))
    return tuple(sorted(found, key=lambda interval: interval.start_s))


def _without(interval: Interval, taken: Iterable[Interval]) -> Iterable[Interval]:
    """Yield the parts of `interval` that none of `taken` covers; slivers are left out."""
    start_s = interval.start_s
    for other in sorted(taken, key=lambda item: item.start_s):
        if other.end_s <= start_s or other.start_s >= interval.end_s:
            continue
        if other.start_s - start_s > 0.05:
            yield Interval(interval.kind, interval.label, start_s, other.start_s)
        start_s = max(start_s, other.end_s)
    if interval.end_s - start_s > 0.05:
        yield Interval(interval.kind, interval.label, start_s, interval.end_s)
