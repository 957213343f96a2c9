"""Finished recordings into the journal, in a thread of its own: a lock there stops no worker."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from recognizer.base.errors import RecognizerError
from recognizer.batch.jobs import Finished, failed_report
from recognizer.model.report_json import report_to_dict
from recognizer.web.jobs.submissions import Submission

__all__ = ["Record", "Recorder", "failure"]

_LOG = logging.getLogger(__name__)

Record = Callable[[Submission, Finished], dict[str, Any]]
"""Turns a finished report into the result object, and keeps it in the journal where asked."""


class Recorder:
    """Makes results, one after the other where they go into the journal.

    What waited while a write failed is not tried then: each would wait for the same lock as long
    again. It gets the same answer, and is recorded later as that one is.

    Parameters
    ----------
    record : callable
        See `Record`.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recognizer-journal")
        self._failed_s = float("-inf")
        self._error: dict[str, Any] = {}

    def keep(
        self, submission: Submission, finished: Finished, then: Callable[[dict[str, Any]], object]
    ) -> None:
        """Call `then` with the result: at once, or in another thread once it is recorded."""
        if not submission.is_recorded:
            then(self._result(submission, finished))
            return
        asked_s = time.monotonic()

        def kept() -> None:
            try:
                if asked_s <= self._failed_s:
                    then(self._unrecorded(finished))
                else:
                    then(self._result(submission, finished))
            except Exception:  # noqa: BLE001  the thread goes on
                _LOG.exception("%s: cannot be finished", submission.name)

        self._thread.submit(kept)

    def close(self) -> None:
        """Return once everything that was handed over is done."""
        self._thread.shutdown(wait=True)

    def _result(self, submission: Submission, finished: Finished) -> dict[str, Any]:
        try:
            return self._record(submission, finished)
        except RecognizerError as problem:
            # The sound was understood; what failed is keeping it. The client must know both.
            self._error = {"kind": problem.kind, "message": str(problem)}
        except Exception as problem:  # noqa: BLE001  the client waits for an answer
            _LOG.exception("a report cannot be recorded")
            message = f"{type(problem).__name__}: {str(problem)[:500]}"
            return self._unrecorded(finished, {"kind": "internal", "message": message})
        self._failed_s = time.monotonic()
        return self._unrecorded(finished)

    def _unrecorded(
        self, finished: Finished, error: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return {**report_to_dict(finished.report), "journal_error": error or self._error}


def failure(submission: Submission, problem: BaseException) -> dict[str, Any]:
    """Return the result of a recording that could not be heard."""
    kind = problem.kind if isinstance(problem, RecognizerError) else "internal"
    return report_to_dict(failed_report(submission.name, kind, str(problem)))
