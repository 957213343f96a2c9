"""`recognizer journal`: attempts and decisions, corrections, counts, retention, schema."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options
from recognizer.cli.groups import new_group
from recognizer.cli.journal_access import open_journal, say_left_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from recognizer.crm.journal.journal import Journal
    from recognizer.crm.journal.records import AttemptRecord

__all__ = ["app"]

app = new_group(
    "The journal of attempts and decisions: look, correct, count, export, purge.\n\n"
    "recognizer journal show --contact 12345",
)

_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


@app.command("show")
def show(
    *,
    contact: Annotated[str | None, typer.Option(help="Only of this card.")] = None,
    number: Annotated[str | None, typer.Option(help="Only calls of this number.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only this outcome.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only what waits for an operator.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the last first.")] = 20,
    as_json: _Json = False,
    full_numbers: options.FullNumbers = False,
) -> None:
    """Show attempts with the decision in force.

    Examples:

      recognizer journal show --contact 12345

      recognizer journal show --waiting
    """
    from recognizer.crm.journal.records import AttemptFilter
    from recognizer.model import CallOutcome

    if outcome is not None and outcome not in set(CallOutcome):
        raise typer.BadParameter(f"--outcome: expected one of {', '.join(CallOutcome)}")
    with open_journal() as journal:
        if waiting:
            page = journal.review_queue(limit=limit)
        else:
            outcomes = () if outcome is None else (CallOutcome(outcome),)
            which = AttemptFilter(contact=contact, number=number, outcomes=outcomes)
            page = journal.attempts(which, limit=limit)
    for record in page.items:
        if as_json:
            print(json.dumps(_as_json(record), ensure_ascii=False))
        else:
            print(_line(record, full_numbers=full_numbers))


def _line(record: AttemptRecord, *, full_numbers: bool) -> str:
    from recognizer.crm.contacts import masked

    decision = None if record.decision is None else record.decision.decision
    number, recording = record.number or "no contact", record.recording or "no recording"
    parts = [
        f"#{record.id}",
        f"{record.called_at:%Y-%m-%d %H:%M} UTC",
        f"contact {record.contact_ref}"
        if record.contact_ref
        else number
        if full_numbers
        else masked(number),
        recording if full_numbers else masked(recording),
        record.outcome or (f"error: {record.error.message}" if record.error else "stated"),
    ]
    if decision is not None:
        mark = " + mark" if decision.incorrect_contact else ""
        result = f"{decision.status}{mark}" if decision.final else str(decision.next)
        parts.append(f"attempt {decision.attempt}: {decision.rule_id or 'no rule'}, {result}")
    if record.is_corrected:
        parts.append("corrected")
    return " | ".join(parts)


def _as_json(record: AttemptRecord) -> dict[str, Any]:
    from recognizer.model.report_json import decision_to_dict

    decision = record.decision
    return {
        "id": record.id,
        "contact": record.contact_ref,
        "number": record.number,
        "recording": record.recording,
        "digest": record.digest,
        "called_at": record.called_at.isoformat(),
        "outcome": record.outcome,
        "decided_outcome": None if decision is None else decision.outcome,
        "stated": None if decision is None else decision.stated,
        "decision": None if decision is None else decision_to_dict(decision.decision),
        "corrections": record.n_corrections,
        "software_version": record.software_version,
        "phrases_version": record.phrases_version,
        "regulation_version": None if decision is None else decision.regulation_version,
        "engine": record.engine,
        "model": record.model,
    }


@app.command("explain")
def explain(attempt: Annotated[int, typer.Argument(help="Number of the attempt.")]) -> None:
    """Say in Russian why an attempt was decided as it was, and every earlier decision on it.

    Example: recognizer journal explain 17
    """
    with open_journal() as journal:
        record = journal.attempt(attempt)
        decisions = journal.decisions(attempt)
    print(_line(record, full_numbers=False))
    for decision in decisions:
        print(f"{decision.made_at:%Y-%m-%d %H:%M} UTC, {decision.source}:")
        for sentence in decision.decision.explanation:
            print(f"  {sentence}")


@app.command("correct")
def correct(
    attempt: Annotated[int, typer.Argument(help="Number of the attempt.")],
    *,
    by: Annotated[str, typer.Option(help="Who corrects.")],
    outcome: Annotated[str | None, typer.Option(help="What was on the line.")] = None,
    reason: Annotated[str | None, typer.Option(help="What the operator states instead.")] = None,
    name: Annotated[str, typer.Option(help="With --reason: who answered.")] = "",
    words: Annotated[str, typer.Option(help="With --reason: what they said.")] = "",
    note: Annotated[str, typer.Option(help="Kept with the correction.")] = "",
) -> None:
    """Say what an attempt really was; the earlier decision stays in the journal.

    Examples:

      recognizer journal correct 17 --by operator7 --outcome live_person

      recognizer journal correct 17 --by operator7 --reason cannot-hear
    """
    from recognizer.model import CallOutcome

    if (outcome is None) == (reason is None):
        raise typer.BadParameter("expected one of --outcome and --reason")
    if outcome is not None and outcome not in set(CallOutcome):
        raise typer.BadParameter(f"--outcome: expected one of {', '.join(CallOutcome)}")
    with open_journal() as journal:
        record = journal.correct(
            attempt,
            made_by=by,
            outcome=None if outcome is None else CallOutcome(outcome),
            stated=reason,
            name=name,
            words=words,
            note=note,
        )
        if reason is not None:
            say_left_out(journal, reason, name=name, words=words)
    print(_line(record, full_numbers=False))


@app.command("overview")
def overview(
    *,
    since: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day.", callback=options.countable),
    ] = None,
    until: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Day after the last.", callback=options.countable),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Count the attempts of a period by outcome, rule, next step and day.

    Example: recognizer journal overview --since 2026-11-01 --until 2026-12-01
    """
    import dataclasses

    with open_journal() as journal:
        zone = journal.office.timezone
        counts = journal.overview(
            since=None if since is None else since.replace(tzinfo=zone),
            until=None if until is None else until.replace(tzinfo=zone),
        )
    values = dataclasses.asdict(counts)
    if as_json:
        print(json.dumps(values, ensure_ascii=False))
        return
    for name, value in values.items():
        if isinstance(value, dict):
            print(f"{name.replace('_', ' ')}:")
            for key, count in value.items():
                print(f"  {key}: {count}")
        else:
            print(f"{name.removeprefix('n_')}: {value}")


@app.command("export")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX to write.")],
    *,
    encoding: Annotated[str, typer.Option(help="Of a CSV file.")] = "utf-8-sig",
) -> None:
    """Write every attempt with its decision in force, the last first.

    Example: recognizer journal export attempts.xlsx
    """
    from recognizer.crm.card_files import write_table

    heading = [*_EXPORTED]
    with open_journal() as journal:
        rows = (_exported(record) for record in _every_attempt(journal))
        n_rows = write_table(path, heading, rows, encoding=encoding)
    print(f"{path}: {n_rows} attempts")


_EXPORTED = (
    "Попытка",
    "Номер контакта",
    "Номер телефона",
    "Время звонка",
    "Запись",
    "Что услышано",
    "Правило",
    "По аналогии",
    "Номер попытки",
    "Результат звонка",
    "Некорректный контакт",
    "Окончательно",
    "Что дальше",
    "Комментарий",
    "Исправлено",
)


def _exported(record: AttemptRecord) -> list[str]:
    decision = None if record.decision is None else record.decision.decision
    start = [
        str(record.id),
        record.contact_ref or "",
        record.number or "",
        record.called_at.isoformat(timespec="seconds"),
        record.recording or "",
        record.outcome or "",
    ]
    corrected = "Да" if record.is_corrected else "Нет"
    if decision is None:
        return [*start, *[""] * 8, corrected]
    return [
        *start,
        decision.rule_id or "",
        "Да" if decision.by_analogy else "Нет",
        str(decision.attempt),
        decision.status or "",
        "Да" if decision.incorrect_contact else "Нет",
        "Да" if decision.final else "Нет",
        decision.next,
        decision.comment or "",
        corrected,
    ]


def _every_attempt(journal: Journal) -> Iterator[AttemptRecord]:
    before_id = None
    while True:
        page = journal.attempts(limit=500, before_id=before_id)
        yield from page.items
        if page.next_before_id is None:
            return
        before_id = page.next_before_id


@app.command("purge")
def purge(
    *,
    older_than: Annotated[
        str, typer.Option(help="Age (180d, 26w) or day (2026-05-01) of the calls to empty.")
    ],
) -> None:
    """Empty transcripts, evidence, numbers and recordings' names of old calls; keep the counts.

    Example: recognizer journal purge --older-than 180d
    """
    with open_journal() as journal:
        moment = _moment(older_than, journal)
        counts = journal.purge(moment)
    print(
        f"calls before {moment:%Y-%m-%d %H:%M %Z}: emptied {counts.attempts} attempts, "
        f"{counts.corrections} corrections; counts, rules and decisions stay"
    )


def _moment(text: str, journal: Journal) -> dt.datetime:
    zone = journal.office.timezone
    age = re.fullmatch(r"(\d{1,5})([dw])", text)
    if age is not None:
        n_days = int(age[1]) * (7 if age[2] == "w" else 1)
        return dt.datetime.now(zone) - dt.timedelta(days=n_days)
    try:
        moment = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError as problem:
        raise typer.BadParameter(
            f"--older-than: expected an age such as 180d or 26w, or a day such as 2026-05-01, "
            f"found {text!r}"
        ) from problem
    options.countable(moment)
    return moment


@app.command("upgrade")
def upgrade() -> None:
    """Bring an older journal's schema up to date, all or nothing.

    Example: recognizer journal upgrade
    """
    from recognizer.base.errors import JournalError
    from recognizer.base.settings import load_settings

    try:
        from recognizer.crm.journal.database import Database
    except ModuleNotFoundError as problem:
        raise JournalError(
            f"the journal needs the package {problem.name}; pip install 'recognizer[journal]'"
        ) from problem
    database = Database(load_settings().journal.journal_url)
    try:
        before, after = database.upgrade()
    finally:
        database.close()
    print(f"{database.name}: schema {before or 'none'} -> {after}")
