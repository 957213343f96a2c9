"""What a browser is shown when something is wrong; programs get what the API answers."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response

from recognizer.base.errors import RecognizerError
from recognizer.web.limits import FormLimits
from recognizer.web.pages.compression import Compression
from recognizer.web.pages.problems import NotSignedInError, PageProblemError
from recognizer.web.pages.rendering import render
from recognizer.web.pages.security_headers import SecurityHeaders, security_headers
from recognizer.web.pages.signed_in import check_origin

__all__ = ["add_handlers", "is_replayed"]
_log = logging.getLogger(__name__)


def _wants_page(request: Request) -> bool:
    return request.method in {"GET", "POST"} and "text/html" in request.headers.get("Accept", "")


_REPLAYED = re.compile(
    r"/calls/[0-9]{1,18}/(accept|correct|state|card|withdraw|detach)"
    r"|/imports/files/[0-9a-f]{32}/save|/imports/[0-9]{1,18}/undo"
)


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
    return [(name, value) for name, value in fields if isinstance(value, str)]


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
    is_upload = request.url.path == "/imports"
    then = request.url.path if request.method == "GET" or is_upload else "/"
    if request.method == "GET" and request.url.query:
        then += f"?{request.url.query}"
    return RedirectResponse(f"/sign-in?then={quote(then, safe='')}", status_code=303)


_OF_CALL = re.compile(r"/calls/([0-9]{1,18})/[a-z-]+")


def _way_back(request: Request, status: int) -> dict[str, Any]:
    """Return where a person goes on whose answer about a call was refused."""
    call = _OF_CALL.fullmatch(request.url.path)
    if call is None or request.method != "POST" or status == 404:
        return {}
    return {"href": f"/calls/{call[1]}", "link": "Вернуться к звонку"}


def _on_page_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, PageProblemError)
    if _wants_page(request):
        return render(
            request,
            "message.html",
            status=problem.status,
            title=problem.title,
            text=problem.advice,
            **_way_back(request, problem.status),
        )
    return JSONResponse(
        {"title": problem.title, "advice": problem.advice}, status_code=problem.status
    )


_HTTP_TEXTS: Mapping[int, tuple[str, str]] = {
    404: ("Такой страницы нет", "Проверьте адрес или начните с главной."),
    405: ("Так сюда обратиться нельзя", "Вернитесь назад и повторите."),
    408: ("Загрузка прервалась", "Отправьте файл ещё раз."),
    413: ("Файл слишком большой", "Отправьте его частями."),
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
    in_russian(408, 408)
    in_russian(413, 413)
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
    app.add_middleware(Compression)
