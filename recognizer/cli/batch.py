"""`recognizer batch`: thousands of recordings, each once, whatever is interrupted."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.batch.time_limits import BASE_LIMIT_S
from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recognizer.base.settings import Settings
    from recognizer.batch.recordings import FactFinder, Recording
    from recognizer.batch.results import ResultLog
    from recognizer.batch.runner import Summary
    from recognizer.crm.journal.journal import Journal

__all__ = ["batch", "finder_with", "journal_of", "n_workers"]

_N_NOTES = 20


def batch(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...]",
            help="Folders (searched with all below them), files, or - for a list on stdin, one "
            "path a line.",
            show_default=False,
        ),
    ] = None,
    *,
    manifest: Annotated[
        list[Path] | None,
        typer.Option(
            help="CSV with a column path, and where known contact, number, called_at, call_id, "
            "attempt, channel, sip_code, q850.",
            show_default=False,
        ),
    ] = None,
    include: options.Include = None,
    exclude: options.Exclude = None,
    results: options.Results = options.RESULTS_FILE,
    csv: Annotated[
        Path | None, typer.Option(help="Also write a table for spreadsheets.", show_default=False)
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option(help="Also write a table for Excel.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="HTML",
            help="Also write a report: counts, a chart, the calls that need a person.",
            show_default=False,
        ),
    ] = None,
    journal: options.Journal = False,
    workers: options.Workers = 0,
    engine: options.Engine = None,
    attempt: options.Attempt = 1,
    channel: options.Channel = None,
    name_pattern: options.NamePattern = None,
    cdr: Annotated[
        Path | None,
        typer.Option(help="Asterisk CDR in CSV, joined by call id or name.", show_default=False),
    ] = None,
    sip_column: Annotated[
        str | None, typer.Option(help="Its column with SIP codes.", show_default="sip_code")
    ] = None,
    q850_column: Annotated[
        str | None, typer.Option(help="Its column with Q.850 causes.", show_default="hangupcause")
    ] = None,
    time_limit: options.TimeLimit = BASE_LIMIT_S,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do again what ended in an error.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Use a Ray cluster (auto, local, or ray://host:10001); results is then a folder "
            "of Parquet, paths may be URLs (s3://...).",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Classify many recordings in several processes; run it again to continue.

    A file that crashes or hangs a decoder costs that file only. Interrupted anywhere, the same
    command goes on where it stopped: nothing is lost and nothing done twice. Exit status 1 if a
    recording could not be classified or a folder not be searched.

    Examples:

      recognizer batch /var/spool/asterisk/monitor --csv calls.csv --report calls.html

      find . -name '*.wav' -mtime -1 | recognizer batch - --results today.jsonl

      recognizer batch --manifest calls.csv --cdr /var/log/asterisk/cdr-csv/Master.csv --journal
    """
    from functools import partial

    from recognizer.base.progress import progress_on
    from recognizer.base.settings import load_settings
    from recognizer.batch.results import ResultLog
    from recognizer.batch.runner import Summary, pending, run_batch
    from recognizer.batch.time_limits import TimeLimits
    from recognizer.batch.worker import load_recognizer
    from recognizer.batch.worker_pool import WorkerPool

    if not paths and not manifest:
        raise typer.BadParameter("name folders or files, - for a list on stdin, or --manifest")
    settings = load_settings()
    if ray is not None:
        from recognizer.batch.cluster import run_on_ray

        summary = run_on_ray(
            ray, paths or [], str(results), settings, engine=engine, attempt=attempt
        )
        _tell(summary, str(results))
        raise typer.Exit(1 if summary.n_failed else 0)
    finder = finder_with(settings, name_pattern, cdr, sip_column, q850_column)
    unsearched: list[str] = []

    def complain(problem: str) -> None:
        unsearched.append(problem)
        print(f"recognizer: {problem}", file=sys.stderr)

    found = _recordings(
        paths or [],
        manifest or [],
        finder,
        include=include or [],
        exclude=exclude or [],
        on_unreadable=complain,
    )
    summary = Summary()
    with ResultLog(results, retry_failed=retry_failed) as log:
        todo = pending(found, log, summary)
        load = partial(load_recognizer, settings, engine)
        limits = TimeLimits(base_s=time_limit, max_duration_s=settings.recognition.max_duration_s)
        try:
            with (
                journal_of(settings, wanted=journal) as store,
                WorkerPool(load, n_workers(workers, len(todo)), limits=limits) as pool,
                progress_on(len(todo)) as progress,
            ):
                run_batch(
                    todo,
                    pool,
                    log,
                    summary,
                    journal=store,
                    attempt=attempt,
                    channel=channel,
                    on_result=lambda line: progress.advance(failed=line["error"] is not None),
                )
        except (KeyboardInterrupt, SystemExit) as stop:  # Ctrl-C, SIGTERM
            left = len(todo) - summary.n_done
            print(f"interrupted, {left} left; the same command goes on", file=sys.stderr)
            raise typer.Exit(130 if isinstance(stop, KeyboardInterrupt) else 143) from None
        finally:
            _write_views(log, csv, xlsx, report)
    _tell(summary, str(results))
    if finder.records is not None:
        print(f"{len(finder.records.joined)} recordings joined with a call record")
    if unsearched:  # said hours ago, it may be
        print(f"failed: folders that could not be searched: {len(unsearched)}", file=sys.stderr)
    if summary.n_failed or unsearched:
        raise typer.Exit(1)


def finder_with(
    settings: Settings,
    name_pattern: list[str] | None,
    cdr: Path | None,
    sip_column: str | None,
    q850_column: str | None,
) -> FactFinder:
    """Return what finds out about calls, by the user's patterns first."""
    from recognizer.base.office_zone import office_timezone
    from recognizer.batch.file_names import compile_pattern, load_name_patterns, read_call_records
    from recognizer.batch.recordings import FactFinder

    own = tuple(compile_pattern(text) for text in name_pattern or ())
    records = None
    if cdr is not None:
        records = read_call_records(cdr, sip_column=sip_column, q850_column=q850_column)
        for problem in records.problems[:_N_NOTES]:
            print(f"recognizer: record left out: {problem}", file=sys.stderr)
        if len(records.problems) > _N_NOTES:
            print(f"recognizer: {len(records.problems)} records left out", file=sys.stderr)
    elif sip_column is not None or q850_column is not None:
        raise typer.BadParameter("--sip-column and --q850-column need --cdr")
    zone = office_timezone(settings.journal.office_file)
    return FactFinder((*own, *load_name_patterns()), records, zone, _first_notes())


def _first_notes() -> Callable[[str], None]:
    """Return what says the first notes on stderr: a clock that is wrong is wrong for all calls."""
    n_said = 0

    def say(note: str) -> None:
        nonlocal n_said
        n_said += 1
        if n_said <= _N_NOTES:
            print(f"recognizer: {note}", file=sys.stderr)
        elif n_said == _N_NOTES + 1:
            print("recognizer: further notes like these are left out", file=sys.stderr)

    return say


def journal_of(settings: Settings, *, wanted: bool) -> AbstractContextManager[Journal | None]:
    """Return the journal of the settings, open; nothing if it is not wanted."""
    if not wanted:
        return nullcontext()
    from recognizer.crm.journal.database import PATIENT_S
    from recognizer.crm.journal.journal import Journal

    return Journal.of_settings(settings.journal, wait_s=PATIENT_S)


def _recordings(
    paths: list[str],
    manifests: list[Path],
    finder: FactFinder,
    *,
    include: list[str],
    exclude: list[str],
    on_unreadable: Callable[[str], object],
) -> Iterator[Recording]:
    from recognizer.batch.recordings import read_manifest, recordings_in

    for manifest in manifests:
        yield from read_manifest(manifest, finder)
    for path in paths:
        listed = (line.rstrip("\r\n") for line in sys.stdin) if path == "-" else (path,)
        yield from recordings_in(
            (Path(name) for name in listed if name),
            finder,
            include=include,
            exclude=exclude,
            missing_ok=path == "-",
            on_unreadable=on_unreadable,
        )


def n_workers(wanted: int, n_at_most: int | None = None) -> int:
    """Return how many processes to start: as wanted, or one a core this process may use."""
    import os

    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    n = wanted or available or 1
    return n if n_at_most is None else max(1, min(n, n_at_most))


def _write_views(log: ResultLog, csv: Path | None, xlsx: Path | None, report: Path | None) -> None:
    import datetime as dt

    from recognizer.batch.report import write_html_report
    from recognizer.batch.results import read_results, write_csv, write_xlsx

    if csv is not None:
        write_csv(csv, read_results(log.path))
    if xlsx is not None:
        write_xlsx(xlsx, read_results(log.path))
    if report is not None:
        write_html_report(
            report,
            read_results(log.path),
            title="Звонки",
            made_at=dt.datetime.now().astimezone(),
        )


def _tell(summary: Summary, results: str) -> None:
    from recognizer.crm.contacts import masked

    before = f", {summary.n_before} done before" if summary.n_before else ""
    print(f"{summary.n_done} recordings classified{before}; results in {results}")
    for name, count in summary.counts.most_common():
        print(f"{count:8}  {name}")
    for _, message in summary.failed:
        print(f"failed: {masked(message)}", file=sys.stderr)
    hidden = summary.n_failed - len(summary.failed)
    if hidden > 0:
        print(f"failed: {hidden} more, see {results}", file=sys.stderr)
