"""Calls that go on now, for a supervisor: what each looks like, and its sound so far."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from recognizer.live.calls import LiveCall, LiveCalls
from recognizer.model import CallOutcome
from recognizer.web.pages import wording
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render
from recognizer.web.pages.signed_in import Supervisor, note
from recognizer.web.pages.waveform import wav_of

__all__ = ["router"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _Line:
    """A call as the table shows it."""

    id: str
    started_at: dt.datetime
    duration_s: float
    number: str
    attempt: int | None
    heard: str
    is_final: bool
    is_marked: bool


def _line(live: LiveCall) -> _Line:
    event = live.last_event
    outcome = event.get("outcome")
    decision = event.get("decision") or {}
    is_final = event["event"] in {"final", "end"}
    return _Line(
        live.id,
        live.started_at,
        live.duration_s,
        wording.mask_number(live.facts.number or ""),
        live.facts.attempt,
        "Слушаем" if outcome is None else wording.OUTCOME_NAMES[CallOutcome(outcome)],
        is_final,
        is_final and bool(decision.get("incorrect_contact")),
    )


def _calls(request: Request) -> LiveCalls:
    calls: LiveCalls | None = request.app.state.live
    if calls is None:
        raise PageProblemError(
            404, "Звонки не слушаем", "В настройках сервера не указано, откуда принимать звонки."
        )
    return calls


@router.get("/live")
async def show(request: Request, session: Supervisor) -> Response:
    """Show the calls that go on now."""
    del session
    calls = _calls(request)
    lines = [_line(live) for live in calls.running.values()]
    template = "_live.html" if request.headers.get("X-Rows") else "live.html"
    return render(request, template, here="live", lines=lines, limit=calls.limits.max_channels)


@router.get("/live/{call}/sound")
async def sound(request: Request, session: Supervisor, call: uuid.UUID) -> Response:
    """Send the sound of a call so far; who listened stands in the log."""
    live = _calls(request).running.get(str(call))
    if live is None:
        raise PageProblemError(
            404, "Звонок окончен", "Этот звонок уже закончился. Звук идущих звонков не хранится."
        )
    note(request, session, "listen_live", target=live.id)
    headers = {"Cache-Control": "no-store"}
    return Response(wav_of(await live.sound()), media_type="audio/wav", headers=headers)
