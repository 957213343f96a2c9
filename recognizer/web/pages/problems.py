"""What a person asked for and cannot have, as the routes say it."""

from __future__ import annotations

__all__ = ["NotSignedInError", "PageProblemError"]


class NotSignedInError(Exception):
    """The browser has no session, or it is over."""


class PageProblemError(Exception):
    """Something the person asked for cannot be done; shown as a page, or as JSON to a script."""

    def __init__(self, status: int, title: str, advice: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.advice = advice
