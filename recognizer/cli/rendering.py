"""Print classifications as a table, as JSON lines or as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recognizer.cli.csv_text import harmless
from recognizer.model import (
    AnnouncementHeard,
    CallReport,
    Decision,
    Evidence,
    Outcome,
    phrase_list_of,
)
from recognizer.model.report_json import report_to_dict

__all__ = ["CSV_COLUMNS", "CsvPrinter", "JsonlPrinter", "TablePrinter", "csv_row"]

CSV_COLUMNS = (
    "recording",
    "duration_s",
    "outcome",
    "phrase_list",
    "confidence",
    "phrase",
    "transcript",
    "rule",
    "status",
    "incorrect_contact",
    "by_analogy",
    "attempt",
    "after_attempt",
    "final",
    "next",
    "comment",
    "elapsed_s",
    "error",
)


class JsonlPrinter:
    """One object a line, as soon as it is known."""

    def print_all(self, reports: Iterable[CallReport]) -> None:
        """Print every report."""
        for report in reports:
            print(json.dumps(report_to_dict(report), ensure_ascii=False), flush=True)


class CsvPrinter:
    """A heading and one row a recording."""

    def print_all(self, reports: Iterable[CallReport]) -> None:
        """Print every report."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for report in reports:
            writer.writerow(csv_row(report))
            sys.stdout.flush()


def csv_row(report: CallReport) -> list[object]:
    """Return the values of `CSV_COLUMNS`; text that a spreadsheet would run gets a quote mark."""
    data = report_to_dict(report)
    decision = data["decision"] or {}
    flat = {
        **data,
        **decision,
        "phrase": (data["phrase"] or {}).get("text"),
        "transcript": (data["transcript"] or {}).get("text"),
        "error": (data["error"] or {}).get("message"),
    }
    return [harmless(flat.get(column)) for column in CSV_COLUMNS]


class TablePrinter:
    """A table for people; with `explain`, the evidence under it."""

    def __init__(self, *, explain: bool = False) -> None:
        self._explain = explain
        self._console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)

    def print_all(self, reports: Iterable[CallReport]) -> None:
        """Print every report, once all are known: columns fit what they hold."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading, share in (
            ("Recording", 3),
            ("Heard", 4),
            ("Phrase", 4),
            ("Rule", 3),
            ("Status", 3),
            ("Comment line", 5),
        ):
            table.add_column(heading, overflow="fold", ratio=share)
        shown = []
        for report in reports:
            shown.append(report)
            table.add_row(*_cells(report))
        self._console.print(table)
        if self._explain:
            for report in shown:
                self._console.print(Text(f"\n{report.recording}", style="bold"))
                for line in _explanation(report):
                    self._console.print(Text(f"  {line}"))


def _cells(report: CallReport) -> tuple[Text, ...]:
    name = Text(Path(report.recording).name)
    if report.error is not None or report.outcome is None:
        message = "" if report.error is None else report.error.message
        return name, Text("error", style="red"), Text(message), Text(), Text(), Text()
    outcome, decision = report.outcome, report.decision
    match = outcome.match
    return (
        name,
        Text(f"{outcome.kind.value} {outcome.confidence:.1%}"),
        Text(match.phrase.text if match is not None else outcome.reason),
        Text(_rule(decision)),
        _status(decision),
        Text((decision.comment or "") if decision is not None else ""),
    )


def _rule(decision: Decision | None) -> str:
    if decision is None or decision.rule_id is None:
        return "-"
    return f"{decision.rule_id} (by analogy)" if decision.by_analogy else decision.rule_id


def _status(decision: Decision | None) -> Text:
    if decision is None:
        return Text("-")
    if decision.status is None:
        return Text(f"- ({decision.next.value})")
    mark = " + Некорректный контакт" if decision.incorrect_contact else ""
    step = (
        "final"
        if decision.final
        else f"attempt {decision.attempt} of {decision.after_attempt}: {decision.next.value}"
    )
    style = "bold" if decision.incorrect_contact else ""
    return Text(f"{decision.status}{mark} ({step})", style=style)


def _explanation(report: CallReport) -> Iterable[str]:
    if report.error is not None:
        yield f"error ({report.error.kind}): {report.error.message}"
    if report.outcome is not None:
        yield from _why(report.outcome)
    if report.evidence is not None:
        yield from _evidence(report.evidence)
    if report.decision is not None:
        yield from report.decision.explanation
    stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in report.stage_s.items())
    yield f"took {report.elapsed_s:.2f} s ({stages})"


def _why(outcome: Outcome) -> Iterable[str]:
    listed = phrase_list_of(outcome.kind)
    where = f", list {listed.value}" if listed is not None else ""
    yield f"outcome: {outcome.kind.value}{where}, confidence {outcome.confidence:.3f}"
    yield f"because: {outcome.reason}"
    if outcome.match is not None:
        match = outcome.match
        at = "" if match.start_s is None else f" at {match.start_s:.1f}-{match.end_s:.1f} s"
        yield f"phrase: {match.phrase.id}, score {match.score:.0f}{at}"


def _announcement(heard: AnnouncementHeard) -> str:
    known = "known announcement" if heard.decides else "like the announcement"
    return (
        f"{known} '{heard.id}' ({heard.outcome}) at {heard.start_s:.1f}-{heard.end_s:.1f} s: "
        f"similarity {heard.similarity:.2f}, least similar part {heard.worst_part:.2f}, explains "
        f"{heard.coverage:.0%} of what is heard; confirmed by {heard.confirmed_by} on "
        f"{heard.confirmed_at:%Y-%m-%d}"
    )


def _evidence(evidence: Evidence) -> Iterable[str]:
    for tone in evidence.tones:
        yield f"tone: {tone.kind.value} {tone.start_s:.1f}-{tone.end_s:.1f} s, x{tone.n_periods}"
    spans = ", ".join(f"{s.kind.value} {s.start_s:.1f}-{s.end_s:.1f}" for s in evidence.segments)
    yield f"sound: {spans or 'nothing'}"
    if evidence.transcript is not None:
        heard = evidence.transcript
        yield f"transcript ({heard.engine}, {heard.model}): {heard.text}"
    for party in evidence.parties:
        yield f"channel {party.channel}, {party.party.value} ({party.reason}): {party.text}"
    for veto in evidence.vetoes:
        yield f"veto {veto.id} ({veto.effect.value}): {veto.reason}"
    for gap in evidence.gaps:
        yield f"lost sound: {gap.kind.value} {gap.start_s:.2f}-{gap.end_s:.2f} s"
    yield from map(_announcement, evidence.announcements)
    for outcome, probability in evidence.alternatives:
        yield f"also considered: {outcome.value} {probability:.3f}"
    for score in evidence.acoustic_scores:
        yield f"sound against «{score.text}»: {score.total_logprob:.1f} nats"
    for note in evidence.notes:
        yield f"note: {note}"
