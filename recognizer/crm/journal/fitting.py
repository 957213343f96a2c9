"""What goes into the database fits it, whichever it is: SQLite would take all, PostgreSQL fails.

Every statement passes here. A text longer than its column, by the table's own definition, refuses
the row before it is sent. Characters that PostgreSQL cannot hold (NUL, halves of pairs) become
marks of replacement, in what is asked for as in what is written, so that what was written is found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from recognizer.base.errors import RowError

__all__ = ["fits", "guard", "to_json"]

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def fits(column: Any, text: str | None) -> bool:
    """Tell whether a column of a table takes a text."""
    longest = getattr(column.type, "length", None)
    return text is None or longest is None or len(text) <= longest


def to_json(value: Any) -> str:
    """Return a value as a JSON column keeps it."""
    return json.dumps(_cleaned(value))


def guard(engine: sa.Engine) -> None:
    """Let every statement of an engine pass here."""
    sa.event.listen(engine, "before_cursor_execute", _before_execute, retval=True)


def _before_execute(
    _connection: sa.Connection,
    _cursor: Any,
    statement: str,
    parameters: Any,
    context: Any,
    executemany: bool,
) -> tuple[str, Any]:
    if context is not None and (context.isinsert or context.isupdate) and context.compiled:
        table = getattr(context.compiled.statement, "table", None)
        if isinstance(table, sa.Table):
            for row in context.compiled_parameters:
                _refuse_too_long(table, row)
    if executemany:
        return statement, [_clean(row) for row in parameters]
    return statement, _clean(parameters)


def _refuse_too_long(table: sa.Table, row: Mapping[str, Any]) -> None:
    for column in table.c:
        text = row.get(column.key)
        if isinstance(text, str) and not fits(column, text):
            raise RowError(
                f"{table.name}.{column.name}: expected {column.type.length} characters at most, "  # type: ignore[attr-defined]
                f"got {len(text)} ({text[:40]!r} …); nothing of this row is stored"
            )


def _clean(row: Any) -> Any:
    """Return the parameters of one execution, a mapping or a sequence, with texts that fit."""
    if isinstance(row, Mapping):
        return {name: _clean_text(value) for name, value in row.items()}
    return type(row)(_clean_text(value) for value in row) if row else row


def _clean_text(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "\0" in value:
        value = value.replace("\0", _REPLACEMENT)
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return "".join(_REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in value)
    return value


def _cleaned(value: Any) -> Any:
    """Return what is to be JSON with texts that fit, however deep they lie."""
    if isinstance(value, Mapping):
        return {_clean_text(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return _clean_text(value)
