"""What every route may answer: an error as JSON, and data that is what the document declares."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from recognizer.web.api.models import ErrorOut

__all__ = ["BUSY", "ERRORS", "NOT_FOUND", "ApiError", "answer", "explain"]


class ApiError(Exception):
    """A request that is not carried out, as the client is told."""

    def __init__(
        self, status: int, kind: str, message: str, *, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after_s = retry_after_s


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "No API key, or one that is not in force."},
    422: {"model": ErrorOut, "description": "A parameter is not what it should be."},
    429: {
        "model": ErrorOut,
        "description": "Too many requests of this client.",
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
    },
}
BUSY: dict[str, Any] = {
    "model": ErrorOut,
    "description": "Too much at one time.",
    "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorOut, "description": "There is none."}
}


def answer(shown: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return what the OpenAPI document declares, checked as it was made, as JSON."""
    return JSONResponse(shown.model_dump(mode="json"), status, headers)


def explain(errors: Any) -> str:
    """Return pydantic's findings as one sentence each."""
    return "; ".join(
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors
    )
