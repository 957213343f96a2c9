"""A recogniser that does what the file says: the pipeline is tested without speech models.

A recording is a text file of one word: an outcome's name, or ``damaged``, ``segfault``, ``exit``,
``hang``, ``bug``, ``die-once PATH`` (dies unless PATH exists, which it creates first) or
``slow SECONDS``, or ``open PATH`` (hears what is there, as soon as its disk answers).
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from recognizer.audio.sources import open_source
from recognizer.base.errors import AudioError, ModelError
from recognizer.batch.jobs import Finished, Job, RecognizerLike
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome
from recognizer.regulation.loading import load_regulation
from recognizer.web.jobs.runners import InProcessRunner

DAMAGED = "not a recording"
PHRASES_VERSION = "0123456789ab"


class FakeRecognizer(RecognizerLike):
    def __init__(self, log: Path | None = None) -> None:
        self.regulation = load_regulation()
        self._log = log

    def recognize(
        self,
        source: Any,
        *,
        attempt: int = 1,
        channel: str | int | None = None,
        called_on: date | None = None,
        name: str | None = None,
    ) -> CallReport:
        if self._log is not None:  # one short append: whole lines, whoever else writes
            with self._log.open("a") as log:
                log.write(f"{name}\n")
        shown = name or str(source)
        try:
            open_source(source).close()
        except AudioError as problem:
            error = CallError(problem.kind, str(problem))
            return CallReport(shown, None, None, None, 0.0, error)
        word, _, rest = content_of(source).decode("utf-8", "replace").partition(" ")
        if word in {kind.value for kind in CallOutcome}:
            return self._report(shown, CallOutcome(word), attempt, called_on)
        misbehave(word, rest)
        if word in {"slow", "open", "die-once"}:
            return self._report(shown, CallOutcome.SILENCE, attempt, called_on)
        return CallReport(
            recording=shown,
            evidence=None,
            outcome=None,
            decision=None,
            elapsed_s=0.0,
            error=CallError("unreadable_audio", f"{shown}: {DAMAGED}"),
        )

    def _report(
        self, name: str, kind: CallOutcome, attempt: int, called_on: date | None
    ) -> CallReport:
        return CallReport(
            recording=name,
            evidence=Evidence(duration_s=1.5),
            outcome=Outcome(kind, 0.9, None, "the file says so"),
            decision=self.regulation.decide_outcome(kind, attempt=attempt, on=called_on),
            elapsed_s=0.001,
            phrases_version=PHRASES_VERSION,
        )


def content_of(source: Any) -> bytes:
    if hasattr(source, "read"):
        source.seek(0)
        data: bytes = source.read()
        return data
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def misbehave(word: str, rest: str) -> None:
    if word == "segfault":
        ctypes.string_at(0)
    elif word == "exit":
        os._exit(3)
    elif word == "hang":
        time.sleep(3600)
    elif word == "bug":
        raise ZeroDivisionError("a bug in a stage")
    elif word == "slow":
        time.sleep(float(rest))
    elif word == "open":
        Path(rest).read_bytes()
    elif word == "die-once" and not Path(rest).exists():
        Path(rest).touch()
        os.kill(os.getpid(), 9)


def load_fake(log: Path | None = None) -> FakeRecognizer:
    return FakeRecognizer(log)


def load_fake_for(_settings: Any, _engine: str | None = None) -> FakeRecognizer:
    return FakeRecognizer()


def load_nothing() -> FakeRecognizer:
    raise ModelError("model whisper-base is not installed: recognizer models install whisper-base")


def loader(log: Path | None = None) -> Any:
    """Return a picklable `load` for workers."""
    return partial(load_fake, log)


class InProcess(InProcessRunner):
    """A worker pool without processes."""

    n_workers = 1

    def submit_together(
        self, jobs: Sequence[Job], on_done: Callable[[Future[Finished]], object] = lambda _: None
    ) -> list[Future[Finished]]:
        futures = [self.submit(job) for job in jobs]
        for future in futures:
            future.add_done_callback(on_done)
        return futures
