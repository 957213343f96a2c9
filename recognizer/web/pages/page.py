"""What every route of the page stands on: its parts, who asks, how answers are rendered."""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import jinja2
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recognizer.base.errors import RecognizerError, SettingsError
from recognizer.base.settings import Settings
from recognizer.crm.journal.journal import Journal
from recognizer.web.auth.access import Access, Role, Session
from recognizer.web.limits import FormLimits
from recognizer.web.pages import wording
from recognizer.web.pages.calls import Calls, Recordings
from recognizer.web.pages.proposals import Proposals
from recognizer.web.pages.review import LabelledClips, Reviews
from recognizer.web.pages.statistics import Statistics

__all__ = [
    "SESSION_COOKIE",
    "Administrator",
    "Flash",
    "NotSignedInError",
    "Operator",
    "Page",
    "PageProblemError",
    "SendingAdministrator",
    "SendingOperator",
    "SendingSupervisor",
    "Supervisor",
    "ThePage",
    "add_handlers",
    "address_of",
    "is_replayed",
    "note",
    "render",
    "safe_path",
    "see",
]

SESSION_COOKIE = "recognizer_session"
_HERE = Path(__file__).resolve().parent
_log = logging.getLogger(__name__)

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

PLACES = (
    ("home", "/", "upload", "Записи", Role.OPERATOR),
    ("queue", "/queue", "inbox", "Очередь", Role.OPERATOR),
    ("calls", "/calls", "list", "Звонки", Role.OPERATOR),
    ("overview", "/overview", "chart", "Обзор", Role.SUPERVISOR),
    ("phrases", "/phrases", "book", "Фразы", Role.OPERATOR),
)

FLASHES: Mapping[str, tuple[str, str]] = {
    "accepted": ("good", "Результат подтверждён, запись стала образцом для проверок."),
    "accepted-unheard": ("good", "Результат подтверждён. Запись не слушали, образцом не станет."),
    "corrected": ("good", "Исправлено. Решение пересчитано, прежнее осталось в журнале."),
    "stated": ("good", "Внесено со слов оператора, решение пересчитано."),
    "card": ("good", "Карточка сохранена, решение пересчитано."),
    "moved": ("good", "Звонок теперь в этой карточке, решения обеих пересчитаны."),
    "detached": ("good", "Звонок откреплён от карточки, её решение пересчитано."),
    "merged": ("good", "Карточки объединены, попытки посчитаны вместе."),
    "together-undone": ("good", "Отменено всё, что решили вместе. Звонки снова в очереди."),
    "withdrawn": ("good", "Отменено, решение прежнее."),
    "phrase-saved": ("good", "Фраза внесена в список. Новые записи распознаются уже с ней."),
    "phrase-proposed": ("good", "Предложение отправлено старшему смены."),
    "phrase-undone": ("good", "Изменение отменено, список прежний."),
    "phrase-rejected": ("info", "Предложение отклонено."),
    "user-created": ("good", "Пользователь создан."),
    "user-changed": ("good", "Изменения сохранены."),
    "password-changed": ("good", "Пароль изменён. Войдите с новым."),
    "password-set": ("good", "Новый пароль назначен, прежние сеансы этого сотрудника завершены."),
    "setup": ("good", "Администратор создан. Войдите."),
    "signed-out": ("info", "Вы вышли."),
}


class NotSignedInError(Exception):
    """The browser has no session, or it is over."""


class PageProblemError(Exception):
    """Something the person asked for cannot be done; shown as a page, or as JSON to a script."""

    def __init__(self, status: int, title: str, advice: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.advice = advice


class Page:
    """The parts of the page, made when the first request comes and the journal is open.

    Attributes
    ----------
    regulation, office : the journal's.
    access, recordings, calls, reviews, statistics, proposals : the parts.
    """

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self.settings = settings
        self.journal = journal
        self.regulation = journal.regulation
        self.office = journal.office
        engine = journal.database.engine
        folder = settings.server.state_folder
        self.access = Access(engine)
        self.recordings = Recordings(folder / "recordings", settings.server.max_upload_bytes)
        self.recordings.forget_purged(engine)
        self.calls = Calls(journal, self.recordings, self.regulation)
        self.clips = LabelledClips(folder / "labelled")
        self.reviews = Reviews(engine, journal, self.clips)
        self.statistics = Statistics(engine)
        self.proposals = Proposals(engine, settings.phrases, self.clips)


_making = threading.Lock()


def page_of(app: FastAPI) -> Page:
    """Return the page of an application, making it at first."""
    with _making:
        page: Page | None = getattr(app.state, "page", None)
        if page is None:
            journal = app.state.journal
            if journal is None:
                raise PageProblemError(
                    503, "Журнал не открыт", "Сообщите администратору: recognizer doctor."
                )
            page = app.state.page = Page(app.state.settings, journal)
        return page


def the_page(request: Request) -> Page:
    """Return the page a request is for."""
    return page_of(request.app)


ThePage = Annotated[Page, Depends(the_page)]


# -- who asks ----------------------------------------------------------------------------------


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


# -- how pages are rendered --------------------------------------------------------------------


@cache
def _static_address(name: str) -> str:
    """Return the address of a static file with a digest: a new version is fetched at once."""
    digest = hashlib.sha256((_HERE / "static" / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@jinja2.pass_context
def _moment(context: jinja2.runtime.Context, value: dt.datetime) -> str:
    """Return a moment by the office's clock: a server may stand anywhere."""
    return wording.moment_in(value, page_of(context["request"].app).office.timezone)


@jinja2.pass_context
def _moment_s(context: jinja2.runtime.Context, value: float) -> str:
    return _moment(context, dt.datetime.fromtimestamp(value, dt.UTC))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=wording.percent,
        seconds=wording.seconds,
        timecode=wording.timecode,
        grouped=wording.grouped,
        sentence=_sentence,
        without_rule_ids=wording.without_rule_ids,
        moment=_moment,
        moment_s=_moment_s,
    )
    environment.globals.update(
        static=_static_address,
        nbsp=wording.NBSP,
        roles=Role,
        role_names=wording.ROLE_NAMES,
        outcome_names=wording.OUTCOME_NAMES,
        marking=wording.MARKING,
        assignment_names=wording.ASSIGNMENT_NAMES,
        mask_number=wording.mask_number,
        counted=wording.counted,
    )
    return environment


_templates = Jinja2Templates(env=_environment())


@dataclass(frozen=True, slots=True)
class Flash:
    """A word on what was just done."""

    kind: str
    text: str
    href: str = ""
    link: str = ""


def _flash(request: Request) -> Flash | None:
    """Return the message a redirect named; only our own texts can be named."""
    found = FLASHES.get(request.query_params.get("done", ""))
    return None if found is None else Flash(*found)


def render(
    request: Request,
    template: str,
    *,
    here: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Return a page made of `template`; `here` is the section it belongs to."""
    session: Session | None = getattr(request.state, "session", None)
    n_waiting = 0
    if session is not None and not template.startswith("_"):
        n_waiting = page_of(request.app).reviews.n_waiting()
    values.setdefault("flash", _flash(request))
    context = {
        "session": session,
        "here": here,
        "undo": None,
        "undo_batch": None,
        "kept": "",
        "n_waiting": n_waiting,
        "places": [
            place[:4] for place in PLACES if session and session.user.role.includes(place[4])
        ],
        "csrf": lambda: Markup('<input type="hidden" name="csrf" value="{}">').format(
            session.csrf_token if session else ""
        ),
        **values,
    }
    return _templates.TemplateResponse(
        request, template, context, status_code=status, headers=dict(headers or {})
    )


def see(path: str, done: str = "") -> RedirectResponse:
    """Return «see other»: after a form was taken, so that a reload does not send it again."""
    if done:
        path += ("&" if "?" in path else "?") + f"done={done}"
    return RedirectResponse(path, status_code=303)


# -- when something is wrong -------------------------------------------------------------------


def _wants_page(request: Request) -> bool:
    return request.method in {"GET", "POST"} and "text/html" in request.headers.get("Accept", "")


_REPLAYED = re.compile(r"/calls/[0-9]{1,18}/(accept|correct|state|card|withdraw|detach)")


def is_replayed(path: str) -> bool:
    """Tell whether a form sent to `path` may be sent again after signing in."""
    return _REPLAYED.fullmatch(path) is not None


async def _kept_form(request: Request) -> list[tuple[str, str]] | None:
    """Return the fields of a decision sent when the session was over; None: nothing to keep.

    Only of a form of this very site: another one's must not be sent in the name of who signs in.
    """
    if request.method != "POST" or not is_replayed(request.url.path):
        return None
    try:
        check_origin(request)
    except PageProblemError:
        return None
    fields = (await request.form()).multi_items()
    return [(name, value) for name, value in fields if isinstance(value, str) and name != "csrf"]


async def _on_not_signed_in(request: Request, _problem: Exception) -> Response:
    is_script = request.headers.get("Sec-Fetch-Mode") in {"cors", "same-origin"}
    if is_script or not _wants_page(request):
        return JSONResponse(
            {"title": "Сеанс закончился", "advice": "Войдите снова и повторите."}, status_code=401
        )
    kept = await _kept_form(request)
    if kept is not None:
        return render(
            request,
            "sign_in.html",
            status=401,
            then=request.url.path,
            kept=json.dumps(kept),
            problem="Сеанс закончился. Войдите, и ваш ответ будет записан.",
            login="",
        )
    then = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        then += f"?{request.url.query}"
    return RedirectResponse(f"/sign-in?then={quote(then, safe='')}", status_code=303)


def _on_page_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, PageProblemError)
    if _wants_page(request):
        return render(
            request,
            "message.html",
            status=problem.status,
            title=problem.title,
            text=problem.advice,
        )
    return JSONResponse(
        {"title": problem.title, "advice": problem.advice}, status_code=problem.status
    )


_HTTP_TEXTS: Mapping[int, tuple[str, str]] = {
    404: ("Такой страницы нет", "Проверьте адрес или начните с главной."),
    405: ("Так сюда обратиться нельзя", "Вернитесь назад и повторите."),
    422: ("Страница не поняла запрос", "Вернитесь назад, обновите страницу и повторите."),
}


def _add_http_errors(app: FastAPI) -> None:
    """Say in Russian, to people only, what the framework says in English."""

    def in_russian(kind: type[Exception] | int, status: int) -> None:
        before = app.exception_handlers.get(kind)

        async def on_problem(request: Request, problem: Exception) -> Response:
            found = getattr(problem, "status_code", status)
            title, text = _HTTP_TEXTS.get(found, ("Не получилось", "Попробуйте ещё раз."))
            if _wants_page(request):
                return render(request, "message.html", status=found, title=title, text=text)
            if before is not None:
                answer = before(request, problem)
                return await answer if inspect.isawaitable(answer) else answer
            if request.url.path.startswith(("/api/", "/health/", "/metrics")):
                return JSONResponse({"detail": getattr(problem, "detail", title)}, found)
            return JSONResponse({"title": title, "advice": text}, found)

        app.add_exception_handler(kind, on_problem)

    in_russian(404, 404)
    in_russian(405, 405)
    in_russian(RequestValidationError, 422)


def add_handlers(app: FastAPI) -> None:
    """Join headers and error pages to an application."""
    _add_http_errors(app)
    answer_program = app.exception_handlers.get(RecognizerError)

    async def on_error(request: Request, problem: Exception) -> Response:
        """Answer people with a page, and programs as the API does."""
        if answer_program is not None and not _wants_page(request):
            answer = answer_program(request, problem)
            return await answer if inspect.isawaitable(answer) else answer
        _log.error("%s %s: %s", request.method, request.url.path, problem)
        return render(
            request,
            "message.html",
            status=500,
            title="Не получилось",
            text=f"Попробуйте ещё раз; если повторится, сообщите администратору: {problem}",
        )

    app.add_exception_handler(RecognizerError, on_error)
    app.add_exception_handler(NotSignedInError, _on_not_signed_in)
    app.add_exception_handler(PageProblemError, _on_page_problem)

    app.add_middleware(FormLimits, settings=app.state.settings.server)
    frame_ancestors = app.state.settings.crm.frame_ancestors
    app.add_middleware(SecurityHeaders, headers=security_headers(frame_ancestors))


_FRAME_SOURCE = re.compile(r"https?://(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:[0-9]{1,5})?")


def security_headers(frame_ancestors: str) -> Mapping[str, str]:
    """Return the headers of every answer; `frame_ancestors` names who may embed the page.

    Raises
    ------
    SettingsError
        If one of them is no address of a site.
    """
    sites = frame_ancestors.split()
    for site in sites:
        if not _FRAME_SOURCE.fullmatch(site):
            raise SettingsError(
                f"crm.frame_ancestors: expected addresses such as https://crm.example.ru, "
                f"found {site!r}"
            )
    if not sites:
        return SECURITY_HEADERS
    headers = dict(SECURITY_HEADERS)
    headers["Content-Security-Policy"] = headers["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors 'self' {' '.join(sites)}"
    )
    # It knows no list of sites; browsers that know frame-ancestors do without it.
    del headers["X-Frame-Options"]
    return headers


class SecurityHeaders:
    """Adds the headers to every answer; plain ASGI, so that uploads are streamed as they come."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                is_static = scope["path"].startswith("/static/")
                headers.setdefault("Cache-Control", _FOREVER if is_static else "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


_FOREVER = "public, max-age=31536000, immutable"
