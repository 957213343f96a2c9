"""How many threads numpy computes with (threadpoolctl)."""

from __future__ import annotations

from threadpoolctl import threadpool_limits

__all__ = ["compute_in_one_thread"]


def compute_in_one_thread() -> None:
    """Let this process do linear algebra in one thread, from now on.

    For processes of which every core has one already: the threads of OpenBLAS wait for work in a
    loop, which doubled the processor time of a call whose announcement is known (31 and 15 ms).
    """
    threadpool_limits(limits=1, user_api="blas")
