"""Parameters that routes of the API and of the page share, and numbers of rows in texts."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

__all__ = ["BeforeId", "IdInPath", "read_id"]

_MOST = 2**63 - 1  # a database holds no greater number

IdInPath = Annotated[int, Path(ge=1, le=_MOST)]
BeforeId = Annotated[int | None, Query(ge=1, le=_MOST)]


def read_id(text: str) -> int | None:
    """Return the number of a row that a text is; None: it is none that a database could hold.

    `int` also takes signs, spaces, other writings' digits, and more of them than fit.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        return None
    return int(text) or None
