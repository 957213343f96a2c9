"""Receiving one recording, as a form or as the body itself, within the server's limits."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect

from recognizer.base.errors import JournalError
from recognizer.base.moments import day_lies_ahead
from recognizer.crm.journal.identity import dialled_number
from recognizer.model import CallRequest
from recognizer.regulation.signalling import codes_of
from recognizer.web.api.answers import ApiError, explain
from recognizer.web.api.callers import contact_of, journal_of, known_owner
from recognizer.web.api.models import (
    Ask,
)
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.submissions import JobRecord, QueueFullError, Submission, UploadError
from recognizer.web.receiving import (
    FormEnd,
    FormParser,
    chunks,
    declared_too_large,
    is_part,
    shown_name,
    with_timeout,
)

__all__ = ["jobs_of", "take_recording"]

_MAX_FORM_OVERHEAD = 1 << 20  # boundaries and the other fields of a form
_MAX_FIELD = 1 << 16


def jobs_of(request: Request) -> Jobs:
    """Return the queue of the application."""
    jobs: Jobs = request.app.state.jobs
    return jobs


class _BrokenUploadError(OSError):
    """Carries a problem through the form parser, which closes its files on an OSError."""

    def __init__(self, problem: UploadError) -> None:
        super().__init__(str(problem))
        self.problem = problem


async def take_recording(request: Request, owner: str, asked: Ask) -> JobRecord:
    """Receive one recording and queue it."""
    jobs = jobs_of(request)
    try:
        with request.app.state.uploads.entered(owner):
            _refuse_declared(request)
            if _is_form(request):
                path, name, asked = await _receive_form(request, jobs, asked)
            else:
                path, name = await _receive_body(request, jobs), None
            try:
                job = await _submission(request, owner, asked, name)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            taken = await run_in_threadpool(jobs.submit, path, job, owner=owner)
            if job.is_recorded:
                await run_in_threadpool(_hear, request, owner)
            return taken
    except _BrokenUploadError as problem:
        raise problem.problem from problem
    except TimeoutError as problem:
        server = request.app.state.settings.server
        message = (
            f"the upload was too slow: expected something every {server.upload_timeout_s:.0f} s, "
            f"{server.upload_min_bytes_per_s:.0f} bytes a second, and all of it within "
            f"{server.upload_total_s:.0f} s"
        )
        raise UploadError(message, "upload_timeout") from problem
    except QueueFullError:
        await _drain(request)
        raise
    except ClientDisconnect as problem:
        raise ApiError(400, "broken_off", "the upload broke off") from problem


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


def _hear(request: Request, owner: str) -> None:
    """Note that a program hands in calls."""
    state = request.app.state
    name = next((key.name for key in state.api_keys.all() if f"key:{key.id}" == owner), owner)
    with contextlib.suppress(JournalError):  # noted with the next call
        state.noting.ask(partial(state.recorders.hear, "key", name))


def _refuse_declared(request: Request) -> None:
    """Refuse a body that says itself what is wrong with it, before any of it is read."""
    if is_part(request.headers):
        message = "expected a whole recording as it is, found Content-Range or Content-Encoding"
        raise ApiError(400, "not_whole", message)
    limit = request.app.state.settings.server.max_upload_bytes
    is_form = _is_form(request)
    most = limit + _MAX_FORM_OVERHEAD if is_form else limit
    if declared_too_large(request.headers.get("content-length"), most):
        message = f"the recording is larger than {limit} bytes, the most this server takes"
        raise UploadError(f"{message}; send the part that matters", "too_large")


async def _receive_body(request: Request, jobs: Jobs) -> Any:
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0]
    kind = kind.strip().lower()
    if kind != "application/octet-stream" and not kind.startswith(("audio/", "video/")):
        raise ApiError(
            415,
            "media_type",
            f"expected multipart/form-data with a file, audio/* or application/octet-stream, "
            f"found {kind[:80]!r}",
        )
    return await jobs.receive(_body(request))


async def _receive_form(request: Request, jobs: Jobs, asked: Ask) -> tuple[Any, str | None, Ask]:
    limit = request.app.state.settings.server.max_upload_bytes + _MAX_FORM_OVERHEAD
    stream = _whole(_counted(_body(request), limit), request.headers["content-type"])
    parser = FormParser(
        request.headers,
        stream,
        max_files=1,
        max_fields=30,
        max_part_size=_MAX_FIELD,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as problem:
        raise ApiError(400, "bad_form", f"the form cannot be read: {problem}") from problem
    try:
        asked = _with_fields(asked, _fields(form))
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(
                422, "no_file", "expected the recording as a file in the form's field `file`"
            )
        path = await jobs.receive(chunks(file))
    finally:
        await form.close()
    return path, file.filename, asked


def _fields(form: FormData) -> dict[str, str]:
    """Return the fields that say something: each known, and said once."""
    names = Counter(name for name, _ in form.multi_items())
    for name, n_times in names.items():
        if n_times > 1:
            raise _bad_field(name, f"expected once, found {n_times} times")
    fields = {name: value for name, value in form.items() if isinstance(value, str) and value}
    for name in fields:
        if name != "file" and name not in Ask.model_fields:
            raise _bad_field(name, f"expected one of file, {', '.join(Ask.model_fields)}")
    return fields


def _bad_field(name: str, what: str) -> ApiError:
    return ApiError(422, "bad_parameter", f"{shown_name(name, unnamed='?')[:80]}: {what}")


def _with_fields(asked: Ask, fields: dict[str, str]) -> Ask:
    """Return what is asked, the form's own fields over the query's."""
    known = {name: value for name, value in fields.items() if name in Ask.model_fields}
    if not known:
        return asked
    try:
        return Ask.model_validate({**asked.model_dump(exclude_unset=True), **known})
    except ValidationError as problem:
        raise ApiError(422, "bad_parameter", explain(problem.errors())) from problem


def _body(request: Request) -> AsyncGenerator[bytes, None]:
    return with_timeout(request.stream(), request.app.state.settings.server)


async def _counted(chunks: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            message = f"the form is larger than {limit} bytes, the most this server takes"
            raise _BrokenUploadError(UploadError(message, "too_large"))
        yield chunk


async def _whole(chunks: AsyncIterator[bytes], content_type: str) -> AsyncGenerator[bytes, None]:
    end = FormEnd(content_type)
    async for chunk in chunks:
        end.count(chunk)
        yield chunk
    if end.problem is not None:
        raise _BrokenUploadError(UploadError(end.problem, "bad_form"))


async def _drain(request: Request) -> None:
    """Read what a refused client still sends, so that it can read the refusal."""
    with contextlib.suppress(RuntimeError, ClientDisconnect, OSError):
        async for _ in _counted(_body(request), _MAX_FORM_OVERHEAD):
            pass


async def _submission(request: Request, owner: str, asked: Ask, name: str | None) -> Submission:
    zone = request.app.state.journal.office.timezone
    if asked.called_on is not None and day_lies_ahead(asked.called_on, zone):
        raise ApiError(
            422, "bad_parameter", f"called_on: expected a day that has begun, got {asked.called_on}"
        )
    if asked.contact is not None or asked.number is not None:
        journal = journal_of(request, known_owner(owner))
        journal.database.check_file()
        if asked.contact is not None:
            await run_in_threadpool(contact_of, journal, asked.contact)
        if asked.number is not None and dialled_number(asked.number) is None:
            raise ApiError(
                422,
                "bad_parameter",
                "number: expected one whole telephone number, such as +7 926 555-01-02; part of "
                "one may be anybody's",
            )
    return Submission(
        call=CallRequest(
            name=shown_name(asked.name or name, unnamed="recording"),
            attempt=asked.attempt,
            channel=asked.channel,
            called_on=asked.called_on,
            codes=codes_of(asked.sip_code, asked.q850),
        ),
        contact=asked.contact,
        number=asked.number,
        record_later=asked.journal != "required",
    )
