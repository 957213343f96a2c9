"""Who may ask: with any API key created, only who shows a key in force (``Authorization: Bearer``).

As long as there is none, programs on this machine may classify without one, browsers of other
sites may not; what the journal knows of people always needs a key.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from recognizer.base.errors import ContactError, JournalError
from recognizer.base.network import is_loopback
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord, ContactRecord
from recognizer.web.api.answers import ApiError

__all__ = [
    "Known",
    "Owner",
    "TheJournal",
    "attempt_of",
    "contact_of",
    "journal_of",
    "known_owner",
    "owner_of",
]


def owner_of(request: Request) -> str:
    """Return who asks; jobs belong to whoever handed them in."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    keys = request.app.state.api_keys
    if scheme or secret:
        key = keys.find(secret.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise ApiError(401, "unauthorised", "the API key is unknown or was revoked")
        return f"key:{key.id}"
    if keys.exist():
        raise ApiError(401, "unauthorised", "an API key is needed: Authorization: Bearer <key>")
    if not _is_local_program(request):
        raise ApiError(
            401,
            "unauthorised",
            "without an API key only programs on this machine may ask; create one with "
            "`recognizer api-keys create NAME`",
        )
    return "local"


def _is_local_program(request: Request) -> bool:
    """Tell whether this comes from this machine, and not from a page of another site.

    The name in ``Host`` is looked at because a page can make its own name lead to this machine
    (DNS rebinding); a forwarded request comes from wherever the proxy serves.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    client = request.client.host if request.client else ""
    foreign = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    forwarded = any(name in request.headers for name in ("forwarded", "x-forwarded-for"))
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        foreign = True
    return not foreign and not forwarded and _is_here(host) and _is_here(client)


def _is_here(host: str) -> bool:
    # Starlette's test client has names of its own.
    return host in {"testclient", "testserver"} or is_loopback(host)


def _limited(request: Request, owner: Annotated[str, Depends(owner_of)]) -> str:
    client = request.client.host if request.client else ""
    request.app.state.rate_limit.take(f"{owner} {client}")
    return owner


Owner = Annotated[str, Depends(_limited)]


def known_owner(owner: Owner) -> str:
    """Return who asks, if they may know what the journal knows of people."""
    if owner == "local":
        raise ApiError(
            401,
            "unauthorised",
            "contacts and calls need an API key; create one with `recognizer api-keys create NAME`",
        )
    return owner


Known = Annotated[str, Depends(known_owner)]


def journal_of(request: Request, _owner: Known) -> Journal:
    """Return the journal, for whoever may see it."""
    journal: Journal | None = request.app.state.journal
    if journal is None:
        raise ApiError(503, "no_journal", "this server has no journal: pip install "
                       "'recognizer[journal]'", retry_after_s=3600)  # fmt: skip
    return journal


TheJournal = Annotated[Journal, Depends(journal_of)]


def contact_of(journal: Journal, ref: str) -> ContactRecord:
    """Return a card, or answer that there is none."""
    try:
        return journal.contact(ref)
    except ContactError as problem:
        raise ApiError(404, problem.kind, str(problem)) from problem


def attempt_of(journal: Journal, attempt_id: int) -> AttemptRecord:
    """Return an attempt, or answer that there is none."""
    try:
        return journal.attempt(attempt_id)
    except JournalError as problem:
        raise ApiError(404, "not_found", str(problem)) from problem
