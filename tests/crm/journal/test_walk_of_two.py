"""Whatever two people, the telephone system and the CRM do to a journal, in whatever order.

No comment is lost and no attempt doubled, a card gets a mark only from what somebody did to that
very card, and all that is kept beside the facts (states for lists, attempt numbers, the decision
that stands) is what would be made anew from them.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from journal_reports import day, heard
from sqlalchemy.orm import Session

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.call_order import number_after
from recognizer.crm.journal.conditions import CALL_ORDER, IN_FORCE
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import ContactRecord
from recognizer.crm.journal.standing import call_standing_id
from recognizer.crm.journal.states import call_states
from recognizer.crm.journal.tables import AttemptRow, CallStateRow, ContactRow, DecisionRow
from recognizer.model import CallOutcome

pytestmark = [pytest.mark.property, pytest.mark.slow]

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
NUMBERS = ("+79265550101", "+79265550102", "+79265550103")
OUTCOMES = (O.BLOCKED, O.DOES_NOT_EXIST, O.VOICEMAIL, O.LIVE_PERSON, O.SILENCE, O.NO_ANSWER)
PEOPLE = ("Анна", "Борис")
person_of = st.sampled_from(PEOPLE)
any_card = st.sampled_from(("1", "2", "3"))
any_call = st.integers(0, 5)
outcomes = st.sampled_from(OUTCOMES)
imported = st.fixed_dictionaries(
    {
        "mobile_phone": st.sampled_from(("", *NUMBERS)),
        "result": st.sampled_from(("", "", "Эффективный", "Некорректный контакт")),
        "incorrect_contact": st.booleans(),
        "comments": st.sampled_from(("", "из CRM")),
        "owner": st.sampled_from(("", "Иванов", "ООО «Ромашка»")),
    }
)


WALKS = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)


class WalkOfTwo(RuleBasedStateMachine):
    """Two people, a few calls of a few cards, and what each person last saw of a call."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.open = contextlib.ExitStack()
        path = Path(self.open.enter_context(tempfile.TemporaryDirectory())) / "journal.sqlite3"
        shutil.copyfile(self.template, path)
        self.journal = self.open.enter_context(Journal.open(f"sqlite:///{path}"))
        self.lines: dict[str, set[str]] = {}
        self.calls: list[int] = []
        self.cards: dict[str, ContactRecord] = {}
        self.seen: dict[tuple[str, int], tuple[str, str | None]] = {}
        self.imports: list[tuple[int, str]] = []
        for ref, number in zip("12", NUMBERS, strict=False):
            self._store(ContactCard(ref=ref, mobile_phone=number, comments=f"до нас: {ref}"))

    def teardown(self) -> None:
        self.open.close()

    # -- what is done --

    def _store(self, card: ContactCard, import_id: int | None = None) -> None:
        for _ in self.journal.import_contacts([card], source="walk", import_id=import_id):
            pass
        self.cards = {one.card.ref: one for one in self.journal.all_contacts()}

    def _call(self, at: int) -> int | None:
        return self.calls[at % len(self.calls)] if self.calls else None

    @contextlib.contextmanager
    def _acting(self, *refs: str | None) -> Iterator[None]:
        """Do something to some cards, be it refused; no other card gets a mark by it."""
        before = self._marks()
        touched = set(refs) | {self._final(ref) for ref in refs if ref is not None}
        with contextlib.suppress(JournalError, ContactError):
            yield
        self.cards = {one.card.ref: one for one in self.journal.all_contacts()}
        assert self._marks() - before <= touched

    def _is_closed(self, ref: str) -> bool:
        return ref not in {one.card.ref for one in self.journal.all_contacts()}

    def _final(self, ref: str) -> str:
        there = self.cards.get(ref)
        return ref if there is None else there.merged_into or ref

    def _marks(self) -> set[str]:
        return {ref for ref, one in self.cards.items() if one.incorrect_contact}

    @rule(outcome=outcomes, number=st.sampled_from(NUMBERS), on=st.integers(-9, -1),
          by_card=st.sampled_from(("", "1", "2")))  # fmt: skip
    def hear(self, outcome: O, number: str, on: int, by_card: str) -> None:
        """A new recording, in any order, by its number or for a card."""
        name = f"{len(self.calls)}"
        owners = self.journal.contacts_with_number(number)
        refs = [by_card] if by_card else [one.card.ref for one in owners]
        with self._acting(*refs):
            made = self.journal.record_attempt(
                heard(outcome, f"{name}.wav"), number=number, digest=name, called_at=day(on),
                contact=by_card or None,
            )  # fmt: skip
            assert made.is_new
            self.calls.append(made.id)

    @rule(at=any_call, outcome=outcomes)
    def hear_again(self, at: int, outcome: O) -> None:
        """The same recording once more, heard as something else perhaps: the same attempt."""
        call = self._call(at)
        if call is None:
            return
        there = self.journal.attempt(call)
        with self._acting(there.contact_ref):
            again = self.journal.record_attempt(
                heard(outcome, there.recording or ""), number=there.number, digest=there.digest,
                called_at=there.called_at, contact=there.contact_ref,
            )  # fmt: skip
            assert again.id == call
            assert not again.is_new

    @rule(who=person_of, at=any_call)
    def look(self, who: str, at: int) -> None:
        call = self._call(at)
        if call is not None:
            attempt = self.journal.attempt(call)
            self.seen[who, call] = attempt.version, attempt.contact_ref

    @rule(who=person_of, at=any_call, outcome=outcomes, confirms=st.booleans())
    def say(self, who: str, at: int, outcome: O, *, confirms: bool) -> None:
        call = self._call(at)
        if call is None:
            return
        attempt = self.journal.attempt(call)
        seen, _ = self.seen.setdefault((who, call), (attempt.version, attempt.contact_ref))
        said = attempt.outcome if confirms and attempt.outcome is not None else outcome
        with self._acting(attempt.contact_ref):
            self.journal.correct(call, made_by=who, outcome=said, expected=seen)
            assert seen == attempt.version, "an old window overwrote"

    @rule(who=person_of, at=any_call, reason=st.sampled_from(("conversation", "no-dialogue")))
    def state(self, who: str, at: int, reason: str) -> None:
        call = self._call(at)
        if call is not None:
            with self._acting(self.journal.attempt(call).contact_ref):
                self.journal.correct(call, made_by=who, stated=reason)

    @rule(who=person_of, at=any_call)
    def take_back(self, who: str, at: int) -> None:
        call = self._call(at)
        if call is None:
            return
        standing = [one for one in self.journal.corrections(call) if not one.is_withdrawn]
        standing = [one for one in standing if one.withdraws_id is None]
        if standing:
            with self._acting(self.journal.attempt(call).contact_ref):
                self.journal.withdraw_correction(standing[-1].id, made_by=who)

    @rule(who=person_of, at=any_call, ref=st.sampled_from(("1", "2", "3", None)),
          along=st.booleans())  # fmt: skip
    def move(self, who: str, at: int, ref: str | None, *, along: bool) -> None:
        call = self._call(at)
        if call is None:
            return
        attempt = self.journal.attempt(call)
        _, seen = self.seen.get((who, call), ("", attempt.contact_ref))
        with self._acting(ref, attempt.contact_ref):
            self.journal.move_attempt(call, ref, made_by=who, with_same_number=along, seen=seen)
            assert seen is None or seen == attempt.contact_ref, "an old window moved the call"

    @rule(who=person_of, at=any_call, ref=any_card)
    def assign(self, who: str, at: int, ref: str) -> None:
        call = self._call(at)
        if call is not None:
            with self._acting(ref):
                self.journal.assign_contact(call, ref, made_by=who)

    @rule(who=person_of, ref=any_card, into=any_card)
    def merge(self, who: str, ref: str, into: str) -> None:
        with self._acting(into):
            before = self.journal.contact(ref).card.comments
            merged = self.journal.merge_contacts(ref, into, made_by=who)
            assert set(before.splitlines()) <= set(merged.card.comments.splitlines())

    @rule(ref=any_card, fields=imported, may_be_undone=st.booleans())
    def import_cards(self, ref: str, fields: dict[str, Any], *, may_be_undone: bool) -> None:
        number = self.journal.begin_import("file", made_by="Вера") if may_be_undone else None
        with self._acting(ref):
            self._store(ContactCard(ref=ref, **fields), number)
            if number is not None:
                self.imports.append((number, ref))

    @precondition(lambda self: self.imports)
    @rule(at=any_call, only_asks=st.booleans())
    def undo_import(self, at: int, *, only_asks: bool) -> None:
        number, ref = self.imports[at % len(self.imports)]
        with self._acting(ref):
            self.journal.undo_import(number, made_by="Вера", dry_run=only_asks)
            if not only_asks:  # what the file brought goes again, be it the card itself
                self.lines[ref] -= {"из CRM"}
                if self._is_closed(ref):
                    del self.lines[ref]

    @rule(ref=any_card)
    def decide_card(self, ref: str) -> None:
        with self._acting(ref):
            self.journal.decide_card(ref)

    # -- what must hold --

    def _lines(self) -> dict[str, set[str]]:
        return {ref: set(one.card.comments.splitlines()) for ref, one in self.cards.items()}

    @invariant()
    def no_attempt_is_doubled_or_lost(self) -> None:
        with self.journal.database.reading() as session:
            found = list(session.scalars(sa.select(AttemptRow.id).order_by(AttemptRow.id)))
        assert found == self.calls

    @invariant()
    def no_comment_is_lost(self) -> None:
        now = self._lines()
        for ref, lines in self.lines.items():
            assert lines <= now[ref]
        self.lines = now

    @invariant()
    def what_is_kept_is_what_would_be_made_anew(self) -> None:
        with self.journal.database.reading() as session:
            columns = [getattr(CallStateRow, one.name) for one in CallStateRow.__table__.columns]
            kept = session.execute(sa.select(*columns).order_by(CallStateRow.attempt_id)).all()
            names = [one.name for one in CallStateRow.__table__.columns]
            anew = session.execute(call_states().order_by("attempt_id")).mappings().all()
            assert [tuple(row) for row in kept] == [tuple(r[n] for n in names) for r in anew]
            for card in session.scalars(sa.select(ContactRow)):
                self._stands_as_made_anew(session, card)
            self._is_numbered_as_made_anew(session)

    def _stands_as_made_anew(self, session: Session, card: ContactRow) -> None:
        if card.merged_into_id is not None or card.taken_back_at is not None:
            assert card.deciding_id is None
            return
        on_call = call_standing_id(session, card)
        deciding = session.get(DecisionRow, card.deciding_id or 0)
        if on_call is not None or (deciding is not None and deciding.attempt_id is not None):
            assert card.deciding_id == on_call

    def _is_numbered_as_made_anew(self, session: Session) -> None:
        rows = session.execute(
            sa.select(AttemptRow, DecisionRow)
            .join(DecisionRow, DecisionRow.attempt_id == AttemptRow.id)
            .where(IN_FORCE, AttemptRow.contact_key != "")
            .order_by(AttemptRow.contact_key, *CALL_ORDER)
        ).all()
        previous = None
        for attempt, decision in rows:
            if previous is not None and previous[0].contact_key != attempt.contact_key:
                previous = None
            zone = self.journal.office.timezone
            number = number_after(previous, attempt, zone, counts=decision.counts)
            assert decision.attempt == number
            previous = attempt, decision

    @invariant()
    def a_mark_has_its_reason(self) -> None:
        for one in self.cards.values():
            if not one.incorrect_contact:
                continue
            if one.deciding is None:
                assert one.card.incorrect_contact, "neither the CRM nor a decision marked it"
                continue
            if one.deciding.attempt_id is not None:
                call = self.journal.attempt(one.deciding.attempt_id)
                assert call.contact_ref == one.card.ref, "marked for another card's call"
                assert call.decision is not None
                assert call.decision.id == one.deciding.id, "marked by what is no longer in force"


def test_nothing_is_lost_doubled_or_marked_unasked(sqlite_journal: Path) -> None:
    walk = type("Walk", (WalkOfTwo,), {"template": sqlite_journal})
    run_state_machine_as_test(walk, settings=WALKS)
