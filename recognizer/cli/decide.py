"""`recognizer decide`: what the regulation says of a card, an outcome or a statement."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from recognizer.base.settings import JournalSettings
    from recognizer.model import Decision

__all__ = ["decide"]


def decide(
    contact: Annotated[
        str | None, typer.Argument(help="Number of the contact in the CRM.", metavar="[CONTACT]")
    ] = None,
    *,
    outcome: Annotated[
        str | None, typer.Option(help="Decide an outcome alone, e.g. busy_tone; stores nothing.")
    ] = None,
    attempt: Annotated[
        int | None,
        typer.Option(min=1, help="With --outcome: which counted attempt.", show_default="1"),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="What an operator states, e.g. stranger-service, no-dialogue."),
    ] = None,
    name: Annotated[str, typer.Option(help="With --reason: who answered.")] = "",
    words: Annotated[str, typer.Option(help="With --reason: what they said.")] = "",
    by: Annotated[str, typer.Option(help="With --reason: the operator.")] = "",
    called: Annotated[
        dt.datetime | None,
        typer.Option(
            help="With --reason: when, in the office's zone.",
            show_default="now",
            callback=options.countable,
        ),
    ] = None,
    check_rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check a rule table; mistakes are named by line."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Decide a card before the call, an outcome, or what an operator states of a call.

    Every decision says in Russian why it is what it is. A card that no rule decides is to be
    called, unless its status stands already: then that decision is shown. Only a person changes it.

    Examples:

      recognizer decide 12345

      recognizer decide 12345 --reason no-dialogue --by operator7

      recognizer decide --outcome temporarily_blocked --attempt 3

      recognizer decide --check-rules our_regulation.toml
    """
    from recognizer.base.settings import load_settings

    if sum(given is not None for given in (contact, outcome, check_rules)) != 1:
        raise typer.BadParameter("expected one of CONTACT, --outcome and --check-rules")
    if reason is not None and contact is None:
        raise typer.BadParameter("--reason: expected CONTACT too")
    if attempt is not None and outcome is None:
        raise typer.BadParameter("--attempt: expected --outcome too; a card counts its own calls")
    if reason is None and (name or words or called is not None):
        raise typer.BadParameter("--name, --words, --called: expected --reason too")
    settings = load_settings().journal
    if check_rules is not None:
        _check(check_rules)
        return
    if outcome is not None:
        decision: Decision | None = _decide_outcome(settings, outcome, attempt or 1)
    elif reason is None:
        decision, notes = _decide_card(settings, contact or "")
        for line in notes:
            print(line, file=sys.stderr if as_json else sys.stdout)
    else:
        if not by:
            raise typer.BadParameter("--reason: expected --by, the operator")
        decision = _decide_statement(
            settings, contact or "", reason, by=by, name=name, words=words, called=called
        )
    _print(decision, as_json=as_json)


def _check(path: Path) -> None:
    from recognizer.regulation.loading import load_regulation

    regulation = load_regulation(path)
    print(f"{path}: {len(regulation.rules)} rules, version {regulation.version}, no mistakes")


def _decide_outcome(settings: JournalSettings, outcome: str, attempt: int) -> Decision:
    import dataclasses

    from recognizer.crm.office import load_office
    from recognizer.model import CallOutcome
    from recognizer.regulation.explanation import explain
    from recognizer.regulation.loading import load_regulation

    if outcome not in set(CallOutcome):
        raise typer.BadParameter(f"--outcome: expected one of {', '.join(CallOutcome)}")
    kind = CallOutcome(outcome)
    regulation = load_regulation(settings.regulation_file)
    today = load_office(settings.office_file).day_of(dt.datetime.now(dt.UTC))
    ruling = regulation.rule_on_call(kind, attempt=attempt, on=today)
    return dataclasses.replace(
        ruling.decision, explanation=explain(ruling, regulation, outcome=kind)
    )


def _decide_card(settings: JournalSettings, contact: str) -> tuple[Decision | None, Sequence[str]]:
    """Return the decision on a card, and what a person must know beside it."""
    from recognizer.cli.journal_access import open_journal
    from recognizer.crm.contacts import NumberState

    notes: list[str] = []
    with open_journal(settings) as journal:
        record = journal.decide_card(contact)
        found = journal.contact(contact)
        calls = journal.contradictions(contact)
    if record is not None and record.source != "card":
        day = record.made_at.astimezone(journal.office.timezone).strftime("%Y-%m-%d")
        notes.append(f"already final since {day}; only a person changes it")
    for call in calls:
        moment = call.called_at.astimezone(journal.office.timezone).strftime("%Y-%m-%d %H:%M")
        notes.append(
            f"call {call.id} of {moment} contradicts the mark ({call.outcome}): listen to it and "
            "say what it was (recognizer journal correct, or the page)"
        )
    if found.deciding is None and (found.card.result or found.card.incorrect_contact):
        mark = " + «Некорректный контакт»" if found.card.incorrect_contact else ""
        notes.append(f"the CRM says: «{found.card.result}»{mark}")
        if found.card.incorrect_contact and found.card.number_state is NumberState.VALID:
            notes.append("the mark is the CRM's and the card has a number: is it still right?")
    if found.card.do_not_call and found.card.number_state is not NumberState.ABSENT:
        notes.append(
            "the card bears the red notice «ВНИМАНИЕ НЕ ЗВОНИТЬ КЛИЕНТУ» beside a number: ask "
            "before calling"
        )
    return (None if record is None else record.decision), notes


def _decide_statement(
    settings: JournalSettings,
    contact: str,
    reason: str,
    *,
    by: str,
    name: str,
    words: str,
    called: dt.datetime | None,
) -> Decision | None:
    from recognizer.base.moments import lies_ahead
    from recognizer.cli.journal_access import open_journal, say_left_out

    with open_journal(settings) as journal:
        moment = None if called is None else called.replace(tzinfo=journal.office.timezone)
        if moment is not None and lies_ahead(moment):
            raise typer.BadParameter(f"--called: expected a moment that is past, found {called}")
        record = journal.record_statement(
            contact, reason, made_by=by, name=name, words=words, called_at=moment
        ).decision
        say_left_out(journal, reason, name=name, words=words)
    return None if record is None else record.decision


def _print(decision: Decision | None, *, as_json: bool) -> None:
    from recognizer.model.report_json import decision_to_dict

    if as_json:
        written = None if decision is None else decision_to_dict(decision)
        print(json.dumps(written, ensure_ascii=False))
        return
    if decision is None:
        print("no rule on the card fits: call")
        return
    mark = " + «Некорректный контакт»" if decision.incorrect_contact else ""
    if decision.status is None:
        print(f"no status, next: {decision.next}")
    else:
        so_far = f"not yet (attempt {decision.attempt} of {decision.after_attempt})"
        when = "now" if decision.final else so_far
        print(f"«{decision.status}»{mark}: {when}, rule {decision.rule_id}, next: {decision.next}")
    if decision.comment is not None:
        print(f"comment: {decision.comment}")
    for sentence in decision.explanation:
        print(f"  {sentence}")
