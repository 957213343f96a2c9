"""The command line: one module a command, nothing heavy imported until a command runs."""

from __future__ import annotations

import sys

import typer

from recognizer.errors import RecognizerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="recognizer",
    help="Hear why a call failed (Russian telephone lines) and decide its CRM status, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register() -> None:
    """Attach every command; a command's module is light, its work is imported when it runs."""
    from recognizer.cli import contacts, doctor, journal, models, phrases, users
    from recognizer.cli.batch import batch
    from recognizer.cli.classify import classify
    from recognizer.cli.decide import decide
    from recognizer.cli.evaluate import evaluate
    from recognizer.cli.match import match
    from recognizer.cli.serve import api_keys, serve
    from recognizer.cli.watch import watch

    app.command("classify")(classify)
    app.command("match")(match)
    app.command("evaluate")(evaluate)
    app.command("batch")(batch)
    app.command("watch")(watch)
    app.command("serve")(serve)
    app.add_typer(api_keys, name="api-keys")
    app.add_typer(users.app, name="users")
    app.add_typer(phrases.app, name="phrases")
    app.add_typer(models.app, name="models")
    app.add_typer(contacts.app, name="contacts")
    app.command("decide")(decide)
    app.add_typer(journal.app, name="journal")
    app.command("doctor")(doctor.doctor)


_register()


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
