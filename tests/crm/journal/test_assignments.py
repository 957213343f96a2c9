"""Whose a call is: a whole number or a card's own name; moving, detaching, merging, taking back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recognizer.base.errors import ConflictError, ContactError, JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome

FIRST_CALL = dt.datetime(2026, 11, 20, 10, tzinfo=dt.UTC)
NUMBERS = {"C-1": "+7 926 555-01-02", "C-2": "+7 926 555-01-03"}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as opened:
        for ref, number in NUMBERS.items():
            opened.upsert_contact(ContactCard(ref=ref, trusted_phone=number))
        yield opened


def heard(journal: Journal, outcome: CallOutcome, day: int, **whose: Any) -> int:
    report = CallReport("a.wav", Evidence(1.0), Outcome(outcome, 0.99), None, 0.1)
    moment = FIRST_CALL + dt.timedelta(days=day)
    return journal.record_attempt(report, digest=f"{day:064x}", called_at=moment, **whose).id


def unreadable(journal: Journal, day: int) -> int:
    report = CallReport("a.wav", None, None, None, 0.1, CallError("empty", "empty"))
    moment = FIRST_CALL + dt.timedelta(days=day)
    return journal.record_attempt(report, digest=f"{day:064x}", called_at=moment).id


def numbers(journal: Journal, ref: str) -> list[int]:
    return [a.decision.decision.attempt for a in journal.history(ref) if a.decision]


@pytest.mark.parametrize("part", ["555-01", "555-01-02", "926 555-01", "5550102", "0102", ""])
def test_part_of_a_number_is_nobodys(journal: Journal, part: str) -> None:
    assert journal.contacts_with_number(part) == ()
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 0, number=part)
    assert journal.attempt(call).contact_ref is None
    assert not any(contact.incorrect_contact for contact in journal.all_contacts())


def test_two_calls_to_the_same_part_of_a_number_are_not_counted_together(journal: Journal) -> None:
    for day in range(3):
        call = heard(journal, CallOutcome.BUSY_TONE, day, number="555-01")
    assert journal.attempt(call).decision.decision.attempt == 1  # type: ignore[union-attr]
    journal.assign_contact(call, "C-1")
    assert len(journal.history("C-1")) == 1


def test_two_numbers_in_one_field_are_nobodys(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, number="+79265550102, +79265550103")
    assert journal.attempt(call).contact_ref is None


def test_a_moved_mark_leaves_the_strangers_card(journal: Journal) -> None:
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 0, contact="C-1")
    assert journal.contact("C-1").incorrect_contact
    journal.move_attempt(call, "C-2", made_by="Анна")
    assert not journal.contact("C-1").incorrect_contact
    assert journal.contact("C-1").status == ""
    assert "сделана ошибочно" in journal.contact("C-1").card.comments
    assert journal.contact("C-2").incorrect_contact
    (row,) = journal.assignments(call)
    assert (row.from_ref, row.ref, row.kind, row.made_by) == ("C-1", "C-2", "change", "Анна")


def test_both_cards_are_counted_anew(journal: Journal) -> None:
    calls = [heard(journal, CallOutcome.BUSY_TONE, day, contact="C-1") for day in (0, 2, 4)]
    heard(journal, CallOutcome.BUSY_TONE, 1, contact="C-2")
    heard(journal, CallOutcome.BUSY_TONE, 3, contact="C-2")
    assert journal.contact("C-1").status == "Недоступен"
    journal.move_attempt(calls[1], "C-2", made_by="Анна")
    assert numbers(journal, "C-1") == [1, 2]
    assert journal.contact("C-1").status == ""
    assert numbers(journal, "C-2") == [1, 2, 3]
    assert journal.contact("C-2").status == "Недоступен"


def test_a_detached_call_is_nobodys_and_keeps_its_decisions(journal: Journal) -> None:
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 0, contact="C-1")
    journal.correct(call, made_by="Анна", outcome=CallOutcome.BLOCKED)
    decided = journal.decisions(call)
    detached = journal.move_attempt(call, None, made_by="Анна")
    assert detached.contact_ref is None
    assert detached.decision is not None
    assert detached.decision.outcome is CallOutcome.BLOCKED
    assert not journal.contact("C-1").incorrect_contact
    assert journal.decisions(call)[: len(decided)] == decided
    assert journal.assignments(call)[-1].kind == "detach"


def test_calls_of_the_same_number_come_along_when_asked(journal: Journal) -> None:
    whose = {"contact": "C-1", "number": "+79265550177"}
    calls = [heard(journal, CallOutcome.BUSY_TONE, day, **whose) for day in (0, 1)]
    stays = heard(journal, CallOutcome.BUSY_TONE, 2, contact="C-1")
    journal.move_attempt(calls[0], "C-2", made_by="Анна", with_same_number=True)
    assert [a.id for a in journal.history("C-2")] == calls
    assert [a.id for a in journal.history("C-1")] == [stays]


def test_a_recording_a_card_has_is_not_moved_to_it(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-2")
    with pytest.raises(JournalError, match="already"):
        journal.move_attempt(call, "C-2", made_by="Анна")
    with pytest.raises(ContactError):
        journal.move_attempt(call, "C-", made_by="Анна")
    assert journal.attempt(call).contact_ref == "C-1"


def test_an_unreadable_call_that_a_person_heard_is_decided_with_its_card(journal: Journal) -> None:
    call = unreadable(journal, 0)
    journal.correct(call, made_by="Анна", outcome=CallOutcome.BLOCKED)
    journal.assign_contact(call, "C-1")
    assert journal.contact("C-1").incorrect_contact


def test_merged_cards_count_together_and_later_calls_find_the_one(journal: Journal) -> None:
    journal.upsert_contact(
        ContactCard(ref="C-1", trusted_phone=NUMBERS["C-1"], comments="20/11 Ремонт")
    )
    for day, ref in enumerate(("C-1", "C-2", "C-1")):
        heard(journal, CallOutcome.BUSY_TONE, day, contact=ref)
    merged = journal.merge_contacts("C-1", "C-2", made_by="Анна")
    assert numbers(journal, "C-2") == [1, 2, 3]
    assert merged.status == "Недоступен"
    assert "20/11 Ремонт" in merged.card.comments
    assert "ошибочно" not in merged.card.comments
    assert journal.contact("C-1").merged_into == "C-2"
    assert journal.contact("C-1").status == ""
    by_number = heard(journal, CallOutcome.BUSY_TONE, 3, number=NUMBERS["C-1"])
    by_ref = heard(journal, CallOutcome.BUSY_TONE, 4, contact="C-1")
    assert {journal.attempt(call).contact_ref for call in (by_number, by_ref)} == {"C-2"}
    assert [c.card.ref for c in journal.contacts_with_number(NUMBERS["C-1"])] == ["C-2"]
    with pytest.raises(ContactError, match="itself"):
        journal.merge_contacts("C-2", "C-1", made_by="Анна")


def test_a_correction_taken_back_leaves_what_was_before(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    journal.correct(call, made_by="Анна", outcome=CallOutcome.BLOCKED)
    (said,) = journal.corrections(call)
    attempt = journal.withdraw_correction(said.id, made_by="Борис")
    assert attempt.decision is not None
    assert attempt.decision.outcome is CallOutcome.BUSY_TONE
    assert attempt.n_corrections == 0
    assert not journal.contact("C-1").incorrect_contact
    said, taken_back = journal.corrections(call)
    assert said.is_withdrawn
    assert (taken_back.made_by, taken_back.withdraws_id) == ("Борис", said.id)
    with pytest.raises(JournalError, match="already"):
        journal.withdraw_correction(said.id, made_by="Борис")
    with pytest.raises(JournalError, match="no such"):
        journal.withdraw_correction(taken_back.id, made_by="Борис")


def test_the_last_correction_that_stands_decides(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    for outcome in (CallOutcome.BLOCKED, CallOutcome.DOES_NOT_EXIST):
        journal.correct(call, made_by="Анна", outcome=outcome)
    first, second = journal.corrections(call)
    journal.withdraw_correction(second.id, made_by="Анна")
    assert journal.attempt(call).decision.outcome is CallOutcome.BLOCKED  # type: ignore[union-attr]
    journal.withdraw_correction(first.id, made_by="Анна")
    decision = journal.attempt(call).decision
    assert decision is not None
    assert decision.outcome is CallOutcome.BUSY_TONE


def test_an_unreadable_call_waits_again_once_its_correction_is_taken_back(journal: Journal) -> None:
    call = unreadable(journal, 0)
    journal.correct(call, made_by="Анна", outcome=CallOutcome.BLOCKED)
    assert journal.review_queue().items == ()
    journal.withdraw_correction(journal.corrections(call)[0].id, made_by="Анна")
    assert [a.id for a in journal.review_queue().items] == [call]
    decision = journal.attempt(call).decision
    assert decision is not None
    assert decision.decision.incorrect_contact is None


def test_what_somebody_else_decided_is_not_overwritten(journal: Journal) -> None:
    call = heard(journal, CallOutcome.BUSY_TONE, 0, contact="C-1")
    seen = journal.attempt(call).version
    journal.correct(call, made_by="Анна", outcome=CallOutcome.NO_ANSWER, expected=seen)
    with pytest.raises(ConflictError):
        journal.correct(call, made_by="Борис", outcome=CallOutcome.BLOCKED, expected=seen)
    assert [said.made_by for said in journal.corrections(call)] == ["Анна"]
    assert not journal.contact("C-1").incorrect_contact


_ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["move", "detach", "correct", "undo", "call", "merge"]),
        st.integers(0, 5),
        st.sampled_from(["C-1", "C-2", "C-3"]),
    ),
    max_size=14,
)


@pytest.mark.property
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=_ACTIONS)
def test_no_sequence_loses_a_comment_or_doubles_an_attempt_or_marks_a_card_without_reason(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("j")
    with Journal.open(f"sqlite:///{folder / 'j.sqlite3'}") as journal:
        for n in (1, 2, 3):
            card = ContactCard(ref=f"C-{n}", trusted_phone=f"+7926555010{n}", comments=f"свой {n}")
            journal.upsert_contact(card)
        calls = [heard(journal, CallOutcome.BUSY_TONE, day, contact="C-1") for day in range(3)]
        seen: dict[str, str] = {}
        for n_done, (action, which, ref) in enumerate(actions):
            _act(journal, action, calls, which, ref, n_done)
            for contact in journal.all_contacts():
                before = seen.get(contact.card.ref, "")
                assert contact.card.comments.startswith(before)
                seen[contact.card.ref] = contact.card.comments
        _check_cards(journal, calls)


def _act(  # noqa: PLR0917 - one action
    journal: Journal, action: str, calls: list[int], which: int, ref: str, n_done: int
) -> None:
    call = calls[which % len(calls)]
    try:
        if action == "move":
            journal.move_attempt(call, ref, made_by="А")
        elif action == "detach":
            journal.move_attempt(call, None, made_by="А")
        elif action == "correct":
            journal.correct(call, made_by="Б", outcome=CallOutcome.BLOCKED)
        elif action == "undo":
            standing = [c for c in journal.corrections(call) if c.withdraws_id is None]
            if standing:
                journal.withdraw_correction(standing[-1].id, made_by="Б")
        elif action == "merge":
            journal.merge_contacts(ref, "C-2", made_by="А")
        else:
            calls.append(heard(journal, CallOutcome.BUSY_TONE, 10 + n_done, contact=ref))
    except (JournalError, ContactError):
        pass


def _check_cards(journal: Journal, calls: list[int]) -> None:
    owned: list[int] = []
    for contact in journal.all_contacts():
        history = journal.history(contact.card.ref)
        owned += [attempt.id for attempt in history]
        decisions = [attempt.decision for attempt in history if attempt.decision]
        assert [d.decision.attempt for d in decisions] == list(range(1, len(decisions) + 1))
        is_said = any(d.outcome is CallOutcome.BLOCKED for d in decisions)
        final = [d for d in decisions if d.decision.final]
        assert contact.incorrect_contact == any(d.decision.incorrect_contact for d in final)
        assert is_said or not contact.incorrect_contact
    assert len(owned) == len(set(owned))
    assert set(owned) <= set(calls)
