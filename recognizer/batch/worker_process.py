"""What runs inside a worker process: it loads the models once and answers over a pipe."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from recognizer.base.errors import RecognizerError
from recognizer.base.threads import compute_in_one_thread
from recognizer.batch.jobs import Finished, Job, RecognizerLike, internal_error, run_jobs
from recognizer.batch.processes import die_with_parent
from recognizer.regulation.signalling import SignallingTable, load_signalling

__all__ = ["serve_jobs"]


def serve_jobs(
    connection: Connection, load: Callable[[], RecognizerLike], max_duration_s: float
) -> None:
    """Body of a worker process: load once, then answer jobs until the pipe closes."""
    # Ctrl-C and SIGTERM reach the whole group; only the parent decides when a worker stops.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent()
    # Out of memory: let the kernel choose a worker (one file) before the parent (the run).
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    try:
        recognizer = load()
        table = load_signalling()
        compute_in_one_thread()  # numpy is loaded by now
    except RecognizerError as problem:
        connection.send(("failed", str(problem)))
        return
    connection.send(("ready", None))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            jobs: tuple[Job, ...] = connection.recv()
            for answer in _answers(recognizer, jobs, table, connection, max_duration_s):
                connection.send(("done", answer))


def _answers(
    recognizer: RecognizerLike,
    jobs: Sequence[Job],
    table: SignallingTable,
    connection: Connection,
    max_duration_s: float,
) -> Iterator[Finished]:
    def say_opened(duration_s: float | None) -> None:
        connection.send(("opened", duration_s))

    n_done = 0
    try:
        running = run_jobs(recognizer, jobs, table, say_opened, max_duration_s=max_duration_s)
        for finished in running:
            n_done += 1
            yield finished
    except Exception as problem:  # noqa: BLE001  a bug costs this file, with its name, not the run
        if len(jobs) == 1:
            yield Finished(internal_error(jobs[0], problem))
            return
        for job in jobs[n_done:]:  # whose bug it is shows when each is alone
            yield from _answers(recognizer, [job], table, connection, max_duration_s)
