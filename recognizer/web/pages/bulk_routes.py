"""The queue as a list, with filters; and many of its calls decided at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from recognizer.crm.journal.records import AttemptRecord
from recognizer.crm.journal.waiting import WaitingCall
from recognizer.model import CallOutcome
from recognizer.web.auth.sessions import Session
from recognizer.web.pages import wording
from recognizer.web.pages.bulk_decisions import (
    MAX_TOGETHER,
    Decided,
    Together,
    playable,
    to_be_heard,
)
from recognizer.web.pages.calls import Line
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.queue_filter import (
    DOUBT_NAMES,
    ORDER_NAMES,
    QueueFilter,
    read_queue_filter,
)
from recognizer.web.pages.rendering import Flash, render, see
from recognizer.web.pages.review import candidates
from recognizer.web.pages.review_routes import address, filter_words
from recognizer.web.pages.signed_in import Operator, SendingOperator, note
from recognizer.web.pages.view import read_report
from recognizer.web.parameters import read_id

__all__ = ["router"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=4096)]
_Ids = Annotated[list[str], Form(max_length=MAX_TOGETHER)]
_LIST_PAGE = 100


# -- the list ----------------------------------------------------------------------------------


@router.get("/queue/list")
def queue_list(
    request: Request,
    page: ThePage,
    session: Operator,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Show what waits, filtered and in an order."""
    which = read_queue_filter(request.url.query)
    waiting = page.reviews.waiting
    chosen = waiting.chosen(which)
    sizes, taken = waiting.sizes(), page.reviews.reservations.taken(session.user.login)
    shown = chosen[offset : offset + _LIST_PAGE]
    lines = _lines(page, page.journal.attempts_by_id([call.id for call in shown]))
    return render(
        request,
        "queue_list.html",
        here="queue",
        rows=[
            (lines[call.id], call, sizes[call.wording] if call.wording else 1, taken.get(call.id))
            for call in shown
            if call.id in lines
        ],
        n_chosen=len(chosen),
        n_sure=0 if which.sample is not None else sum(call.is_sure for call in chosen),
        sure_query=urlencode({"certain": "yes"}) + (f"&{which.query}" if which.query else ""),
        entered=which,
        query=which.query,
        offset=offset,
        page_size=_LIST_PAGE,
        doubt_names=DOUBT_NAMES,
        order_names=ORDER_NAMES,
        outcomes=sorted({c.outcome for c in waiting.all() if c.outcome is not None}),
        codes=sorted({c.code for c in waiting.all() if c.code}),
    )


def _lines(page: Page, attempts: tuple[AttemptRecord, ...]) -> dict[int, Line]:
    return {attempt.id: page.calls.line(attempt) for attempt in attempts}


# -- many at once ------------------------------------------------------------------------------


def _together(page: Page) -> Together:
    return Together(page.journal, page.reviews, page.recordings)


@router.get("/queue/together")
def together_page(request: Request, page: ThePage, session: Operator) -> Response:
    """Show the calls that can be decided together, none of them chosen."""
    return _show(request, page, session, read_queue_filter(request.url.query))


def _show(
    request: Request,
    page: Page,
    session: Session,
    which: QueueFilter,
    *,
    status: int = 200,
    **entered: Any,
) -> Response:
    """Render the screen; `entered`: `problem`, `chosen`, `heard`, `outcome` of a form sent back."""
    calls = _candidates_for(page, session, which)
    attempts = page.journal.attempts_by_id([call.id for call in calls])
    lines = _lines(page, attempts)
    with_sound = playable(attempts, page.recordings)
    first = next(iter(attempts), None)
    others = () if first is None or first.report is None else _others(first)
    heard: set[int] = entered.get("heard", set())
    chosen: set[int] = entered.get("chosen", set())
    return render(
        request,
        "queue_together.html",
        here="queue",
        status=status,
        rows=[(lines[call.id], call) for call in calls if call.id in lines],
        with_sound=set(with_sound),
        to_hear=set(to_be_heard(chosen & set(with_sound) or with_sound, session.user.login)),
        is_alike=which.alike is not None,
        heard_as=lines[first.id].view.heard if first is not None else "",
        transcript=(first.transcript or "") if first is not None else "",
        outcome=None if first is None else first.outcome,
        candidates=others,
        outcome_groups=wording.OUTCOME_GROUPS,
        filter_words=filter_words(which),
        query=which.query,
        problem=entered.get("problem", ""),
        chosen=chosen,
        heard=heard,
        must_confirm=entered.get("outcome", ""),
        sure=entered.get("sure", ""),
    )


def _others(attempt: AttemptRecord) -> tuple[CallOutcome, ...]:
    return candidates(read_report({**(attempt.report or {}), "decision": None}))


def _candidates_for(page: Page, session: Session, which: QueueFilter) -> list[WaitingCall]:
    """Return the calls that may be decided together: alike, or heard for sure; nobody else's.

    Not those of a sample: a tenth of it that was heard says nothing of the rest.
    """
    if which.sample is not None:
        raise PageProblemError(
            422, "Выборку проверяют по одному", "Каждую её запись нужно послушать целиком."
        )
    taken = page.reviews.reservations.taken(session.user.login)
    found = [call for call in page.reviews.waiting.chosen(which) if call.id not in taken]
    if which.alike is None:
        found = [call for call in found if call.is_sure and call.outcome not in wording.MARKING]
    return found[:MAX_TOGETHER]


@router.post("/queue/together")
def decide_together(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    outcome: _Text = "",
    chosen: _Text = "",
    call: _Ids = [],  # noqa: B006 - FastAPI copies it
    heard: _Ids = [],  # noqa: B006
    sure: _Text = "",
) -> Response:
    """Decide the calls that were chosen, if the tenth was heard and a mark was meant."""
    which = read_queue_filter(chosen)
    asked = _read_chosen(call)
    allowed = {one.id for one in _candidates_for(page, session, which)}
    expected = {one: version for one, version in asked.items() if one in allowed}
    if asked and not expected:
        raise _LATE
    was_heard = set(filter(None, map(read_id, heard)))
    said = CallOutcome(outcome) if outcome in set(CallOutcome) else None
    # «As heard» of alike calls names no outcome: a mark would be set that nobody meant.
    if (outcome and said is None) or (said is None) != (which.alike is None):
        raise PageProblemError(422, "Такого результата нет", "Обновите страницу.")
    entered = {"chosen": set(expected), "heard": was_heard, "outcome": ""}
    if not expected:
        problem = "Не выбрано ни одного звонка. Отметьте те, к которым относится решение."
        return _show(request, page, session, which, status=422, problem=problem, **entered)
    attempts = page.journal.attempts_by_id(sorted(expected))
    needed = to_be_heard(playable(attempts, page.recordings), session.user.login)
    if not needed:
        problem = "Записей этих звонков на сервере нет: вместе их решить нельзя, только по одному."
        return _show(request, page, session, which, status=422, problem=problem, **entered)
    missing = [one for one in needed if one not in was_heard]
    if missing:
        n = wording.counted(len(missing), "запись", "записи", "записей")
        problem = f"Сначала послушайте ещё {n} из выбранных: они помечены в списке."
        return _show(request, page, session, which, status=422, problem=problem, **entered)
    if said in wording.MARKING and sure != _meant(said, expected):
        entered |= {"outcome": said, "sure": _meant(said, expected)}
        n = wording.counted(len(expected), "звонок", "звонка", "звонков")
        problem = (
            f"Это поставит отметку «Некорректный контакт» карточкам выбранных звонков ({n}). "
            "Проверьте список и нажмите ещё раз."
        )
        return _show(request, page, session, which, status=422, problem=problem, **entered)
    done = _together(page).decide(expected, said, made_by=session.user.name, heard=was_heard)
    _note(request, session, done, said)
    if not done.calls:
        raise _LATE
    refused = [*done.refused, *(set(asked) - set(expected))]
    query = {"batch": f"{done.batch}-{done.calls[0]}", "refused": str(len(refused) or "")}
    rest = QueueFilter(order=which.order) if which.alike is not None else which
    return see(address("/queue/done", rest.query, urlencode({k: v for k, v in query.items() if v})))


_LATE = PageProblemError(
    409,
    "Эти звонки уже решили",
    "Пока страница была открыта, их решил или взял себе другой сотрудник. Вернитесь в очередь.",
)


def _note(request: Request, session: Session, done: Decided, said: CallOutcome | None) -> None:
    words = "как услышано" if said is None else wording.OUTCOME_NAMES[said]
    calls = ", ".join(map(str, done.calls))
    target = f"звонков: {len(done.calls)}"
    note(request, session, "together", target=target, detail=f"{words}; {calls}")


def _meant(outcome: CallOutcome | None, calls: Iterable[int]) -> str:
    """Return what a second press sends: that a mark was meant for these very calls."""
    return f"{outcome} {' '.join(map(str, sorted(calls)))}"


def _read_chosen(items: list[str]) -> dict[int, str]:
    """Return calls with versions from fields such as ``17:120-4``."""
    parts = [item.partition(":") for item in items]
    read = [(read_id(call), version) for call, _, version in parts]
    return {call: version for call, version in read if call is not None and version}


@router.get("/queue/done")
def done_together(
    request: Request, page: ThePage, session: Operator, batch: str = "", refused: str = ""
) -> Response:
    """Say what was decided together, and let it be taken back."""
    del session
    name, near = _read_batch(batch)
    n_standing = len(_together(page).standing(name, near))
    attempt = page.journal.attempt(near) if n_standing else None
    decision = None if attempt is None or attempt.decision is None else attempt.decision
    text = f"Решено вместе: {wording.counted(n_standing, 'звонок', 'звонка', 'звонков')}."
    if read_id(refused) is not None:
        text += f" Не записано: {refused} — их успели решить или изменить."
    can_learn = (
        attempt is not None
        and decision is not None
        and decision.outcome is not None
        and decision.outcome is not attempt.outcome
        and page.proposals.could_learn(attempt.transcript or "", decision.outcome)
    )
    learn = (
        f"/phrases/new?{urlencode({'call': near, 'outcome': decision.outcome.value})}"
        if can_learn and decision is not None and decision.outcome is not None
        else ""
    )
    return render(
        request,
        "queue_done.html",
        here="queue",
        flash=Flash("good", text),
        undo_batch=batch if n_standing else None,
        learn=learn,
        query=read_queue_filter(request.url.query).query,
        near=near,
    )


def _read_batch(text: str) -> tuple[str, int]:
    name, _, written = text.partition("-")
    near = read_id(written)
    if len(name) != 16 or near is None:
        raise PageProblemError(404, "Такого решения нет", "Вернитесь в очередь.")
    return name, near


@router.post("/queue/together/undo")
def undo_together(
    request: Request, page: ThePage, session: SendingOperator, batch: _Text
) -> Response:
    """Take back everything that was decided together."""
    name, near = _read_batch(batch)
    n_taken = _together(page).take_back(name, near, made_by=session.user.name)
    note(request, session, "undo_together", target=f"звонков: {n_taken}")
    return see("/queue/list", "together-undone")
