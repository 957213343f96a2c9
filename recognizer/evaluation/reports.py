"""An evaluation as tables, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.base.whole_files import write_whole
from recognizer.evaluation.labelled_clips import ClipResult, Evaluation, Tally
from recognizer.model import CallOutcome

__all__ = [
    "draw_confusions",
    "evaluation_to_dict",
    "print_evaluation",
    "read_outcomes",
    "write_outcomes",
]


ForbiddenPairs = frozenset[frozenset[CallOutcome]]


def print_evaluation(
    evaluation: Evaluation,
    forbidden: ForbiddenPairs,
    worse: Iterable[ClipResult] = (),
    abstained: Iterable[ClipResult] = (),
) -> None:
    """Print accuracy, the confusion matrix and every clip that needs a look.

    Parameters
    ----------
    evaluation : Evaluation
    forbidden : set of frozensets of two outcomes
        Pairs that must not be confused.
    worse : iterable of ClipResult
        Right in an earlier run, wrong now.
    abstained : iterable of ClipResult
        Right in an earlier run or by the manifest, undetermined now.
    """
    console = Console()
    console.print(_tally_table("list", {**evaluation.by_list(), "all": evaluation.total}))
    console.print(_tally_table("outcome", evaluation.by_outcome()))
    console.print(_confusion_table(evaluation))
    confused = evaluation.forbidden_confusions(forbidden)
    console.print(
        f"wrong marks: {len(evaluation.wrong_marks)}, forbidden confusions: {len(confused)}"
    )
    _print_clips(console, "Wrong marks (invalid_number without cause)", evaluation.wrong_marks)
    _print_clips(console, "Forbidden confusions", confused)
    _print_clips(console, "Regressions", evaluation.regressions)
    _print_clips(console, "Right in the earlier run, wrong now", worse)
    known = [
        r
        for r in evaluation.results
        if not r.is_right and not r.is_regression and not r.is_new_abstention
    ]
    _print_clips(console, "Known failures", known)
    _print_clips(console, "Right now: clear `known` in the manifest", evaluation.repaired)
    _print_clips(console, "Turned from an answer to abstention", abstained)
    console.print(f"median time per call: {evaluation.median_elapsed_s:.2f} s")


def _tally_table(title: str, tallies: Mapping[str, Tally]) -> Table:
    table = Table(title=f"Accuracy by {title}")
    table.add_column(title)
    for name in ("clips", "right outcome", "right list", "abstained"):
        table.add_column(name, justify="right")
    for name, tally in tallies.items():
        table.add_row(
            name,
            str(tally.n_clips),
            f"{tally.n_right} ({tally.n_right / tally.n_clips:.0%})",
            f"{tally.n_right_list} ({tally.n_right_list / tally.n_clips:.0%})",
            str(tally.n_abstentions),
        )
    return table


def _confusion_table(evaluation: Evaluation) -> Table:
    """Return the confusion matrix as text: one row for each pair that occurred off the diagonal."""
    table = Table(title="Confusions")
    table.add_column("expected")
    table.add_column("got")
    table.add_column("clips", justify="right")
    for (expected, got), count in sorted(evaluation.confusions().items()):
        if expected != got:
            table.add_row(expected, got, str(count))
    return table


def _print_clips(console: Console, title: str, results: Iterable[ClipResult]) -> None:
    found = list(results)
    if not found:
        return
    console.print(f"{title}: {len(found)}", style="bold")
    for result in found:
        wanted = "|".join(result.clip.expected)
        got = f"{result.outcome or result.error}"
        heard = f" «{result.transcript}»" if result.transcript else ""
        console.print(f"  {result.clip.name}: expected {wanted}, got {got}{heard}", markup=False)


def evaluation_to_dict(
    evaluation: Evaluation,
    forbidden: ForbiddenPairs,
    worse: Iterable[ClipResult] = (),
    abstained: Iterable[ClipResult] = (),
) -> dict[str, Any]:
    """Return the same as plain values for JSON."""
    return {
        "total": _tally_dict(evaluation.total),
        "by_list": {name: _tally_dict(t) for name, t in evaluation.by_list().items()},
        "by_outcome": {name: _tally_dict(t) for name, t in evaluation.by_outcome().items()},
        "confusions": [
            {"expected": expected, "got": got, "clips": count}
            for (expected, got), count in sorted(evaluation.confusions().items())
        ],
        "wrong_marks": [r.clip.name for r in evaluation.wrong_marks],
        "forbidden_confusions": [r.clip.name for r in evaluation.forbidden_confusions(forbidden)],
        "regressions": [r.clip.name for r in evaluation.regressions],
        "worse_than_baseline": [r.clip.name for r in worse],
        "abstained": [r.clip.name for r in abstained],
        "repaired": [r.clip.name for r in evaluation.repaired],
        "median_elapsed_s": round(evaluation.median_elapsed_s, 3),
        "outcomes": evaluation.outcomes(),
    }


def _tally_dict(tally: Tally) -> dict[str, int]:
    return {
        "clips": tally.n_clips,
        "right": tally.n_right,
        "right_list": tally.n_right_list,
        "abstentions": tally.n_abstentions,
    }


def write_outcomes(path: Path, outcomes: Mapping[str, str]) -> None:
    """Keep the outcomes of a run, whole or not at all."""
    text = json.dumps(dict(outcomes), ensure_ascii=False, indent=1)
    write_whole(path, lambda file: file.write(text.encode()))


def read_outcomes(path: Path) -> dict[str, str]:
    """Return what `write_outcomes` kept.

    Raises
    ------
    DataFileError
        If the file cannot be read or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise DataFileError(f"{path}: cannot be read: {problem.strerror}") from problem
    except ValueError as problem:
        raise DataFileError(f"{path}: expected JSON written by --save: {problem}") from problem
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise DataFileError(f"{path}: expected JSON written by --save: clip names with outcomes")
    return values


def draw_confusions(evaluation: Evaluation, path: Path) -> None:
    """Draw the confusion matrix, expected downwards, got across.

    Raises
    ------
    RecognizerError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as problem:
        raise RecognizerError(
            "the picture needs matplotlib; type: pip install 'recognizer[benchmark]'"
        ) from problem
    counts = evaluation.confusions()
    names = sorted({name for pair in counts for name in pair})
    figure = Figure(figsize=(2 + 0.35 * len(names), 1.5 + 0.35 * len(names)), layout="constrained")
    axes = figure.subplots()
    matrix = [[counts[expected, got] for got in names] for expected in names]
    axes.imshow(matrix, cmap="Blues")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("got")
    axes.set_ylabel("expected")
    for row, expected in enumerate(names):
        for column, got in enumerate(names):
            if counts[expected, got]:
                colour = "black" if expected == got else "red"
                axes.text(
                    column, row, str(counts[expected, got]), ha="center", va="center", color=colour
                )
    kind = path.suffix.lstrip(".").lower() or "png"
    write_whole(path, lambda file: figure.savefig(file, dpi=150, format=kind))
