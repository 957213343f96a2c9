"""How many threads numpy computes with (threadpoolctl)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController, threadpool_limits

__all__ = ["compute_in_one_thread", "computed_alike"]

_ALIKE = Lock()


def compute_in_one_thread() -> AbstractContextManager[Any]:
    """Let this process do linear algebra in one thread, from now on or in a `with` block.

    For processes of which every core has one already: the threads of OpenBLAS wait for work in a
    loop, which doubled the processor time of a call whose announcement is known (31 and 15 ms), and
    of hearing a live one with Whisper.
    """
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits


@contextmanager
def computed_alike() -> Iterator[None]:
    """Sum alike in a `with` block, whatever the number of cores: OpenBLAS rounds by its threads.

    A recording heard by a worker, by the server and from Python is then heard the same: 46 of the
    115 labelled transcripts differed. One block at a time, since the limit is the process's.
    """
    with _ALIKE, _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # what is loaded by now: numpy is, at the first block
