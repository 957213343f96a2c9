"""What goes into the database fits it, whichever it is: SQLite would take all, PostgreSQL fails.

Every statement passes here. A text longer than its column, by the table's own definition, refuses
the row before it is sent. Characters that PostgreSQL cannot hold (NUL, halves of pairs) become
marks of replacement, in what is asked for as in what is written, so that what was written is found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from recognizer.base.errors import RowError

__all__ = ["fits", "guard", "to_json"]

_CHECKED = "recognizer_checked"
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
    _executemany: bool,
) -> tuple[str, Any]:
    if context is not None and (context.isinsert or context.isupdate) and context.compiled:
        _refuse_too_long(context)
    if isinstance(parameters, list) and _are_rows(parameters):
        return statement, [_clean(row) for row in parameters]
    return statement, _clean(parameters)


def _are_rows(parameters: list[Any]) -> bool:
    return bool(parameters) and isinstance(parameters[0], list | tuple | Mapping)


def _refuse_too_long(context: Any) -> None:
    """Look at all rows of a statement, once, though it may be sent in several pieces."""
    if getattr(context, _CHECKED, False):
        return
    setattr(context, _CHECKED, True)
    table = getattr(context.compiled.statement, "table", None)
    limits = _limits(table) if isinstance(table, sa.Table) else ()
    for row in context.compiled_parameters if limits else ():
        for name, longest in limits:
            text = row.get(name)
            if isinstance(text, str) and len(text) > longest:
                raise RowError(
                    f"{table}.{name}: expected {longest} characters at most, got {len(text)} "
                    f"({text[:40]!r} …); nothing of this row is stored"
                )


@cache
def _limits(table: sa.Table) -> tuple[tuple[str, int], ...]:
    """Return the columns of a table that have a length, with it."""
    lengths = ((column.key, getattr(column.type, "length", None)) for column in table.c)
    return tuple((name, length) for name, length in lengths if length is not None)


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
