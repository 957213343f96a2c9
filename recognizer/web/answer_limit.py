"""Asking a journal that may never answer: PostgreSQL that stands still keeps its connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from recognizer.base.errors import JournalError

__all__ = ["AnswerLimit"]

_T = TypeVar("_T")


class AnswerLimit:
    """Waits so long for an answer and no longer; from then on refuses at once, until it came.

    One question at a time. A question that was given up may still be carried out.

    Parameters
    ----------
    most_s : float
        Seconds.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._lock = threading.Lock()
        self._asked: Future[object] = Future()
        self._asked.set_result(None)

    def ask(self, question: Callable[[], _T]) -> _T:
        """Return the answer, or raise what the question raises.

        Raises
        ------
        JournalError
            If none comes in time.
        """
        if not self._lock.acquire(timeout=self._most_s):
            raise self._silence()
        try:
            if not self._asked.done():
                raise self._silence()
            answer: Future[_T] = Future()
            self._asked = answer  # type: ignore[assignment]
            # A thread that nobody waits for at the program's end.
            threading.Thread(target=_answer, args=(question, answer), daemon=True).start()
            wait([answer], self._most_s)
            if not answer.done():
                raise self._silence()
            return answer.result()
        finally:
            self._lock.release()

    def _silence(self) -> JournalError:
        return JournalError(
            f"the journal does not answer (waited {self._most_s:g} s); is its database running?"
        )


def _answer(question: Callable[[], _T], answer: Future[_T]) -> None:
    try:
        answer.set_result(question())
    except BaseException as problem:  # noqa: BLE001  raised where it was asked
        answer.set_exception(problem)
