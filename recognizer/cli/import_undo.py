"""`recognizer contacts imports` and `undo-import`: what was imported, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["list_imports", "undo_import"]


def list_imports(
    *, limit: Annotated[int, typer.Option(min=1, help="At most so many, the last first.")] = 20
) -> None:
    """Show the imports of card files: when, what, by whom, how many cards, taken back or not.

    Example:

      recognizer contacts imports
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        zone = journal.office.timezone
        records = journal.imports(limit=limit)
    for record in records:
        undone = (
            ""
            if record.undone_at is None
            else f", taken back {record.undone_at.astimezone(zone):%Y-%m-%d %H:%M} "
            f"by {record.undone_by}" + (f", left {record.n_left}" if record.n_left else "")
        )
        print(
            f"{record.id}: {record.made_at.astimezone(zone):%Y-%m-%d %H:%M} {record.source} by "
            f"{record.made_by}: added {record.n_added}, changed {record.n_changed}{undone}"
        )


def undo_import(
    import_id: Annotated[
        int, typer.Argument(metavar="IMPORT", help="Number of the import.", min=1)
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be taken back, change nothing.")
    ] = False,
    made_by: Annotated[
        str, typer.Option("--by", help="Who takes it back; kept in the journal.")
    ] = "command line",
) -> None:
    """Take back what an import caused: added cards are closed, changed ones get back what they had.

    Decisions on those cards follow, marks too. Calls are never touched: a card that was called, or
    of which a person said something, since the import stays as it is and is named with the reason;
    the exit status is then 1. Once nothing holds it any longer, such as a later import that was
    taken back, the same command takes it. Importing a closed card again opens it.

    Examples:

      recognizer contacts imports

      recognizer contacts undo-import 12 --dry-run
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        done = journal.undo_import(import_id, made_by=made_by, dry_run=dry_run)
    would = "would be " if dry_run else ""
    print(
        f"import {import_id}: {would}closed {len(done.closed)}, {would}restored "
        f"{len(done.restored)}, left {len(done.left)}"
    )
    for card in done.left:
        print(f"left {card.ref}: {card.reason}")
    if done.left:
        raise typer.Exit(1)
