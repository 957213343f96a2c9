"""`recognizer match`: a transcript instead of audio."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    from recognizer.calibration import load_calibration
    from recognizer.cli.classify import settings_with
    from recognizer.matching import Matcher
    from recognizer.phrases import load_phrases
    from recognizer.report_json import text_verdict_to_dict
    from recognizer.speech_judge import SpeechJudge

    book = load_phrases(settings_with(phrases).phrases)
    judge = SpeechJudge(Matcher(book), load_calibration())
    lines: Iterable[str] = [" ".join(text)] if text else (line.strip() for line in sys.stdin)
    for line in lines:
        verdict = text_verdict_to_dict(line, judge.judge_text(line))
        print(json.dumps(verdict, ensure_ascii=False), flush=True)
