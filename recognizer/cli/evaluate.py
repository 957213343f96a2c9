"""`recognizer evaluate`: labelled clips in, accuracy and regressions out."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recognizer.evaluation.labelled_clips import Clip
    from recognizer.pipeline import Recognizer

__all__ = ["EvaluationFormat", "evaluate"]


class EvaluationFormat(enum.StrEnum):
    """How an evaluation is printed."""

    TABLE = "table"
    JSON = "json"


def evaluate(
    manifest: Annotated[
        Path,
        typer.Argument(
            metavar="MANIFEST",
            help="Tab-separated (or .csv) list of clips with at least path and expected.",
        ),
    ],
    *,
    engine: options.Engine = None,
    phrases: options.Phrases = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Outcomes of an earlier run (--save) to compare with."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Keep the outcomes of this run.")
    ] = None,
    confusion_matrix: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw the confusion matrix (extra `benchmark`)."),
    ] = None,
    max_abstained: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="Fail if more than this share of the clips turned from an answer to abstention.",
        ),
    ] = 0.05,
    fit: Annotated[
        Path | None,
        typer.Option(
            metavar="TOML",
            help="Fit the engine's confidence to these clips, write it here and end.",
        ),
    ] = None,
    output_format: Annotated[
        EvaluationFormat, typer.Option("--format", help="What to print.")
    ] = EvaluationFormat.TABLE,
) -> None:
    """Measure accuracy on labelled clips, and fail if one that was right turned wrong.

    The manifest needs the columns path (relative to the manifest) and expected (an outcome, or
    several right ones separated by |). A clip whose column known holds the wrong outcome it is
    known to get counts as wrong but does not fail the run. Any wrong invalid_number does. A clip
    of which nothing is decided any more is reported apart, and fails the run only together with
    others (--max-abstained).

    Examples:

      recognizer evaluate tests/data/calls/manifest.tsv

      recognizer evaluate my-clips.csv --save before.json

      recognizer evaluate my-clips.csv --baseline before.json --confusion-matrix after.png

      recognizer evaluate my-clips.csv --engine t-one --fit t-one-fit.toml
    """
    import msgspec

    from recognizer.base.progress import counted
    from recognizer.cli.classify import settings_with
    from recognizer.evaluation import labelled_clips as evaluation
    from recognizer.evaluation.reports import (
        draw_confusions,
        evaluation_to_dict,
        print_evaluation,
        read_outcomes,
        write_outcomes,
    )
    from recognizer.pipeline import Recognizer

    clips = evaluation.read_manifest(manifest)
    earlier = read_outcomes(baseline) if baseline is not None else {}
    settings = settings_with(phrases)
    if fit is not None:  # an earlier one, outdated or not, has no say in it
        measured = msgspec.structs.replace(settings.recognition, calibration_file=None)
        settings = msgspec.structs.replace(settings, recognition=measured)
    recognizer = Recognizer.load(settings, engine=engine)
    if fit is not None:
        _fit(clips, recognizer, manifest, fit)
        return
    found = evaluation.evaluate(counted(clips), recognizer.recognize)
    worse = found.worse_than(earlier)
    abstained = found.new_abstentions(earlier)
    forbidden = recognizer.phrases.forbidden_confusions()
    if output_format is EvaluationFormat.JSON:
        import json

        print(
            json.dumps(
                evaluation_to_dict(found, forbidden, worse, abstained), ensure_ascii=False, indent=1
            )
        )
    else:
        print_evaluation(found, forbidden, worse, abstained)
    if save is not None:
        write_outcomes(save, found.outcomes())
    if confusion_matrix is not None:
        draw_confusions(found, confusion_matrix)
    too_many = len(abstained) > max_abstained * len(clips)
    if found.regressions or found.wrong_marks or worse or too_many:
        raise typer.Exit(1)


def _fit(clips: Sequence[Clip], recognizer: Recognizer, manifest: Path, target: Path) -> None:
    """Fit the engine in use to labelled clips, say what the fit rests on and how to use it."""
    import sys

    from recognizer.base.progress import counted
    from recognizer.evaluation.fitting import examples_in, fit_engine, write_fit
    from recognizer.recognition.calibration import load_calibration

    failed: list[str] = []
    examples = list(examples_in(counted(clips), recognizer, failed))
    for problem in failed:
        print(f"recognizer: left out: {problem}", file=sys.stderr)
    engine = recognizer.engine
    fitted = fit_engine(
        examples, engine.name, engine.model, least_mark_cutoff=load_calibration().mark_cutoff
    )
    write_fit(target, fitted, manifest)
    print(
        f"{engine.name} ({engine.model}): {fitted.n_wordings} wordings in {len(clips)} clips, "
        f"{fitted.n_right} right; calibration error on clips left out of the fit "
        f"{fitted.error_elsewhere:.3f}"
    )
    if fitted.fit.mark_cutoff is None:
        print(f"{fitted.why_no_cutoff}: the mark goes on asking for clear text and clear sound")
    else:
        print(
            f"mark from {fitted.fit.mark_cutoff:.3f} on (surest wrong mark "
            f"{fitted.surest_wrong_mark:.3f}): {fitted.n_passing} of {fitted.n_marks} right marks "
            "pass"
        )
    print(f'to use it: [recognition] calibration_file = "{target}" in the settings, or')
    print(f"RECOGNIZER_RECOGNITION_CALIBRATION_FILE={target}; then evaluate other clips with it")
