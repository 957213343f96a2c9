"""The command line: one module a command, nothing imported until its command is typed."""

from __future__ import annotations

import sys
from typing import Any

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
    "models": "recognizer.cli.models:app",
    "contacts": "recognizer.cli.contacts:app",
    "decide": "recognizer.cli.decide:decide",
    "journal": "recognizer.cli.journal:app",
    "crm": "recognizer.cli.crm:app",
    "doctor": "recognizer.cli.doctor:doctor",
}


class _All(Commands):
    """Every command of the program."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = OnDemand(_COMMANDS)


app = new_group(
    "Hear why a call failed (Russian telephone lines) and decide its CRM status, offline.", cls=_All
)


@app.callback()
def _nothing_before_the_command() -> None:
    """Make a group of what has no commands yet."""


def main() -> None:
    """Run the program; an expected error is one sentence on stderr, exit status 1."""
    try:
        app()
    except RecognizerError as problem:
        print(f"recognizer: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("recognizer: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
