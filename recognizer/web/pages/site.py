"""The operators' page joined to the application: `include` is all that the server calls."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from recognizer.web.pages import (
    announcement_routes,
    bulk_routes,
    call_routes,
    card_routes,
    import_routes,
    live_routes,
    news_routes,
    overview_routes,
    people_routes,
    phrase_routes,
    program_routes,
    review_routes,
)
from recognizer.web.pages.error_pages import add_handlers
from recognizer.web.pages.page import page_of

__all__ = ["include", "setup_path"]

_STATIC = Path(__file__).resolve().parent / "static"


def include(app: FastAPI) -> None:
    """Add the page's routes, static files, headers and error pages; it reads ``app.state``."""
    add_handlers(app)
    for routes in (
        people_routes,
        call_routes,
        card_routes,
        import_routes,
        bulk_routes,  # before «/queue/{call_id}»
        review_routes,
        live_routes,
        overview_routes,
        phrase_routes,
        announcement_routes,
        program_routes,
        news_routes,
    ):
        app.include_router(routes.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")


def setup_path(app: FastAPI) -> str | None:
    """Return the one-time path that makes the first administrator; None once there are users.

    For the server's console: who can read that becomes the administrator. Call it when the
    application runs (`app.state.journal` is open).
    """
    token = page_of(app).access.new_setup_token()
    return None if token is None else f"/setup?token={token}"
