"""Writes to a journal from a process of its own, for tests that end it, limit it or race it.

python journal_program.py URL record FIRST COUNT   the same recordings from every process
python journal_program.py URL forever              until it is killed; a line an attempt
"""

from __future__ import annotations

import itertools
import sys

from journal_reports import day, heard

from recognizer.base.errors import RecognizerError
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome


def main(url: str, what: str, *limits: str) -> int:
    try:
        with Journal.open(url) as journal:
            numbers = (
                range(int(limits[0]), int(limits[0]) + int(limits[1]))
                if what == "record"
                else itertools.count()
            )
            for number in numbers:
                journal.record_attempt(
                    heard(CallOutcome.BUSY_TONE, f"call-{number}.wav"),
                    contact="1001",
                    digest=f"{number:064x}",
                    called_at=day(number),
                )
                print(number, flush=True)
    except RecognizerError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
