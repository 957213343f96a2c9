"""The HTTP API: recordings in, classifications out; jobs; cards and attempts of the journal."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute

from recognizer.web.api import journal_routes, live_routes, recording_routes, server_routes

__all__ = ["ROUTES", "include"]

_ROUTERS = (
    recording_routes.router,
    journal_routes.router,
    live_routes.router,
    server_routes.router,
)

ROUTES: tuple[BaseRoute, ...] = tuple(route for router in _ROUTERS for route in router.routes)
"""Every route of the API."""


def include(app: FastAPI) -> None:
    """Join the API to an application."""
    for router in _ROUTERS:
        app.include_router(router)
