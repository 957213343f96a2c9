"""Live calls: which go on, the latest event of one, and what else is known of it."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request, Response

from recognizer.base.errors import FrameError
from recognizer.live.calls import LiveCall, LiveCalls
from recognizer.live.live_facts import LiveFacts
from recognizer.web.api.answers import ERRORS, NOT_FOUND, ApiError, answer
from recognizer.web.api.callers import Known
from recognizer.web.api.models import LiveCallOut, LiveCallsOut, LiveFactsIn

__all__ = ["router"]

router = APIRouter()


def _calls(request: Request, _owner: Known) -> LiveCalls:
    calls: LiveCalls | None = request.app.state.live
    if calls is None:
        raise ApiError(404, "not_found", "this server hears no live calls: section [live]")
    return calls


TheCalls = Annotated[LiveCalls, Depends(_calls)]


def _out(live: LiveCall) -> LiveCallOut:
    return LiveCallOut(
        call=live.id,
        started_at=live.started_at,
        duration_s=round(live.duration_s, 3),
        event=live.last_event,
    )


@router.get(
    "/api/v1/live",
    tags=["live"],
    summary="Calls that go on now",
    response_model=LiveCallsOut,
    responses={**ERRORS, **NOT_FOUND},
)
async def list_live(calls: TheCalls) -> Response:
    """Return the calls that are heard now, each with its latest event."""
    return answer(LiveCallsOut(calls=[_out(live) for live in calls.running.values()]))


@router.get(
    "/api/v1/live/{call}",
    tags=["live"],
    summary="The latest event of a call",
    response_model=LiveCallOut,
    responses={**ERRORS, **NOT_FOUND},
)
async def read_live(calls: TheCalls, call: uuid.UUID) -> Response:
    """Return a call that goes on, or one of the last thousand that ended, by its UUID."""
    live, event = calls.running.get(str(call)), calls.last_event(str(call))
    if live is not None:
        return answer(_out(live))
    if event is None:
        raise ApiError(404, "not_found", f"call {call}: none of this id is known")
    return answer(
        LiveCallOut(call=str(call), started_at=None, duration_s=event["at_s"], event=event)
    )


@router.put(
    "/api/v1/live/{call}",
    tags=["live"],
    summary="Say what is known of a call that goes on",
    response_model=LiveCallOut,
    responses={**ERRORS, **NOT_FOUND},
)
async def tell_live(
    calls: TheCalls, call: uuid.UUID, facts: Annotated[LiveFactsIn, Body()]
) -> Response:
    """Add number, card, attempt or the network's codes to a call, for AudioSocket has no words."""
    live = calls.running.get(str(call))
    if live is None:
        raise ApiError(404, "not_found", f"call {call}: none of this id goes on")
    try:
        live.learn(LiveFacts.read(facts.model_dump(exclude_none=True)))
    except FrameError as problem:
        raise ApiError(422, "invalid", str(problem)) from problem
    return answer(_out(live))
