"""The phrase lists: what is in them, new wordings, what each would change, undoing."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from recognizer.base.errors import JournalError
from recognizer.crm.journal.proposals import Proposal
from recognizer.model import CallOutcome
from recognizer.web.auth.sessions import Session
from recognizer.web.auth.users import Role
from recognizer.web.pages import wording
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.proposals import ProposalError, speakable
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import Operator, SendingOperator, SendingSupervisor, note
from recognizer.web.parameters import IdInPath

__all__ = ["router"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=2000)]


@router.get("/phrases")
def phrases_page(request: Request, page: ThePage, session: Operator) -> Response:
    """Show the lists in force, waiting proposals, and the history of changes."""
    book = page.proposals.book()
    ordered = sorted(book.phrases, key=lambda phrase: list(CallOutcome).index(phrase.outcome))
    everything = page.proposals.all()
    return render(
        request,
        "phrases.html",
        here="phrases",
        version=book.version,
        n_phrases=len(book.phrases),
        lists=[
            (wording.OUTCOME_NAMES[outcome], tuple(group))
            for outcome, group in groupby(ordered, key=lambda phrase: phrase.outcome)
        ],
        waiting=[proposal for proposal in everything if proposal.state == "proposed"],
        history=[proposal for proposal in everything if proposal.state != "proposed"],
        may_decide=session.user.role.includes(Role.SUPERVISOR),
    )


@router.get("/phrases/new")
def new_phrase(
    *,
    request: Request,
    page: ThePage,
    session: Operator,
    text: Annotated[str, Query(max_length=2000)] = "",
    outcome: Annotated[str, Query(max_length=40)] = "",
    call: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Show the form, and with a text what the list check says; nothing is saved."""
    del session
    chosen = CallOutcome(outcome) if outcome in set(CallOutcome) else None
    suggested = text or (_transcript(page, call) if call else "")
    effect = page.proposals.effect(text, chosen) if text and chosen else None
    return render(
        request,
        "phrase_new.html",
        here="phrases",
        text=suggested,
        outcome=chosen,
        call=call,
        effect=effect,
        speakable=[(name, wording.OUTCOME_NAMES[name]) for name in speakable()],
    )


def _transcript(page: Page, call_id: int) -> str:
    try:
        return page.journal.attempt(call_id).transcript or ""
    except JournalError:
        return ""


@router.post("/phrases")
def propose(
    *,
    request: Request,
    page: ThePage,
    session: SendingOperator,
    text: _Text,
    outcome: Annotated[CallOutcome, Form()],
    call: Annotated[int | None, Form()] = None,
) -> Response:
    """Keep a proposal; who may decide goes straight on to it."""
    try:
        if call is not None:
            page.journal.attempt(call)
        proposal = page.proposals.propose(text, outcome, made_by=session.user.name, attempt_id=call)
    except ProposalError as problem:
        raise PageProblemError(400, "Фраза не предложена", str(problem)) from problem
    except JournalError as problem:
        raise PageProblemError(404, "Такого звонка нет", "Откройте звонок заново.") from problem
    _note(request, session, "propose_phrase", proposal)
    if session.user.role.includes(Role.SUPERVISOR):
        return see(f"/phrases/{proposal.id}")
    return see("/phrases", "phrase-proposed")


@router.get("/phrases/{proposal_id}")
def proposal_page(
    request: Request, page: ThePage, session: Operator, proposal_id: IdInPath
) -> Response:
    """Show a proposal with what saving it would do."""
    proposal = _proposal(page, proposal_id)
    is_open = proposal.state == "proposed"
    return render(
        request,
        "phrase.html",
        here="phrases",
        proposal=proposal,
        effect=page.proposals.effect(proposal.text, proposal.outcome) if is_open else None,
        may_decide=session.user.role.includes(Role.SUPERVISOR),
    )


def _proposal(page: Page, proposal_id: int) -> Proposal:
    try:
        return page.proposals.get(proposal_id)
    except ProposalError as problem:
        raise PageProblemError(404, "Такого предложения нет", str(problem)) from problem


@router.post("/phrases/{proposal_id}/{action}")
def decide(
    request: Request,
    page: ThePage,
    session: SendingSupervisor,
    proposal_id: IdInPath,
    action: str,
) -> Response:
    """Save, undo or reject."""
    actions = {
        "save": (page.proposals.save, "save_phrase", "phrase-saved"),
        "undo": (page.proposals.undo, "undo_phrase", "phrase-undone"),
        "reject": (page.proposals.reject, "reject_phrase", "phrase-rejected"),
    }
    if action not in actions:
        raise PageProblemError(404, "Такого действия нет", "Обновите страницу.")
    act, logged, done = actions[action]
    try:
        proposal = act(proposal_id, by=session.user.name)
    except ProposalError as problem:
        raise PageProblemError(409, "Список не изменён", str(problem)) from problem
    _note(request, session, logged, proposal)
    return see("/phrases", done)


def _note(request: Request, session: Session, action: str, proposal: Proposal) -> None:
    detail = f"{proposal.text} → {proposal.outcome}"
    note(request, session, action, target=f"фраза {proposal.id}", detail=detail)
