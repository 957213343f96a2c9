"""What a worker is asked and answers, and how it does it: one recording, or a few together."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO, Protocol, cast

from recognizer.audio.lengths import (
    TELEPHONE_BYTES_A_SECOND,
    believed_s,
    refuse_too_large,
    refuse_too_long,
)
from recognizer.audio.sources import display_name
from recognizer.base.errors import AudioError
from recognizer.batch.held_files import FileState, HeldFile, UnopenedFile
from recognizer.model import CallError, CallReport, CallRequest, RecordedCall
from recognizer.regulation.signalling import SignallingTable

__all__ = ["CHANGED", "Finished", "Job", "RecognizerLike", "failed_report", "run_jobs"]

CHANGED = "changed"
"""Error kind of a recording that was replaced, written on or removed while it was heard."""


class RecognizerLike(Protocol):
    """What a worker needs of `recognizer.pipeline.Recognizer`."""

    def recognize(
        self,
        source: Any,
        *,
        attempt: int = 1,
        channel: str | int | None = None,
        called_on: date | None = None,
        name: str | None = None,
    ) -> CallReport:
        """Return the report on one recording; never raises for a bad one."""

    def recognize_together(self, calls: Sequence[RecordedCall]) -> Iterator[CallReport]:
        """Yield the report on each of several calls, in their order."""
        for call in calls:
            yield self.recognize(call.source, **call.details())


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recording to recognise.

    Attributes
    ----------
    path : str
        A file this machine can open.
    request : CallRequest
    max_duration_s : float or None
        A recording that says it is longer is refused with error kind `too_long`, whether or not
        its size allows that. None: what the worker accepts, of lengths that its size allows.
    """

    path: str
    request: CallRequest = field(default_factory=CallRequest)
    max_duration_s: float | None = None

    @property
    def name(self) -> str:
        """What the report calls it (`recording`)."""
        return self.request.name or self.path


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of a job.

    Attributes
    ----------
    sha256 : str or None
        Of the very bytes that were heard; None if they could not be read, or are no longer
        those of the file (error kind `changed`).
    file : FileState or None
        What the file was when it was opened.
    """

    report: CallReport
    sha256: str | None = None
    file: FileState | None = None


def failed_report(name: str, kind: str, message: str, elapsed_s: float = 0.0) -> CallReport:
    """Return the report on a recording that could not be recognised."""
    return CallReport(
        recording=name,
        evidence=None,
        outcome=None,
        decision=None,
        elapsed_s=elapsed_s,
        error=CallError(kind, message),
    )


def internal_error(job: Job, problem: Exception, elapsed_s: float = 0.0) -> CallReport:
    """Return the report of a recording that met a bug of ours."""
    message = f"{display_name(job.name)}: {type(problem).__name__}: {str(problem)[:500]}"
    return failed_report(job.name, "internal", message, elapsed_s)


def run_jobs(
    recognizer: RecognizerLike,
    jobs: Sequence[Job],
    table: SignallingTable,
    say_opened: Callable[[float | None], object] = lambda _: None,
    *,
    max_duration_s: float | None = None,
) -> Iterator[Finished]:
    """Recognise recordings in this process; yield the result of each, in their order.

    `say_opened` is told of each once it is open, before the first is heard: its length in seconds,
    None if it says none that its size allows. Longer ones than `max_duration_s` are refused, where
    the job itself does not say how long it may be.
    """
    with contextlib.ExitStack() as closing:
        held: list[HeldFile | AudioError] = []
        refusals: list[CallReport | None] = []
        for job in jobs:
            held.append(_hold(job, closing))
            refusal, duration_s = _refusal(job, held[-1], max_duration_s)
            refusals.append(refusal)
            say_opened(duration_s)
        sources = [_source(file, job) for job, file in zip(jobs, held, strict=True)]
        reports = recognizer.recognize_together(
            [
                RecordedCall(source=source, **{**job.request.details(), "name": job.name})
                for job, source, refusal in zip(jobs, sources, refusals, strict=True)
                if refusal is None
            ]
        )
        for job, file, refusal in zip(jobs, held, refusals, strict=True):
            report = next(reports) if refusal is None else refusal
            asked = job.request
            if asked.codes and refusal is None:
                regulation = getattr(recognizer, "regulation", None)
                report = table.join(
                    report,
                    asked.codes,
                    regulation,
                    attempt=asked.attempt,
                    called_on=asked.called_on,
                )
            yield _finished(job, file, report)


def _hold(job: Job, closing: contextlib.ExitStack) -> HeldFile | AudioError:
    """Return the recording opened, or why it cannot be."""
    try:
        file = HeldFile(job.path, job.name)
    except AudioError as problem:
        return problem
    closing.callback(file.close)
    return file


def _source(file: HeldFile | AudioError, job: Job) -> BinaryIO:
    if isinstance(file, HeldFile):
        return file.source
    return cast("BinaryIO", UnopenedFile(file, job.name))


def _finished(job: Job, file: HeldFile | AudioError, report: CallReport) -> Finished:
    """Return the result with the digest of what was heard, unless that is no longer there."""
    if not isinstance(file, HeldFile):
        return Finished(report)
    if report.error is not None and report.error.kind == "too_long":
        return Finished(report, file=file.state)  # not heard, so it need not be read through
    changed = file.why_changed()
    if changed is None:
        return Finished(report, file.digest(), file.state)
    message = (
        f"{display_name(job.name)}: was {changed} while it was heard; nothing is "
        "recorded of it, the next run or search takes what is there then"
    )
    return Finished(failed_report(job.name, CHANGED, message, report.elapsed_s))


def _refusal(
    job: Job, file: HeldFile | AudioError, max_duration_s: float | None
) -> tuple[CallReport | None, float | None]:
    """Return the report on a recording that is longer than accepted, or what it lasts."""
    if not isinstance(file, HeldFile):
        return None, None  # the recogniser says what is wrong with it
    limit_s = max_duration_s if job.max_duration_s is None else job.max_duration_s
    try:
        duration_s = _checked_s(job, file, math.inf if limit_s is None else limit_s)
    except AudioError as problem:
        return failed_report(job.name, problem.kind, str(problem)), None
    file.digest()  # before it is heard: of these bytes, whatever becomes of the file
    return None, duration_s


def _checked_s(job: Job, file: HeldFile, limit_s: float) -> float | None:
    """Return what a recording lasts, None if it says nothing that its size allows.

    Raises
    ------
    AudioError
        If it is too long.
    """
    from recognizer.audio import probe_audio  # noqa: PLC0415

    name, n_bytes = display_name(job.name), file.state.size_bytes
    try:
        # `mix`: the length is all that is asked for, and choosing a channel takes listening.
        duration_s = probe_audio(file.source, channel="mix", name=job.name).duration_s
    except AudioError:
        refuse_too_large(name, n_bytes, limit_s, TELEPHONE_BYTES_A_SECOND)
        return None
    if job.max_duration_s is None:
        # An own recording whose header lies is heard as one that does not say how long it is.
        duration_s = believed_s(duration_s, n_bytes)
    refuse_too_long(name, duration_s, n_bytes, limit_s)
    return duration_s
