"""The command line: one module a command, nothing imported until its command is typed.

Not here: work. A command reads what was typed, calls a package and prints its answer.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Any

import typer

from recognizer.base.errors import RecognizerError
from recognizer.cli.groups import Commands, OnDemand, new_group

__all__ = ["app", "main"]

_COMMANDS = {
    "classify": "recognizer.cli.classify:classify",
    "match": "recognizer.cli.match:match",
    "evaluate": "recognizer.cli.evaluate:evaluate",
    "batch": "recognizer.cli.batch:batch",
    "watch": "recognizer.cli.watch:watch",
    "listen": "recognizer.cli.listen:listen",
    "serve": "recognizer.cli.serve:serve",
    "api-keys": "recognizer.cli.serve:api_keys",
    "users": "recognizer.cli.users:app",
    "phrases": "recognizer.cli.phrases:app",
    "announcements": "recognizer.cli.announcements:app",
    "models": "recognizer.cli.models:app",
    "contacts": "recognizer.cli.contacts:app",
    "decide": "recognizer.cli.decide:decide",
    "journal": "recognizer.cli.journal:app",
    "crm": "recognizer.cli.crm:app",
    "doctor": "recognizer.cli.doctor:doctor",
}


_INTERRUPTED = "recognizer: interrupted"
_SIGINT_STATUS = 128 + signal.SIGINT


class _All(Commands):
    """Every command of the program."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = OnDemand(_COMMANDS)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C, which typer would end without a word, is told."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print(_INTERRUPTED, file=sys.stderr)
            raise typer.Exit(_SIGINT_STATUS) from None


app = new_group(
    "Hear why a call failed (Russian telephone lines) and decide its CRM status, offline.", cls=_All
)


@app.callback()
def _nothing_before_the_command() -> None:
    """Make a group of what has no commands yet."""


def main() -> None:
    """Run the program; an expected error is one sentence on stderr, exit status 1.

    SIGTERM ends it as Ctrl-C does, with status 143: what is open is closed.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # what does not get out must not be lost without a word
    except RecognizerError as problem:
        print(f"recognizer: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:  # before a command has begun, or after it
        print(_INTERRUPTED, file=sys.stderr)
        sys.exit(_SIGINT_STATUS)
    except BrokenPipeError:
        _drop_output()
        sys.exit(0)
    except OSError as problem:
        if problem.errno not in _FULL:
            raise
        _drop_output()
        print(f"recognizer: {_unwritten(problem)}", file=sys.stderr)
        sys.exit(1)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def _end(_number: int, _frame: object) -> None:
    sys.exit(128 + signal.SIGTERM)


def _unwritten(problem: OSError) -> str:
    where = problem.filename or "standard output"
    return f"{where}: cannot be written: {problem.strerror}; what was written is not all of it"


def _drop_output() -> None:
    """Let the interpreter's last flush of standard output, which cannot succeed, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
