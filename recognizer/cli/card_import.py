"""`recognizer contacts import` and `check`: what a file holds, and what it would lead to."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recognizer.crm.card_files import CardColumns, CardReader, RejectedRow
    from recognizer.crm.contacts import ContactCard
    from recognizer.crm.import_forecast import ImportForecast
    from recognizer.crm.journal.journal import Journal
    from recognizer.crm.journal.records import CardChange

__all__ = [
    "Columns",
    "check_cards",
    "import_cards",
    "load_columns",
]

_T = TypeVar("_T")

Columns = Annotated[
    Path | None,
    typer.Option("--columns", metavar="FILE", help="Headings and values of your CRM (TOML)."),
]


Sheet = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Of a workbook.", show_default="the only one with cards"),
]


def import_cards(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX, with a heading.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where rows that cannot be read go, with the reason.",
            show_default="FILE.rejected.csv",
        ),
    ] = None,
    columns: Columns = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV file.", show_default="UTF-8, else cp1251")
    ] = None,
    sheet: Sheet = None,
    no_phone: Annotated[
        bool,
        typer.Option("--no-phone", help="The file has no numbers: they are unknown, not missing."),
    ] = False,
    full_numbers: Annotated[
        bool, typer.Option("--full-numbers", help="Do not mask phone numbers in a dry run.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Import however many cards would be marked.")
    ] = False,
    other_clients: Annotated[
        bool,
        typer.Option("--other-clients", help="Take over another owner or car for a card there is."),
    ] = False,
    made_by: Annotated[
        str, typer.Option("--by", help="Who imports; kept in the journal.")
    ] = "command line",
) -> None:
    """Add new cards, take over what changed; comments already there stay byte for byte.

    Before anything is saved it says how many cards would be marked without a call, for a number
    that is missing, wrong or our own. Above a share ([journal] max_marked_share, 5 %) it asks,
    and where nobody can answer it refuses unless --yes is given.

    A card that names another owner, VIN or plate than the journal does is refused: no decision
    passes to another client. --other-clients takes it over; what was decided then stands no more.

    Rows that cannot be read go to a file with the reason, the others are imported, and the exit
    status is 1. `recognizer contacts undo-import` takes an import back.

    Examples:

      recognizer contacts import crm.csv --dry-run

      recognizer contacts import crm.xlsx --columns our_crm.toml --rejects rejected.csv
    """
    from recognizer.base.settings import load_settings
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.card_files import RejectWriter, open_cards
    from recognizer.crm.contacts import masked
    from recognizer.crm.import_forecast import refused_row
    from recognizer.crm.office import load_office

    settings = load_settings().journal
    mapping = load_columns(columns or settings.columns_file)
    rejected = rejects or path.with_name(f"{path.name}.rejected.csv")
    counts = {"added": 0, "changed": 0, "unchanged": 0, "rejected": 0}
    office = load_office(settings.office_file)
    open_file = partial(
        open_cards,
        path,
        mapping,
        encoding=encoding,
        no_phone=no_phone,
        own_numbers=office.own_numbers,
        sheet=sheet,
    )
    with open_file() as sample, open_journal(settings, create=False) as journal:
        forecast = _forecast(sample, journal, other_clients=other_clients)
        _show_forecast(path, forecast, mapping)
        if not (dry_run or yes):
            _ask_above(path, forecast, settings.max_marked_share)
    with (
        open_file() as reader,
        open_journal(settings, create=not dry_run) as journal,
        RejectWriter(rejected, reader.heading) as rejecter,
    ):

        def reject(row: RejectedRow) -> None:
            counts["rejected"] += 1
            if dry_run:
                where = f"line {row.line}" if row.line else "card"
                print(masked(f"{where} rejected: {row.reason}"))
            else:
                rejecter.add(row)

        source = f"import {path.name}"
        import_id = None if dry_run else journal.begin_import(source, made_by=made_by)
        changes = journal.import_contacts(
            _accepted(reader, reject),
            source=source,
            fields=reader.present,
            dry_run=dry_run,
            import_id=import_id,
            other_clients=other_clients,
        )
        for change in _counted(changes, "taken in"):
            if change.refused:
                reject(refused_row(change, reader, mapping))
                continue
            kind = "added" if change.is_new else "changed" if change.changes else "unchanged"
            counts[kind] += 1
            if dry_run and kind != "unchanged":
                _print_change(change, full_numbers=full_numbers)
    done = "would be " if dry_run else ""
    print(
        f"{path} ({reader.form}): {done}added {counts['added']}, {done}changed "
        f"{counts['changed']}, unchanged {counts['unchanged']}, rejected {counts['rejected']}"
    )
    if import_id is not None:
        print(f"to take it back: recognizer contacts undo-import {import_id}")
    if counts["rejected"]:
        if not dry_run:
            print(f"recognizer: rejected rows, with reasons: {rejected}", file=sys.stderr)
        raise typer.Exit(1)


def load_columns(path: Path | None) -> CardColumns:
    """Return the mapping of a file's columns; None: the shipped one."""
    from recognizer.crm.card_files import load_card_columns

    return load_card_columns(path)


def _forecast(reader: CardReader, journal: Journal, *, other_clients: bool) -> ImportForecast:
    """Return what importing all of a file would lead to; nothing is stored."""
    from recognizer.crm.card_files import CardSurvey
    from recognizer.crm.import_forecast import forecast_import

    cards = _counted(CardSurvey(reader).cards(), "looked at")
    return forecast_import(cards, reader.present, journal, other_clients=other_clients)


def _show_forecast(path: Path, forecast: ImportForecast, columns: CardColumns) -> None:
    rules = ", ".join(f"{rule} {n}" for rule, n in sorted(forecast.marked_by_rule.items()))
    print(
        f"{path}: to be marked «Некорректный контакт» without a call: {forecast.n_marked} of "
        f"{forecast.n_cards} cards added or changed ({forecast.share:.1%})"
        + (f": {rules}" if rules else "")
    )
    if forecast.n_refused:
        print(f"{path}: refused, as another owner or car stands there: {forecast.n_refused} cards")
    for change in forecast.refused:
        for name, (old, new) in change.refused.items():
            print(f"    {change.ref}, «{columns.headings[name]}»: «{old}» -> «{new}»")
    if forecast.n_unmarked:
        print(f"{path}: no longer to be marked for their numbers: {forecast.n_unmarked} cards")
    if forecast.marked_in_crm:
        first = ", ".join(forecast.marked_in_crm[:10])
        print(
            f"{path}: {len(forecast.marked_in_crm)} cards get a number and keep the mark that the "
            f"CRM gave them; look whether it is still right: {first}"
        )


def _ask_above(path: Path, forecast: ImportForecast, most: float) -> None:
    """Ask before an import that marks more than a share of its cards; Exit unless yes is said."""
    if forecast.share <= most:
        return
    if sys.stdin.isatty() and typer.confirm("Import them?", default=False):
        return
    print(
        f"recognizer: {path}: nothing is imported: expected at most {most:.1%} of the cards to be "
        f"marked without a call, found {forecast.share:.1%}. See what was understood of the file "
        f"(recognizer contacts check), name its columns (--columns), or say --yes",
        file=sys.stderr,
    )
    raise typer.Exit(1)


def check_cards(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX, with a heading.")],
    *,
    columns: Columns = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of a CSV file.", show_default="UTF-8, else cp1251")
    ] = None,
    sheet: Sheet = None,
    full_numbers: options.FullNumbers = False,
) -> None:
    """Show what was understood of each column, with the first three cards; imports nothing.

    The exit status is 1 where an import would refuse the file or reject rows of it.

    Example:

      recognizer contacts check crm.xlsx
    """
    from recognizer.base.errors import ContactError
    from recognizer.base.settings import load_settings
    from recognizer.crm.card_files import open_cards

    mapping = load_columns(columns or load_settings().journal.columns_file)
    refusal = ""
    try:
        with open_cards(path, mapping, encoding=encoding, sheet=sheet):
            pass
    except ContactError as problem:
        refusal = str(problem)
    # A file without known numbers is shown all the same: that is what one wants to see then.
    with open_cards(path, mapping, encoding=encoding, no_phone=True, sheet=sheet) as reader:
        n_rejected = _print_understood(path, reader, full_numbers=full_numbers)
    if refusal:
        print(f"recognizer: an import would refuse this file: {refusal}", file=sys.stderr)
    if refusal or n_rejected:
        raise typer.Exit(1)


def _print_understood(path: Path, reader: CardReader, *, full_numbers: bool) -> int:
    """Print the columns of a file, its numbers and rejected rows; return how many those are."""
    from recognizer.crm.card_files import CardSurvey

    survey = CardSurvey(reader)
    for _ in survey.cards():
        pass
    print(f"{path} ({reader.form}): {survey.n_cards} cards, {survey.n_rejected} rows rejected")
    for heading, field in zip(reader.heading, reader.fields, strict=True):
        print(f"«{' '.join(heading.split())}»: {field or 'not imported'}")
        for card in survey.samples if field is not None else ():
            print(f"    {_understood(card, field or '', full_numbers=full_numbers)}")
    states = (f"{state} {n}" for state, n in survey.numbers.most_common())
    print(f"numbers: {', '.join(states) or 'none'}")
    for row in survey.rejected:
        print(f"line {row.line} rejected: {row.reason}")
    return survey.n_rejected


def _understood(card: ContactCard, field: str, *, full_numbers: bool) -> str:
    """Return what a card has in a field, and of a number what is known of it."""
    from recognizer.crm.contacts import PHONE_FIELDS, masked, number_state, read_numbers

    value = getattr(card, field)
    text = _shown(value)
    if not full_numbers and field != "ref" and isinstance(value, str):
        text = masked(text)
    if field in PHONE_FIELDS:
        return f"{text}: {number_state(read_numbers(value)).value}"
    return text


def _accepted(reader: CardReader, reject: Callable[[RejectedRow], object]) -> Iterator[ContactCard]:
    from recognizer.crm.card_files import RejectedRow

    for row in reader:
        if isinstance(row, RejectedRow):
            reject(row)
        else:
            yield row


def _counted(changes: Iterator[_T], what: str) -> Iterator[_T]:
    """Yield them, counting on stderr where somebody watches."""
    watched = sys.stderr.isatty()
    for number, change in enumerate(changes, start=1):
        if watched and number % 1000 == 0:
            print(f"\r{number} cards {what}", end="", file=sys.stderr, flush=True)
        yield change
    if watched:
        print("\r", end="", file=sys.stderr)


def _print_change(change: CardChange, *, full_numbers: bool) -> None:
    from recognizer.crm.contacts import masked

    print(f"{'+' if change.is_new else '~'} {change.ref}")
    for name, (old, new) in change.changes.items():
        text = f"{_shown(old)} -> {_shown(new)}" if not change.is_new else _shown(new)
        print(f"    {name}: {masked(text) if isinstance(new, str) and not full_numbers else text}")


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
