"""Which file a SQLAlchemy address of SQLite means: a path, a URI (``file:/folder/j?uri=true``)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from recognizer.base.errors import JournalError

__all__ = ["sqlite_path"]

_MEMORY = ":memory:"
_YES = frozenset({"true", "1", "yes", "y", "on", "t"})  # as SQLAlchemy reads them


def sqlite_path(address: sa.URL) -> Path | None:
    """Return the file of a database in SQLite, None if it lives in memory.

    Raises
    ------
    JournalError
        If the address is half a URI: SQLite would make a folder called ``file:``.
    """
    database = address.database or _MEMORY
    if not database.lower().startswith("file:"):
        return None if database == _MEMORY else Path(database)
    shown = address.render_as_string(hide_password=True)
    if str(address.query.get("uri", "")).lower() not in _YES:
        raise JournalError(
            f"{shown}: expected a path after sqlite:///, found a URI; leave `file:` out, or add "
            "?uri=true"
        )
    parts = urlsplit(database)
    if parts.netloc not in {"", "localhost"}:
        raise JournalError(f"{shown}: expected a file of this machine, found one of {parts.netloc}")
    path = unquote(parts.path)
    if path in {"", _MEMORY} or address.query.get("mode") == "memory":
        return None
    return Path(path)
