"""The web application: HTTP API, health, metrics, and the operators' page where it is installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from recognizer.batch import keep_report
from recognizer.settings import Settings
from recognizer.types import CallReport
from recognizer.web.jobs import InProcessRunner, Jobs, Request, Runner
from recognizer.workers import Finished, RecognizerLike, WorkerPool, load_recognizer

__all__ = ["create_app"]


def create_app(
    settings: Settings,
    *,
    recognizer: RecognizerLike | None = None,
    journal: Any = None,
) -> FastAPI:
    """Return the application; recognition starts with its lifespan.

    Parameters
    ----------
    settings : Settings
    recognizer : RecognizerLike or None
        Recognise in this process (tests, embedding); None: worker processes of their own.
    journal : Journal or None
        None: the one of the settings.

    Notes
    -----
    What routes and the page find in ``app.state``: ``settings``, ``journal`` (or None where the
    extra is not installed) and, while the application runs, ``jobs`` (`recognizer.web.jobs.Jobs`).
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        runner = _runner(settings, recognizer)
        app.state.jobs = Jobs(settings.server, runner, record=partial(_record, app))
        try:
            yield
        finally:
            app.state.jobs.close()

    app = FastAPI(title="recognizer", lifespan=lifespan)
    app.state.settings = settings
    app.state.journal = journal
    _include_page(app)
    return app


def _record(
    app: FastAPI, request: Request, report: CallReport, sha256: str | None
) -> dict[str, Any]:
    """Return a report as JSON, recorded in the journal where it is known whose call it was."""
    wanted = request.in_journal or request.contact is not None or request.number is not None
    return keep_report(
        app.state.journal if wanted else None,
        Finished(report, sha256),
        contact=request.contact,
        number=request.number,
    )


def _include_page(app: FastAPI) -> None:
    """Join the operators' page to the application: the one place where the two meet.

    `recognizer.web.pages.include(app)` adds its router, static files, middleware and exception
    handlers; it may read ``app.state`` (see `create_app`). Without the extra `page` there is
    only the API.
    """
    needed = ("recognizer.web.pages", "jinja2", "argon2")
    if all(importlib.util.find_spec(name) is not None for name in needed):
        importlib.import_module("recognizer.web.pages").include(app)


def _runner(settings: Settings, recognizer: RecognizerLike | None) -> Runner:
    if recognizer is not None:
        return InProcessRunner(recognizer)
    n_workers = settings.server.workers or os.cpu_count() or 1
    return WorkerPool(partial(load_recognizer, settings), n_workers)
