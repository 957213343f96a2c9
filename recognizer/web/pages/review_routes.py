"""The review queue, and what people say of a call: right, wrong, what was said, taken back.

A call opened in the queue is reserved; a form says which version of the decision it was filled in
on, and nothing newer is overwritten. A mark needs that the recording was played, or a second press.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import JSONResponse, Response

from recognizer.base.errors import ConflictError, ContactError, JournalError
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallOutcome
from recognizer.web.auth.sessions import Session
from recognizer.web.pages import wording
from recognizer.web.pages.call_routes import call_values, shown_call
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.queue_filter import DOUBT_NAMES, QueueFilter, read_queue_filter
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import Operator, SendingOperator, note
from recognizer.web.parameters import read_id

__all__ = ["address", "filter_words", "router", "undo_values"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=4096)]
_EVERYTHING = QueueFilter()
_Id = Annotated[int | None, Query(ge=1)]


# -- the queue ---------------------------------------------------------------------------------


@router.get("/queue")
def queue(request: Request, page: ThePage, session: Operator) -> Response:
    """Go to the call that waits longest, or say that none does."""
    which = read_queue_filter(request.url.query)
    first = page.reviews.first(session.user.login, which)
    asked = {
        name: request.query_params[name]
        for name in ("done", "was", "undo")
        if name in request.query_params
    }
    if first is None:
        return render(
            request,
            "queue_empty.html",
            here="queue",
            is_sample=which.sample is not None,
            is_filtered=which != _EVERYTHING,
            **undo_values(page, request),
        )
    return see(address(f"/queue/{first}", which.query, urlencode(asked)))


@router.get("/queue/{call_id}")
def queue_call(
    *,
    request: Request,
    page: ThePage,
    session: Operator,
    call_id: int,
    was: _Id = None,
    take: Annotated[str, Query(max_length=3)] = "",
) -> Response:
    """Show one waiting call with the keys to decide it; it is then reserved for who sees it."""
    call = shown_call(page, call_id)
    user = session.user
    which = read_queue_filter(request.url.query)
    waiting = page.reviews.waiting
    here = waiting.call(call_id)
    chosen = waiting.chosen(which)
    if which.sample is None:
        is_waiting = waiting.is_waiting(call_id)
    else:
        is_waiting = any(one.id == call_id for one in chosen)
    held = None
    if is_waiting:
        held = page.reviews.reservations.reserve(
            call_id, user.login, user.name, takes_over=take == "yes"
        )
    return render(
        request,
        "queue.html",
        here="queue",
        next_id=page.reviews.after(call_id, user.login, which),
        previous_id=was or page.reviews.before(call_id, which),
        n_chosen=len(chosen),
        n_alike=0 if here is None or not here.wording else waiting.sizes()[here.wording],
        filter_words=filter_words(which),
        is_waiting=is_waiting,
        held_by=held if held is not None and held.login != user.login else None,
        **undo_values(page, request),
        **{
            **call_values(page, call),
            "must_confirm": _asked_outcome(request),
            "queue_query": which.query,
        },
    )


def address(path: str, *queries: str) -> str:
    """Return an address with the queries that are not empty."""
    query = "&".join(filter(None, queries))
    return f"{path}?{query}" if query else path


def filter_words(which: QueueFilter) -> str:
    """Return what a filter lets through, in words; empty: everything."""
    if which.sample is not None:
        return "случайная выборка, проверяется на слух"
    words = []
    if which.is_sure:
        words.append("программа уверена")
    if which.reason:
        words.append(DOUBT_NAMES[which.reason])
    if which.outcome:
        words.append(f"результат «{wording.OUTCOME_NAMES[CallOutcome(which.outcome)]}»")
    if which.code:
        words.append(f"код номера {which.code}")
    if which.alike is not None:
        words.append("сказано то же самое")
    return ", ".join(words)


def _asked_outcome(request: Request) -> str:
    asked = request.query_params.get("sure", "")
    return asked if asked in set(CallOutcome) else ""


def undo_values(page: Page, request: Request) -> dict[str, Any]:
    """Return the correction that was just made and can be taken back, with its call."""
    call, _, made = request.query_params.get("undo", "").partition("-")
    call_id, correction = read_id(call), read_id(made)
    if call_id is None or correction is None:
        return {"undo": None}
    said = {one.id: one for one in page.journal.corrections(call_id)}.get(correction)
    is_standing = said is not None and not said.is_withdrawn and said.withdraws_id is None
    return {"undo": (call_id, correction) if is_standing else None}


def _attempt(page: Page, call_id: int) -> AttemptRecord:
    try:
        return page.journal.attempt(call_id)
    except JournalError as problem:
        raise PageProblemError(404, "Такого звонка нет", "Проверьте адрес страницы.") from problem


def _conflict(request: Request, page: Page, call_id: int) -> Response:
    """Say who decided the call meanwhile, and what."""
    said = [one for one in page.journal.corrections(call_id) if not one.is_withdrawn]
    title, text = "Звонок уже изменился", "Пока страница была открыта, решение пересчитали."
    if said:
        last = said[-1]
        title = "Этот звонок уже решили"
        if last.withdraws_id is not None:
            words = "решение отменено"
        elif last.stated is not None:
            words = wording.STATED_NAMES.get(last.stated, "внесено со слов оператора")
        else:
            words = wording.OUTCOME_NAMES[last.outcome or CallOutcome.UNDETERMINED]
        at = wording.moment_in(last.made_at, page.office.timezone)
        who = last.made_by if last.is_by_person else "Программа"
        text = f"{who}, {at}: {words}. Ваш ответ не записан."
    if "text/html" not in request.headers.get("Accept", ""):
        return JSONResponse({"title": title, "advice": text}, 409)
    return render(
        request,
        "message.html",
        status=409,
        title=title,
        text=text,
        href=f"/calls/{call_id}",
        link="Открыть звонок",
    )


# -- what people say ---------------------------------------------------------------------------


class _Answer:
    """What every answer to a call carries besides what it says."""

    def __init__(
        self,
        *,
        call_id: int,
        place: _Text = "",
        chosen: _Text = "",
        version: _Text = "",
        heard: _Text = "",
        sure: _Text = "",
    ) -> None:
        self.call_id = call_id
        self.place = place
        self.chosen = chosen
        if not version:
            # Without it, what somebody else decided meanwhile would be overwritten unseen.
            raise PageProblemError(422, "Ответ не записан", "Откройте звонок и ответьте ещё раз.")
        self.expected = version
        self.is_heard = bool(heard)
        self.sure = sure

    def second_look(self, outcome: CallOutcome | None) -> Response | None:
        """Ask again where this would mark a contact though nobody listened or pressed twice.

        A call of a sample is judged by ear: anything else would judge nothing.
        """
        which = read_queue_filter(self.chosen)
        here = f"/queue/{self.call_id}"
        if self.place == "queue" and which.sample is not None and not self.is_heard:
            return see(address(here, which.query, "done=listen-first"))
        is_sure = self.is_heard or self.sure == str(outcome)
        if self.place != "queue" or outcome not in wording.MARKING or is_sure:
            return None
        return see(address(here, which.query, f"sure={outcome}"))


_AnAnswer = Annotated[_Answer, Depends()]


def _after_review(page: Page, session: Session, answer: _Answer, *, done: str) -> Response:
    """Return to where the operator was: the next waiting call, or the call itself."""
    last = page.journal.corrections(answer.call_id)[-1].id
    query = urlencode({"done": done, "was": answer.call_id, "undo": f"{answer.call_id}-{last}"})
    if answer.place != "queue":
        return see(f"/calls/{answer.call_id}?{query}")
    which = read_queue_filter(answer.chosen)
    following = page.reviews.after(answer.call_id, session.user.login, which)
    path = "/queue" if following is None else f"/queue/{following}"
    return see(address(path, which.query, query))


@router.post("/calls/{call_id}/accept")
def accept(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    answer: _AnAnswer,
) -> Response:
    """Keep that the machine was right."""
    attempt = _attempt(page, call_id)
    if (question := answer.second_look(attempt.outcome)) is not None:
        return question
    try:
        page.reviews.accept(
            attempt,
            made_by=session.user.name,
            recording=page.recordings.find(attempt) if answer.is_heard else None,
            expected=answer.expected,
        )
    except ConflictError:
        return _conflict(request, page, call_id)
    note(request, session, "accept", target=f"звонок {call_id}", detail=_outcome(attempt.outcome))
    done = "accepted" if answer.is_heard else "accepted-unheard"
    return _after_review(page, session, answer, done=done)


def _outcome(outcome: CallOutcome | None) -> str:
    return "нет результата" if outcome is None else wording.OUTCOME_NAMES[outcome]


@router.post("/calls/{call_id}/correct")
def correct(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    outcome: Annotated[CallOutcome, Form()],
    answer: _AnAnswer,
) -> Response:
    """Keep what was really heard."""
    attempt = _attempt(page, call_id)
    if (question := answer.second_look(outcome)) is not None:
        return question
    try:
        page.reviews.correct(
            attempt,
            outcome,
            made_by=session.user.name,
            recording=page.recordings.find(attempt) if answer.is_heard else None,
            expected=answer.expected,
        )
    except ConflictError:
        return _conflict(request, page, call_id)
    note(
        request,
        session,
        "correct",
        target=f"звонок {call_id}",
        detail=f"{_outcome(attempt.outcome)} → {_outcome(outcome)}",
    )
    if answer.place != "queue" and page.proposals.could_learn(attempt.transcript or "", outcome):
        query = urlencode({"call": call_id, "outcome": outcome.value, "done": "corrected"})
        return see(f"/phrases/new?{query}")
    return _after_review(page, session, answer, done="corrected")


@router.post("/calls/{call_id}/state")
def state(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    reason: _Text,
    answer: _AnAnswer,
    name: _Text = "",
    words: _Text = "",
) -> Response:
    """Keep what the operator says of the conversation."""
    attempt = _attempt(page, call_id)
    try:
        page.reviews.state(
            attempt,
            reason,
            made_by=session.user.name,
            name=name.strip(),
            words=words.strip(),
            expected=answer.expected,
        )
    except ConflictError:
        return _conflict(request, page, call_id)
    except ContactError as refusal:
        values = call_values(page, shown_call(page, call_id))
        entered = {"reason": reason, "name": name, "words": words}
        return render(
            request,
            "call.html",
            here="calls",
            status=400,
            asked_attempt=None,
            **{**values, "problem": str(refusal), "entered": entered},
        )
    detail = wording.STATED_NAMES.get(reason, reason)
    note(request, session, "stated", target=f"звонок {call_id}", detail=detail)
    return _after_review(page, session, answer, done="stated")


@router.post("/calls/{call_id}/withdraw")
def withdraw(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    call_id: int,
    correction: Annotated[int, Form()],
    place: _Text = "",
    chosen: _Text = "",
) -> Response:
    """Take back what a person said of this call."""
    attempt = _attempt(page, call_id)
    if correction not in {said.id for said in page.journal.corrections(attempt.id)}:
        raise PageProblemError(404, "Такого решения нет", "Обновите страницу.")
    try:
        page.reviews.withdraw(correction, made_by=session.user.name)
    except (ContactError, JournalError) as problem:
        raise PageProblemError(409, "Решение не отменено", wording.refusal(problem)) from problem
    note(request, session, "withdraw", target=f"звонок {call_id}", detail=str(correction))
    if place != "queue":
        return see(f"/calls/{call_id}", "withdrawn")
    return see(address(f"/queue/{call_id}", read_queue_filter(chosen).query), "withdrawn")
