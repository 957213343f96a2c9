"""How far a long run is: rich's bar on a terminal, lines of our own in a log, as rich has none."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol, Self, TextIO, TypeVar

__all__ = ["PlainProgress", "Progress", "TerminalProgress", "counted", "progress_on"]

_Item = TypeVar("_Item")
_WINDOW_S = 120.0


class Progress(Protocol):
    """Shows progress while it is open."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *exc: object) -> None:
        """End."""

    def advance(self, *, failed: bool) -> None:
        """One more is done."""


class PlainProgress:
    """Prints a line now and then.

    Parameters
    ----------
    total : int
    stream : TextIO
    every_s : float
        Seconds between lines; the last line always comes.
    """

    def __init__(self, total: int, stream: TextIO, *, every_s: float = 10.0) -> None:
        self._total = total
        self._stream = stream
        self._every_s = every_s
        self._n_done = 0
        self._n_failed = 0
        self._shown_at_s = self._began_s = time.monotonic()
        self._marks = deque([(self._began_s, 0)])  # what the rate of late is measured by

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._n_done:
            self._show(time.monotonic())

    def advance(self, *, failed: bool) -> None:
        """Count one more; print if the last line is old."""
        self._n_done += 1
        self._n_failed += failed
        now = time.monotonic()
        if now - self._shown_at_s >= self._every_s and self._n_done < self._total:
            self._show(now)

    def _show(self, now: float) -> None:
        self._shown_at_s = now
        self._marks.append((now, self._n_done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        then, n_then = self._marks[0]
        rate = (self._n_done - n_then) / max(now - then, 1e-9)
        share = 100 * self._n_done / max(self._total, 1)
        left = self._total - self._n_done
        ending = f"about {duration_text(left / rate)} left" if left and rate > 0 else "no time left"
        if not left:
            ending = f"took {duration_text(now - self._began_s)}"
        print(
            f"{self._n_done}/{self._total} recordings ({share:.0f} %), {rate:.1f} a second, "
            f"{self._n_failed} failed, {ending}",
            file=self._stream,
            flush=True,
        )


class TerminalProgress:
    """A bar with rate and time left."""

    def __init__(self, total: int) -> None:
        from rich.console import Console  # noqa: PLC0415  only where there is a terminal
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bar  # noqa: PLC0415

        self._bar = Bar(
            TextColumn("recordings"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[failed]} failed"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("", total=total, rate="", failed=0)
        self._n_failed = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def advance(self, *, failed: bool) -> None:
        """Count one more."""
        self._n_failed += failed
        speed = self._bar.tasks[0].speed
        rate = "" if speed is None else f"{speed:.1f}/s"
        self._bar.update(self._task, advance=1, failed=self._n_failed, rate=rate)


def progress_on(total: int, stream: TextIO | None = None) -> Progress:
    """Return what fits the stream (None: stderr)."""
    stream = stream or sys.stderr
    return TerminalProgress(total) if stream.isatty() else PlainProgress(total, stream)


def counted(items: Sequence[_Item]) -> Iterator[_Item]:
    """Yield what is listened to, with a bar on stderr where somebody watches."""
    if len(items) < 3 or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console  # noqa: PLC0415  only where there is a terminal
    from rich.progress import track  # noqa: PLC0415

    console = Console(stderr=True)
    yield from track(items, description="Listening", console=console, transient=True)


def duration_text(seconds: float) -> str:
    """Return a length of time as a person says it: ``42 s``, ``3 min 10 s``, ``5 h 02 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
