"""Take new recordings of folders as they become complete, for as long as the machine runs.

Events of the file system (watchfiles) only hasten what the regular search finds anyway: a network
share sends none, and a thousand at once may overflow. How much is remembered is bounded: what
does not fit is left in the folder, which is searched again. Recordings are never changed, and
moved only if that is asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from recognizer.batch.events import listening
from recognizer.batch.file_stability import UNFINISHED_S, Candidates
from recognizer.batch.jobs import CHANGED, Finished
from recognizer.batch.moving import move_recording
from recognizer.batch.recording_files import files_below, is_folder, why_unsearched
from recognizer.batch.recordings import (
    FactFinder,
    FileIdentity,
    identify,
    is_wanted,
    written_path,
)
from recognizer.batch.results import ResultLog
from recognizer.batch.runner import Todo, WorkerSource, job_of, line_of, result_of
from recognizer.batch.seen_files import SeenFiles
from recognizer.batch.stalled_mounts import look
from recognizer.crm.attempts import Attempts
from recognizer.crm.contacts import masked

__all__ = ["WatchOptions", "Watcher"]

_LOG = logging.getLogger(__name__)
_TICK_S = 0.5
_LOOK_EVERY_S = 0.2
_MAX_CANDIDATES = 2000
_MAX_EVENTS = 10_000
_MOST_UNLIKE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How to watch.

    Attributes
    ----------
    settle_s : float
        How long a file must stay the same to be complete.
    unfinished_s : float
        How long, where its header says that it is not finished.
    rescan_s : float
        How often everything is searched.
    include, exclude : sequence of str
        Patterns of names.
    move_to : Path or None
        Folder that finished recordings are moved to; None: they stay.
    use_events : bool
        False: search only.
    attempt : int
        Where neither name nor call record says which.
    channel : str, int or None
    """

    settle_s: float = 5.0
    unfinished_s: float = UNFINISHED_S
    rescan_s: float = 30.0
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    move_to: Path | None = None
    use_events: bool = True
    attempt: int = 1
    channel: str | int | None = None


class Watcher:
    """Watches folders until `stop` is called.

    Parameters
    ----------
    folders : sequence of Path
        Searched with all below them.
    pool : WorkerSource
    log : ResultLog
    seen : SeenFiles
        Caught up with the log.
    on_result : callable
        Told every line once it is on the disk.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        pool: WorkerSource,
        log: ResultLog,
        seen: SeenFiles,
        *,
        finder: FactFinder,
        options: WatchOptions,
        journal: Attempts | None = None,
        on_result: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> None:
        self._folders = [Path(os.path.abspath(folder)) for folder in folders]  # noqa: PTH100
        self._pool = pool
        self._log = log
        self._seen = seen
        self._finder = finder
        self._options = options
        self._journal = journal
        self._on_result = on_result
        self._candidates = Candidates(
            options.settle_s, _MAX_CANDIDATES, unfinished_s=options.unfinished_s
        )
        self._running: dict[Future[Finished], Todo] = {}
        self._staying: set[Path] = set()  # recordings that could not be moved: tried once
        self._stopped = threading.Event()
        self._changed: set[Path] = set()
        self._lock = threading.Lock()
        self._complete: deque[tuple[Path, FileIdentity]] = deque()
        self._in_hand: set[FileIdentity] = set()  # complete, and without a result yet
        # How often a worker saw another file there than this process did, all the while.
        self._unlike: Counter[FileIdentity] = Counter()
        self._next_look_s = 0.0
        self._search: Iterator[Path] | None = None
        self._next_search_s = 0.0
        self._complaints: set[str] = set()  # of this search
        self._said: set[str] = set()  # of the search before

    def stop(self) -> None:
        """Take nothing more; `run` returns once what is in work is finished."""
        self._stopped.set()

    def run(self) -> None:
        """Watch until stopped; then finish what is in work.

        Raises
        ------
        RecognizerError
            If no worker can be started, or results cannot be written; nothing is lost, the next
            start takes up what has no result.
        """
        with contextlib.ExitStack() as closing:
            if self._options.use_events:
                closing.enter_context(
                    listening(self._folders, self._hear_of, self._hear_nothing, self._search_soon)
                )
            try:
                while not self._stopped.is_set():
                    self.step()
                    self._pause()
            finally:
                self._stopped.set()
                while self._running:
                    self._collect(None)

    def step(self) -> None:
        """Do what can be done now without waiting."""
        self._collect(0)
        self._take_events()
        self._go_on_searching()
        # Many at once: looking for writers through /proc costs as much for one as for all.
        now = time.monotonic()
        if not self._complete and now >= self._next_look_s:
            self._complete.extend(self._candidates.take_complete(_MAX_CANDIDATES))
            self._in_hand.update(identity for _, identity in self._complete)
            self._next_look_s = now + _LOOK_EVERY_S
        while self._complete and len(self._running) < 2 * self._pool.n_workers:
            self._start(*self._complete.popleft())

    # -- finding -------------------------------------------------------------------------------

    def _hear_of(self, paths: list[str]) -> None:
        """Remember what changed; called from another thread."""
        with self._lock:
            if len(self._changed) < _MAX_EVENTS:
                self._changed.update(map(Path, paths))
            else:
                self._next_search_s = 0.0

    def _search_soon(self) -> None:
        self._next_search_s = 0.0

    def _hear_nothing(self, problem: str) -> None:
        _LOG.warning(
            "no events (%s): folders are only searched every %.0f s",
            problem,
            self._options.rescan_s,
        )

    def _take_events(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for path in changed:
            # A folder may have been filled before anyone watched it.
            found = self._files_below(path) if is_folder(path) else iter((path,))
            for file in found:
                if self._candidates.is_full:
                    self._next_search_s = 0.0
                    return
                self._consider(file)

    def _go_on_searching(self) -> None:
        """Search everything, a piece at a time: a million files must not stop the rest."""
        if self._search is None and time.monotonic() >= self._next_search_s:
            self._search = itertools.chain.from_iterable(map(self._files_below, self._folders))
        if self._search is None:
            return
        end = time.monotonic() + _TICK_S
        while not self._candidates.is_full and time.monotonic() < end:
            path = next(self._search, None)
            if path is None:
                self._search = None
                self._said, self._complaints = self._complaints, set()
                self._next_search_s = time.monotonic() + self._options.rescan_s
                return
            self._consider(path)

    def _files_below(self, folder: Path) -> Iterator[Path]:
        return files_below(folder, self._complain)

    def _complain(self, problem: str) -> None:
        """Say what is wrong with a folder, once as long as it lasts."""
        if problem not in self._complaints | self._said:
            _LOG.warning(masked(problem))
        self._complaints.add(problem)

    def _consider(self, path: Path) -> None:
        options = self._options
        if path in self._candidates or not is_wanted(path, options.include, options.exclude):
            return
        if options.move_to is not None and path.is_relative_to(options.move_to.absolute()):
            return
        try:
            identity = identify(path)
            is_readable = look(path, partial(os.access, path, os.R_OK))
        except (PermissionError, TimeoutError) as problem:
            self._complain(why_unsearched(path.parent, problem))
            return
        except OSError:
            return
        if identity in self._in_hand or self._is_never_alike(path, identity):
            return
        if not self._seen.has(identity):
            if is_readable:
                self._candidates.add(path)
            else:  # a result that says so would be its last: rights change no file's identity
                self._complain(
                    f"{path.parent}: holds recordings that this user may not read; give this "
                    "user read access, they are taken then"
                )
        elif options.move_to is not None and path not in self._staying:
            # Finished, and killed before it was moved; or a new file under the name of one that
            # was, as long and as old: only its content tells.
            sha256 = self._seen.sha256(identity)
            if sha256 is None or not self._move(path, identity, sha256):
                self._candidates.add(path)

    def _is_never_alike(self, path: Path, identity: FileIdentity) -> bool:
        if self._unlike[identity] < _MOST_UNLIKE:
            return False
        self._complain(
            f"{written_path(path)}: is another file to every program that looks (does it lead into "
            "/proc/self?); it is not heard again"
        )
        return True

    # -- recognising ---------------------------------------------------------------------------

    def _start(self, path: Path, identity: FileIdentity) -> None:
        try:
            now = identify(path)
        except OSError:  # gone again
            self._in_hand.discard(identity)
            return
        if now != identity:  # written again while it waited its turn
            self._in_hand.discard(identity)
            self._candidates.add(path)
            return
        recording = self._finder.recording(path, written_path(path))
        job = job_of(recording, attempt=self._options.attempt, channel=self._options.channel)
        (future,) = self._pool.submit_together([job])
        self._running[future] = Todo(recording, identity)

    def _collect(self, timeout_s: float | None) -> None:
        """Log what is finished, waiting up to `timeout_s` for it (None: as long as it takes)."""
        if not self._running:
            return
        for future in wait(self._running, timeout_s, FIRST_COMPLETED).done:
            item = self._running.pop(future)
            self._in_hand.discard(item.identity)
            finished = result_of(future, item)
            error = finished.report.error
            if error is not None and error.kind == "not_found":
                _LOG.warning("%s is gone before it was read", masked(item.recording.name))
                continue
            if error is not None and error.kind == CHANGED:
                _LOG.warning(masked(error.message))
                self._candidates.add(item.recording.path)
                continue
            line = line_of(item, finished, self._journal)
            self._log.append(line)
            self._seen.note(line, self._log.path.stat().st_size)
            self._on_result(line)
            file = line["file"]
            heard = FileIdentity(file["path"], file["size_bytes"], file["modified_ns"])
            if heard != item.identity:
                self._unlike[item.identity] += 1
            if self._options.move_to is not None:
                self._move(item.recording.path, heard)

    def _pause(self) -> None:
        if self._running:
            wait(self._running, _TICK_S, FIRST_COMPLETED)
        else:
            self._stopped.wait(_TICK_S)

    def _move(self, path: Path, heard: FileIdentity, sha256: str | None = None) -> bool:
        """Move a finished recording, keeping its place below the folder; replaces nothing.

        False if another file has taken its place: that one is new.
        """
        assert self._options.move_to is not None
        folder = next(folder for folder in self._folders if path.is_relative_to(folder))
        if path in self._staying:
            return True
        target = self._options.move_to / path.relative_to(folder)
        try:
            return move_recording(
                path,
                target,
                size_bytes=heard.size_bytes,
                modified_ns=heard.modified_ns,
                sha256=sha256,
            )
        except OSError as problem:
            # What may be read but not removed would be copied again at every search.
            self._staying.add(path)
            reason = problem.strerror
            _LOG.warning("%s cannot be moved and stays: %s", masked(written_path(path)), reason)
            return True
