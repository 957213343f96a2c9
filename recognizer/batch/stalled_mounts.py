"""Looks at files that may never be answered: a network mount that stalls holds up no parent.

A system call on a mount whose server is gone does not return, and nothing can interrupt it. So
calls are made in a thread of their own, which is given up when it takes too long; what stalls is
not asked again until that call has come back.

Not handled: a look that is given up costs a thread until its mount answers or the program ends.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Looks", "look"]

T = TypeVar("T")


class _Looker(threading.Thread):
    """Makes one call after the other."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="recognizer-looks")
        self._asked: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run(self) -> None:
        """Answer until given up."""
        while (call := self._asked.get()) is not None:
            try:
                answer: tuple[Any, BaseException | None] = (call(), None)
            except BaseException as problem:  # noqa: BLE001  whoever asked gets it
                answer = (None, problem)
            self._answers.put(answer)

    def ask(self, call: Callable[[], T], limit_s: float) -> T:
        """Return what a call returns; queue.Empty if that takes too long."""
        self._asked.put(call)
        value, problem = self._answers.get(timeout=limit_s)
        if problem is not None:
            raise problem
        answer: T = value
        return answer

    def give_up(self) -> None:
        """Let the thread end, once its call comes back."""
        self._asked.put(None)


class Looks:
    """Calls of the file system that are waited for no longer than `limit_s`.

    Parameters
    ----------
    limit_s : float
        How long one call may take, seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._looker: _Looker | None = None
        self._stalled: dict[str, _Looker] = {}

    def __call__(self, path: Path | str, call: Callable[[], T]) -> T:
        """Return what `call` returns, which looks at `path`.

        Raises
        ------
        OSError
            What the call raises; EINVAL for a name that no file can have; ETIMEDOUT if it does
            not come back in time, or one before it on the same file or mount has not yet.
        """
        with self._lock:
            if self._stalled and self._is_stalled(path):
                raise _timed_out(path)
            try:
                return self._ask(call)
            except queue.Empty:
                self._blame(path)
                raise _timed_out(path) from None
            except ValueError as problem:  # a name that no file can have, such as one with a NUL
                raise OSError(errno.EINVAL, str(problem), str(path)) from problem

    def _ask(self, call: Callable[[], T]) -> T:
        if self._looker is None:
            self._looker = _Looker()
            self._looker.start()
        try:
            return self._looker.ask(call, self._limit_s)
        except (KeyboardInterrupt, SystemExit):  # its answer must not be taken for another's
            self._given_up()
            raise

    def _given_up(self) -> _Looker:
        looker, self._looker = self._looker, None
        assert looker is not None
        looker.give_up()
        return looker

    def _blame(self, path: Path | str) -> None:
        """Remember what stalls: the whole mount, if its own folder does not answer."""
        self._stalled[_absolute(path)] = self._given_up()
        for place in self._places(path):
            mount = _mount_of(place)
            try:
                self._ask(Path(mount).stat)
            except queue.Empty:
                self._stalled[mount] = self._given_up()
                return
            except OSError:
                pass

    def _is_stalled(self, path: Path | str) -> bool:
        self._stalled = {at: looker for at, looker in self._stalled.items() if looker.is_alive()}
        return any(
            place == at or place.startswith(f"{at.rstrip('/')}/")
            for place in (self._places(path) if self._stalled else ())
            for at in self._stalled
        )

    def _places(self, path: Path | str) -> Iterator[str]:
        """Yield where a path is, and where it leads to if it is a link on a disk that answers."""
        place = _absolute(path)
        yield place
        try:
            target = self._ask(partial(os.readlink, place))
        except queue.Empty:
            self._stalled[place] = self._given_up()
        except (OSError, ValueError):
            pass
        else:
            yield _absolute(os.path.join(os.path.dirname(place), target))  # noqa: PTH118, PTH120


def _absolute(path: Path | str) -> str:
    return os.path.abspath(path)  # noqa: PTH100  Path.resolve would look at it


def _mount_of(path: str) -> str:
    """Return where the file system is mounted that a path is of by its text."""
    mounts = ["/"]
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:  # no Linux
        lines = []
    for line in lines:
        # Spaces and the like are written as octal numbers.
        place = line.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        mounts.append(os.fsdecode(place))
    return max((at for at in mounts if f"{path}/".startswith(f"{at.rstrip('/')}/")), key=len)


def _timed_out(path: Path | str) -> OSError:
    return OSError(errno.ETIMEDOUT, "its disk or network folder does not answer", str(path))


look = Looks(limit_s=10.0)
"""What searches for recordings and looks at them."""
