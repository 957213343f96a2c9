"""Learned announcements: what is known, what is offered from a call, confirming, undoing."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from recognizer.batch.repeated_parts import repeated_parts
from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import LEARNABLE
from recognizer.web.auth.users import Role
from recognizer.web.pages import wording
from recognizer.web.pages.announcements import OfferError, interval_of
from recognizer.web.pages.call_routes import shown_call
from recognizer.web.pages.page import ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import (
    Operator,
    SendingOperator,
    SendingSupervisor,
    Supervisor,
    note,
)

__all__ = ["router"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=300)]
_NOT_HEARD = ("Сначала послушайте", "Запоминается только отрезок, прослушанный до конца.")
_N_SEARCHED = 500  # calls, some 10 ms of processor time each
_N_SHOWN = 50
_DONE = {
    "accept": "announcement-accepted",
    "reject": "announcement-rejected",
    "forget": "announcement-forgotten",
}


@router.get("/announcements")
def announcements_page(request: Request, page: ThePage, session: Operator) -> Response:
    """Show what is known and what waits."""
    known, waiting = page.announcements.known(), page.announcements.waiting()
    calls = [offer.call_id for offer in waiting]
    return render(
        request,
        "announcements.html",
        here="phrases",
        known=known,
        names={one.id: one.text for one in known if one.text},
        waiting=waiting,
        heard={call.id: call for call in page.journal.attempts_by_id(calls)},
        changes=page.announcements.changes()[:50],
        may_decide=session.user.role.includes(Role.SUPERVISOR),
    )


@router.get("/announcements/candidates")
def candidates(request: Request, page: ThePage, session: Supervisor) -> Response:
    """Show what the last calls to many numbers have in common, each to be played and offered."""
    del session
    n_numbers = page.settings.announcements.min_numbers
    found = repeated_parts(
        page.journal, page.announcements.known(), n_calls=_N_SEARCHED, find=page.recordings.find
    )
    return render(
        request,
        "announcement_candidates.html",
        here="phrases",
        found=list(islice(found.of_many(n_numbers), _N_SHOWN)),
        n_numbers=n_numbers,
        n_searched=_N_SEARCHED,
    )


@router.get("/announcements/new")
def new_announcement(
    *,
    request: Request,
    page: ThePage,
    session: Operator,
    call: Annotated[int, Query(ge=1)],
    outcome: Annotated[str, Query(max_length=40)] = "",
    start_s: Annotated[float | None, Query(ge=0, le=86400)] = None,
    end_s: Annotated[float | None, Query(ge=0, le=86400)] = None,
) -> Response:
    """Show the interval of a call that would be kept, to be played first."""
    del session
    shown = shown_call(page, call)
    interval = interval_of(shown.report)
    if start_s is not None and end_s is not None and start_s < end_s:
        interval = (start_s, end_s)
    if shown.listening is None or interval is None:
        raise PageProblemError(
            404, "Запоминать нечего", "Записи на сервере нет, или в ней никто не говорит."
        )
    heard = shown.report.outcome
    chosen = CallOutcome(outcome) if outcome in set(CallOutcome) else heard
    return render(
        request,
        "announcement_new.html",
        here="phrases",
        call=call,
        start_s=round(interval[0], 1),
        end_s=round(interval[1], 1),
        text=shown.attempt.transcript or "",
        outcome=chosen,
        learnable=[(one, wording.OUTCOME_NAMES[one]) for one in LEARNABLE],
    )


@router.post("/announcements")
def offer(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call: Annotated[int, Form(ge=1)],
    outcome: Annotated[CallOutcome, Form()],
    start_s: Annotated[float, Form(ge=0, le=86400)],
    end_s: Annotated[float, Form(ge=0, le=86400)],
    text: _Text = "",
    carrier: _Text = "",
    heard: _Text = "",
) -> Response:
    """Offer an interval that was played; a supervisor confirms it."""
    if heard != "yes":
        raise PageProblemError(422, *_NOT_HEARD)
    shown = shown_call(page, call)
    if shown.listening is None:
        raise PageProblemError(404, "Записи нет", "Она удалена с сервера по сроку хранения.")
    try:
        made = page.announcements.offer(
            shown.listening.wav,
            shown.report,
            call_id=call,
            interval=(start_s, end_s),
            outcome=outcome,
            text=text,
            carrier=carrier,
            made_by=session.user.name,
        )
    except OfferError as refusal:
        raise PageProblemError(422, "Объявление не принято", str(refusal)) from refusal
    note(request, session, "offer_announcement", target=made.announcement.id, detail=outcome.value)
    return see("/announcements", "announcement-offered")


@router.post("/announcements/undo")
def undo(request: Request, page: ThePage, session: SendingSupervisor) -> Response:
    """Take back the last change."""
    try:
        page.announcements.undo(by=session.user.name)
    except OfferError as problem:
        raise PageProblemError(409, "Ничего не изменено", str(problem)) from problem
    note(request, session, "undo_announcement")
    return see("/announcements", "announcement-undone")


@router.post("/announcements/{announcement_id}/{action}")
def decide(
    *,
    request: Request,
    page: ThePage,
    session: SendingSupervisor,
    announcement_id: str,
    action: str,
    heard: _Text = "",
) -> Response:
    """Confirm an offered announcement that was played, decline it, or forget a known one."""
    who = session.user.name
    if action not in _DONE:
        raise PageProblemError(404, "Такого действия нет", "Обновите страницу.")
    if action == "accept" and heard != "yes":
        raise PageProblemError(422, *_NOT_HEARD)
    try:
        if action == "accept":
            page.announcements.accept(announcement_id, by=who)
        elif action == "reject":
            page.announcements.reject(announcement_id)
        else:
            page.announcements.forget(announcement_id, by=who)
    except OfferError as problem:
        raise PageProblemError(409, "Ничего не изменено", str(problem)) from problem
    note(request, session, f"{action}_announcement", target=announcement_id)
    return see("/announcements", _DONE[action])
