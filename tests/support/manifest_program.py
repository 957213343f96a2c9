"""`recognizer batch MANIFEST --journal` with the fake recogniser: MANIFEST RESULTS JOURNAL_URL."""

import sys
from pathlib import Path

from fake_recognizer import loader

from recognizer.batch.recordings import FactFinder, read_manifest
from recognizer.batch.results import ResultLog
from recognizer.batch.runner import Summary, pending, run_batch
from recognizer.batch.worker_pool import WorkerPool
from recognizer.crm.journal.journal import Journal


def main(manifest: str, results: str, url: str) -> None:
    summary = Summary()
    with ResultLog(Path(results)) as log, Journal.open(url) as journal:
        todo = pending(read_manifest(Path(manifest), FactFinder()), log, summary)
        with WorkerPool(loader(), 1) as pool:
            run_batch(todo, pool, log, summary, journal=journal)


if __name__ == "__main__":
    main(*sys.argv[1:])
