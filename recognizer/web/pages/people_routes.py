"""Signing in and out, the first administrator, users, the audit log."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from recognizer.web.auth.sessions import user_of_form
from recognizer.web.auth.throttling import SignInRefused
from recognizer.web.auth.users import AccessError, Role
from recognizer.web.pages import wording
from recognizer.web.pages.error_pages import is_replayed
from recognizer.web.pages.page import Page, ThePage
from recognizer.web.pages.rendering import render, see
from recognizer.web.pages.signed_in import (
    SESSION_COOKIE,
    Administrator,
    Operator,
    SendingAdministrator,
    SendingOperator,
    address_of,
    check_origin,
    note,
    safe_path,
)
from recognizer.web.parameters import IdInPath

__all__ = ["router"]

router = APIRouter()
_Text = Annotated[str, Form(max_length=1024)]
_AUDIT_PAGE = 100


@router.get("/sign-in")
def sign_in_page(request: Request, page: ThePage, then: str = "/") -> Response:
    """Show the sign-in form, or the way to the first administrator."""
    if not page.access.has_users():
        return see("/setup")
    return render(request, "sign_in.html", then=safe_path(then), problem="", login="")


@router.post("/sign-in")
def sign_in(
    *,
    request: Request,
    page: ThePage,
    login: _Text,
    password: _Text,
    then: _Text = "/",
    kept: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """Begin a session; an answer that came after the last one ended is sent again."""
    check_origin(request)
    try:
        token = page.access.sign_in(login, password, address_of(request))
    except SignInRefused as refused:
        return render(
            request,
            "sign_in.html",
            status=429 if refused.retry_after_s else 401,
            headers={"Retry-After": str(refused.retry_after_s)} if refused.retry_after_s else None,
            then=safe_path(then),
            problem=str(refused),
            login=login,
            kept=kept,
        )
    answer = _replay(request, page, token, then, kept) or see(safe_path(then))
    _give_session(request, answer, token)
    return answer


def _replay(request: Request, page: Page, token: str, action: str, kept: str) -> Response | None:
    """Return a page that sends a kept answer again; None: there is none.

    By itself only where the same person has signed in: what another answered is not theirs.
    """
    session = page.access.session(token)
    if not kept or not is_replayed(action) or session is None:
        return None
    try:
        fields = msgspec.json.decode(kept, type=list[tuple[str, str]])
    except msgspec.DecodeError:
        return None
    was_in = user_of_form(dict(fields).get("csrf", ""))
    return render(
        request,
        "replay.html",
        action=action,
        fields=[(name, value) for name, value in fields if name != "csrf"],
        token=session.csrf_token,
        is_own=was_in == session.user.id,
        name=session.user.name,
    )


def _give_session(request: Request, answer: Response, token: str) -> None:
    # Inside a CRM's page browsers send a cookie of another site only so, and over HTTPS only.
    crm = request.app.state.settings.crm
    is_embedded = bool(crm.frame_ancestors.split()) and request.url.scheme == "https"
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        httponly=True,
        samesite="none" if is_embedded else "lax",
        secure=request.url.scheme == "https",
        path="/",
    )


@router.post("/sign-out")
def sign_out(request: Request, page: ThePage, session: SendingOperator) -> Response:
    """End the session."""
    page.access.sign_out(request.cookies.get(SESSION_COOKIE))
    note(request, session, "sign_out")
    answer = see("/sign-in", "signed-out")
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


@router.get("/setup")
def setup_page(request: Request, page: ThePage, token: str = "") -> Response:
    """Show the form for the first administrator to who has the token."""
    if page.access.has_users():
        return see("/sign-in")
    return render(request, "setup.html", token=token, problem="", login="", name="")


@router.post("/setup")
def set_up(
    *, request: Request, page: ThePage, token: _Text, login: _Text, name: _Text, password: _Text
) -> Response:
    """Make the first administrator."""
    check_origin(request)
    try:
        page.access.set_up(token, login, name, password, address_of(request))
    except AccessError as problem:
        return render(
            request,
            "setup.html",
            status=400,
            token=token,
            problem=str(problem),
            login=login,
            name=name,
        )
    return see("/sign-in", "setup")


@router.get("/account")
def account_page(request: Request, session: Operator) -> Response:
    """Show the form for one's own password."""
    return render(request, "account.html", problem="", user=session.user)


@router.post("/account")
def change_password(
    request: Request, page: ThePage, session: SendingOperator, old: _Text, new: _Text
) -> Response:
    """Change one's own password; every session ends."""
    user, address = session.user, address_of(request)
    try:
        page.access.change_password(user.login, old, new, address)
    except AccessError as problem:
        text = "Нынешний пароль не подходит." if _is_wrong(problem) else str(problem)
        return render(request, "account.html", status=400, problem=text, user=user)
    page.access.record(user.login, "change_password", address=address)
    return see("/sign-in", "password-changed")


def _is_wrong(problem: AccessError) -> bool:
    return isinstance(problem, SignInRefused) and not problem.retry_after_s


@router.get("/users")
def users_page(request: Request, page: ThePage, session: Administrator) -> Response:
    """Show everybody who may sign in."""
    del session
    return _users(request, page)


def _users(request: Request, page: Page, problem: str = "", **entered: str) -> Response:
    """Show everybody; after a `problem` with what was typed."""
    return render(
        request,
        "users.html",
        status=400 if problem else 200,
        users=page.access.users(),
        problem=problem,
        entered=entered,
    )


@router.post("/users")
def create_user(
    *,
    request: Request,
    page: ThePage,
    session: SendingAdministrator,
    login: _Text,
    name: _Text,
    password: _Text,
    role: Annotated[Role, Form()],
) -> Response:
    """Make a user."""
    try:
        user = page.access.create_user(login, name, role, password)
    except AccessError as problem:
        return _users(request, page, str(problem), login=login, name=name, role=role)
    note(request, session, "create_user", target=user.login, detail=wording.ROLE_NAMES[role])
    return see("/users", "user-created")


@router.post("/users/{user_id}")
def change_user(
    *,
    request: Request,
    page: ThePage,
    session: SendingAdministrator,
    user_id: IdInPath,
    role: Annotated[Role, Form()],
    is_active: Annotated[bool, Form()] = False,
    password: _Text = "",
) -> Response:
    """Change a user's role, close or reopen the account, give a new password."""
    try:
        user = page.access.change_user(user_id, role=role, is_active=is_active, password=password)
    except AccessError as problem:
        return _users(request, page, str(problem))
    note(
        request,
        session,
        "reset_password" if password else "change_user",
        target=user.login,
        detail=f"{wording.ROLE_NAMES[role]}, {'открыт' if is_active else 'закрыт'}",
    )
    return see("/users", "password-set" if password else "user-changed")


@router.get("/audit")
def audit_page(
    *,
    request: Request,
    page: ThePage,
    session: Administrator,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    who: Annotated[str, Query(max_length=64)] = "",
    action: Annotated[str, Query(max_length=32)] = "",
) -> Response:
    """Show who did what."""
    del session
    entries = page.access.audit(
        limit=_AUDIT_PAGE + 1, offset=offset, login=who.strip(), action=action
    )
    return render(
        request,
        "audit.html",
        entries=entries[:_AUDIT_PAGE],
        offset=offset,
        next_offset=offset + _AUDIT_PAGE if len(entries) > _AUDIT_PAGE else None,
        page_size=_AUDIT_PAGE,
        action_names=wording.ACTION_NAMES,
        entered={"who": who, "action": action},
        query=urlencode({"who": who, "action": action}),
    )
