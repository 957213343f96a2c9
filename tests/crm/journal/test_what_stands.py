"""What was decided stays visible: nothing final is undone without a person, and it is said."""

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator

import pytest
from journal_reports import MORNING, day, heard

from recognizer.crm.contacts import ContactCard, ContactKind
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
CLIENT = ContactCard(
    ref="1",
    mobile_phone="8 926 123-45-67",
    owner="Клиент Первый",
    make="Kia",
    plate="А111АА77",
    kind=ContactKind.AFTER_SALE,
)


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        opened.upsert_contact(CLIENT)
        yield opened


def hear(journal: Journal, outcome: CallOutcome, at: dt.datetime) -> tuple[str, ...]:
    """Record a call; return why it was decided as it was."""
    attempt = journal.record_attempt(heard(outcome), contact="1", called_at=at)
    assert attempt.decision is not None
    return attempt.decision.decision.explanation


def state_stranger(journal: Journal, at: dt.datetime) -> None:
    journal.record_statement(
        "1", "stranger-sales", made_by="op", name="Мария", words="Не покупала", called_at=at
    )


def standing(journal: Journal) -> tuple[str, bool, str | None]:
    record = journal.contact("1")
    rule = None if record.deciding is None else record.deciding.decision.rule_id
    return record.status, record.incorrect_contact, rule


MARKED = ("Недоступен", True, "stranger-sales")


TYPICAL = {CallOutcome.LIVE_PERSON, CallOutcome.BUSY_TONE, CallOutcome.TEMPORARILY_BLOCKED}
EVERY_OUTCOME = [
    pytest.param(outcome, marks=[] if outcome in TYPICAL else [pytest.mark.slow])
    for outcome in CallOutcome
]


@pytest.mark.parametrize("outcome", EVERY_OUTCOME)
def test_no_recording_takes_a_persons_mark_away(journal: Journal, outcome: CallOutcome) -> None:
    state_stranger(journal, day(0))
    for number in range(1, 5):
        why = hear(journal, outcome, day(number))
        assert standing(journal)[:2] == MARKED[:2]
        rule = standing(journal)[2]
        assert (rule == "stranger-sales") == (why[-1].startswith("По карточке уже установлено"))


@pytest.mark.parametrize("at", [-1, 1])
@pytest.mark.parametrize("outcome", [O.LIVE_PERSON, O.NO_ANSWER, O.SILENCE])
def test_nor_one_that_comes_late(journal: Journal, outcome: CallOutcome, at: int) -> None:
    state_stranger(journal, day(0))
    for number in (3, 2, 1):
        hear(journal, outcome, day(at * number))
    assert standing(journal) == MARKED


def test_a_later_call_says_what_stands(journal: Journal) -> None:
    state_stranger(journal, day(0))
    assert hear(journal, O.BUSY_TONE, day(1))[-1] == (
        "По карточке уже установлено: «Недоступен» с отметкой (правило stranger-sales). Этот "
        "звонок ничего в этом не меняет; изменить может только человек."
    )


def test_a_mark_of_the_program_stays_too(journal: Journal) -> None:
    hear(journal, O.DOES_NOT_EXIST, day(0))
    for number in range(1, 5):
        hear(journal, O.NO_ANSWER, day(number))
    hear(journal, O.LIVE_PERSON, day(5))
    assert standing(journal) == ("Недоступен", True, "does-not-exist")


def test_a_status_without_the_mark_stays_and_may_get_it(journal: Journal) -> None:
    for number in range(3):
        hear(journal, O.BUSY_TONE, day(number))
    hear(journal, O.LIVE_PERSON, day(3))
    assert standing(journal) == ("Недоступен", False, "busy-tone")
    hear(journal, O.BLOCKED, day(4))
    assert standing(journal) == ("Недоступен", True, "blocked")


def test_the_count_starts_anew_all_the_same(journal: Journal) -> None:
    state_stranger(journal, day(0))
    hear(journal, O.LIVE_PERSON, day(1))
    hear(journal, O.BUSY_TONE, day(2))
    assert journal.contact("1").n_counted == 1


def say_conversation(journal: Journal) -> None:
    journal.record_statement("1", "conversation", made_by="op", called_at=day(2))


def withdraw(journal: Journal) -> None:
    (said,) = journal.corrections(journal.history("1")[0].id)
    journal.withdraw_correction(said.id, made_by="op")


def correct(journal: Journal) -> None:
    journal.correct(journal.history("1")[0].id, made_by="op", outcome=O.BUSY_TONE)


def bring_result(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, result="Эффективный"))


def bring_number(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, mobile_phone="8 926 123-45-60"))


def move(journal: Journal) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, ref="2", mobile_phone="89261234568"))
    journal.move_attempt(journal.history("1")[0].id, "2", made_by="op")


PERSONS = [say_conversation, withdraw, correct, bring_result, bring_number, move]


@pytest.mark.parametrize("act", PERSONS)
def test_a_person_undoes_it_and_no_recording_brings_it_back(
    journal: Journal, act: Callable[[Journal], object]
) -> None:
    state_stranger(journal, day(0))
    act(journal)
    assert not journal.contact("1").incorrect_contact
    for at in (4, 3, 1, -1):  # the last first, then late ones
        hear(journal, O.UNDETERMINED, day(at))
        assert not journal.contact("1").incorrect_contact


def test_another_spelling_of_the_number_undoes_nothing(journal: Journal) -> None:
    state_stranger(journal, day(0))
    journal.upsert_contact(dataclasses.replace(CLIENT, mobile_phone="+7 (926) 1234567"))
    assert standing(journal) == MARKED


def test_a_mark_of_a_card_without_a_number_does_not_come_back_with_late_calls(
    journal: Journal,
) -> None:
    journal.upsert_contact(dataclasses.replace(CLIENT, mobile_phone=""))
    journal.decide_card("1")
    assert journal.contact("1").incorrect_contact
    journal.upsert_contact(CLIENT)
    assert not journal.contact("1").incorrect_contact
    for at in (3, 2, 1):
        hear(journal, O.BUSY_TONE, day(at))
        assert not journal.contact("1").incorrect_contact
    assert standing(journal) == ("Недоступен", False, "busy-tone")


def test_a_call_given_by_a_person_after_the_crms_word_decides(journal: Journal) -> None:
    number = "+79265550102"
    call = journal.record_attempt(
        heard(O.DOES_NOT_EXIST), number=number, digest="a" * 64, called_at=MORNING
    )
    # What was heard on a number that is not the card's would decide nothing.
    journal.upsert_contact(
        dataclasses.replace(CLIENT, result="Эффективный", mobile_phone=number, trusted_phone="")
    )
    journal.assign_contact(call.id, "1", made_by="op")
    assert standing(journal) == ("Недоступен", True, "does-not-exist")


def test_a_final_card_is_not_to_be_called(journal: Journal) -> None:
    assert journal.decide_card("1") is None
    state_stranger(journal, day(0))
    decided = journal.decide_card("1")
    assert decided is not None
    assert decided.decision.rule_id == "stranger-sales"
    assert decided.decision.final
    assert journal.contact("1").card.comments.count("Мария") == 1
