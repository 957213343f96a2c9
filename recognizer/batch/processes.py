"""Child processes: they end with their parent, and none that cannot end holds it up."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.process import BaseProcess

__all__ = ["die_with_parent", "end"]

_DEATH_S = 5.0


def die_with_parent() -> None:
    """Let this process end as soon as the one that started it has."""
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end(process: BaseProcess) -> None:
    """Kill a process and wait for its death, but not for ever.

    One that waits for a stalled disk dies only when that answers. `multiprocessing` would wait
    for it at the end of the program, and offers no way to name a process that nobody needs.
    """
    process.kill()
    process.join(_DEATH_S)
    if process.exitcode is not None:
        process.close()
        return
    children: set[BaseProcess] = multiprocessing.process._children  # type: ignore[attr-defined]  # noqa: SLF001
    children.discard(process)
