"""`recognizer watch`: classify new recordings as they are completed."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.batch.time_limits import BASE_LIMIT_S
from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from recognizer.batch.watch import Watcher
    from recognizer.crm.journal.journal import Journal

__all__ = ["watch"]


def watch(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...", help="Folders, watched with all below them.", readable=False
        ),
    ],
    *,
    results: options.Results = options.RESULTS_FILE,
    journal: options.Journal = False,
    move_to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Move finished recordings here; without it they are never touched.",
            show_default=False,
        ),
    ] = None,
    settle: Annotated[
        float,
        typer.Option(min=0.0, help="Seconds a file must stay the same to be complete."),
    ] = 5.0,
    rescan: Annotated[
        float, typer.Option(min=1.0, help="Seconds between searches of everything.")
    ] = 30.0,
    events: Annotated[
        bool, typer.Option(help="Use the file system's events; network shares send none.")
    ] = True,
    include: options.Include = None,
    exclude: options.Exclude = None,
    workers: options.Workers = 0,
    engine: options.Engine = None,
    attempt: options.Attempt = 1,
    channel: options.Channel = None,
    name_pattern: options.NamePattern = None,
    time_limit: options.TimeLimit = BASE_LIMIT_S,
) -> None:
    """Classify every new recording of folders, once, until stopped (Ctrl-C, SIGTERM).

    A recording is taken when it is complete: nobody writes it, it has stayed the same for a while,
    and its header fits it (else it must stay the same for ten minutes). One that this user may
    not read is named and waited for.
    What is in work when the program is stopped is finished; what was missed meanwhile is found at
    the next start.

    Examples:

      recognizer watch /var/spool/asterisk/monitor --results /var/lib/recognizer/calls.jsonl

      recognizer watch /mnt/share --no-events --rescan 10 --move-to /mnt/share/done --journal
    """
    import logging

    from recognizer.base.errors import RecognizerError
    from recognizer.base.settings import load_settings
    from recognizer.batch.recording_files import why_unsearched
    from recognizer.batch.results import ResultLog
    from recognizer.batch.seen_files import SeenFiles
    from recognizer.batch.stalled_mounts import look
    from recognizer.batch.time_limits import TimeLimits
    from recognizer.batch.watch import Watcher, WatchOptions
    from recognizer.batch.worker import load_recognizer
    from recognizer.batch.worker_pool import WorkerPool
    from recognizer.cli.batch import finder_with, journal_of, n_workers

    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    for folder in folders:
        try:
            look(folder, partial(_enter, folder))
        except (FileNotFoundError, NotADirectoryError):
            message = f"{folder}: no such folder; create it, or check the mount"
            raise RecognizerError(message) from None
        except OSError as problem:
            raise RecognizerError(why_unsearched(folder, problem)) from problem
    settings = load_settings()
    how = WatchOptions(
        settle_s=settle,
        rescan_s=rescan,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        move_to=move_to,
        use_events=events,
        attempt=attempt,
        channel=channel,
    )
    finder = finder_with(settings, name_pattern, None, None, None)
    load = partial(load_recognizer, settings, engine)
    with (
        ResultLog(results, remember=False) as log,
        SeenFiles(results.with_name(f"{results.name}.seen.sqlite3")) as seen,
        journal_of(settings, wanted=journal) as store,
        WorkerPool(
            load,
            n_workers(workers),
            limits=TimeLimits(
                base_s=time_limit, max_duration_s=settings.recognition.max_duration_s
            ),
        ) as pool,
    ):
        seen.catch_up(log.path)
        pool.start()
        watcher = Watcher(
            folders,
            pool,
            log,
            seen,
            finder=finder,
            options=how,
            journal=store,
            on_result=_teller(folders, store),
        )
        _stop_on_signals(watcher)
        print(f"watching {', '.join(map(str, folders))}", flush=True)
        watcher.run()
    print("stopped; what was in work is finished", flush=True)


def _teller(folders: list[Path], journal: Journal | None) -> Callable[[dict[str, Any]], None]:
    """Return what is done with each result: it is printed, and its folder was heard."""
    if journal is None:
        return _say
    from recognizer.crm.journal.recorders import RecorderClock

    clock = RecorderClock(journal.database)
    absolute = [folder.absolute() for folder in folders]

    def tell(line: dict[str, Any]) -> None:
        _say(line)
        path = Path(line["file"]["path"])
        folder = next((one for one in absolute if path.is_relative_to(one)), path.parent)
        clock.hear("folder", str(folder))

    return tell


def _say(line: dict[str, Any]) -> None:
    """Print one result, as a service's log may keep it: without numbers of people."""
    from recognizer.crm.contacts import masked

    error, decision = line["error"], line["decision"] or {}
    step = f" -> {decision['next']}" if decision else ""
    said = f"{line['recording']}: {line['outcome']}{step}" if error is None else error["message"]
    print(masked(said), flush=True)


def _enter(folder: Path) -> None:
    os.scandir(folder).close()


def _stop_on_signals(watcher: Watcher) -> None:
    """Stop gently at the first signal; the second ends the program at once."""

    def stop(number: int, _frame: object) -> None:
        watcher.stop()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
