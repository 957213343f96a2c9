"""One call is one attempt: what its recording says in the end is what stands."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from journal_reports import MORNING, day, heard, unreadable

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallError, CallOutcome, CallReport

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
NUMBER = "+79261234567"


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        opened.upsert_contact(ContactCard(ref="1001", mobile_phone=NUMBER))
        yield opened


def record(
    journal: Journal,
    content: str,
    outcome: CallOutcome | CallReport,
    at: dt.datetime | None = MORNING,
    *,
    number: str = NUMBER,
) -> Any:
    report = outcome if isinstance(outcome, CallReport) else heard(outcome, "calls/0001.wav")
    return journal.record_attempt(report, number=number, digest=content, called_at=at)


def marks(journal: Journal) -> list[str]:
    """Name the contents whose attempts are marked now."""
    return [
        str(attempt.digest)
        for attempt in journal.attempts().items
        if attempt.decision is not None and attempt.decision.decision.incorrect_contact
    ]


def test_the_mark_of_a_content_that_was_replaced_goes_with_it(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    assert journal.contact("1001").incorrect_contact
    record(journal, "b", O.SWITCHED_OFF_OR_OUT_OF_COVERAGE)
    assert marks(journal) == []
    card = journal.contact("1001")
    assert not card.incorrect_contact
    assert card.n_counted == 1
    old, new = journal.decisions(1)
    assert (old.source, new.source, new.supersedes_id) == ("call", "replaced", old.id)


def test_a_recording_heard_as_it_grew_is_one_attempt(journal: Journal) -> None:
    for part in ("a", "b", "c"):
        record(journal, part, O.BUSY_TONE)
    assert journal.contact("1001").n_counted == 1
    last = record(journal, "next call", O.BUSY_TONE, day(1))
    assert last.decision.decision.attempt == 2


def test_what_gave_way_lets_the_calls_before_it_count_on(journal: Journal) -> None:
    record(journal, "first", O.BUSY_TONE, day(-2))
    record(journal, "second", O.BUSY_TONE, day(-1))
    record(journal, "z", O.BUSY_TONE)
    record(journal, "a", O.BUSY_TONE)  # before the other in the order of digests
    third = record(journal, "z2", O.BUSY_TONE)
    assert third.decision.decision.attempt == 3
    assert journal.contact("1001").n_counted == 3
    assert record(journal, "next", O.BUSY_TONE, day(1)).decision.decision.attempt == 4


def test_the_number_without_a_card_counts_its_calls_the_same(journal: Journal) -> None:
    other = "+79265550102"
    record(journal, "a", O.BLOCKED, number=other)
    record(journal, "b", O.BUSY_TONE, number=other)
    assert marks(journal) == []
    assert record(journal, "c", O.BUSY_TONE, day(1), number=other).decision.decision.attempt == 2


def test_a_content_that_is_there_again_stands_again(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    record(journal, "b", O.BUSY_TONE)
    again = record(journal, "a", O.DOES_NOT_EXIST)
    assert not again.is_new
    assert marks(journal) == ["a"]
    assert journal.contact("1001").incorrect_contact
    assert journal.contact("1001").n_counted == 1


def test_what_can_no_longer_be_read_bears_no_mark(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    record(journal, "b", unreadable("calls/0001.wav"))
    assert marks(journal) == []
    assert not journal.contact("1001").incorrect_contact


def test_a_recording_that_was_emptied_takes_nothing_back(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    error = CallError("empty_file", "calls/0001.wav: empty")
    empty = CallReport("calls/0001.wav", None, None, None, 0.0, error)
    record(journal, "empty", empty)
    assert marks(journal) == ["a"]


@pytest.mark.parametrize("at", [None, MORNING + dt.timedelta(seconds=1)])
def test_another_call_is_another_attempt(journal: Journal, at: dt.datetime | None) -> None:
    record(journal, "a", O.BUSY_TONE, at and MORNING)
    record(journal, "b", O.BUSY_TONE, at)
    assert journal.contact("1001").n_counted == 2


def test_another_recording_of_the_same_moment_is_another_attempt(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    record(journal, "b", heard(O.BUSY_TONE, "calls/0002.wav"))
    assert marks(journal) == ["a"]


def test_what_a_person_said_of_a_recording_stands(journal: Journal) -> None:
    first = record(journal, "a", O.BUSY_TONE)
    journal.correct(first.id, made_by="operator", outcome=O.DOES_NOT_EXIST)
    record(journal, "b", O.BUSY_TONE)
    assert marks(journal) == ["a"]


def test_the_crm_is_told_that_the_mark_is_withdrawn(journal: Journal) -> None:
    record(journal, "a", O.DOES_NOT_EXIST)
    record(journal, "b", O.BUSY_TONE)
    comments = journal.contact("1001").card.comments.splitlines()
    assert len(comments) == 3  # what was heard, that it is taken back, what is heard now


def test_what_gave_way_stays_so_when_an_earlier_call_arrives_late_or_its_card_changes(
    journal: Journal,
) -> None:
    first = record(journal, "a", O.DOES_NOT_EXIST)
    record(journal, "b", O.BUSY_TONE)
    record(journal, "earlier", O.BUSY_TONE, day(-1))
    assert marks(journal) == []
    assert journal.contact("1001").n_counted == 2
    journal.upsert_contact(ContactCard(ref="1002", mobile_phone="+79265550102"))
    journal.move_attempt(first.id, "1002", made_by="operator")
    assert marks(journal) == []
    assert not journal.contact("1002").incorrect_contact
    correction = journal.correct(first.id, made_by="operator", outcome=O.SILENCE)
    assert correction.n_corrections == 1
    (said,) = journal.corrections(first.id)
    journal.withdraw_correction(said.id, made_by="operator")
    assert marks(journal) == []


# --- what is known to be the recording of one call ---


def at_path(
    journal: Journal,
    path: str,
    outcome: CallOutcome,
    seconds: float | None = 0,
    call_id: str | None = None,
) -> Any:
    return journal.record_attempt(
        heard(outcome, path),
        number=NUMBER,
        digest=f"{path} {outcome}",
        called_at=None if seconds is None else MORNING + dt.timedelta(seconds=seconds),
        call_id=call_id,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("calls/1.wav", 0, None), ("/data/calls/1.wav", 0, None)),
        (("/data/calls/1.wav", 0, None), ("../calls/1.wav", 0, None)),
        (("spool/1.wav", 0, None), ("archive/2026/1.wav", 0, None)),
        (("spool/1.wav", 0, "1.1"), ("archive/1.wav", 0, None)),
        (("spool/tmp7.wav", 0, "1.1"), ("archive/1.wav", 20, "1.1")),
        (("1.wav", None, "1.1"), ("1.wav", None, "1.1")),
        (("1.wav", None, "1.1"), ("2.wav", 0, "1.1")),
        (("1.wav", 0, "1.1"), ("2.wav", None, "1.1")),
        (("tmp7_1.1.wav", 0, "1.1"), ("call_1.1.wav", 0, "1.1")),  # renamed, all of it this time
        (("call.wav", 0, "1.1"), ("call.mp3", 0.4, "1.1")),
    ],
)
def test_the_content_of_one_call_is_replaced_wherever_its_file_is(
    journal: Journal, one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    at_path(journal, one[0], O.DOES_NOT_EXIST, *one[1:])
    assert journal.contact("1001").incorrect_contact
    at_path(journal, other[0], O.BUSY_TONE, *other[1:])
    card = journal.contact("1001")
    assert (card.incorrect_contact, card.n_counted) == (False, 1)
    at_path(journal, one[0], O.DOES_NOT_EXIST, *one[1:])  # and its first content again
    card = journal.contact("1001")
    assert (card.incorrect_contact, card.n_counted) == (True, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1.wav", 0, "1.1"), ("1.wav", 0, "1.2")),
        (("1.wav", 0, "1.1"), ("1.wav", 86400, "1.1")),  # the recorder began to count anew
        (("1.wav", 0, None), ("1.wav", 20, None)),
        (("spool/1.wav", 0, None), ("spool/2.wav", 20, None)),
        (("a/1.wav", 12 * 3600, None), ("b/1.wav", 12 * 3600, None)),  # a day without a time
    ],
)
def test_what_may_be_two_calls_replaces_nothing(
    journal: Journal, one: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    at_path(journal, one[0], O.DOES_NOT_EXIST, *one[1:])
    at_path(journal, other[0], O.BUSY_TONE, *other[1:])
    assert len(marks(journal)) == 1
    assert journal.contact("1001").n_counted == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("7-in.wav", "7-out.wav"),
        ("7-out.wav", "7.wav"),
        ("7_RX.wav", "7_TX.wav"),
        ("7 клиент.wav", "7 оператор.wav"),
        ("1763793015.42.wav", "1763793015.42-1.wav"),
        ("a/in.wav", "b/out.wav"),
    ],
)
def test_the_two_sides_of_a_call_both_stand(journal: Journal, one: str, other: str) -> None:
    at_path(journal, one, O.DOES_NOT_EXIST, 0, "1.1")
    at_path(journal, other, O.BUSY_TONE, 0.2, "1.1")
    assert len(marks(journal)) == 1
    assert journal.contact("1001").n_counted == 1


# --- the same bytes, another call ---


def silent(
    journal: Journal, at: dt.datetime | None, call_id: str | None = None, **more: Any
) -> Any:
    return journal.record_attempt(
        heard(O.SILENCE, "calls/silent.wav"),
        number=NUMBER,
        digest="s" * 64,
        called_at=at,
        call_id=call_id,
        **more,
    )


@pytest.mark.parametrize(
    ("moments", "ids"),
    [
        ((0, 60, 120), ("", "", "")),
        ((120, 60, 0), ("", "", "")),
        ((0, 86400, 2 * 86400), ("", "", "")),
        ((0, 0, 0), ("1.1", "1.2", "1.3")),
        ((None, None, None), ("1.1", "1.2", "1.3")),
        ((0, 86400, 2 * 86400), ("1.1", "1.1", "1.1")),  # a recorder that counts anew every day
        ((0, 60, 120), ("1.1", "1.2", "1.3")),
    ],
)
def test_three_silent_calls_with_the_same_bytes_reach_attempt_three(
    journal: Journal, moments: tuple[int | None, ...], ids: tuple[str, ...]
) -> None:
    for _ in range(2):  # and the same recordings again are no more calls
        for seconds, call_id in zip(moments, ids, strict=True):
            at = None if seconds is None else MORNING + dt.timedelta(seconds=seconds)
            silent(journal, at, call_id or None)
        card = journal.contact("1001")
        assert (card.n_counted, card.status) == (3, "Недоступен")
        assert not card.incorrect_contact
    history = journal.history("1001")
    assert sorted(a.decision.decision.attempt for a in history if a.decision) == [1, 2, 3]
    assert {attempt.digest for attempt in history} == {"s" * 64}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "1.1"), (60, "1.1")),  # the same call, its moment written twice differently
        ((0, ""), (0, "")),
        ((0, ""), (4, "")),  # the recording is five seconds long
        ((None, ""), (0, "")),
        ((0, ""), (None, "")),
        ((None, ""), (None, "")),
        ((None, "1.1"), (0, "")),
    ],
)
def test_what_is_not_known_to_be_another_call_is_the_same(
    journal: Journal, one: tuple[int | None, str], other: tuple[int | None, str]
) -> None:
    for seconds, call_id in (one, other):
        at = None if seconds is None else MORNING + dt.timedelta(seconds=seconds)
        silent(journal, at, call_id or None)
    assert journal.contact("1001").n_counted == 1
