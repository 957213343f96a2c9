"""Recordings in, classifications out: at once, or as a job to come back for."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from recognizer.web.api.answers import BUSY, ERRORS, NOT_FOUND, ApiError, answer
from recognizer.web.api.callers import Owner
from recognizer.web.api.models import (
    Ask,
    Classification,
    ErrorOut,
    JobList,
    JobOut,
)
from recognizer.web.api.uploads import jobs_of, take_recording
from recognizer.web.jobs.submissions import JobRecord, JobState

__all__ = ["router"]

router = APIRouter()
_JOURNAL_RETRY_S = 30
UPLOAD_ERRORS: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    400: {"model": ErrorOut, "description": "The body is no form, or broke off."},
    404: {"model": ErrorOut, "description": "No such contact."},
    408: {"model": ErrorOut, "description": "The upload stood still for too long."},
    413: {"model": ErrorOut, "description": "The recording is too large."},
    415: {"model": ErrorOut, "description": "Neither a form nor sound."},
    503: BUSY,
}


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
    responses={**_accepted(JobOut), **UPLOAD_ERRORS},
    openapi_extra=_BODY,
)
async def classify(request: Request, owner: Owner, asked: Annotated[Ask, Query()]) -> Response:
    """Return what was heard.

    A recording that cannot be read is answered too: `outcome` is null and `error` says why. If
    the queue is long, the answer is 202 with a job to ask for.
    """
    job = await take_recording(request, owner, asked)
    jobs = jobs_of(request)
    with contextlib.suppress(TimeoutError):
        waiting = asyncio.wrap_future(jobs.finished(job.id))
        # Shielded: whoever else waits for the same future must not see it cancelled.
        await asyncio.wait_for(asyncio.shield(waiting), request.app.state.settings.server.wait_s)
    done = await run_in_threadpool(jobs.get, job.id)
    if done is not None and done.state is JobState.DONE:
        assert done.result is not None
        _refuse_unrecorded(asked, done.result)
        return JSONResponse(TypeAdapter(Classification).validate_python(done.result))
    return _job_accepted(done or job)


def _refuse_unrecorded(asked: Ask, result: dict[str, Any]) -> None:
    """Answer with an error where the record was the point of asking, and could not be made."""
    if asked.journal != "required":
        return
    problem = result.get("journal_error")
    if problem is not None:
        raise ApiError(503, problem["kind"], problem["message"], retry_after_s=_JOURNAL_RETRY_S)
    kept = result.get("journal")
    if kept is not None and kept["attempt_id"] is None:  # however often it is sent
        raise ApiError(422, kept["kind"], kept["error"])


@router.post(
    "/api/v1/jobs",
    tags=["recordings"],
    summary="Hand in a recording and come back for the answer",
    status_code=202,
    response_model=JobOut,
    responses={**_accepted(JobOut), **UPLOAD_ERRORS},
    openapi_extra=_BODY,
)
async def create_job(request: Request, owner: Owner, asked: Annotated[Ask, Query()]) -> Response:
    """Queue a recording; `Location` says where its state and its result are."""
    return _job_accepted(await take_recording(request, owner, asked))


@router.get(
    "/api/v1/jobs",
    tags=["recordings"],
    summary="Your latest jobs",
    response_model=JobList,
    responses=ERRORS,
)
def list_jobs(
    request: Request, owner: Owner, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> Response:
    """Return the jobs of whoever asks, newest first."""
    found = jobs_of(request).recent(owner=owner, limit=limit)
    return answer(JobList(jobs=[_job_out(job) for job in found]))


JobId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_\-]{1,64}$")]


@router.get(
    "/api/v1/jobs/{job_id}",
    tags=["recordings"],
    summary="One job, with its result once it is done",
    response_model=JobOut,
    responses={**ERRORS, **NOT_FOUND},
)
def read_job(request: Request, owner: Owner, job_id: JobId) -> Response:
    """Return the state of a job; finished ones are kept for a day."""
    job = jobs_of(request).get(job_id, owner=owner)
    if job is None:
        raise ApiError(404, "not_found", f"there is no job {job_id} of yours")
    return answer(_job_out(job))


@router.delete(
    "/api/v1/jobs/{job_id}",
    tags=["recordings"],
    summary="Forget a finished job",
    status_code=204,
    response_class=Response,
    responses={
        **ERRORS,
        **NOT_FOUND,
        409: {"model": ErrorOut, "description": "It is not finished."},
    },
)
def delete_job(request: Request, owner: Owner, job_id: JobId) -> Response:
    """Remove a job with its result."""
    jobs = jobs_of(request)
    if jobs.get(job_id, owner=owner) is None:
        raise ApiError(404, "not_found", f"there is no job {job_id} of yours")
    if not jobs.delete(job_id, owner=owner):
        raise ApiError(409, "not_finished", f"job {job_id} is not finished; ask again later")
    return Response(status_code=204)


def _job_out(job: JobRecord) -> JobOut:
    return JobOut(
        id=job.id,
        state=job.state,
        recording=job.submission.name,
        submitted_at=_moment(job.submitted_at_s),
        started_at=None if job.started_at_s is None else _moment(job.started_at_s),
        finished_at=None if job.finished_at_s is None else _moment(job.finished_at_s),
        position=job.position,
        result=job.result,
    )


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _job_accepted(job: JobRecord) -> Response:
    headers = {"Location": f"/api/v1/jobs/{job.id}", "Retry-After": "2"}
    return answer(_job_out(job), 202, headers)
