"""`recognizer match`: a transcript instead of audio."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options
from recognizer.cli.classify import OutputFormat, settings_with
from recognizer.cli.csv_text import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from recognizer.recognition.verdicts import SpokenVerdict

__all__ = ["match"]


def match(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Words of one transcript; none: read stdin."),
    ] = None,
    *,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="What to print.")
    ] = OutputFormat.JSONL,
    phrases: options.Phrases = None,
) -> None:
    """Say what a transcript means, without listening to anything: one result a transcript.

    Examples:

      recognizer match "абонент временно заблокирован"

      recognizer match < transcripts.txt

      recognizer match --format table "номер временно не обслуживается"
    """
    from recognizer.phrases.loading import load_phrases
    from recognizer.recognition.utterance_classifier import UtteranceClassifier

    classifier = UtteranceClassifier.for_texts(load_phrases(settings_with(phrases).phrases))
    lines: Iterable[str] = [" ".join(text)] if text else (line.strip() for line in sys.stdin)
    verdicts = (_verdict_to_dict(line, classifier.judge_text(line)) for line in lines)
    _PRINTERS[output_format](verdicts)


def _print_jsonl(verdicts: Iterable[dict[str, Any]]) -> None:
    for verdict in verdicts:
        print(json.dumps(verdict, ensure_ascii=False), flush=True)


def _print_csv(verdicts: Iterable[dict[str, Any]]) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for verdict in verdicts:
        writer.writerow([harmless(value) for value in _flat(verdict)])
        sys.stdout.flush()


def _print_table(verdicts: Iterable[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*_COLUMNS, box=None, pad_edge=False, header_style="bold")
    for verdict in verdicts:
        table.add_row(*(_shown(value) for value in _flat(verdict)))
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


_COLUMNS = ("text", "outcome", "phrase_list", "phrase", "score", "confidence", "vetoes", "reason")
_PRINTERS: dict[OutputFormat, Callable[[Iterable[dict[str, Any]]], None]] = {
    OutputFormat.JSONL: _print_jsonl,
    OutputFormat.CSV: _print_csv,
    OutputFormat.TABLE: _print_table,
}


def _flat(verdict: dict[str, Any]) -> list[object]:
    """Return the values of `_COLUMNS`."""
    phrase = verdict["phrase"]
    flat = {
        **verdict,
        "phrase": None if phrase is None else phrase["text"],
        "vetoes": " ".join(veto["id"] for veto in verdict["vetoes"]),
    }
    return [flat[column] for column in _COLUMNS]


def _shown(value: object) -> str:
    from rich.markup import escape

    return "" if value is None else escape(str(value))


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
        "vetoes": [
            {"id": v.id, "effect": v.effect.value, "reason": v.reason, "reason_ru": v.reason_ru}
            for v in verdict.vetoes
        ],
    }
