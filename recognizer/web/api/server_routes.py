"""The server itself: health, the OpenAPI document, numbers for Prometheus."""

from __future__ import annotations

import asyncio
from functools import partial

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from recognizer.base.errors import JournalError
from recognizer.crm.journal.journal import Journal
from recognizer.web.api.answers import ERRORS
from recognizer.web.api.callers import Owner, owner_of
from recognizer.web.api.metrics import METRICS_TYPE
from recognizer.web.api.models import (
    Health,
)
from recognizer.web.api.uploads import jobs_of

__all__ = ["router"]

router = APIRouter()


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
            "description": "The models load, the queue or a disk is full, or the journal is gone.",
        }
    },
)
async def ready(request: Request) -> Response:
    """Answer 503 while the speech model is being loaded, nothing more can be queued or recorded."""
    # Threads of its own: those of the others may all be waiting for what does not answer.
    return await asyncio.to_thread(_readiness, request)


def _readiness(request: Request) -> Response:
    debts: dict[str, int] = {}
    try:
        is_ready = request.app.state.asking_if_ready.ask(partial(_is_ready, request, debts))
    except JournalError:
        is_ready = False
    if is_ready:
        return JSONResponse({"status": "ok", **debts})
    return JSONResponse({"status": "unavailable", **debts}, 503, {"Retry-After": "5"})


def _is_ready(request: Request, debts: dict[str, int]) -> bool:
    """Tell whether a recording would be taken now; say what is owed, where that is known."""
    state, jobs = request.app.state, jobs_of(request)
    if not jobs.has_state:
        return False
    n_queued, _ = jobs.counts()
    debts["n_owed"], debts["n_lost"] = jobs.debts()
    has_place = n_queued < state.settings.server.max_queue and jobs.has_room
    return has_place and state.is_loaded() and _has_its_journal(state.journal)


def _has_its_journal(journal: Journal | None) -> bool:
    if journal is None:
        return True
    journal.database.check_file()
    _ask(journal)
    return journal.database.has_room()


def _ask(journal: Journal) -> None:
    """Let the database server say anything at all."""
    with journal.database.reading() as session:
        session.execute(sa.text("SELECT 1"))


@router.get("/openapi.json", include_in_schema=False)
def openapi_document(request: Request) -> Response:
    """Return the OpenAPI document; once there is a key, to those only who have one."""
    if request.app.state.api_keys.exist():
        owner_of(request)
    return JSONResponse(request.app.openapi())


@router.get(
    "/metrics",
    tags=["server"],
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        401: ERRORS[401],
        429: ERRORS[429],
    },
)
def metrics(request: Request, _owner: Owner) -> Response:
    """Return calls by outcome, seconds and the queue, in the text format of Prometheus."""
    n_queued, n_running = jobs_of(request).counts()
    n_owed, n_lost = jobs_of(request).debts()
    text = request.app.state.metrics.text(
        n_queued=n_queued, n_running=n_running, n_owed=n_owed, n_lost=n_lost
    )
    return Response(text, media_type=METRICS_TYPE)
