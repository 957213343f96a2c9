"""Parameters that routes of the API and of the page share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

__all__ = ["BeforeId", "IdInPath"]

_MOST = 2**63 - 1  # a database holds no greater number

IdInPath = Annotated[int, Path(ge=1, le=_MOST)]
BeforeId = Annotated[int | None, Query(ge=1, le=_MOST)]
