"""Uploads and their results, the list of calls, one call and its sound."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from recognizer.base.errors import ContactError, JournalError
from recognizer.base.moments import read_day
from recognizer.base.whole_files import remove_leftover
from recognizer.crm.contacts import read_numbers
from recognizer.crm.journal.identity import dialled_number
from recognizer.crm.journal.records import AttemptFilter
from recognizer.model import CallOutcome, CallRequest
from recognizer.recognition.announcements.announcement import LEARNABLE
from recognizer.regulation.rule_table import RuleSource
from recognizer.web.auth.sessions import Session
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.submissions import (
    JobRecord,
    JobState,
    QueueFullError,
    Submission,
    UploadError,
)
from recognizer.web.jobs.uploads import no_room
from recognizer.web.pages import wording
from recognizer.web.pages.announcements import interval_of
from recognizer.web.pages.calls import ShownCall, is_person_call
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.review import candidates
from recognizer.web.pages.signed_in import Operator, SendingOperator, note
from recognizer.web.pages.waiting import doubts
from recognizer.web.parameters import BeforeId
from recognizer.web.receiving import (
    chunks,
    declared_too_large,
    is_part,
    shown_name,
    with_timeout,
)

__all__ = ["call_values", "read_filter", "router", "shown_call"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=4096)]
_Attempt = Annotated[int | None, Query(ge=1, le=99)]
_N_RECENT = 200


# -- uploads -----------------------------------------------------------------------------------


@router.get("/")
def home(request: Request, page: ThePage, session: Operator) -> Response:
    """Show the place to drop recordings and the latest results of this operator."""
    jobs = _jobs(request).recent(owner=_owner(session), limit=_N_RECENT)
    return render(
        request,
        "home.html",
        here="home",
        max_bytes=page.settings.server.max_upload_bytes,
        jobs=[(job, _line_of(page, job) if job.state is JobState.DONE else None) for job in jobs],
    )


@router.put("/uploads")
async def upload(
    request: Request,
    page: ThePage,
    session: SendingOperator,
    name: Annotated[str, Query(max_length=1000)] = "",
    whose: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Take one recording as the body and queue it."""
    limit = page.settings.server.max_upload_bytes
    if is_part(request.headers):
        raise PageProblemError(400, "Загрузка прервалась", "Отправьте файл целиком ещё раз.")
    if declared_too_large(request.headers.get("content-length"), limit):
        raise PageProblemError(413, *_advice("too_large"))
    with _gate(request, session):
        job = await _take(request, page, session, request.stream(), name=name, whose=whose)
    return JSONResponse({"address": f"/uploads/{job.id}"})


@router.post("/uploads")
async def upload_form(request: Request, page: ThePage, session: SendingOperator) -> Response:
    """Take recordings of an ordinary form: for browsers without scripts.

    The form is no parameter: FastAPI would read the recordings of anybody, to ask who sends them
    afterwards.
    """
    with _gate(request, session):
        await _take_form(request, page, session)
    return see("/")


async def _take_form(request: Request, page: Page, session: Session) -> None:
    async with request.form() as form:
        files = [one for one in form.getlist("file") if isinstance(one, UploadFile)]
        if not files:
            raise PageProblemError(422, "Нет записи", "Выберите файл и отправьте ещё раз.")
        whose = str(form.get("whose", ""))[:200]
        for one in files:
            await _take(request, page, session, chunks(one), name=one.filename or "", whose=whose)


@contextlib.contextmanager
def _gate(request: Request, session: Session) -> Iterator[None]:
    """Hold one of the places for uploads; a person has a share of them, as a key of the API has."""
    try:
        with request.app.state.uploads.entered(_owner(session)):
            yield
    except QueueFullError as problem:
        raise PageProblemError(
            503,
            "Сервер занят",
            "Сейчас загружается слишком много записей. Попробуйте через минуту.",
        ) from problem


async def _take(
    request: Request,
    page: Page,
    session: Session,
    body: AsyncIterator[bytes],
    *,
    name: str,
    whose: str,
) -> JobRecord:
    """Receive, keep and queue one recording."""
    jobs, name = _jobs(request), shown_name(name, unnamed="запись")
    contact, number = await run_in_threadpool(_find_contact, page, whose.strip())
    try:
        path = await jobs.receive(with_timeout(body, page.settings.server))
        digest = await run_in_threadpool(_keep, page, path, name)
        asked = Submission(
            call=CallRequest(name=name), contact=contact, number=number, in_journal=True
        )
        try:
            job = await run_in_threadpool(jobs.submit, path, asked, owner=_owner(session))
        except QueueFullError:
            await run_in_threadpool(page.recordings.forget_unknown, page.journal.database, digest)
            raise
    except UploadError as problem:
        status = 413 if problem.kind == "too_large" else 400
        raise PageProblemError(status, *_advice(problem.kind)) from problem
    except (TimeoutError, ClientDisconnect) as problem:
        raise PageProblemError(408, "Загрузка прервалась", "Отправьте файл ещё раз.") from problem
    except QueueFullError as problem:
        raise PageProblemError(
            503, "Сервер занят", "В очереди слишком много записей. Попробуйте через минуту."
        ) from problem
    await run_in_threadpool(note, request, session, "upload", target=name, detail=digest[:16])
    return job


def _keep(page: Page, upload: Path, name: str) -> str:
    """Keep a copy for playing; QueueFullError, and the upload removed, if there is no room."""
    try:
        return page.recordings.keep(upload, name)
    except OSError as problem:
        remove_leftover(upload)
        raise no_room(problem) from problem


def _find_contact(page: Page, whose: str) -> tuple[str | None, str | None]:
    """Return the card's ref or the number that an operator typed; never what part of one finds."""
    if not whose:
        return None, None
    dialled = dialled_number(whose)
    with contextlib.suppress(ContactError):
        contact = page.journal.contact(whose)
        of_others = () if dialled is None else page.journal.contacts_with_number(whose)
        if any(other.card.ref != contact.card.ref for other in of_others):
            raise PageProblemError(
                409,
                "Непонятно, чей звонок",
                "Это и номер карточки, и телефон из другой карточки. Загрузите запись без этого "
                "поля и выберите карточку на странице звонка.",
            )
        return contact.card.ref, None
    if dialled is None:
        raise PageProblemError(
            422,
            "Номер или карточка не найдены",
            "Проверьте, что набрано в поле «Чей звонок», или оставьте его пустым.",
        )
    return None, whose


def _advice(kind: str) -> tuple[str, str]:
    return wording.ERROR_ADVICE.get(kind, wording.UNKNOWN_ERROR)


@router.get("/uploads/{job_id}")
def upload_state(request: Request, page: ThePage, session: Operator, job_id: str) -> Response:
    """Answer with how far a recording is (202), or its finished line (200)."""
    job = _jobs(request).get(job_id, owner=_owner(session))
    if job is None:
        raise PageProblemError(404, "Результат не найден", "Загрузите запись ещё раз.")
    if job.state is JobState.QUEUED:
        ahead = job.position or 0
        detail = f"Впереди: {wording.counted(ahead, 'запись', 'записи', 'записей')}"
        return _progress("Ждёт очереди", detail if ahead else "")
    if job.state is JobState.RUNNING:
        return _progress("Слушаем запись", "")
    return render(request, "_result.html", line=_line_of(page, job), job=job)


def _progress(title: str, detail: str) -> Response:
    return JSONResponse({"title": title, "detail": detail}, status_code=202)


def _line_of(page: Page, job: JobRecord) -> Any:
    """Return the finished line of a job; of one the journal does not hold, from its result."""
    result = job.result or {}
    attempt_id = (result.get("journal") or {}).get("attempt_id")
    if attempt_id is not None:
        with contextlib.suppress(JournalError):
            return page.calls.line(page.journal.attempt(attempt_id))
    return page.calls.loose_line(job.submission.name, result, job.submitted_at_s)


def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _owner(session: Session) -> str:
    return f"page:{session.user.login}"


# -- one call ----------------------------------------------------------------------------------


@router.get("/calls/{call_id}")
def call_page(
    *,
    request: Request,
    page: ThePage,
    session: Operator,
    call_id: int,
    attempt: _Attempt = None,
    among: Annotated[str, Query(max_length=800)] = "",
) -> Response:
    """Show one call; `among`: the filter of the list it was opened from."""
    del session
    call = shown_call(page, call_id)
    said = request.query_params.get("undo", "").partition("-")[2]
    standing = [one.id for one in call.corrections if not one.is_withdrawn]
    undo = (call_id, int(said)) if said in {str(one) for one in standing} else None
    if attempt is not None and call.contact is None:
        call = page.calls.as_attempt(call, attempt)
    return render(
        request,
        "call.html",
        here="calls",
        asked_attempt=attempt,
        undo=undo,
        **_neighbours(page, call_id, among),
        **call_values(page, call),
    )


def _neighbours(page: Page, call_id: int, among: str) -> dict[str, Any]:
    """Return the way back to a list and to the calls before and after, by its filter."""
    if not among:
        return {"among": ""}
    asked = {**dict.fromkeys(("text", "outcome", "since", "until", "show"), ""), **_known(among)}
    which = read_filter(page, **asked)
    older = page.journal.attempts(which, limit=1, before_id=call_id).items
    return {
        "among": "all" if among == "all" else urlencode({k: v for k, v in asked.items() if v}),
        "newer": page.journal.next_attempt(which, call_id),
        "older": older[0].id if older else None,
    }


def _known(query: str) -> dict[str, str]:
    names = {"text", "outcome", "since", "until", "show"}
    return {name: value for name, value in parse_qsl(query) if name in names}


def shown_call(page: Page, call_id: int) -> ShownCall:
    """Return a call in full; a page that says so if there is none."""
    try:
        return page.calls.call(call_id)
    except JournalError as problem:
        raise PageProblemError(404, "Такого звонка нет", "Проверьте адрес страницы.") from problem


def call_values(page: Page, call: ShownCall) -> dict[str, Any]:
    """Return what the templates of one call need."""
    next_step = None if call.report.decision is None else call.report.decision.next
    is_reviewed = call.attempt.n_corrections > 0
    operators_rules = [r for r in page.regulation.rules if r.source is RuleSource.OPERATOR]
    return {
        "call": call,
        "assignments": page.journal.assignments(call.id),
        "doubts": ()
        if is_reviewed
        else doubts(call.report, next_step, contradicts=page.reviews.contradicts(call.id)),
        "candidates": candidates(call.report),
        "can_remember": call.attempt.n_corrections > 0 and _can_remember(call),
        "outcome_groups": wording.OUTCOME_GROUPS,
        "statements": [
            (entry.id, wording.STATED_NAMES.get(entry.id, entry.reason), "{name}" in entry.comment)
            for entry in page.regulation.stated
        ]
        + [
            (rule.id, wording.STATED_NAMES.get(rule.id, rule.wording), "{name}" in rule.comment)
            for rule in operators_rules
        ],
        "stated_names": wording.STATED_NAMES,
        "is_person": is_person_call(call),
        "owner_kinds": wording.OWNER_KINDS,
        "contact_kinds": wording.CONTACT_KINDS,
        "entered": {},
        "must_confirm": "",
        "queue_query": "",
        "problem": "",
    }


def _can_remember(call: ShownCall) -> bool:
    """Return whether a person said of a call that it is an announcement, not known by its sound."""
    is_announced = call.report.outcome in LEARNABLE and call.report.basis != "announcement"
    return is_announced and call.listening is not None and interval_of(call.report) is not None


@router.get("/calls/{call_id}/audio.wav")
def audio(page: ThePage, session: Operator, call_id: int) -> Response:
    """Send the playable copy; ranges are answered, so a browser can play from any point."""
    del session
    call = shown_call(page, call_id)
    if call.listening is None:
        raise PageProblemError(404, "Записи нет", "Она удалена с сервера по сроку хранения.")
    return FileResponse(
        call.listening.wav, media_type="audio/wav", headers={"Cache-Control": "private, no-cache"}
    )


@router.post("/calls/{call_id}/number")
def open_number(
    request: Request, page: ThePage, session: SendingOperator, call_id: int
) -> Response:
    """Show a number in full; the log keeps who opened it."""
    call = shown_call(page, call_id)
    note(request, session, "open_number", target=f"звонок {call_id}")
    call = replace(call, number=page.calls.full_number(call_id))
    return render(
        request,
        "call.html",
        here="calls",
        asked_attempt=None,
        **{**call_values(page, call), "number_is_open": True},
    )


@router.get("/open")
def deep_link(
    page: ThePage,
    session: Operator,
    call: Annotated[int | None, Query(ge=1)] = None,
    card: Annotated[str, Query(max_length=100)] = "",
    number: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """Go from a CRM to a call, to the last call of a card, or to the calls of a whole number."""
    del session
    if call is not None:
        return see(f"/calls/{call}")
    if card:
        with contextlib.suppress(ContactError):
            history = page.journal.history(card)
            if history:
                return see(f"/calls/{history[-1].id}")
        raise PageProblemError(404, "Звонков по карточке нет", "Проверьте номер карточки.")
    if dialled_number(number) is None:
        raise PageProblemError(422, "Номер набран не полностью", "Нужен один номер целиком.")
    return see(f"/calls?{urlencode({'text': number})}")


# -- the list ----------------------------------------------------------------------------------


@router.get("/calls")
def calls_page(
    *,
    request: Request,
    page: ThePage,
    session: Operator,
    text: Annotated[str, Query(max_length=200)] = "",
    outcome: Annotated[str, Query(max_length=40)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    show: Annotated[str, Query(max_length=20)] = "",
    before: BeforeId = None,
) -> Response:
    """Show calls, the latest first, a page at a time."""
    del session
    which = read_filter(page, text=text, outcome=outcome, since=since, until=until, show=show)
    found = page.journal.attempts(which, limit=50, before_id=before)
    query = {"text": text, "outcome": outcome, "since": since, "until": until, "show": show}
    chosen = urlencode({name: value for name, value in query.items() if value})
    return render(
        request,
        "calls.html",
        here="calls",
        lines=[page.calls.line(attempt) for attempt in found.items],
        next_before=found.next_before_id,
        before=before,
        entered=query,
        query=chosen,
        among=quote(chosen or "all", safe=""),
        newest=found.items[0].id if found.items and before is None else None,
        outcome_groups=wording.OUTCOME_GROUPS,
        shows=SHOWS,
    )


SHOWS: Mapping[str, str] = {
    "marked": "С отметкой",
    "corrected": "Проверенные людьми",
    "errors": "Не прочитанные",
}


def read_filter(
    page: Page, *, text: str, outcome: str, since: str, until: str, show: str
) -> AttemptFilter:
    """Return the filter that a form asks for; what cannot be read asks for nothing."""
    zone = page.office.timezone
    number = [found for found in read_numbers(text) if found.problem is None]
    return AttemptFilter(
        number=text if number else None,
        text=None if number or not text.strip() else text.strip(),
        outcomes=(CallOutcome(outcome),) if outcome in set(CallOutcome) else (),
        since=_midnight(since, zone, 0),
        until=_midnight(until, zone, 1),
        incorrect_contact=True if show == "marked" else None,
        is_corrected=True if show == "corrected" else None,
        has_error=True if show == "errors" else None,
    )


def _midnight(text: str, zone: dt.tzinfo, days: int) -> dt.datetime | None:
    day = read_day(text)
    if day is None:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), zone)
