"""The journal: nothing lost, nothing twice, nothing decided against the rules."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_reports import MORNING, day, heard, spoken, unreadable

from recognizer.base.errors import ContactError, JournalError
from recognizer.crm.comments import append_line, merge_comments
from recognizer.crm.contacts import ContactCard, ContactKind
from recognizer.crm.journal.journal import Journal, recording_digest
from recognizer.crm.journal.records import AttemptFilter
from recognizer.crm.journal.tables import Base, DecisionRow
from recognizer.model import CallOutcome, NextStep
from recognizer.regulation.loading import load_regulation

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
CLIENT = ContactCard(
    ref="1001",
    mobile_phone="8 926 123-45-67",
    trusted_person="Клиент Первый",
    owner="Клиент Первый",
    plate="А111АА77",
    make="Марка",
    kind=ContactKind.AFTER_SERVICE,
)


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        opened.upsert_contact(CLIENT)
        yield opened


def record(journal: Journal, outcomes: list[CallOutcome], contact: str = "1001") -> list[Any]:
    """Record one attempt a day; return the decisions."""
    return [
        journal.record_attempt(
            heard(outcome), contact=contact, digest=f"{number:064x}", called_at=day(number)
        ).decision
        for number, outcome in enumerate(outcomes)
    ]


def numbers(journal: Journal, contact: str = "1001") -> list[tuple[int, bool]]:
    """Return number and finality of every decision in force, in the order of the calls."""
    return [
        (attempt.decision.decision.attempt, attempt.decision.decision.final)
        for attempt in journal.history(contact)
        if attempt.decision is not None
    ]


# --- counting ---


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # Different failures add up.
        ([O.BUSY_TONE, O.SILENCE, O.TEMPORARILY_BLOCKED], [(1, False), (2, False), (3, True)]),
        # By analogy they count too.
        ([O.VOICEMAIL, O.NETWORK_CONGESTION, O.NO_ANSWER], [(1, False), (2, False), (3, True)]),
        # Our own line does not count.
        (
            [O.BUSY_TONE, O.CALLER_RESTRICTED, O.CALLER_RESTRICTED, O.BUSY_TONE],
            [(1, False), (2, False), (2, False), (2, False)],
        ),
        # Nor what nothing decided.
        (
            [O.UNDETERMINED, O.FAX, O.MUSIC, O.CALL_PROGRESS, O.RINGBACK_ONLY],
            [(1, False)] * 5,
        ),
        # A person starts the count anew.
        (
            [O.BUSY_TONE, O.BUSY_TONE, O.LIVE_PERSON, O.BUSY_TONE],
            [(1, False), (2, False), (3, False), (1, False)],
        ),
        # The invalid numbers wait for nothing.
        ([O.DOES_NOT_EXIST], [(1, True)]),
        ([O.BUSY_TONE, O.BLOCKED], [(1, False), (2, True)]),
        # It stays final.
        ([O.BUSY_TONE] * 4, [(1, False), (2, False), (3, True), (4, True)]),
    ],
)
def test_attempts_count_as_the_regulation_counts(
    journal: Journal, outcomes: list[CallOutcome], expected: list[tuple[int, bool]]
) -> None:
    record(journal, outcomes)
    assert numbers(journal) == expected


def test_status_and_mark_stand_once_a_decision_is_final(journal: Journal) -> None:
    record(journal, [O.BUSY_TONE, O.BUSY_TONE])
    assert journal.contact("1001").status == ""
    record(journal, [O.BUSY_TONE] * 3)
    after = journal.contact("1001")
    assert (after.status, after.incorrect_contact, after.n_counted) == ("Недоступен", False, 3)
    journal.record_attempt(heard(O.BLOCKED), contact="1001", called_at=day(9))
    marked = journal.contact("1001")
    assert (marked.status, marked.incorrect_contact) == ("Недоступен", True)
    assert marked.deciding is not None
    assert marked.deciding.decision.rule_id == "blocked"
    # Whoever is heard later, the mark is a person's to take off.
    journal.record_attempt(heard(O.LIVE_PERSON), contact="1001", called_at=day(10))
    assert journal.contact("1001").deciding == marked.deciding
    journal.record_statement("1001", "conversation", made_by="op", called_at=day(11))
    assert journal.contact("1001").deciding is None


def test_a_number_without_a_card_counts_by_itself(journal: Journal) -> None:
    for number in range(3):
        last = journal.record_attempt(
            heard(O.BUSY_TONE), number="+7 495 000-00-0" + "1", called_at=day(number)
        )
    assert last.decision is not None
    assert last.decision.decision.attempt == 3
    other = journal.record_attempt(heard(O.BUSY_TONE), number="8 495 765 43 21")
    assert other.decision is not None
    assert other.decision.decision.attempt == 1


def test_an_attempt_without_card_and_number_stands_alone(journal: Journal) -> None:
    for _ in range(3):
        attempt = journal.record_attempt(heard(O.BUSY_TONE))
        assert attempt.decision is not None
        assert attempt.decision.decision.attempt == 1
        assert attempt.contact_ref is None


def test_a_number_finds_the_only_card_that_has_it(journal: Journal) -> None:
    found = journal.record_attempt(heard(O.BUSY_TONE), number="+7 (926) 1234567")
    assert found.contact_ref == "1001"
    journal.upsert_contact(dataclasses.replace(CLIENT, ref="1002"))
    ambiguous = journal.record_attempt(heard(O.BUSY_TONE), number="+7 (926) 1234567")
    assert ambiguous.contact_ref is None


def test_the_switchboard_rule_uses_the_card(journal: Journal) -> None:
    company = ContactCard(ref="77", owner='ООО "Ромашка"', trusted_phone="8 495 765 43 21")
    journal.upsert_contact(company)
    with_card = journal.record_attempt(heard(O.COMPANY_IVR), contact="77").decision
    without = journal.record_attempt(heard(O.COMPANY_IVR), contact="1001").decision
    assert with_card is not None
    assert without is not None
    assert with_card.decision.rule_id == "organisation-switchboard"
    assert with_card.decision.final
    assert without.decision.rule_id is None


def test_an_unknown_contact_is_refused(journal: Journal) -> None:
    with pytest.raises(ContactError, match="'none': there is no such card"):
        journal.record_attempt(heard(O.BUSY_TONE), contact="none")


# --- once ---


def test_the_same_recording_is_one_attempt(journal: Journal) -> None:
    digest = recording_digest(b"a recording")
    first = journal.record_attempt(heard(O.BUSY_TONE), contact="1001", digest=digest)
    again = journal.record_attempt(heard(O.BLOCKED), number="89261234567", digest=digest)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.id == first.id
    assert journal.count_attempts() == 1
    assert journal.contact("1001").card.comments.count("\n") == 0


def test_the_same_recording_of_another_contact_is_another_attempt(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, ref="1002", mobile_phone=""))
    for contact in ("1001", "1002"):
        assert journal.record_attempt(heard(O.BUSY_TONE), contact=contact, digest="d").is_new


def test_without_a_digest_nothing_is_the_same(journal: Journal) -> None:
    for _ in range(2):
        assert journal.record_attempt(heard(O.BUSY_TONE), contact="1001").is_new


def test_a_digest_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert recording_digest(path) == recording_digest(b"abc") == known


# --- any order ---

COUNTED = {o for o in O if load_regulation().decide_outcome(o).rule_id is not None}


def slow_numbers(outcomes: list[CallOutcome]) -> list[int]:
    """Number attempts by the text of the regulation, one by one."""
    found, counted = [], 0
    for outcome in outcomes:
        found.append(counted + 1)
        if outcome is O.LIVE_PERSON:
            counted = 0
        elif outcome in COUNTED:
            counted += 1
    return found


@pytest.fixture(scope="module")
def shared_journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    with Journal.open(f"sqlite:///{path}") as opened:
        yield opened


contact_numbers = itertools.count()
calls = st.lists(st.sampled_from(O), min_size=1, max_size=5)


@settings(max_examples=20, deadline=None)
@pytest.mark.property
@given(
    histories=st.lists(calls, min_size=1, max_size=3),
    data=st.data(),
)
def test_any_order_and_interleaving_gives_the_same_journal(
    shared_journal: Journal, histories: list[list[CallOutcome]], data: st.DataObject
) -> None:
    refs = [f"c{next(contact_numbers)}" for _ in histories]
    for ref in refs:
        shared_journal.upsert_contact(ContactCard(ref=ref, owner="Клиент", comments="earlier"))
    arriving = data.draw(
        st.permutations(
            [(n, i) for n, history in enumerate(histories) for i in range(len(history))]
        )
    )
    for n, i in arriving:
        shared_journal.record_attempt(
            heard(histories[n][i]), contact=refs[n], digest=f"{i}", called_at=day(i)
        )
    regulation = load_regulation()
    for ref, history in zip(refs, histories, strict=True):
        attempts = shared_journal.history(ref)
        assert [attempt.outcome for attempt in attempts] == history
        expected = [
            regulation.decide_outcome(
                outcome, attempt=number, on=shared_journal.office.day_of(day(i))
            )
            for i, (outcome, number) in enumerate(zip(history, slow_numbers(history), strict=True))
        ]
        found = [
            dataclasses.replace(attempt.decision.decision, explanation=())
            for attempt in attempts
            if attempt.decision is not None
        ]
        assert found == expected
        card = shared_journal.contact(ref)
        lines = card.card.comments.split("\n")
        assert lines[0] == "earlier"
        assert sorted(lines[1:]) == sorted(d.comment for d in expected if d.comment is not None)
        finals = [d for d in expected if d.final]
        assert card.status == ("Недоступен" if finals else "")
        assert card.incorrect_contact is any(d.incorrect_contact for d in finals)


def test_calls_of_the_same_moment_have_one_order(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, ref="1002", mobile_phone=""))
    for contact, order in (("1001", "ab"), ("1002", "ba")):
        for digest in order:
            outcome = O.BUSY_TONE if digest == "a" else O.LIVE_PERSON
            journal.record_attempt(
                heard(outcome, f"{digest}.wav"),
                contact=contact,
                digest=digest,
                called_at=MORNING,
            )
    assert numbers(journal, "1001") == numbers(journal, "1002") == [(1, False), (2, False)]


# --- corrections ---


def test_a_correction_adds_and_removes_nothing(journal: Journal) -> None:
    first, *_ = record(journal, [O.DOES_NOT_EXIST])
    assert journal.contact("1001").incorrect_contact
    corrected = journal.correct(
        first.attempt_id, made_by="operator7", outcome=O.TEMPORARILY_UNAVAILABLE, note="listened"
    )
    assert corrected.outcome is O.DOES_NOT_EXIST
    assert corrected.is_corrected
    assert corrected.decision is not None
    assert corrected.decision.supersedes_id == first.id
    assert corrected.decision.outcome is O.TEMPORARILY_UNAVAILABLE
    assert [d.id for d in journal.decisions(first.attempt_id)] == [first.id, corrected.decision.id]
    (kept,) = journal.corrections(first.attempt_id)
    assert (kept.made_by, kept.outcome, kept.note) == (
        "operator7",
        O.TEMPORARILY_UNAVAILABLE,
        "listened",
    )
    after = journal.contact("1001")
    assert not after.incorrect_contact
    assert after.status == ""
    was, now = after.card.comments.split("\n")
    assert was == "22/11 Номер не существует (автоответчик)"
    assert "Исправление записи за 22/11: Номер временно недоступен (автоответчик)" in now


def test_a_correction_renumbers_the_later_attempts(journal: Journal) -> None:
    first, *_ = record(journal, [O.BUSY_TONE] * 4)
    journal.correct(first.attempt_id, made_by="operator7", outcome=O.CALLER_RESTRICTED)
    assert numbers(journal) == [(1, False), (1, False), (2, False), (3, True)]
    journal.correct(first.attempt_id, made_by="operator7", outcome=O.BUSY_TONE)
    assert numbers(journal) == [(1, False), (2, False), (3, True), (4, True)]
    assert len(journal.decisions(first.attempt_id)) == 3


def test_a_person_heard_becomes_what_the_operator_states(journal: Journal) -> None:
    _, person, _ = record(journal, [O.BUSY_TONE, O.LIVE_PERSON, O.BUSY_TONE])
    assert numbers(journal) == [(1, False), (2, False), (1, False)]
    journal.correct(person.attempt_id, made_by="operator7", stated="no-dialogue")
    assert numbers(journal) == [(1, False), (2, False), (3, True)]
    assert journal.contact("1001").card.comments.split("\n") == [
        "22/11 Короткие гудки",
        "24/11 Короткие гудки",
        "23/11 Клиент взял трубку, в диалог не вступает",
    ]


def test_a_refused_statement_leaves_nothing_behind(journal: Journal) -> None:
    (person,) = record(journal, [O.LIVE_PERSON])
    with pytest.raises(ContactError, match="контакт после продажи"):
        journal.correct(
            person.attempt_id, made_by="op", stated="stranger-sales", name="Мария", words="Нет"
        )
    with pytest.raises(ContactError, match="контакт после продажи"):
        journal.record_statement("1001", "stranger-sales", made_by="op", name="М", words="Нет")
    assert journal.corrections(person.attempt_id) == ()
    assert journal.count_attempts() == 1
    assert journal.contact("1001").card.comments == ""


def test_a_correction_names_one_thing(journal: Journal) -> None:
    (first,) = record(journal, [O.BUSY_TONE])
    with pytest.raises(JournalError, match="exactly one"):
        journal.correct(first.attempt_id, made_by="op")
    with pytest.raises(JournalError, match="exactly one"):
        journal.correct(first.attempt_id, made_by="op", outcome=O.FAX, stated="no-dialogue")
    with pytest.raises(JournalError, match="no such attempt"):
        journal.correct(first.attempt_id + 1, made_by="op", outcome=O.FAX)


def test_a_statement_without_a_recording_is_an_attempt_once(journal: Journal) -> None:
    said: dict[str, Any] = {
        "made_by": "op",
        "name": "Мария",
        "words": "Это не мой а/м",
        "called_at": MORNING,
    }
    first = journal.record_statement("1001", "stranger-service", **said)
    again = journal.record_statement("1001", "stranger-service", **said)
    assert (first.is_new, again.is_new, first.id) == (True, False, again.id)
    after = journal.contact("1001")
    assert (after.status, after.incorrect_contact) == ("Недоступен", True)
    assert after.card.comments == (
        "22/11 При звонке на номер отвечает Мария. Не имеет отношения к а/м А111АА77. "
        "Со слов: Это не мой а/м"
    )


def test_a_conversation_stated_starts_the_count_anew(journal: Journal) -> None:
    record(journal, [O.BUSY_TONE, O.BUSY_TONE])
    journal.record_statement("1001", "conversation", made_by="op", called_at=day(2))
    last = journal.record_attempt(heard(O.BUSY_TONE), contact="1001", called_at=day(3))
    assert last.decision is not None
    assert last.decision.decision.attempt == 1


def test_an_unreadable_recording_waits_for_a_person_and_counts_for_nothing(
    journal: Journal,
) -> None:
    record(journal, [O.BUSY_TONE])
    bad = journal.record_attempt(unreadable(), contact="1001", digest="bad", called_at=day(1))
    assert (bad.outcome, bad.decision) == (None, None)
    after = journal.record_attempt(heard(O.BUSY_TONE), contact="1001", called_at=day(2))
    assert after.decision is not None
    assert after.decision.decision.attempt == 2
    assert [attempt.id for attempt in journal.review_queue().items] == [bad.id]
    journal.correct(bad.id, made_by="op", outcome=O.BUSY_TONE)
    assert numbers(journal) == [(1, False), (2, False), (3, True)]
    assert journal.review_queue().items == ()


# --- the card alone ---


def test_a_card_is_decided_once_and_again_when_it_is_mended(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="5", owner="Клиент", mobile_phone="8 926 123"))
    first = journal.decide_card("5", on=dt.date(2026, 11, 22))
    again = journal.decide_card("5", on=dt.date(2026, 11, 23))
    assert first is not None
    assert again is not None
    assert again.id == first.id
    marked = journal.contact("5")
    assert (marked.status, marked.incorrect_contact) == ("Недоступен", True)
    assert marked.card.comments == "22/11 Некорректный номер в карточке"
    journal.upsert_contact(ContactCard(ref="5", owner="Клиент", mobile_phone="89261112233"))
    assert journal.decide_card("5") is None
    mended = journal.contact("5")
    assert (mended.status, mended.incorrect_contact) == ("", False)
    assert mended.card.comments == "22/11 Некорректный номер в карточке"


# --- comments ---

texts = st.text(alphabet="аб \r\n\t;,\"'=\\%_\u2028\u0085", max_size=30) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)


@pytest.mark.property
@given(earlier=texts, lines=st.lists(st.sampled_from(["22/11 Не отвечает", "23/11 Тишина"])))
def test_added_lines_leave_the_earlier_text_as_it_was(earlier: str, lines: list[str]) -> None:
    text = earlier
    for line in lines:
        text = append_line(text, line)
    assert text.startswith(earlier)
    assert text[len(earlier) :].split() == " ".join(lines).split()


def test_an_older_export_of_a_line_that_was_gone_on_with_adds_nothing() -> None:
    stored = "04/01 Не отвечает, перезвонит сам"
    assert merge_comments(stored, "04/01 Не отвечает") == stored


@pytest.mark.property
@given(stored=texts, incoming=texts)
def test_merged_comments_begin_with_what_was_there_and_lose_no_line(
    stored: str, incoming: str
) -> None:
    merged = merge_comments(stored, incoming)
    assert merged.startswith(stored)
    kept = {line.rstrip("\r") for line in merged.split("\n")}
    for line in incoming.split("\n"):
        if line.strip() and not stored.startswith(incoming):
            assert line.rstrip("\r") in kept
    assert merge_comments(merged, incoming) == merged
    assert merge_comments(merged, stored) == merged


@settings(max_examples=15, deadline=None)
@pytest.mark.property
@given(earlier=texts)
def test_the_store_keeps_comments_byte_for_byte(shared_journal: Journal, earlier: str) -> None:
    ref = f"t{next(contact_numbers)}"
    shared_journal.upsert_contact(ContactCard(ref=ref, comments=earlier))
    shared_journal.record_attempt(heard(O.RINGBACK_ONLY), contact=ref, called_at=MORNING)
    comments = shared_journal.contact(ref).card.comments
    assert comments == append_line(earlier, "22/11 Не отвечает")


def test_lines_of_both_sides_survive_an_import(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, comments="04/01 Не отвечает"))
    record(journal, [O.BUSY_TONE])
    # A colleague added a line in the CRM meanwhile.
    theirs = dataclasses.replace(CLIENT, comments="04/01 Не отвечает\r\n21/11 Просил вечером")
    for _ in range(2):
        after = journal.upsert_contact(theirs)
        assert after.card.comments == (
            "04/01 Не отвечает\n22/11 Короткие гудки\n21/11 Просил вечером"
        )


def test_an_import_and_a_call_at_once_lose_no_line(journal: Journal) -> None:
    def call(number: int) -> None:
        journal.record_attempt(heard(O.BUSY_TONE), contact="1001", called_at=day(number))

    def bring_in(number: int) -> None:
        card = dataclasses.replace(CLIENT, payer=f"{number}", comments=f"CRM {number}")
        journal.upsert_contact(card)

    def state(number: int) -> None:
        journal.record_statement("1001", "no-dialogue", made_by="op", called_at=day(20 + number))

    with ThreadPoolExecutor(4) as pool:
        works = [(work, number) for number in range(8) for work in (call, bring_in)]
        works += [(state, number) for number in range(4)]
        for future in [pool.submit(work, number) for work, number in works]:
            future.result()
    lines = journal.contact("1001").card.comments.split("\n")
    assert sum("Короткие гудки" in line for line in lines) == 8
    assert sum("в диалог не вступает" in line for line in lines) == 4
    assert {line for line in lines if line.startswith("CRM")} == {f"CRM {n}" for n in range(8)}
    assert [number for number, _ in numbers(journal)] == list(range(1, 13))


# --- cards ---


def test_the_crms_own_word_stands_until_something_is_decided(journal: Journal) -> None:
    ours = dataclasses.replace(CLIENT, result="Неэффективный")
    assert journal.upsert_contact(ours).status == "Неэффективный"
    record(journal, [O.BLOCKED])
    assert journal.contact("1001").status == "Недоступен"


def test_a_mark_given_back_by_the_crm_can_still_be_withdrawn(journal: Journal) -> None:
    (blocked,) = record(journal, [O.BLOCKED])
    echo = dataclasses.replace(CLIENT, result="Недоступен", incorrect_contact=True)
    assert journal.upsert_contact(echo).incorrect_contact
    journal.correct(blocked.attempt_id, made_by="op", outcome=O.TEMPORARILY_BLOCKED)
    after = journal.contact("1001")
    assert (after.status, after.incorrect_contact) == ("", False)


def test_a_person_who_takes_the_mark_off_in_the_crm_is_heard(journal: Journal) -> None:
    record(journal, [O.BLOCKED])
    after = journal.upsert_contact(dataclasses.replace(CLIENT, result="Эффективный"))
    assert (after.status, after.incorrect_contact) == ("Эффективный", False)


def test_an_import_takes_over_only_the_columns_it_has(journal: Journal) -> None:
    newer = ContactCard(ref="1001", owner="Клиент Второй")
    (change,) = journal.import_contacts([newer], source="test", fields={"ref", "owner"})
    assert dict(change.changes) == {"owner": ("Клиент Первый", "Клиент Второй")}
    assert journal.contact("1001").card == dataclasses.replace(CLIENT, owner="Клиент Второй")


def test_a_dry_run_changes_nothing(journal: Journal) -> None:
    cards = [dataclasses.replace(CLIENT, owner="Иной"), ContactCard(ref="new", owner="Новый")]
    changes = list(journal.import_contacts(cards, source="test", dry_run=True))
    assert [(change.ref, change.is_new) for change in changes] == [("1001", False), ("new", True)]
    assert journal.contact("1001").card == CLIENT
    with pytest.raises(ContactError):
        journal.contact("new")


def test_a_card_twice_in_one_import_is_taken_over_in_order(journal: Journal) -> None:
    cards = [ContactCard(ref="x", owner="Один"), ContactCard(ref="x", owner="Два")]
    changes = list(journal.import_contacts(cards, source="test"))
    assert [change.is_new for change in changes] == [True, False]
    assert journal.contact("x").card.owner == "Два"


@pytest.mark.parametrize(
    ("query", "refs"),
    [
        ("1001", ["1001"]),
        ("2002", ["2002", "1-2002"]),
        ("8 (926) 123 45 67", ["1001"]),
        ("123-45", ["1001"]),
        ("первый", ["1001"]),
        ("а111", ["1001"]),
        ("", ["1-2002", "1001", "2002"]),
        ("%", []),
        ("_", []),
        ("nobody", []),
    ],
)
def test_cards_are_found_by_number_and_text(journal: Journal, query: str, refs: list[str]) -> None:
    for ref in ("2002", "1-2002"):
        journal.upsert_contact(ContactCard(ref=ref, owner="Клиент Второй"))
    assert [found.card.ref for found in journal.find_contacts(query)] == refs


def test_every_card_is_listed_once_whatever_the_batch(journal: Journal) -> None:
    cards = [ContactCard(ref=f"n{number:05}") for number in range(1501)]
    assert sum(change.is_new for change in journal.import_contacts(cards, source="test")) == 1501
    listed = [found.card.ref for found in journal.all_contacts()]
    assert listed == sorted([*(card.ref for card in cards), "1001"])


# --- reading ---


def test_pages_hold_every_attempt_once(journal: Journal) -> None:
    record(journal, [O.BUSY_TONE, O.SILENCE, O.FAX, O.MUSIC, O.BLOCKED])
    seen: list[int] = []
    before = None
    while True:
        page = journal.attempts(limit=2, before_id=before)
        seen += [attempt.id for attempt in page.items]
        before = page.next_before_id
        if before is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5


@pytest.mark.parametrize(
    ("which", "outcomes"),
    [
        ({"contact": "1001"}, {O.BUSY_TONE, O.SILENCE, O.FAX, O.BLOCKED}),
        ({"contact": "other"}, set()),
        ({"outcomes": (O.FAX, O.BLOCKED)}, {O.FAX, O.BLOCKED}),
        ({"rule_id": "no-connection"}, {O.SILENCE}),
        ({"status": "Недоступен"}, {O.BUSY_TONE, O.SILENCE, O.BLOCKED}),
        ({"next": NextStep.OPERATOR}, {O.FAX}),
        ({"final": True}, {O.BLOCKED}),
        ({"incorrect_contact": True}, {O.BLOCKED}),
        ({"has_error": True}, {None}),
        ({"is_corrected": True}, set()),
        ({"since": day(2)}, {O.FAX, O.BLOCKED}),
        ({"until": day(1)}, {O.BUSY_TONE}),
        ({"digest": f"{2:064x}"}, {O.FAX}),
        ({"text": "bad.w"}, {None}),
        ({"number": "8 495 765 43 21"}, {None}),
    ],
)
def test_attempts_are_filtered_by_what_is_in_force(
    journal: Journal, which: dict[str, Any], outcomes: set[CallOutcome | None]
) -> None:
    record(journal, [O.BUSY_TONE, O.SILENCE, O.FAX, O.BLOCKED])
    journal.record_attempt(unreadable("bad.wav"), number="84957654321", called_at=MORNING)
    found = journal.attempts(AttemptFilter(**which))
    expected = set(outcomes)
    if "until" in which:
        expected.add(None)
    assert {attempt.outcome for attempt in found.items} == expected
    assert journal.count_attempts(AttemptFilter(**which)) == len(found.items)


def test_the_queue_holds_what_waits_for_a_person(journal: Journal) -> None:
    decisions = record(journal, [O.BUSY_TONE, O.LIVE_PERSON, O.UNDETERMINED, O.FAX])
    waiting = [attempt.outcome for attempt in journal.review_queue().items]
    assert waiting == [O.FAX, O.UNDETERMINED, O.LIVE_PERSON]
    journal.correct(decisions[1].attempt_id, made_by="op", stated="conversation")
    waiting = [attempt.outcome for attempt in journal.review_queue().items]
    assert waiting == [O.FAX, O.UNDETERMINED]


def test_the_overview_counts_what_is_in_force(journal: Journal) -> None:
    decisions = record(journal, [O.BUSY_TONE, O.VOICEMAIL, O.UNDETERMINED, O.BLOCKED])
    journal.record_attempt(unreadable(), called_at=day(0))
    journal.correct(decisions[2].attempt_id, made_by="op", outcome=O.SILENCE)
    counts = journal.overview()
    assert (counts.n_attempts, counts.n_errors, counts.n_corrected) == (5, 1, 1)
    assert (counts.n_final, counts.n_marked, counts.n_waiting) == (2, 1, 1)
    assert counts.by_outcome == {"busy_tone": 1, "voicemail": 1, "silence": 1, "blocked": 1}
    assert counts.by_rule == {"busy-tone": 1, "no-answer": 1, "no-connection": 1, "blocked": 1}
    assert counts.by_day == {
        "2026-11-22": 2,
        "2026-11-23": 1,
        "2026-11-24": 1,
        "2026-11-25": 1,
    }
    assert journal.overview(since=day(1), until=day(2)).n_attempts == 1


def test_versions_are_kept_with_every_attempt(journal: Journal) -> None:
    attempt = journal.record_attempt(
        dataclasses.replace(
            spoken(O.TEMPORARILY_BLOCKED, "номер временно заблокирован"),
            phrases_version="phrases-7",
        ),
        contact="1001",
    )
    assert attempt.software_version
    assert (attempt.phrases_version, attempt.engine, attempt.model) == (
        "phrases-7",
        "scripted",
        "script",
    )
    assert attempt.decision is not None
    assert attempt.decision.regulation_version == load_regulation().version
    assert attempt.phrase_id == "a-phrase"
    assert attempt.report is not None
    assert attempt.report["phrase"]["text"] == "номер временно заблокирован"


# --- retention ---


def test_a_purge_empties_what_is_personal_and_keeps_the_counts(journal: Journal) -> None:
    (old,) = record(journal, [O.BUSY_TONE])
    said = journal.record_statement(
        "1001", "stranger-service", made_by="op", name="Мария", words="Нет", called_at=day(1)
    )
    by_number = journal.record_attempt(
        spoken(O.BLOCKED, "номер заблокирован", "89161112233.wav"),
        number="89161112233",
        called_at=day(2),
    )
    young = journal.record_attempt(
        spoken(O.BLOCKED, "абонент заблокирован"), contact="1001", called_at=day(9)
    )
    before = journal.overview()
    purged = journal.purge(day(5))
    assert (purged.attempts, purged.corrections) == (3, 1)
    assert journal.purge(day(5)).attempts == 0
    after = journal.overview()
    assert dataclasses.replace(after, by_model={}) == dataclasses.replace(before, by_model={})
    for attempt_id in (old.attempt_id, said.id, by_number.id):
        emptied = journal.attempt(attempt_id)
        assert emptied.purged_at is not None
        assert (emptied.recording, emptied.transcript, emptied.number) == (None, None, None)
        assert emptied.report is None
        assert emptied.decision is not None
        assert emptied.decision.decision.explanation == ()
        assert emptied.decision.decision.comment is None
    assert journal.corrections(said.id)[0].words == ""
    assert journal.attempt(young.id).transcript == "абонент заблокирован"
    assert numbers(journal) == [(1, False), (2, True), (3, True)]


def test_purged_text_is_gone_from_the_files(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with Journal.open(f"sqlite:///{path}") as journal:
        journal.record_attempt(
            spoken(O.BLOCKED, "особенноеслово"), number="89161112233", called_at=day(0)
        )
        journal.purge(day(1))
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for trace in ("особенноеслово".encode(), b"9161112233", b"\\u043e\\u0441\\u043e\\u0431"):
        assert trace not in left


# --- the schema ---


def test_migrations_make_the_tables_the_program_uses(journal: Journal) -> None:
    with journal.database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = [
            difference
            for difference in compare_metadata(context, Base.metadata)
            # The page keeps its tables in another module.
            if difference[0] not in {"remove_table", "remove_index"}
        ]
    assert differences == []
    assert {"contacts", "attempts", "decisions", "corrections"} <= set(Base.metadata.tables)


def test_only_one_decision_may_replace_another(journal: Journal) -> None:
    (first,) = record(journal, [O.BUSY_TONE])
    journal.correct(first.attempt_id, made_by="op", outcome=O.FAX)

    def replace_again() -> None:
        with journal.database.writing() as session:
            row = session.get(DecisionRow, first.id)
            assert row is not None
            names = [column.key for column in sa.inspect(DecisionRow).columns]
            copy = {name: getattr(row, name) for name in names if name != "id"}
            session.add(DecisionRow(**{**copy, "supersedes_id": first.id}))

    with pytest.raises(JournalError, match=r"(?i)unique"):
        replace_again()
    assert len(journal.decisions(first.attempt_id)) == 2
