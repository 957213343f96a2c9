"""The web application: HTTP API, health, metrics, and the operators' page where it is installed."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from recognizer.base.errors import JournalError, RecognizerError
from recognizer.base.moments import lies_ahead
from recognizer.base.settings import Settings
from recognizer.batch.jobs import Finished, RecognizerLike
from recognizer.batch.runner import keep_report
from recognizer.batch.worker import load_recognizer
from recognizer.batch.worker_pool import WorkerPool
from recognizer.crm.connectors import load_targets
from recognizer.crm.dispatching import Dispatcher
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.recorders import RecorderClock
from recognizer.crm.outbox import Outbox
from recognizer.web.answer_limit import AnswerLimit
from recognizer.web.api import routes
from recognizer.web.api.answers import ApiError, explain
from recognizer.web.api.metrics import Metrics
from recognizer.web.api.models import with_parts
from recognizer.web.auth.api_keys import ApiKeys
from recognizer.web.jobs.queue import Jobs
from recognizer.web.jobs.runners import InProcessRunner, Runner
from recognizer.web.jobs.store import cause_of
from recognizer.web.jobs.submissions import QueueFullError, Submission, UploadError
from recognizer.web.limits import RateLimit, UploadGate
from recognizer.web.live import live_calls
from recognizer.web.stopping import AnswersWhenStopped

__all__ = ["create_app", "has_page"]

_LOG = logging.getLogger(__name__)
_PURGE_EVERY_S = 600.0
_SETTLE_EVERY_S = 5.0
_RECORD_WAIT_S = 45.0  # longer than a lock is waited for
_READY_WAIT_S = 5.0
_NOTE_WAIT_S = 1.0  # for what a client need not wait for


def create_app(
    settings: Settings,
    *,
    recognizer: RecognizerLike | None = None,
    journal: Journal | None = None,
) -> FastAPI:
    """Return the application; recognition starts with its lifespan.

    Parameters
    ----------
    settings : Settings
    recognizer : RecognizerLike or None
        Recognise in this process (tests, embedding); None: worker processes of their own.
    journal : Journal or None
        None: the one of the settings, opened and closed with the application.

    Notes
    -----
    What routes and the page find in ``app.state``: ``settings``, ``api_keys``, ``metrics`` and,
    while the application runs, ``journal``, ``jobs`` (`recognizer.web.jobs.queue.Jobs`) and
    ``live`` (`recognizer.live.calls.LiveCalls`, None where no live calls are heard);
    ``startup_problem``, if it cannot run because of the journal, the state folder or an address.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as closing:
            try:
                jobs = _start(app, settings, recognizer, closing)
                app.state.live = await closing.enter_async_context(
                    live_calls(settings, app.state.journal, recognizer)
                )
            except RecognizerError as problem:
                app.state.startup_problem = problem
                raise
            purging = asyncio.create_task(_purge(jobs))
            try:
                yield
            finally:
                purging.cancel()

    app = FastAPI(
        title="recognizer",
        version=version("recognizer"),
        description="Hears why a call failed on Russian telephone lines and decides its CRM "
        "status, offline.",
        lifespan=lifespan,
        # Swagger UI and ReDoc would load scripts from another site.
        openapi_url=None,  # served by the router: with a key, once there is one
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.journal = journal
    app.state.live = None
    app.state.recording = AnswerLimit(_RECORD_WAIT_S)
    app.state.asking_if_ready = AnswerLimit(_READY_WAIT_S)
    app.state.noting = AnswerLimit(_NOTE_WAIT_S)
    app.state.api_keys = ApiKeys(settings.server.state_folder / "api_keys.json")
    app.state.metrics = Metrics()
    app.state.rate_limit = RateLimit(settings.server.requests_per_minute)
    app.state.uploads = UploadGate(
        settings.server.max_uploads, settings.server.max_uploads_per_client
    )
    routes.include(app)
    _add_handlers(app)
    _include_page(app)
    app.add_middleware(AnswersWhenStopped)
    app.openapi = partial(_openapi, app)  # type: ignore[method-assign]
    return app


def _start(
    app: FastAPI,
    settings: Settings,
    recognizer: RecognizerLike | None,
    closing: contextlib.AsyncExitStack,
) -> Jobs:
    """Open the journal and begin to recognise; what was begun is ended with `closing`."""
    if app.state.journal is None:
        app.state.journal = closing.enter_context(Journal.of_settings(settings.journal))
    app.state.recorders = RecorderClock(app.state.journal.database)
    runner, app.state.is_loaded = _runner(settings, recognizer)
    closing.callback(runner.close)
    jobs = app.state.jobs = Jobs(
        settings.server,
        runner,
        record=partial(_record, app),
        on_finished=app.state.metrics.count_report,
        can_record=partial(_can_record, app),
    )
    closing.callback(jobs.close)
    _tell_others(app, closing)
    return jobs


def _tell_others(app: FastAPI, closing: contextlib.AsyncExitStack) -> None:
    """Deliver decisions to who is configured, as long as the application runs."""
    crm = app.state.settings.crm
    if crm.targets_file is None:
        return
    targets = load_targets(crm.targets_file, crm.codes_file)
    dispatcher = Dispatcher(Outbox(app.state.journal.database), targets)
    dispatcher.start()
    closing.callback(dispatcher.close)


def _runner(
    settings: Settings, recognizer: RecognizerLike | None
) -> tuple[Runner, Callable[[], bool]]:
    """Return where recordings are recognised, and how to ask whether it is ready."""
    if recognizer is not None:
        return InProcessRunner(recognizer), lambda: True
    n_workers = settings.server.workers or os.cpu_count() or 1
    pool = WorkerPool(partial(load_recognizer, settings), n_workers)
    pool.start_in_background()
    return pool, lambda: pool.is_loaded


def _record(app: FastAPI, submission: Submission, finished: Finished) -> dict[str, Any]:
    """Return a report as JSON, recorded in the journal where it is known whose call it was."""
    handed_in_at = submission.handed_in_at
    kept = partial(
        keep_report,
        app.state.journal if submission.is_recorded else None,
        finished,
        contact=submission.contact,
        number=submission.number,
        # The clock may have been put back since.
        received_at=None if lies_ahead(handed_in_at) else handed_in_at,
    )
    recording: AnswerLimit = app.state.recording
    return recording.ask(kept) if submission.is_recorded else kept()


def _can_record(app: FastAPI) -> bool:
    """Tell whether the journal can be written now."""
    journal: Journal = app.state.journal
    recording: AnswerLimit = app.state.recording

    def write() -> bool:
        with journal.database.writing():
            return True

    try:
        return recording.ask(write)
    except JournalError:
        return False


async def _purge(jobs: Jobs) -> None:
    """Forget old jobs now and then, and record what could not be recorded."""
    next_purge_s = 0.0
    while True:
        try:
            await run_in_threadpool(jobs.settle)
            if time.monotonic() >= next_purge_s:
                next_purge_s = time.monotonic() + _PURGE_EVERY_S
                await run_in_threadpool(jobs.purge)
        except Exception:  # noqa: BLE001  a full disk now is none for ever
            _LOG.exception("jobs cannot be tidied up")
        await asyncio.sleep(_SETTLE_EVERY_S)


def has_page() -> bool:
    """Tell whether the operators' page is installed."""
    needed = ("recognizer.web.pages.site", "jinja2", "argon2")
    return all(importlib.util.find_spec(name) is not None for name in needed)


def _include_page(app: FastAPI) -> None:
    """Join the operators' page to the application: the one place where the two meet.

    `recognizer.web.pages.site.include(app)` adds its router, static files, middleware and exception
    handlers; it may read ``app.state`` (see `create_app`). Without the extra `page` there is
    only the API.
    """
    if has_page():
        importlib.import_module("recognizer.web.pages.site").include(app)


# -- problems as JSON --------------------------------------------------------------------------

_UPLOAD_STATUS = {"too_large": 413, "empty": 422, "upload_timeout": 408}


def _add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(UploadError, _on_upload_error)
    app.add_exception_handler(QueueFullError, _on_queue_full)
    app.add_exception_handler(RequestValidationError, _on_bad_parameter)
    app.add_exception_handler(RecognizerError, _on_error)
    app.add_exception_handler(SQLAlchemyError, _on_database_error)
    app.add_exception_handler(405, _on_wrong_method)


def _answer(
    request: Request, status: int, kind: str, message: str, retry_after_s: int | None = None
) -> Response:
    request.app.state.metrics.count_refusal(kind)
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": {"kind": kind, "message": message}}, status, headers)


async def _on_api_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiError)
    return _answer(request, problem.status, problem.kind, str(problem), problem.retry_after_s)


async def _on_upload_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, UploadError)
    return _answer(request, _UPLOAD_STATUS.get(problem.kind, 400), problem.kind, str(problem))


async def _on_queue_full(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, QueueFullError)
    status = 429 if problem.kind == "rate_limit" else 503
    return _answer(request, status, problem.kind, str(problem), problem.retry_after_s)


async def _on_bad_parameter(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    if not request.url.path.startswith("/api/"):
        return await request_validation_exception_handler(request, problem)
    return _answer(request, 422, "bad_parameter", explain(problem.errors()))


async def _on_error(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RecognizerError)
    _LOG.error("%s %s: %s", request.method, request.url.path, problem)
    return _answer(request, 503, problem.kind, str(problem), retry_after_s=30)


async def _on_database_error(request: Request, problem: Exception) -> Response:
    """Answer as where the journal fails: the database of the page or of the queue does."""
    answer = request.app.exception_handlers[RecognizerError]
    response: Response = await answer(
        request, JournalError(str(cause_of(problem)).partition("\n")[0])
    )
    return response


async def _on_wrong_method(request: Request, problem: Exception) -> Response:
    """Say every method of the path: Starlette says those of the first route only."""
    assert isinstance(problem, HTTPException)
    methods = set((problem.headers or {}).get("Allow", "").split(", ")) - {""}
    for route in routes.ROUTES:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    response = _answer(request, 405, "method", f"{request.method} is not what this address is for")
    response.headers["Allow"] = ", ".join(sorted(methods))
    return response


# -- the document ------------------------------------------------------------------------------


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document: who must show a key depends on whether there is any."""
    document = with_parts(
        get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
    )
    document["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `recognizer api-keys create NAME`.",
        }
    }
    needs_key = app.state.api_keys.exist()
    for path, operations in document["paths"].items():
        if path.startswith("/health/"):
            continue
        for operation in operations.values():
            is_journal = "journal" in operation.get("tags", ())
            operation["security"] = [{"key": []}] if needs_key or is_journal else [{}, {"key": []}]
    return document
