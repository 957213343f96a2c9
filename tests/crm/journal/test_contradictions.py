"""A call heard on a number that was marked as none: the mark stays, and a person is asked."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from journal_reports import MORNING, day, heard
from typer.testing import CliRunner

from recognizer.cli import app
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.migrations.versions import (
    v0009_contradictions,
    v0011_marks_that_stand,
)
from recognizer.crm.journal.states import _ALIVE, _INVALID, call_states
from recognizer.crm.journal.tables import CallStateRow
from recognizer.crm.outbox import Outbox
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
NUMBER = "+79261234567"
MARKING = [k for k in O if phrase_list_of(k) is PhraseListName.INVALID_NUMBER]
SILENT_ON_IT = [
    O.UNDETERMINED, O.SILENCE, O.DISCONNECTED, O.BUSY_TONE, O.NETWORK_CONGESTION,
    O.CALLER_RESTRICTED, O.CALL_PROGRESS, O.FAX, O.MUSIC,
]  # fmt: skip


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        opened.upsert_contact(ContactCard(ref="1", mobile_phone=NUMBER))
        yield opened


def hear(journal: Journal, outcome: CallOutcome, at: dt.datetime, number: str = NUMBER) -> Any:
    name = f"{outcome}-{at:%d}"
    return journal.record_attempt(
        heard(outcome, f"{name}.wav"), number=number, digest=name, called_at=at
    )


def contradicting(journal: Journal) -> list[int]:
    query = sa.select(CallStateRow.attempt_id).where(CallStateRow.contradicts)
    with journal.database.engine.connect() as connection:
        found = list(connection.scalars(query.order_by(CallStateRow.attempt_id)))
        doubtful = set(
            connection.scalars(sa.select(CallStateRow.attempt_id).where(CallStateRow.is_doubtful))
        )
    assert doubtful.issuperset(found)
    return found


@pytest.mark.parametrize("number", [NUMBER, "+79265550199"])
@pytest.mark.parametrize("outcome", [k for k in O if k not in MARKING])
def test_what_is_heard_after_the_mark_is_shown_and_takes_nothing_away(
    journal: Journal, outcome: CallOutcome, number: str
) -> None:
    marked = hear(journal, O.BLOCKED, day(-2), number)
    later = hear(journal, outcome, day(-1), number)
    assert contradicting(journal) == ([] if outcome in SILENT_ON_IT else [later.id])
    stands = journal.attempt(marked.id).decision
    assert stands is not None
    assert stands.decision.incorrect_contact
    if number == NUMBER:
        assert journal.contact("1").incorrect_contact


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_arrival_does_not_matter(journal: Journal, order: tuple[int, ...]) -> None:
    calls = [(O.LIVE_PERSON, day(-3)), (O.DOES_NOT_EXIST, day(-2)), (O.VOICEMAIL, day(-1))]
    made = {place: hear(journal, *calls[place]).id for place in order}
    assert contradicting(journal) == [made[2]]


def test_once_a_person_has_spoken_nobody_is_asked(journal: Journal) -> None:
    marked = hear(journal, O.DOES_NOT_EXIST, day(-2))
    later = hear(journal, O.LIVE_PERSON, day(-1))
    assert [call.id for call in journal.contradictions("1")] == [later.id]
    journal.correct(marked.id, made_by="Анна", outcome=O.SWITCHED_OFF_OR_OUT_OF_COVERAGE)
    assert contradicting(journal) == []
    assert not journal.contact("1").incorrect_contact
    (said,) = journal.corrections(marked.id)
    journal.withdraw_correction(said.id, made_by="Анна")
    assert contradicting(journal) == [later.id]
    journal.correct(later.id, made_by="Анна", outcome=O.LIVE_PERSON)
    assert journal.contradictions("1") == ()


def test_a_persons_mark_is_no_contradiction_to_a_person_who_answers(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="2", mobile_phone="+79265550100", kind=None))
    journal.record_statement("2", "no-dialogue", made_by="Анна", called_at=MORNING)
    journal.record_attempt(heard(O.LIVE_PERSON), contact="2", called_at=day(1))
    assert contradicting(journal) == []


def test_decide_and_what_a_crm_is_told_say_it(
    journal: Journal, journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", journal_url)
    hear(journal, O.DOES_NOT_EXIST, day(-2))
    said = CliRunner().invoke(app, ["decide", "1"]).output
    assert "contradicts" not in said
    later = hear(journal, O.LIVE_PERSON, day(-1))
    said = CliRunner().invoke(app, ["decide", "1"]).output
    assert f"call {later.id} of 2026-11-21 12:00 contradicts the mark (live_person)" in said
    assert later.decision is not None
    event = Outbox(journal.database).event(later.decision.id, "a")
    assert event["contradicts_mark"] is True


def state_anew(journal: Journal) -> list[int]:
    """Return what contradicts a mark, made anew from the journal."""
    anew = call_states().subquery()
    with journal.database.engine.connect() as connection:
        query = sa.select(anew.c.attempt_id).where(anew.c.contradicts)
        return list(connection.scalars(query.order_by(anew.c.attempt_id)))


def contradicted_card(journal: Journal) -> tuple[int, int]:
    """Return the mark, and what was heard after it, of card 1."""
    return hear(journal, O.BLOCKED, day(-9)).id, hear(journal, O.VOICEMAIL, day(-8)).id


def test_a_mark_that_an_import_takes_away_and_gives_back_is_contradicted_as_it_stands(
    journal: Journal,
) -> None:
    _, later = contradicted_card(journal)
    run = journal.begin_import("outcomes.csv", made_by="Анна")
    cleared = ContactCard(ref="1", mobile_phone=NUMBER, result="Эффективный")
    for _ in journal.import_contacts([cleared], source="outcomes.csv", import_id=run):
        pass
    assert contradicting(journal) == state_anew(journal) == []
    assert journal.contradictions("1") == ()
    journal.undo_import(run, made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == [later]


def test_another_number_takes_the_contradiction_of_the_old_one_away(journal: Journal) -> None:
    contradicted_card(journal)
    journal.upsert_contact(ContactCard(ref="1", mobile_phone="+79265550155"))
    assert contradicting(journal) == state_anew(journal) == []


def test_a_mark_of_before_the_crms_word_is_not_contradicted_beside_a_new_one(
    journal: Journal,
) -> None:
    contradicted_card(journal)
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=NUMBER, result="Эффективный"))
    hear(journal, O.DOES_NOT_EXIST, day(-5))
    assert journal.contact("1").incorrect_contact
    assert contradicting(journal) == state_anew(journal) == []
    last = hear(journal, O.LIVE_PERSON, day(-4))
    assert contradicting(journal) == state_anew(journal) == [last.id]


def test_a_call_moved_to_another_card_takes_its_mark_along(journal: Journal) -> None:
    marked, later = contradicted_card(journal)
    again = hear(journal, O.BLOCKED, day(-7)).id
    journal.upsert_contact(ContactCard(ref="2", mobile_phone=NUMBER))
    assert contradicting(journal) == [later]
    journal.move_attempt(marked, "2", made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == []
    assert journal.contact("1").incorrect_contact  # by the later one
    journal.move_attempt(again, "2", made_by="Анна")
    journal.move_attempt(later, "2", made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == [later]


def test_a_call_that_leaves_its_number_takes_its_mark_along(journal: Journal) -> None:
    marked, later = contradicted_card(journal)
    journal.move_attempt(later, None, made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == []
    journal.move_attempt(marked, None, made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == [later]
    journal.upsert_contact(ContactCard(ref="2", mobile_phone="+79265550100"))
    journal.move_attempt(marked, "2", made_by="Анна")
    assert contradicting(journal) == state_anew(journal) == []


def test_what_a_person_ended_is_not_contradicted_beside_a_new_mark(journal: Journal) -> None:
    contradicted_card(journal)
    journal.record_statement("1", "conversation", made_by="Анна", called_at=day(-7))
    marks = hear(journal, O.DOES_NOT_EXIST, day(-6))
    assert marks.decision is not None
    assert contradicting(journal) == state_anew(journal)


def test_the_migration_finds_what_the_journal_finds(journal: Journal) -> None:
    for number, at in ((NUMBER, day(-9)), ("+79265550199", day(-8))):
        hear(journal, O.LIVE_PERSON, at, number)
        hear(journal, O.DOES_NOT_EXIST, at + dt.timedelta(days=1), number)
        hear(journal, O.VOICEMAIL, at + dt.timedelta(days=2), number)
        hear(journal, O.SILENCE, at + dt.timedelta(days=3), number)
    journal.upsert_contact(ContactCard(ref="3", mobile_phone="+79265550197"))
    hear(journal, O.BLOCKED, day(-9), "+79265550197")
    hear(journal, O.VOICEMAIL, day(-8), "+79265550197")
    cleared = ContactCard(ref="3", mobile_phone="+79265550197", result="Эффективный")
    journal.upsert_contact(cleared)
    hear(journal, O.BLOCKED, day(-7), "+79265550197")
    last = hear(journal, O.VOICEMAIL, day(-6), "+79265550197")
    found = contradicting(journal)
    assert len(found) == 3
    assert found[2] == last.id
    rows = sa.select(CallStateRow.__table__).order_by("attempt_id")
    with journal.database.writing() as session:
        before = session.execute(rows).all()
        session.execute(sa.update(CallStateRow).values(contradicts=True, is_doubtful=True))
        for statement in v0011_marks_that_stand.statements():
            session.execute(statement)
        assert session.execute(rows).all() == before


@pytest.mark.parametrize("migration", [v0009_contradictions, v0011_marks_that_stand])
def test_the_migration_knows_the_same_outcomes(migration: ModuleType) -> None:
    assert set(migration._ALIVE) == {kind.value for kind in _ALIVE}
    assert set(migration._INVALID) == {kind.value for kind in _INVALID}
    assert set(O) == {*_ALIVE, *_INVALID, *SILENT_ON_IT}
