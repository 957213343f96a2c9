"""What an administrator sees of other programs: API keys, and what CRMs did not take."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from recognizer.base.errors import JournalError, RecognizerError
from recognizer.crm.outbox import Outbox
from recognizer.web.auth.api_keys import ApiKeys
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import PageProblemError
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import Administrator, SendingAdministrator, note

__all__ = ["router"]

router = APIRouter()
_Name = Annotated[str, Form(min_length=1, max_length=64)]
_N_SHOWN = 200


# -- API keys ----------------------------------------------------------------------------------


def _keys(request: Request) -> ApiKeys:
    keys: ApiKeys = request.app.state.api_keys
    return keys


@router.get("/keys")
def keys_page(request: Request, session: Administrator) -> Response:
    """Show the keys of programs; never their secrets."""
    del session
    return _show_keys(request)


def _show_keys(
    request: Request, *, problem: str = "", name: str = "", secret: str = ""
) -> Response:
    return render(
        request,
        "keys.html",
        status=400 if problem else 200,
        keys=sorted(_keys(request).all(), key=lambda key: (key.revoked_at is not None, key.name)),
        problem=problem,
        name=name,
        secret=secret,
    )


@router.post("/keys")
def create_key(request: Request, session: SendingAdministrator, name: _Name) -> Response:
    """Make a key and show its secret, this once."""
    name = name.strip()
    if not name:
        return _show_keys(request, problem="Назовите программу, которой нужен ключ.")
    try:
        key, secret = _keys(request).create(name)
    except RecognizerError:
        problem = f"Ключ с названием «{name}» уже есть. Отзовите его или назовите новый иначе."
        return _show_keys(request, problem=problem, name=name)
    note(request, session, "create_key", target=key.name, detail=key.id)
    return _show_keys(request, name=key.name, secret=secret)


@router.post("/keys/{key_id}/revoke")
def revoke_key(request: Request, session: SendingAdministrator, key_id: str) -> Response:
    """Revoke a key, by its id alone: a name may be another key's now."""
    found = [key for key in _keys(request).all() if key.id == key_id and key.revoked_at is None]
    if not found:
        raise PageProblemError(409, "Ключ уже отозван", "Обновите список ключей.")
    _keys(request).revoke(found[0].id)
    note(request, session, "revoke_key", target=found[0].name, detail=found[0].id)
    return see("/keys", "key-revoked")


# -- what CRMs were told -----------------------------------------------------------------------


def _outbox(page: Page) -> Outbox:
    return Outbox(page.journal.database)


@router.get("/outbox")
def outbox_page(request: Request, page: ThePage, session: Administrator) -> Response:
    """Show what was given up, and what still waits."""
    del session
    outbox = _outbox(page)
    return render(
        request,
        "outbox.html",
        dead=outbox.parcels("dead", limit=_N_SHOWN),
        waiting=outbox.parcels("waiting", limit=_N_SHOWN),
        counts=outbox.counts(),
        is_configured=page.settings.crm.targets_file is not None,
    )


@router.post("/outbox/{row_id}/retry")
def retry_one(
    request: Request, page: ThePage, session: SendingAdministrator, row_id: int
) -> Response:
    """Send a dead letter again."""
    try:
        _outbox(page).retry(row_id)
    except JournalError as problem:
        raise PageProblemError(
            409, "Уже отправляется", "Это письмо успели отправить ещё раз. Обновите список."
        ) from problem
    note(request, session, "retry_parcel", target=f"письмо {row_id}")
    return see("/outbox", "parcel-retried")


@router.post("/outbox/retry")
def retry_all(request: Request, page: ThePage, session: SendingAdministrator) -> Response:
    """Send every dead letter again."""
    n_sent = _outbox(page).retry_all()
    note(request, session, "retry_parcel", target=f"писем: {n_sent}")
    return see("/outbox", "parcel-retried")
