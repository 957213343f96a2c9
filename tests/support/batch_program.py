"""`recognizer batch` with the fake recogniser, as a program that can be killed.

Usage: batch_program.py FOLDER RESULTS ASKED [N_WORKERS [JOURNAL_URL]]
"""

import signal
import sys
from contextlib import nullcontext
from pathlib import Path

from fake_recognizer import loader

from recognizer.batch.file_names import load_name_patterns
from recognizer.batch.recordings import FactFinder, recordings_in
from recognizer.batch.results import ResultLog
from recognizer.batch.runner import Summary, pending, run_batch
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_pool import WorkerPool
from recognizer.crm.journal.journal import Journal


def main(folder: str, results: str, asked: str, n_workers: str = "2", url: str = "") -> None:
    summary = Summary()
    finder = FactFinder(load_name_patterns())
    with (
        ResultLog(Path(results)) as log,
        Journal.open(url) if url else nullcontext() as journal,
    ):
        todo = pending(recordings_in([Path(folder)], finder), log, summary)
        load = loader(Path(asked))
        with WorkerPool(load, int(n_workers), limits=TimeLimits(base_s=2.0)) as pool:
            pool.start()
            print("pids", *pool.pids, flush=True)
            run_batch(
                todo,
                pool,
                log,
                summary,
                journal=journal,
                on_result=lambda _: print("one", flush=True),
            )
    print(f"done {summary.n_done} before {summary.n_before} failed {summary.n_failed}")


if __name__ == "__main__":
    # Tests that a script runs in its background inherit that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main(*sys.argv[1:])
