"""One server a state folder: a second would remove the first one's uploads and run its jobs."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from recognizer.base.errors import RecognizerError

__all__ = ["StateLock"]


class StateLock:
    """The state folder, held from here to `close`; a server that is killed holds it no longer.

    Parameters
    ----------
    folder : Path
        There already.

    Raises
    ------
    RecognizerError
        If another server holds it; says which.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        holder = folder / "server.holder"  # the lock's own file is emptied by whoever tries it
        # Not of one thread: a server may be closed from another than began it.
        self._lock = FileLock(folder / "server.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as problem:
            raise RecognizerError(
                f"{folder}: another server works with this state folder ({_said(holder)}); stop "
                "it first, or give this one another folder (server.state_dir, "
                "RECOGNIZER_SERVER_STATE_DIR)"
            ) from problem
        with contextlib.suppress(OSError):  # on a full disk; it is only to be read by people
            holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")

    def close(self) -> None:
        """Let another server have the folder."""
        self._lock.release()


def _said(holder: Path) -> str:
    with contextlib.suppress(OSError, UnicodeError):
        if said := holder.read_text(encoding="utf-8")[:200].strip():
            return said
    return "which one is not known"
