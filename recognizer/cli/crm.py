"""`recognizer crm`: who is told of decisions, what waits, what was given up."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from recognizer.base.errors import JournalError, SettingsError
from recognizer.cli.groups import new_group

__all__ = ["app"]

app = new_group(
    "Decisions told to CRMs and webhooks: check the settings, see what waits, send again.\n\n"
    "recognizer crm outbox --state dead",
)


class State(enum.StrEnum):
    """What became of a row of the outbox."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@app.command("check")
def check() -> None:
    """Read the file of targets and the codes; say who would be told.

    Example:

      recognizer crm check
    """
    from recognizer.base.settings import load_settings
    from recognizer.crm.codes import load_codes
    from recognizer.crm.connectors import load_targets

    settings = load_settings().crm
    print(f"codes: {', '.join(load_codes(settings.codes_file))}")
    if settings.targets_file is None:
        raise SettingsError(
            "crm.targets_file is not set: nobody is told; name a file as docs/crm.md shows"
        )
    for target in load_targets(settings.targets_file, settings.codes_file):
        print(f"{target.name}: {type(target).__name__}")


@app.command("tell")
def tell(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom, as the file calls it.")],
    call: Annotated[int, typer.Argument(metavar="CALL", help="Number of a call.", min=1)],
) -> None:
    """Tell one of them now what stands of one call: whether it answers, before all are told.

    Under the id the server sends: who was told already takes it once.

    Example:

      recognizer crm tell our-crm 1024
    """
    from recognizer.base.settings import load_settings
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.connectors import load_targets
    from recognizer.crm.outbox import Outbox

    settings = load_settings().crm
    named = {}
    if settings.targets_file is not None:
        loaded = load_targets(settings.targets_file, settings.codes_file)
        named = {target.name: target for target in loaded}
    if name not in named:
        raise SettingsError(f"{name}: expected one of crm.targets_file ({', '.join(named)})")
    with open_journal() as journal:
        decision = journal.attempt(call).decision
        if decision is None:
            raise JournalError(f"call {call}: nothing is decided of it")
        event = Outbox(journal.database).event(decision.id, name)
        named[name].deliver(event)
    print(f"{name}: took {event['event']} {event['decision']} of call {call}")


@app.command("outbox")
def outbox(
    *,
    state: Annotated[State, typer.Option(help="Which rows.")] = State.WAITING,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """Show what waits to be told, was told, or was given up after many tries.

    Example:

      recognizer crm outbox --state dead
    """
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.outbox import Outbox

    with open_journal() as journal:
        for row in Outbox(journal.database).parcels(state.value, limit=limit):
            print(
                f"{row.id}\t{row.target}\tdecision {row.decision_id}\t{row.n_tries} tries"
                f"\t{row.last_problem}"
            )


@app.command("retry")
def retry(
    row: Annotated[int, typer.Argument(metavar="ROW", help="Number of a dead letter.", min=1)],
) -> None:
    """Send a dead letter again; the running server takes it up.

    Example:

      recognizer crm retry 17
    """
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.outbox import Outbox

    with open_journal() as journal:
        Outbox(journal.database).retry(row)
    print(f"row {row}: will be sent again")
