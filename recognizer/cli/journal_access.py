"""What every command that uses the journal needs: it open, a whole number, what was left out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from recognizer.base.settings import JournalSettings
    from recognizer.crm.journal.journal import Journal

__all__ = ["check_number", "open_journal", "say_left_out"]


def open_journal(settings: JournalSettings | None = None, *, create: bool = True) -> Journal:
    """Return the journal of the settings, open; without `create`, none is made.

    Raises
    ------
    JournalError
        If it cannot be opened, or what it needs is not installed.
    """
    from recognizer.base.errors import JournalError
    from recognizer.base.settings import load_settings

    try:
        from recognizer.crm.journal.journal import Journal
    except ModuleNotFoundError as problem:
        raise JournalError(
            f"the journal needs the package {problem.name}; pip install 'recognizer[journal]'"
        ) from problem
    return Journal.of_settings(settings or load_settings().journal, create=create)


def check_number(number: str) -> None:
    """Refuse what is not one whole telephone number.

    Raises
    ------
    BadParameter
        Saying so; part of a number is part of strangers' numbers, too.
    """
    from recognizer.crm.numbers import read_numbers

    valid = [found for found in read_numbers(number) if found.e164 is not None]
    if len(valid) != 1:
        raise typer.BadParameter(
            f"expected one whole telephone number, found {number!r}", param_hint="--number"
        )


def say_left_out(journal: Journal, reason: str, *, name: str, words: str) -> None:
    """Say on stderr what the comment of a reason has no place for; the journal keeps it."""
    taken = journal.regulation.comment_parts(reason)
    given = {"name": name, "words": words}
    unused = [f"--{part}" for part, text in given.items() if text and part not in taken]
    if unused:
        print(
            f"recognizer: the comment of {reason} takes no {' and no '.join(unused)}: kept in the "
            "journal only",
            file=sys.stderr,
        )
