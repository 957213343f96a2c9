"""What changed since a page was loaded: for lists that say so, and for notifications."""

from __future__ import annotations

import datetime as dt
import hashlib

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from recognizer.crm.journal.recorders import read_recorders
from recognizer.web.auth.users import Role
from recognizer.web.pages import wording
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.problems import NotSignedInError
from recognizer.web.pages.signed_in import SESSION_COOKIE

__all__ = ["News", "read_news", "router"]

router = APIRouter()
_KINDS = {"folder": "папка", "key": "программа", "live": "живые звонки"}
_USUAL = dt.timedelta(days=7)


class News(msgspec.Struct, frozen=True):
    """What a page asks for again and again.

    Attributes
    ----------
    newest : id of the call recorded last; 0: there is none.
    waiting : calls that wait for a person.
    silent_since : in words, since when nothing was recorded, if that is too long; of each recorder
        that is known by name. Else empty.
    """

    newest: int
    waiting: int
    silent_since: str


def read_news(page: Page) -> News:
    """Return the news of now."""
    newest, recorded_at = page.journal.newest() or (0, None)
    return News(newest, page.reviews.n_waiting(), _silent_since(page, recorded_at))


def _silent_since(page: Page, last_at: dt.datetime | None) -> str:
    """Return since when each recorder is silent, if it is for too long."""
    now, zone = dt.datetime.now(dt.UTC), page.office.timezone
    known = [
        (f" ({_KINDS[one.kind]} «{one.name}»)", one.heard_at)
        for one in read_recorders(page.journal.database)
    ]
    # Of what nobody has heard for a week, nothing is expected.
    known = [(name, at) for name, at in known if now - at < _USUAL]
    if not known and last_at is not None and now - last_at < _USUAL:
        known = [("", last_at)]
    allowed_s = page.settings.server.silent_after_s
    return ", с ".join(
        f"{wording.moment_in(at, zone)}{name}"
        for name, at in known
        if 0 < allowed_s < (now - at).total_seconds()
    )


@router.get("/news")
def news(request: Request, page: ThePage) -> Response:
    """Answer with what is new, or that nothing is (304).

    A page that only asks does not keep its session alive: nobody may be sitting there.
    """
    session = page.access.session(request.cookies.get(SESSION_COOKIE), prolongs=False)
    if session is None or not session.user.role.includes(Role.OPERATOR):
        raise NotSignedInError
    body = msgspec.json.encode(read_news(page))
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
