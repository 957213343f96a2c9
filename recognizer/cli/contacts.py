"""`recognizer contacts`: take cards in from the CRM, look at them, give them back."""

from __future__ import annotations

import enum
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options
from recognizer.cli.card_import import (
    Columns,
    check_cards,
    import_cards,
    load_columns,
)
from recognizer.cli.groups import new_group
from recognizer.cli.import_undo import list_imports, undo_import

if TYPE_CHECKING:
    from recognizer.crm.journal.records import ContactRecord

__all__ = ["app"]

app = new_group(
    "Contact cards: import from the CRM, show, export with results and comments.\n\n"
    "recognizer contacts import crm.csv --dry-run",
)

_Along = Annotated[
    bool,
    typer.Option("--with-same-number", help="And the card's other calls to the same number."),
]
_MadeBy = Annotated[str, typer.Option(help="Who says so; kept in the journal.")]


class ListFormat(enum.StrEnum):
    """How cards are printed."""

    TABLE = "table"
    JSONL = "jsonl"


app.command("import")(import_cards)
app.command("check")(check_cards)
app.command("imports")(list_imports)
app.command("undo-import")(undo_import)


@app.command("show")
def show(
    query: Annotated[
        str, typer.Argument(help="Number of the contact, phone or part of it, or any text.")
    ] = "",
    *,
    limit: Annotated[int, typer.Option(min=1, help="At most so many cards.")] = 20,
    output_format: Annotated[
        ListFormat, typer.Option("--format", help="What to print.")
    ] = ListFormat.TABLE,
    full_numbers: options.FullNumbers = False,
) -> None:
    """Show cards with the status in force and the attempts that count.

    Examples:

      recognizer contacts show 12345

      recognizer contacts show "926 123" --format jsonl
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        records = journal.find_contacts(query, limit=limit)
    if not records:
        print(f"recognizer: no cards fit {query!r}", file=sys.stderr)
        raise typer.Exit(1)
    for record in records:
        if output_format is ListFormat.JSONL:
            print(json.dumps(_as_json(record), ensure_ascii=False))
        else:
            _print_card(record, full_numbers=full_numbers)


def _as_json(record: ContactRecord) -> dict[str, Any]:
    import dataclasses

    card = dataclasses.asdict(record.card)
    date = record.card.contact_date
    card["contact_date"] = None if date is None else date.isoformat()
    rule = None if record.deciding is None else record.deciding.decision.rule_id
    return {
        **card,
        "status": record.status,
        "mark": record.incorrect_contact,
        "rule": rule,
        "counted_attempts": record.n_counted,
    }


def _print_card(record: ContactRecord, *, full_numbers: bool) -> None:
    from recognizer.crm.contacts import masked

    card = record.card
    mark = ", mark «Некорректный контакт»" if record.incorrect_contact else ""
    rule = "" if record.deciding is None else f" (rule {record.deciding.decision.rule_id})"
    print(f"{card.ref}: {record.status or 'no status'}{mark}{rule}")
    phones = " / ".join(text for text in (card.trusted_phone, card.mobile_phone) if text)
    for name, text in (
        ("phone", phones),
        ("trusted person", card.trusted_person),
        ("owner", card.owner),
        ("car", " ".join(filter(None, (card.make, card.plate, card.vin)))),
        ("kind", card.kind or ""),
        ("notice", "ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ" if card.do_not_call else ""),
        ("counted attempts", str(record.n_counted)),
        ("comments", card.comments.replace("\n", "\n    ")),
    ):
        if text:
            print(f"  {name}: {text if full_numbers else masked(text)}")


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX to write.")],
    *,
    columns: Columns = None,
    encoding: Annotated[str, typer.Option(help="Of a CSV file.")] = "utf-8-sig",
    delimiter: Annotated[str, typer.Option(help="Of a CSV file.")] = ";",
) -> None:
    """Write every card with the result, mark and comments in force, for the CRM to take back.

    Examples:

      recognizer contacts export results.xlsx

      recognizer contacts export results.csv --encoding cp1251
    """
    import dataclasses

    from recognizer.base.settings import load_settings
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.card_files import write_cards

    settings = load_settings().journal
    mapping = load_columns(columns or settings.columns_file)
    with open_journal(settings) as journal:
        cards = (
            dataclasses.replace(
                record.card, result=record.status, incorrect_contact=record.incorrect_contact
            )
            for record in journal.all_contacts()
        )
        n_cards = write_cards(path, cards, mapping, encoding=encoding, delimiter=delimiter)
    print(f"{path}: {n_cards} cards")


@app.command("assign")
def assign(
    attempt: Annotated[int, typer.Argument(metavar="CALL", help="Number of the call.", min=1)],
    contact: Annotated[str, typer.Argument(metavar="CARD", help="Number of the card, whole.")],
    *,
    with_same_number: _Along = False,
    made_by: _MadeBy = "command line",
) -> None:
    """Give a call its card, or another one; both cards are decided anew.

    Example:

      recognizer contacts assign 1024 12345
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        if journal.attempt(attempt).contact_id is None:
            moved = journal.assign_contact(attempt, contact, made_by=made_by)
        else:
            moved = journal.move_attempt(
                attempt, contact, made_by=made_by, with_same_number=with_same_number
            )
    print(f"call {attempt}: now of card {moved.contact_ref}")


@app.command("detach")
def detach(
    attempt: Annotated[int, typer.Argument(metavar="CALL", help="Number of the call.", min=1)],
    *,
    with_same_number: _Along = False,
    made_by: _MadeBy = "command line",
) -> None:
    """Say that a call is not of its card; the card is decided anew without it.

    Example:

      recognizer contacts detach 1024
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        journal.move_attempt(attempt, None, made_by=made_by, with_same_number=with_same_number)
    print(f"call {attempt}: of no card now")


@app.command("merge")
def merge(
    contact: Annotated[str, typer.Argument(metavar="CARD", help="The card to empty.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The card that stays in use.")],
    *,
    made_by: _MadeBy = "command line",
) -> None:
    """Say that two cards are one client: calls and comments of CARD go over to INTO.

    Example:

      recognizer contacts merge page-7 12345
    """
    from recognizer.cli.journal_access import open_journal

    with open_journal() as journal:
        merged = journal.merge_contacts(contact, into, made_by=made_by)
    print(f"{contact}: merged into {merged.card.ref}")
