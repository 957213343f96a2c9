"""Who asks: sessions and roles as dependencies of routes, forms of this site, the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from recognizer.web.auth.sessions import Session
from recognizer.web.auth.users import Role
from recognizer.web.pages import wording
from recognizer.web.pages.page import Page, ThePage, page_of
from recognizer.web.pages.problems import NotSignedInError, PageProblemError

__all__ = [
    "SESSION_COOKIE",
    "Administrator",
    "Operator",
    "SendingAdministrator",
    "SendingOperator",
    "SendingSupervisor",
    "Supervisor",
    "address_of",
    "check_origin",
    "note",
    "safe_path",
]

SESSION_COOKIE = "recognizer_session"


def address_of(request: Request) -> str:
    """Return the network address a request comes from."""
    return request.client.host if request.client else ""


def _session(request: Request, page: Page, needed: Role) -> Session:
    session = page.access.session(request.cookies.get(SESSION_COOKIE))
    if session is None:
        raise NotSignedInError
    if not session.user.role.includes(needed):
        raise PageProblemError(
            403,
            "Недостаточно прав",
            f"Это доступно роли «{wording.ROLE_NAMES[needed]}». Обратитесь к администратору.",
        )
    request.state.session = session
    return session


def _reading(needed: Role) -> Callable[[Request, Page], Session]:
    def dependency(request: Request, page: ThePage) -> Session:
        return _session(request, page, needed)

    return dependency


def _sending(needed: Role) -> Callable[[Request, Page], Awaitable[Session]]:
    async def dependency(request: Request, page: ThePage) -> Session:
        session = await run_in_threadpool(_session, request, page, needed)
        token = request.headers.get("X-CSRF-Token")
        if token is None and _is_form(request):
            token = str((await request.form()).get("csrf", ""))
        if not session.accepts(token or ""):
            await request.close()  # the files of the form
            raise PageProblemError(
                403, "Страница устарела", "Вернитесь назад, обновите страницу и повторите."
            )
        return session

    return dependency


def _is_form(request: Request) -> bool:
    kind = request.headers.get("Content-Type", "")
    return kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))


Operator = Annotated[Session, Depends(_reading(Role.OPERATOR))]
Supervisor = Annotated[Session, Depends(_reading(Role.SUPERVISOR))]
Administrator = Annotated[Session, Depends(_reading(Role.ADMINISTRATOR))]
SendingOperator = Annotated[Session, Depends(_sending(Role.OPERATOR))]
SendingSupervisor = Annotated[Session, Depends(_sending(Role.SUPERVISOR))]
SendingAdministrator = Annotated[Session, Depends(_sending(Role.ADMINISTRATOR))]


def check_origin(request: Request) -> None:
    """Refuse a form that another site sent: for forms that come before there is a session."""
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc == request.headers.get("Host"):
        return
    if origin is None and request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}:
        return
    raise PageProblemError(403, "Запрос с другого сайта", "Откройте эту страницу заново и войдите.")


def note(
    request: Request, session: Session, action: str, *, target: str = "", detail: str = ""
) -> None:
    """Add to the audit log what a person did. No phone number may stand in it."""
    page_of(request.app).access.record(
        session.user.login, action, target=target, detail=detail, address=address_of(request)
    )


def safe_path(path: str) -> str:
    """Return `path` if it is a path of this site, else the home page."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_ours else "/"
