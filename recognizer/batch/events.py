"""Events of the file system, listened to in a process of their own.

Beginning to listen walks through every folder, in native code that lets nothing else of its
process run; where a mount stalls, it does so for ever.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from recognizer.base.errors import RecognizerError
from recognizer.batch.processes import die_with_parent, end

__all__ = ["listening"]

_MANY = 1000  # paths in one message
_AFTER_UNREADABLE_NAME_S, _LONGEST_PAUSE_S = 0.5, 60.0  # beginning again walks every folder


@contextlib.contextmanager
def listening(
    folders: Sequence[Path],
    on_changes: Callable[[list[str]], object],
    on_failure: Callable[[str], object],
    on_missed: Callable[[], object],
) -> Iterator[None]:
    """Tell of what changes below folders, in another thread, until left.

    Parameters
    ----------
    on_changes : callable
        Told paths that appeared, changed or went.
    on_failure : callable
        Told once why there are no events.
    on_missed : callable
        Told that events were lost, so that everything is to be searched.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    names = [str(folder) for folder in folders]
    is_over = threading.Event()
    process = context.Process(
        target=_listen, args=(names, theirs), daemon=True, name="recognizer-events"
    )
    process.start()
    theirs.close()
    thread = threading.Thread(
        target=_pass_on,
        args=(ours, on_changes, on_failure, on_missed, is_over),
        daemon=True,
        name="recognizer-events",
    )
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        end(process)
        thread.join(5)
        ours.close()


def _pass_on(
    pipe: Connection,
    on_changes: Callable[[list[str]], object],
    on_failure: Callable[[str], object],
    on_missed: Callable[[], object],
    is_over: threading.Event,
) -> None:
    try:
        while True:
            message: list[str] | str | None = pipe.recv()
            if message is None:
                on_missed()
            elif isinstance(message, str):
                on_failure(message)
                return
            else:
                on_changes(message)
    except (EOFError, OSError):
        if not is_over.is_set():
            on_failure("the process that listened has ended")


def _listen(folders: Sequence[str], pipe: Connection) -> None:
    """Body of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it stops
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent()
    try:
        for paths in _changes(folders):
            if paths is None:
                pipe.send(None)
                continue
            for first in range(0, len(paths), _MANY):
                pipe.send(paths[first : first + _MANY])
    except (RecognizerError, OSError, RuntimeError) as problem:
        with contextlib.suppress(OSError):
            pipe.send(str(problem))


def _changes(folders: Sequence[str]) -> Iterator[list[str] | None]:
    """Yield the paths that changed; None where some could not be told."""
    try:
        import watchfiles  # noqa: PLC0415  optional
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            "watchfiles is not installed: pip install 'recognizer[watch]'"
        ) from problem
    pause_s = _AFTER_UNREADABLE_NAME_S
    while True:
        began_s = time.monotonic()
        try:
            for changes in watchfiles.watch(
                *folders,
                watch_filter=None,
                recursive=True,
                yield_on_timeout=False,
                raise_interrupt=False,
                ignore_permission_denied=True,
                rust_timeout=1000,
            ):
                yield [path for _, path in changes]
        except RuntimeError as problem:
            # A name that is no UTF-8 ends the listener, which never gets over it: a new one begins.
            if "Unable to decode path" not in str(problem):
                raise
            was_quiet = time.monotonic() - began_s > _LONGEST_PAUSE_S
            pause_s = _AFTER_UNREADABLE_NAME_S if was_quiet else min(2 * pause_s, _LONGEST_PAUSE_S)
            time.sleep(pause_s)
            yield None
