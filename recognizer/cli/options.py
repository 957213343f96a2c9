"""Options that several commands share: one type each, imported by the commands that take it.

What a command gives them by default stands in its signature. Every name is written out: typer
drops the name of an option whose metavar is the parameter's name in capitals.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from recognizer.base.moments import FIRST_DAY, LAST_DAY, is_countable

__all__ = [
    "RESULTS_FILE",
    "Attempt",
    "Channel",
    "Engine",
    "Exclude",
    "FullNumbers",
    "Include",
    "Journal",
    "NamePattern",
    "Phrases",
    "Results",
    "TimeLimit",
    "Workers",
    "countable",
    "known_engine",
]


def countable(moment: dt.datetime | None) -> dt.datetime | None:
    """Return a moment; BadParameter if it is too near the ends of the calendar to count with."""
    if moment is not None and not is_countable(moment):
        expected = f"expected a day from {FIRST_DAY} to {LAST_DAY}"
        raise typer.BadParameter(f"{expected}, found {moment.date()}")
    return moment


# -- listening ---------------------------------------------------------------------------------


def known_engine(name: str | None) -> str | None:
    """Return the name of an engine; BadParameter if it, or without one the settings', is none."""
    from recognizer.base.settings import load_settings
    from recognizer.engines import ENGINE_NAMES

    asked = load_settings().recognition.engine if name is None else name
    if asked not in ENGINE_NAMES:
        where = "" if name is not None else "the settings ([recognition] engine): "
        raise typer.BadParameter(
            f"{where}expected one of {', '.join(ENGINE_NAMES)}, found {asked!r}"
        )
    return name


Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="Speech engine: auto (the best that is installed), t-one, gigaam-v3, vosk or whisper.",
        show_default="auto",
        callback=known_engine,
    ),
]
Channel = Annotated[
    str | None,
    typer.Option(
        "--channel",
        help="auto (the other party's), mix, or a channel number from 0.",
        show_default="auto",
    ),
]
Phrases = Annotated[
    Path | None,
    typer.Option(
        "--phrases", metavar="DIR", help="A folder of your own phrase lists, added to ours."
    ),
]

# -- many recordings ---------------------------------------------------------------------------

RESULTS_FILE = Path("recognizer-results.jsonl")
"""Where results go if nothing else is said."""

Results = Annotated[
    Path,
    typer.Option("--results", help="Result log, JSON Lines: what is in it is not done again."),
]
Journal = Annotated[bool, typer.Option("--journal", help="Record every attempt in the journal.")]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Recognition processes; 0: one a processor core.")
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="GLOB", help="Take only such names in folders.", show_default=False
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOB", help="Leave out such names in folders.", show_default=False
    ),
]
Attempt = Annotated[
    int,
    typer.Option("--attempt", min=1, help="Which attempt these are, where nothing says so."),
]
NamePattern = Annotated[
    list[str] | None,
    typer.Option(
        "--name-pattern",
        help="How your files are called, e.g. {date}-{time}_{number}_{call_id}; before the "
        "shipped patterns.",
        show_default=False,
    ),
]
TimeLimit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        min=1.0,
        help="Seconds a recording (in batch: up to 16 given together) may take, and four times "
        "its length besides; then its worker is replaced.",
    ),
]

# -- the journal -------------------------------------------------------------------------------

FullNumbers = Annotated[
    bool, typer.Option("--full-numbers", help="Do not mask phone numbers in the table.")
]
