"""`recognizer classify`: recordings in, what was heard and what to do out."""

from __future__ import annotations

import enum
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.batch.time_limits import BASE_LIMIT_S
from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recognizer.base.settings import Settings
    from recognizer.batch.jobs import Finished
    from recognizer.batch.recordings import FactFinder, Recording
    from recognizer.model import CallReport

__all__ = ["OutputFormat", "classify", "settings_with"]


class OutputFormat(enum.StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def classify(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Recordings, or folders that hold them.",
            readable=False,  # typer would stop at the first that is not; the others go on
        ),
    ],
    *,
    attempt: Annotated[
        int | None,
        typer.Option(
            min=1, help="Which attempt this was, among those that count.", show_default="1"
        ),
    ] = None,
    engine: options.Engine = None,
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="What to print.")
    ] = OutputFormat.TABLE,
    channel: options.Channel = None,
    phrases: options.Phrases = None,
    sip_code: Annotated[
        int | None,
        typer.Option(
            min=100, max=699, help="Final SIP status of the call, e.g. 404.", show_default=False
        ),
    ] = None,
    q850: Annotated[
        int | None,
        typer.Option(min=1, max=127, help="Q.850 cause of the call, e.g. 17.", show_default=False),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The card called: records the attempts in the journal, which counts them.",
            show_default=False,
        ),
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            help="The number called, for a call without a card; recorded too.", show_default=False
        ),
    ] = None,
    time_limit: options.TimeLimit = BASE_LIMIT_S,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the evidence under each result (table only).")
    ] = False,
) -> None:
    """Classify recordings: what was heard, which rule applies, status and comment line.

    Every recording gives one result; one that cannot be read gives an error, a folder that cannot
    be searched is named, the others go on, and the exit status is 1.

    A name that says the moment of its call (as `recognizer batch` reads names) gives it to the
    journal, and its day to the comment line; else the call is taken to be of now.

    Examples:

      recognizer classify tests/data/calls/samples

      recognizer classify --attempt 3 --format jsonl call.wav

      recognizer classify --explain --channel 1 call.wav

      recognizer classify --sip-code 486 call.wav

      recognizer classify --contact 12345 20261122-093015_79990000000-all.wav
    """
    from functools import partial

    from recognizer.base.progress import counted
    from recognizer.batch.call_facts import CallFacts
    from recognizer.batch.recording_files import find_recordings
    from recognizer.batch.recordings import written_path
    from recognizer.batch.runner import job_of, unanswered
    from recognizer.batch.time_limits import TimeLimits
    from recognizer.batch.worker import Worker, load_recognizer
    from recognizer.cli.rendering import CsvPrinter, JsonlPrinter, TablePrinter
    from recognizer.regulation.signalling import codes_of

    if channel is not None and channel not in {"auto", "mix"} and not channel.isdigit():
        raise typer.BadParameter(
            f"expected auto, mix or a number from 0, found {channel!r}", param_hint="--channel"
        )
    _check_call(contact, number, attempt)
    unsearched: list[str] = []
    recordings = list(find_recordings(paths, unsearched.append))
    for problem in unsearched:
        print(f"recognizer: {problem}", file=sys.stderr)
    if not recordings:
        raise typer.BadParameter(f"no recordings in {', '.join(map(str, paths))}")
    settings = settings_with(phrases)
    limits = TimeLimits(base_s=time_limit, max_duration_s=settings.recognition.max_duration_s)
    printer = {
        OutputFormat.TABLE: TablePrinter(explain=explain).print_all,
        OutputFormat.JSONL: JsonlPrinter().print_all,
        OutputFormat.CSV: CsvPrinter().print_all,
    }[output_format]
    codes = codes_of(sip_code, q850)
    keep, finder = _keeper(contact, number), _finder()
    failed = bool(unsearched)

    def reports(worker: Worker) -> Iterator[CallReport]:
        nonlocal failed
        for path in counted(recordings):
            known = CallFacts(attempt=attempt, codes=codes)
            recording = finder.recording(path, written_path(path), known, channel=channel)
            finished = unanswered(recording) or worker.run(job_of(recording))
            failed = failed or finished.report.error is not None
            yield keep(finished, recording)

    with Worker(partial(load_recognizer, settings, engine), limits=limits) as worker:
        worker.start()
        printer(reports(worker))
    if failed:
        raise typer.Exit(1)


def _check_call(contact: str | None, number: str | None, attempt: int | None) -> None:
    """Refuse what is said of the call and could only be left out without a word."""
    if contact is None and number is None:
        return
    if attempt is not None:
        raise typer.BadParameter(
            "the journal counts the attempts of --contact and --number", param_hint="--attempt"
        )
    if number is None:
        return
    from recognizer.cli.journal_access import check_number

    check_number(number)


def _finder() -> FactFinder:
    """Return what reads names of recordings, as a batch does."""
    from recognizer.base.office_zone import office_timezone
    from recognizer.base.settings import load_settings
    from recognizer.batch.file_names import load_name_patterns
    from recognizer.batch.recordings import FactFinder

    def say(note: str) -> None:
        print(f"recognizer: {note}", file=sys.stderr)

    zone = office_timezone(load_settings().journal.office_file)
    return FactFinder(load_name_patterns(), zone=zone, on_note=say)


def _keeper(contact: str | None, number: str | None) -> Callable[[Finished, Recording], CallReport]:
    """Return what gives a report the journal's decision; without a contact, nothing does."""
    if contact is None and number is None:
        return lambda finished, _: finished.report
    from recognizer.cli.journal_access import open_journal

    journal = open_journal()

    def keep(finished: Finished, recording: Recording) -> CallReport:
        report = finished.report
        if report.error is not None:
            return report  # an unreadable recording is no attempt; a better copy may come
        attempt = journal.record_attempt(
            report,
            contact=contact,
            number=number,
            digest=finished.sha256,
            called_at=recording.called_at,
            call_id=recording.facts.call_id,
        )
        decision = None if attempt.decision is None else attempt.decision.decision
        return replace(report, decision=decision)

    return keep


def settings_with(phrases: Path | None) -> Settings:
    """Return the settings of this process, with one more folder of phrase lists."""
    import msgspec

    from recognizer.base.settings import load_settings

    settings = load_settings()
    if phrases is None:
        return settings
    lists = msgspec.structs.replace(settings.phrases, folders=(*settings.phrases.folders, phrases))
    return msgspec.structs.replace(settings, phrases=lists)
