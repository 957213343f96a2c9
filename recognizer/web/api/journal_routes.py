"""Cards, attempts, corrections and counts of the journal."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from recognizer.base.errors import ConflictError
from recognizer.crm.journal.records import AttemptFilter, AttemptRecord, ContactRecord
from recognizer.model import CallOutcome, NextStep
from recognizer.model.report_json import decision_to_dict
from recognizer.web.api.answers import BUSY, ERRORS, NOT_FOUND, ApiError, answer
from recognizer.web.api.callers import TheJournal, attempt_of, contact_of
from recognizer.web.api.models import (
    AttemptList,
    AttemptOut,
    ContactList,
    ContactOut,
    CorrectionIn,
    ErrorDetail,
    ErrorOut,
    Moment,
    OverviewOut,
)
from recognizer.web.parameters import BeforeId, IdInPath

__all__ = ["router"]

router = APIRouter()


@router.get(
    "/api/v1/contacts",
    tags=["journal"],
    summary="Find contact cards",
    response_model=ContactList,
    responses={**ERRORS, 503: BUSY},
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
    return answer(ContactList(contacts=[_contact_out(contact) for contact in found]))


@router.get(
    "/api/v1/contacts/{ref}",
    tags=["journal"],
    summary="One contact card",
    response_model=ContactOut,
    responses={**ERRORS, **NOT_FOUND, 503: BUSY},
)
def read_contact(journal: TheJournal, ref: Annotated[str, Path(max_length=64)]) -> Response:
    """Return a card by its number in the CRM, with status, mark and comments in force."""
    return answer(_contact_out(contact_of(journal, ref)))


@router.get(
    "/api/v1/attempts",
    tags=["journal"],
    summary="Find attempts",
    response_model=AttemptList,
    responses={**ERRORS, 503: BUSY},
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
    before_id: BeforeId = None,
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
    return answer(AttemptList(attempts=shown, next_before_id=page.next_before_id))


@router.get(
    "/api/v1/attempts/{attempt_id}",
    tags=["journal"],
    summary="One attempt",
    response_model=AttemptOut,
    responses={**ERRORS, **NOT_FOUND, 503: BUSY},
)
def read_attempt(journal: TheJournal, attempt_id: IdInPath) -> Response:
    """Return an attempt with the decision in force."""
    attempt = attempt_of(journal, attempt_id)
    return answer(_attempt_out(attempt), 200, _etag(attempt))


@router.post(
    "/api/v1/attempts/{attempt_id}/corrections",
    tags=["journal"],
    summary="Say what an attempt really was",
    status_code=201,
    response_model=AttemptOut,
    responses={
        **ERRORS,
        **NOT_FOUND,
        409: {"model": ErrorOut, "description": "Somebody decided it meanwhile; read it again."},
        503: BUSY,
    },
)
def correct_attempt(
    journal: TheJournal,
    attempt_id: IdInPath,
    asked: CorrectionIn,
    if_match: Annotated[str, Header(max_length=100)],
) -> Response:
    """Add a correction; `If-Match` names the `version` (ETag) of the attempt that was read."""
    attempt_of(journal, attempt_id)
    try:
        attempt = journal.correct(
            attempt_id,
            made_by=f"{asked.made_by} (API)",
            outcome=asked.outcome,
            expected=if_match.strip().strip('"'),
        )
    except ConflictError as problem:
        raise ApiError(409, problem.kind, str(problem)) from problem
    return answer(_attempt_out(attempt), 201, _etag(attempt))


def _etag(attempt: AttemptRecord) -> dict[str, str]:
    return {"ETag": f'"{attempt.version}"'}


@router.get(
    "/api/v1/overview",
    tags=["journal"],
    summary="Counts of a period",
    response_model=OverviewOut,
    responses={**ERRORS, 503: BUSY},
)
def read_overview(
    journal: TheJournal,
    since: Annotated[Moment | None, Query(description="With a time zone.")] = None,
    until: Annotated[Moment | None, Query(description="With a time zone.")] = None,
) -> Response:
    """Return how many calls came to what, by the decisions in force."""
    found = journal.overview(since=_zoned("since", since), until=_zoned("until", until))
    return answer(OverviewOut(**{name: getattr(found, name) for name in OverviewOut.model_fields}))


def _zoned(name: str, moment: dt.datetime | None) -> dt.datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise ApiError(
            422, "bad_parameter", f"{name}: expected a time zone, such as 2026-11-22T09:30:00+03:00"
        )
    return moment


def _contact_out(contact: ContactRecord) -> ContactOut:
    card = contact.card
    return ContactOut(
        ref=card.ref,
        phones=[number.e164 or number.written for number in card.numbers()],
        owner=card.owner,
        comments=card.comments,
        status=contact.status,
        incorrect_contact=contact.incorrect_contact,
        n_counted=contact.n_counted,
        updated_at=contact.updated_at,
    )


def _attempt_out(attempt: AttemptRecord) -> AttemptOut:
    decision, error = attempt.decision, attempt.error
    return AttemptOut(
        id=attempt.id,
        contact=attempt.contact_ref,
        number=attempt.number,
        recording=attempt.recording,
        called_at=attempt.called_at,
        recorded_at=attempt.recorded_at,
        outcome=attempt.outcome,
        confidence=attempt.confidence,
        transcript=attempt.transcript,
        duration_s=attempt.duration_s,
        decision=None if decision is None else decision_to_dict(decision.decision),
        n_corrections=attempt.n_corrections,
        version=attempt.version,
        error=None if error is None else ErrorDetail(kind=error.kind, message=error.message),
    )
