"""What was heard on one number says nothing of another number of the card."""

from collections.abc import Callable, Iterator

import pytest
from journal_reports import day, heard

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome, NextStep


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("phone", "dialled", "marked"),
    [
        ("8 926 555-01-02", "89265550102", True),
        ("8 926 555-01-02", None, True),
        ("8 926 555-01-02", "89265550103", False),
        ("8 926 555-01-02, 8 926 555-01-03", "89265550102", False),
        ("8 926 555-01-02, 8 926 555-01-03", None, False),
    ],
)
def test_a_number_that_does_not_exist_marks_only_a_card_of_that_number_alone(
    journal: Journal, phone: str, dialled: str | None, marked: bool
) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=phone, owner="Иванов"))
    report = heard(CallOutcome.DOES_NOT_EXIST)
    done = journal.record_attempt(report, contact="1", number=dialled, called_at=day(1))
    assert done.decision is not None
    assert (done.decision.decision.incorrect_contact is True) == marked


TWO = "8 926 555-01-02, 8 926 555-01-03"


def _record(
    journal: Journal, outcome: CallOutcome, number: str | None, on: int
) -> tuple[bool | None, int, bool, str]:
    done = journal.record_attempt(heard(outcome), contact="1", number=number, called_at=day(on))
    assert done.decision is not None
    decision = done.decision.decision
    return (
        decision.incorrect_contact,
        decision.attempt,
        decision.next is NextStep.OPERATOR,
        " ".join(decision.explanation),
    )


@pytest.mark.parametrize(
    ("phone", "dialled", "why"),
    [
        ("8 926 555-01-02", "89265550103", "а в карточке другой номер"),
        ("8 926 555-01-02", "555-01", "а в карточке другой номер"),
        (TWO, None, "на какой звонили, не указано"),
        (TWO, "89265550102", "другой номер (+7926*****03)"),
        ("8 926 555-01-02, 8 926 555 01 **", "89265550102", "ещё запись"),
    ],
)
def test_an_operator_is_told_why_there_is_no_mark_and_the_attempt_counts(
    journal: Journal, phone: str, dialled: str | None, why: str
) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=phone, owner="Иванов"))
    mark, number, is_asked, words = _record(journal, CallOutcome.DOES_NOT_EXIST, dialled, 1)
    assert (mark, number, is_asked) == (None, 1, True)
    assert "Отметка не поставлена" in words
    assert why in words
    assert _record(journal, CallOutcome.NO_ANSWER, dialled, 2)[1] == 2
    assert journal.contact("1").card.comments.count("\n") == 1  # a line for each attempt


def test_a_doubtful_second_field_keeps_a_call_from_marking(journal: Journal) -> None:
    card = ContactCard(
        ref="1", trusted_phone="спросить у жены", mobile_phone="8 926 555-01-02", owner="Иванов"
    )
    journal.upsert_contact(card)
    mark, _, is_asked, words = _record(journal, CallOutcome.BLOCKED, "89265550102", 1)
    assert (mark, is_asked) == (None, True)
    assert "ещё запись, похожая на номер" in words


@pytest.mark.parametrize("days", [(1, 2), (2, 1)])
def test_a_card_is_marked_once_each_of_its_numbers_was_told_not_to_exist(
    journal: Journal, days: tuple[int, int]
) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=TWO, owner="Иванов"))
    assert _record(journal, CallOutcome.DOES_NOT_EXIST, "89265550102", days[0])[0] is None
    assert _record(journal, CallOutcome.BLOCKED, "8 926 555 01 03", days[1])[0] is True


@pytest.mark.parametrize(
    "since", [CallOutcome.NO_ANSWER, CallOutcome.TEMPORARILY_BLOCKED, CallOutcome.LIVE_PERSON]
)
def test_a_number_that_was_reached_since_is_not_wrong(journal: Journal, since: CallOutcome) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=TWO, owner="Иванов"))
    _record(journal, CallOutcome.DOES_NOT_EXIST, "89265550102", 1)
    _record(journal, since, "89265550102", 2)
    assert _record(journal, CallOutcome.DOES_NOT_EXIST, "89265550103", 3)[0] is None


def test_the_same_number_told_twice_is_not_two_numbers(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=TWO, owner="Иванов"))
    for on in (1, 2, 3):
        mark, number, _, _ = _record(journal, CallOutcome.DOES_NOT_EXIST, "89265550102", on)
        assert (mark, number) == (None, on)


@pytest.mark.parametrize("dialled", ["9,89265550102", "989265550102", "5550102", "+7 926 5550102"])
def test_a_number_dialled_through_an_exchange_or_shortened_is_the_card_s(
    journal: Journal, dialled: str
) -> None:
    card = ContactCard(ref="1", mobile_phone="8 926 555-01-02", owner="Иванов")
    journal.upsert_contact(card)
    assert _record(journal, CallOutcome.DOES_NOT_EXIST, dialled, 1)[0] is True


def test_an_earlier_call_that_comes_late_leaves_the_reason_in_words(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=TWO, owner="Иванов"))
    _record(journal, CallOutcome.DOES_NOT_EXIST, "89265550102", 5)
    _record(journal, CallOutcome.NO_ANSWER, "89265550102", 1)
    later = journal.history("1")[-1].decision
    assert later is not None
    assert later.decision.attempt == 2
    assert later.decision.next is NextStep.OPERATOR
    assert "Отметка не поставлена" in " ".join(later.decision.explanation)


ONE, OTHER = "89265550102", "89265550103"
HEARD = CallOutcome.DOES_NOT_EXIST


def _both_told(journal: Journal) -> int:
    """Mark card 1, both of whose numbers are told not to exist; return the first call."""
    journal.upsert_contact(ContactCard(ref="1", mobile_phone=TWO, owner="Иванов"))
    journal.upsert_contact(ContactCard(ref="2", mobile_phone=ONE, owner="Петров"))
    for number, on in ((ONE, 1), (OTHER, 2)):
        journal.record_attempt(
            heard(HEARD, f"{on}.wav"), contact="1", number=number, digest=str(on), called_at=day(on)
        )
    assert journal.contact("1").incorrect_contact
    return journal.history("1")[0].id


def _hear_again(journal: Journal, call: int) -> None:
    there = journal.attempt(call)
    journal.record_attempt(
        heard(CallOutcome.VOICEMAIL, there.recording or ""), contact="1", number=there.number,
        digest=there.digest, called_at=there.called_at,
    )  # fmt: skip


def _replace(journal: Journal, call: int) -> None:
    there = journal.attempt(call)
    journal.record_attempt(
        heard(CallOutcome.VOICEMAIL, there.recording or ""), contact="1", number=there.number,
        digest="another content", called_at=there.called_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    "end",
    [
        lambda journal, call: journal.correct(call, made_by="Анна", outcome=CallOutcome.VOICEMAIL),
        lambda journal, call: journal.correct(call, made_by="Анна", stated="conversation"),
        lambda journal, call: journal.move_attempt(call, "2", made_by="Анна"),
        lambda journal, call: journal.move_attempt(call, None, made_by="Анна"),
        _hear_again,
        _replace,
    ],
    ids=["corrected", "stated", "moved", "detached", "heard again", "replaced"],
)
def test_a_mark_for_both_numbers_ends_with_what_was_heard_on_the_first(
    journal: Journal, end: Callable[[Journal, int], object]
) -> None:
    first = _both_told(journal)
    end(journal, first)
    assert not journal.contact("1").incorrect_contact
    (second,) = [call for call in journal.history("1") if call.number == "+79265550103"]
    assert second.decision is not None
    assert second.decision.decision.next is NextStep.OPERATOR
    assert "Отметка не поставлена" in " ".join(second.decision.decision.explanation)


def test_taking_the_correction_back_gives_the_mark_back(journal: Journal) -> None:
    first = _both_told(journal)
    journal.correct(first, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    (said,) = journal.corrections(first)
    journal.withdraw_correction(said.id, made_by="Анна")
    assert journal.contact("1").incorrect_contact


def test_a_persons_mark_rests_on_nothing_else(journal: Journal) -> None:
    first = _both_told(journal)
    second = journal.history("1")[1].id
    journal.correct(second, made_by="Анна", outcome=HEARD)
    journal.correct(first, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    assert journal.contact("1").incorrect_contact


def test_a_call_told_as_wrong_once_more_keeps_the_mark(journal: Journal) -> None:
    first = _both_told(journal)
    _record(journal, HEARD, ONE, 3)
    journal.correct(first, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    assert journal.contact("1").incorrect_contact


@pytest.mark.parametrize("ref", ["1", "2"])
@pytest.mark.parametrize(
    ("other", "marked"), [(None, False), (CallOutcome.VOICEMAIL, False), (HEARD, True)]
)
def test_merged_cards_are_marked_once_both_their_numbers_are_wrong_whichever_goes(
    journal: Journal, ref: str, other: CallOutcome | None, marked: bool
) -> None:
    for card, number in (("1", ONE), ("2", OTHER)):
        journal.upsert_contact(ContactCard(ref=card, mobile_phone=number, owner="Иванов"))
    journal.record_attempt(heard(HEARD, "1.wav"), contact="1", number=ONE, called_at=day(1))
    if other is not None:
        journal.record_attempt(heard(other, "2.wav"), contact="2", number=OTHER, called_at=day(2))
    into = {"1": "2", "2": "1"}[ref]
    journal.merge_contacts(ref, into, made_by="Анна")
    assert journal.contact(into).incorrect_contact is marked
