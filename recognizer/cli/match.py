"""`recognizer match`: a transcript instead of audio."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from recognizer.recognition.verdicts import SpokenVerdict

__all__ = ["match"]


def match(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Words of one transcript; none: read stdin."),
    ] = None,
    *,
    phrases: options.Phrases = None,
) -> None:
    """Say what a transcript means: one JSON object a transcript, without listening to anything.

    Examples:

      recognizer match "абонент временно заблокирован"

      recognizer match < transcripts.txt
    """
    from recognizer.cli.classify import settings_with
    from recognizer.phrases.loading import load_phrases
    from recognizer.recognition.calibration import load_calibration
    from recognizer.recognition.matching import Matcher
    from recognizer.recognition.utterance_classifier import UtteranceClassifier

    book = load_phrases(settings_with(phrases).phrases)
    judge = UtteranceClassifier(Matcher(book), load_calibration())
    lines: Iterable[str] = [" ".join(text)] if text else (line.strip() for line in sys.stdin)
    for line in lines:
        verdict = _verdict_to_dict(line, judge.judge_text(line))
        print(json.dumps(verdict, ensure_ascii=False), flush=True)


def _verdict_to_dict(text: str, verdict: SpokenVerdict) -> dict[str, Any]:
    """Return what `recognizer match` prints for one transcript."""
    from recognizer.model import phrase_list_of

    match, phrase_list = verdict.match, phrase_list_of(verdict.outcome)
    return {
        "text": text,
        "outcome": verdict.outcome.value,
        "phrase_list": None if phrase_list is None else phrase_list.value,
        "phrase": None
        if match is None
        else {"id": match.phrase.id, "text": match.phrase.text, "outcome": match.outcome.value},
        "score": None if match is None else match.score,
        "confidence": round(verdict.confidence, 4),
        "reason": verdict.reason,
    }
