"""How many threads numpy computes with (threadpoolctl)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits

__all__ = ["compute_in_one_thread"]


def compute_in_one_thread() -> AbstractContextManager[Any]:
    """Let this process do linear algebra in one thread, from now on or in a `with` block.

    For processes of which every core has one already: the threads of OpenBLAS wait for work in a
    loop, which doubled the processor time of a call whose announcement is known (31 and 15 ms), and
    of hearing a live one with Whisper.
    """
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits
