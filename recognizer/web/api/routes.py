"""The HTTP API: recordings in, classifications out; jobs; cards and attempts of the journal.

Who may ask: with any API key created, only who shows a key in force (``Authorization: Bearer``).
As long as there is none, programs on this machine may classify without one, browsers of other
sites may not; what the journal knows of people always needs a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from recognizer.base.errors import ConflictError, ContactError, JournalError
from recognizer.crm.journal.identity import dialled_number
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptFilter, AttemptRecord, ContactRecord
from recognizer.model import CallOutcome, NextStep
from recognizer.model.report_json import decision_to_dict
from recognizer.regulation.signalling import codes_of
from recognizer.web.api.metrics import METRICS_TYPE
from recognizer.web.api.models import (
    Ask,
    AttemptList,
    AttemptOut,
    Classification,
    ContactList,
    ContactOut,
    CorrectionIn,
    ErrorOut,
    Health,
    JobList,
    JobOut,
    Moment,
    OverviewOut,
)
from recognizer.web.jobs.queue import JobRecord, Jobs, JobState, QueueFullError, UploadError
from recognizer.web.jobs.queue import Request as JobRequest
from recognizer.web.receiving import chunks, declared_too_large, shown_name, with_timeout

__all__ = ["ApiError", "router"]

_MAX_FORM_OVERHEAD = 1 << 20  # boundaries and the other fields of a form
_MAX_FIELD = 1 << 16
_JOURNAL_RETRY_S = 30


class ApiError(Exception):
    """A request that is not carried out, as the client is told."""

    def __init__(
        self, status: int, kind: str, message: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after_s = retry_after_s


# -- who asks ----------------------------------------------------------------------------------


def _owner(request: Request) -> str:
    """Return who asks; jobs belong to whoever handed them in."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    keys = request.app.state.api_keys
    if scheme or secret:
        key = keys.find(secret.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise ApiError(401, "unauthorised", "the API key is unknown or was revoked")
        return f"key:{key.id}"
    if keys.exist():
        raise ApiError(401, "unauthorised", "an API key is needed: Authorization: Bearer <key>")
    if not _is_local_program(request):
        raise ApiError(
            401,
            "unauthorised",
            "without an API key only programs on this machine may ask; create one with "
            "`recognizer api-keys create NAME`",
        )
    return "local"


def _is_local_program(request: Request) -> bool:
    """Tell whether this comes from this machine, and not from a page of another site.

    The name in ``Host`` is looked at because a page can make its own name lead to this machine
    (DNS rebinding); a forwarded request comes from wherever the proxy serves.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    client = request.client.host if request.client else ""
    foreign = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        foreign = True
    return not foreign and not forwarded and _is_loopback(host) and _is_loopback(client)


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "testclient", "testserver"}:  # the last two: Starlette's test client
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _limited(request: Request, owner: Annotated[str, Depends(_owner)]) -> str:
    client = request.client.host if request.client else ""
    request.app.state.rate_limit.take(f"{owner} {client}")
    return owner


Owner = Annotated[str, Depends(_limited)]


def _known(owner: Owner) -> str:
    if owner == "local":
        raise ApiError(
            401,
            "unauthorised",
            "contacts and calls need an API key; create one with `recognizer api-keys create NAME`",
        )
    return owner


Known = Annotated[str, Depends(_known)]


def _journal(request: Request, _owner: Known) -> Journal:
    journal: Journal | None = request.app.state.journal
    if journal is None:
        raise ApiError(503, "no_journal", "this server has no journal: pip install "
                       "'recognizer[journal]'", retry_after_s=3600)  # fmt: skip
    return journal


TheJournal = Annotated[Journal, Depends(_journal)]

_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "No API key, or one that is not in force."},
    422: {"model": ErrorOut, "description": "A parameter is not what it should be."},
    429: {
        "model": ErrorOut,
        "description": "Too many requests of this client.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    },
}
_BUSY: dict[str, Any] = {
    "model": ErrorOut,
    "description": "Too much at one time.",
    "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
}
_NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorOut, "description": "There is none."}
}
_UPLOAD_ERRORS: dict[int | str, dict[str, Any]] = {
    **_ERRORS,
    400: {"model": ErrorOut, "description": "The body is no form, or broke off."},
    404: {"model": ErrorOut, "description": "No such contact."},
    408: {"model": ErrorOut, "description": "The upload stood still for too long."},
    413: {"model": ErrorOut, "description": "The recording is too large."},
    415: {"model": ErrorOut, "description": "Neither a form nor sound."},
    503: _BUSY,
}

router = APIRouter()


# -- recordings --------------------------------------------------------------------------------


def _form_fields() -> dict[str, Any]:
    """Return the fields of `Ask` as a form has them: left out rather than null."""
    fields: dict[str, Any] = {}
    for name, schema in Ask.model_json_schema()["properties"].items():
        kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
        fields[name] = {**kinds[0], "description": schema["description"]}
    return fields


_SOUND = {"type": "string", "format": "binary", "minLength": 1}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The recording: as `file` of a form, or the sound itself as the body.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _SOUND, **_form_fields()},
                }
            },
            "application/octet-stream": {"schema": _SOUND},
            "audio/*": {"schema": _SOUND},
        },
    }
}


def _accepted(job_model: type[JobOut]) -> dict[int | str, dict[str, Any]]:
    return {
        202: {
            "model": job_model,
            "description": "Not finished yet: ask for the job.",
            "headers": {"Location": {"schema": {"type": "string"}, "description": "The job."}},
        }
    }


@router.post(
    "/api/v1/classifications",
    tags=["recordings"],
    summary="Classify a recording and wait for the answer",
    response_model=Classification,
    responses={**_accepted(JobOut), **_UPLOAD_ERRORS},
    openapi_extra=_BODY,
)
async def classify(request: Request, owner: Owner, asked: Annotated[Ask, Query()]) -> Response:
    """Return what was heard.

    A recording that cannot be read is answered too: `outcome` is null and `error` says why. If
    the queue is long, the answer is 202 with a job to ask for.
    """
    job = await _take(request, owner, asked)
    jobs = _jobs(request)
    with contextlib.suppress(TimeoutError):
        waiting = asyncio.wrap_future(jobs.finished(job.id))
        # Shielded: whoever else waits for the same future must not see it cancelled.
        await asyncio.wait_for(asyncio.shield(waiting), request.app.state.settings.server.wait_s)
    done = await run_in_threadpool(jobs.get, job.id)
    if done is not None and done.state is JobState.DONE:
        assert done.result is not None
        _refuse_unrecorded(asked, done.result)
        return _checked(Classification, done.result)
    return _job_accepted(done or job)


def _refuse_unrecorded(asked: Ask, result: dict[str, Any]) -> None:
    """Answer 503 where the record was the point of asking, and could not be made."""
    problem = result.get("journal_error")
    if asked.journal == "required" and problem is not None:
        raise ApiError(503, problem["kind"], problem["message"], retry_after_s=_JOURNAL_RETRY_S)


@router.post(
    "/api/v1/jobs",
    tags=["recordings"],
    summary="Hand in a recording and come back for the answer",
    status_code=202,
    response_model=JobOut,
    responses={**_accepted(JobOut), **_UPLOAD_ERRORS},
    openapi_extra=_BODY,
)
async def create_job(request: Request, owner: Owner, asked: Annotated[Ask, Query()]) -> Response:
    """Queue a recording; `Location` says where its state and its result are."""
    return _job_accepted(await _take(request, owner, asked))


@router.get(
    "/api/v1/jobs",
    tags=["recordings"],
    summary="Your latest jobs",
    response_model=JobList,
    responses=_ERRORS,
)
def list_jobs(
    request: Request, owner: Owner, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Return the jobs of whoever asks, newest first."""
    found = _jobs(request).recent(owner=owner, limit=limit)
    return _checked(JobList, {"jobs": [_job_out(job) for job in found]})


JobId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_\-]{1,64}$")]


@router.get(
    "/api/v1/jobs/{job_id}",
    tags=["recordings"],
    summary="One job, with its result once it is done",
    response_model=JobOut,
    responses={**_ERRORS, **_NOT_FOUND},
)
def read_job(request: Request, owner: Owner, job_id: JobId) -> Response:
    """Return the state of a job; finished ones are kept for a day."""
    job = _jobs(request).get(job_id, owner=owner)
    if job is None:
        raise ApiError(404, "not_found", f"there is no job {job_id} of yours")
    return _checked(JobOut, _job_out(job))


@router.delete(
    "/api/v1/jobs/{job_id}",
    tags=["recordings"],
    summary="Forget a finished job",
    status_code=204,
    response_class=Response,
    responses={
        **_ERRORS,
        **_NOT_FOUND,
        409: {"model": ErrorOut, "description": "It is not finished."},
    },
)
def delete_job(request: Request, owner: Owner, job_id: JobId) -> Response:
    """Remove a job with its result."""
    jobs = _jobs(request)
    if jobs.get(job_id, owner=owner) is None:
        raise ApiError(404, "not_found", f"there is no job {job_id} of yours")
    if not jobs.delete(job_id, owner=owner):
        raise ApiError(409, "not_finished", f"job {job_id} is not finished; ask again later")
    return Response(status_code=204)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _job_out(job: JobRecord) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state.value,
        "recording": job.request.name,
        "submitted_at": _moment(job.submitted_at_s),
        "started_at": _moment(job.started_at_s),
        "finished_at": _moment(job.finished_at_s),
        "position": job.position,
        "result": job.result,
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def _checked(
    declared: Any, data: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return `data` as JSON once it is what the OpenAPI document declares."""
    TypeAdapter(declared).validate_python(data)
    return JSONResponse(data, status, headers)


def _job_accepted(job: JobRecord) -> Response:
    headers = {"Location": f"/api/v1/jobs/{job.id}", "Retry-After": "2"}
    return _checked(JobOut, _job_out(job), 202, headers)


# -- receiving ---------------------------------------------------------------------------------


class _BrokenUploadError(OSError):
    """Carries a problem through the form parser, which closes its files on an OSError."""

    def __init__(self, problem: UploadError) -> None:
        super().__init__(str(problem))
        self.problem = problem


async def _take(request: Request, owner: str, asked: Ask) -> JobRecord:
    """Receive one recording and queue it."""
    jobs = _jobs(request)
    try:
        with request.app.state.uploads.entered(owner):
            _refuse_declared(request)
            if request.headers.get("content-type", "").startswith("multipart/form-data"):
                path, name, asked = await _receive_form(request, jobs, asked)
            else:
                path, name = await _receive_body(request, jobs), None
            try:
                job = await _request_of(request, owner, asked, name)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return await run_in_threadpool(jobs.submit, path, job, owner=owner)
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


def _refuse_declared(request: Request) -> None:
    """Refuse a body that says itself that it is too large, before any of it is read."""
    limit = request.app.state.settings.server.max_upload_bytes
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
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
    stream = _counted(_body(request), limit)
    parser = MultiPartParser(
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
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        asked = _with_fields(asked, fields)
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise ApiError(
                422, "no_file", "expected the recording as a file in the form's field `file`"
            )
        path = await jobs.receive(chunks(file))
    finally:
        await form.close()
    return path, file.filename, asked


def _with_fields(asked: Ask, fields: dict[str, str]) -> Ask:
    """Return what is asked, the form's own fields over the query's."""
    known = {name: value for name, value in fields.items() if name in Ask.model_fields and value}
    if not known:
        return asked
    try:
        return Ask.model_validate({**asked.model_dump(exclude_unset=True), **known})
    except ValidationError as problem:
        raise ApiError(422, "bad_parameter", explain(problem.errors())) from problem


def explain(errors: Any) -> str:
    """Return pydantic's findings as one sentence each."""
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors
    )


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


async def _drain(request: Request) -> None:
    """Read what a refused client still sends, so that it can read the refusal."""
    with contextlib.suppress(RuntimeError, ClientDisconnect, OSError):
        async for _ in _counted(_body(request), _MAX_FORM_OVERHEAD):
            pass


async def _request_of(request: Request, owner: str, asked: Ask, name: str | None) -> JobRequest:
    if asked.contact is not None or asked.number is not None:
        journal = _journal(request, _known(owner))
        journal.database.check_file()
        if asked.contact is not None:
            await run_in_threadpool(_check_contact, journal, asked.contact)
        if asked.number is not None and dialled_number(asked.number) is None:
            raise ApiError(
                422,
                "bad_parameter",
                "number: expected one whole telephone number, such as +7 926 555-01-02; part of "
                "one may be anybody's",
            )
    return JobRequest(
        name=shown_name(asked.name or name, unnamed="recording"),
        contact=asked.contact,
        number=asked.number,
        attempt=asked.attempt,
        channel=asked.channel,
        called_on=asked.called_on,
        codes=codes_of(asked.sip_code, asked.q850),
        record_later=asked.journal != "required",
    )


def _check_contact(journal: Journal, ref: str) -> None:
    try:
        journal.contact(ref)
    except ContactError as problem:
        raise ApiError(404, problem.kind, str(problem)) from problem


# -- the journal -------------------------------------------------------------------------------


@router.get(
    "/api/v1/contacts",
    tags=["journal"],
    summary="Find contact cards",
    response_model=ContactList,
    responses={**_ERRORS, 503: _BUSY},
)
def list_contacts(
    journal: TheJournal,
    query: Annotated[
        str, Query(max_length=200, description="A number in any spelling, or part of any text.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Return the cards that fit."""
    found = journal.find_contacts(query, limit=limit, offset=offset)
    return _checked(ContactList, {"contacts": [_contact_out(contact) for contact in found]})


@router.get(
    "/api/v1/contacts/{ref}",
    tags=["journal"],
    summary="One contact card",
    response_model=ContactOut,
    responses={**_ERRORS, **_NOT_FOUND, 503: _BUSY},
)
def read_contact(journal: TheJournal, ref: Annotated[str, Path(max_length=64)]) -> Response:
    """Return a card by its number in the CRM, with status, mark and comments in force."""
    try:
        return _checked(ContactOut, _contact_out(journal.contact(ref)))
    except ContactError as problem:
        raise ApiError(404, problem.kind, str(problem)) from problem


@router.get(
    "/api/v1/attempts",
    tags=["journal"],
    summary="Find attempts",
    response_model=AttemptList,
    responses={**_ERRORS, 503: _BUSY},
)
def list_attempts(
    *,
    journal: TheJournal,
    contact: Annotated[str | None, Query(max_length=64)] = None,
    number: Annotated[str | None, Query(max_length=40)] = None,
    outcome: Annotated[list[CallOutcome] | None, Query()] = None,
    next_step: Annotated[NextStep | None, Query(alias="next")] = None,
    final: Annotated[bool | None, Query()] = None,
    since: Annotated[Moment | None, Query(description="With a time zone.")] = None,
    until: Annotated[Moment | None, Query(description="With a time zone.")] = None,
    text: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before_id: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Return attempts, the last recorded first, a page at a time."""
    which = AttemptFilter(
        contact=contact,
        number=number,
        outcomes=tuple(outcome or ()),
        next=next_step,
        final=final,
        since=_zoned("since", since),
        until=_zoned("until", until),
        text=text,
    )
    page = journal.attempts(which, limit=limit, before_id=before_id)
    shown = [_attempt_out(attempt) for attempt in page.items]
    return _checked(AttemptList, {"attempts": shown, "next_before_id": page.next_before_id})


@router.get(
    "/api/v1/attempts/{attempt_id}",
    tags=["journal"],
    summary="One attempt",
    response_model=AttemptOut,
    responses={**_ERRORS, **_NOT_FOUND, 503: _BUSY},
)
def read_attempt(
    journal: TheJournal, attempt_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    """Return an attempt with the decision in force."""
    try:
        attempt = journal.attempt(attempt_id)
        return _checked(AttemptOut, _attempt_out(attempt), 200, _etag(attempt))
    except JournalError as problem:
        raise ApiError(404, "not_found", str(problem)) from problem


@router.post(
    "/api/v1/attempts/{attempt_id}/corrections",
    tags=["journal"],
    summary="Say what an attempt really was",
    status_code=201,
    response_model=AttemptOut,
    responses={
        **_ERRORS,
        **_NOT_FOUND,
        409: {"model": ErrorOut, "description": "Somebody decided it meanwhile; read it again."},
        503: _BUSY,
    },
)
def correct_attempt(
    journal: TheJournal,
    attempt_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    asked: CorrectionIn,
    if_match: Annotated[str, Header(max_length=100)],
) -> Response:
    """Add a correction; `If-Match` names the `version` (ETag) of the attempt that was read."""
    try:
        journal.attempt(attempt_id)
    except JournalError as problem:
        raise ApiError(404, "not_found", str(problem)) from problem
    try:
        attempt = journal.correct(
            attempt_id,
            made_by=f"{asked.made_by} (API)",
            outcome=asked.outcome,
            expected=if_match.strip().strip('"'),
        )
    except ConflictError as problem:
        raise ApiError(409, problem.kind, str(problem)) from problem
    return _checked(AttemptOut, _attempt_out(attempt), 201, _etag(attempt))


def _etag(attempt: AttemptRecord) -> dict[str, str]:
    return {"ETag": f'"{attempt.version}"'}


@router.get(
    "/api/v1/overview",
    tags=["journal"],
    summary="Counts of a period",
    response_model=OverviewOut,
    responses={**_ERRORS, 503: _BUSY},
)
def read_overview(
    journal: TheJournal,
    since: Annotated[Moment | None, Query(description="With a time zone.")] = None,
    until: Annotated[Moment | None, Query(description="With a time zone.")] = None,
) -> Response:
    """Return how many calls came to what, by the decisions in force."""
    found = journal.overview(since=_zoned("since", since), until=_zoned("until", until))
    names = OverviewOut.model_fields
    return _checked(OverviewOut, {name: _plain(getattr(found, name)) for name in names})


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else dict(value)


def _zoned(name: str, moment: dt.datetime | None) -> dt.datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise ApiError(
            422, "bad_parameter", f"{name}: expected a time zone, such as 2026-11-22T09:30:00+03:00"
        )
    return moment


def _contact_out(contact: ContactRecord) -> dict[str, Any]:
    card = contact.card
    return {
        "ref": card.ref,
        "phones": [number.e164 or number.written for number in card.numbers()],
        "owner": card.owner,
        "comments": card.comments,
        "status": contact.status,
        "incorrect_contact": contact.incorrect_contact,
        "n_counted": contact.n_counted,
        "updated_at": contact.updated_at.isoformat(),
    }


def _attempt_out(attempt: AttemptRecord) -> dict[str, Any]:
    decision, error = attempt.decision, attempt.error
    return {
        "id": attempt.id,
        "contact": attempt.contact_ref,
        "number": attempt.number,
        "recording": attempt.recording,
        "called_at": attempt.called_at.isoformat(),
        "recorded_at": attempt.recorded_at.isoformat(),
        "outcome": None if attempt.outcome is None else attempt.outcome.value,
        "confidence": attempt.confidence,
        "transcript": attempt.transcript,
        "duration_s": attempt.duration_s,
        "decision": None if decision is None else decision_to_dict(decision.decision),
        "n_corrections": attempt.n_corrections,
        "version": attempt.version,
        "error": None if error is None else {"kind": error.kind, "message": error.message},
    }


# -- the server itself -------------------------------------------------------------------------


@router.get(
    "/health/live", tags=["server"], summary="Whether the server runs", response_model=Health
)
async def live() -> dict[str, str]:
    """Answer as long as the server can."""
    return {"status": "ok"}


@router.get(
    "/health/ready",
    tags=["server"],
    summary="Whether a recording would be taken now",
    response_model=Health,
    responses={
        503: {
            "model": Health,
            "description": "The models load, the queue is full, or the journal is gone.",
        }
    },
)
def ready(request: Request) -> Response:
    """Answer 503 while the speech model is being loaded, nothing more can be queued or recorded."""
    n_queued, _ = _jobs(request).counts()
    has_room = n_queued < request.app.state.settings.server.max_queue
    if has_room and request.app.state.is_loaded() and _has_its_journal(request):
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable"}, 503, {"Retry-After": "5"})


def _has_its_journal(request: Request) -> bool:
    journal: Journal | None = request.app.state.journal
    try:
        if journal is not None:
            journal.database.check_file()
    except JournalError:
        return False
    return True


@router.get("/openapi.json", include_in_schema=False)
def openapi_document(request: Request) -> Response:
    """Return the OpenAPI document; once there is a key, to those only who have one."""
    if request.app.state.api_keys.exist():
        _owner(request)
    return JSONResponse(request.app.openapi())


@router.get(
    "/metrics",
    tags=["server"],
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        401: _ERRORS[401],
        429: _ERRORS[429],
    },
)
def metrics(request: Request, _owner: Owner) -> Response:
    """Return calls by outcome, seconds and the queue, in the text format of Prometheus."""
    n_queued, n_running = _jobs(request).counts()
    text = request.app.state.metrics.text(n_queued=n_queued, n_running=n_running)
    return Response(text, media_type=METRICS_TYPE)
