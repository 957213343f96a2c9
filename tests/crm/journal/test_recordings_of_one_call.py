"""A call of which there are two recordings is one attempt, as far as its moment or ids tell."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from journal_reports import MORNING, day, heard

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

O = CallOutcome  # noqa: E741 - a table of outcomes reads better
NUMBER = "+79261234567"
SECOND = dt.timedelta(seconds=1)
MIDNIGHT = MORNING.replace(hour=21)  # in Moscow


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    with Journal.open(journal_url) as opened:
        opened.upsert_contact(ContactCard(ref="1001", mobile_phone=NUMBER))
        yield opened


def record(
    journal: Journal,
    name: str,
    at: dt.datetime | None,
    *,
    call_id: str | None = None,
    outcome: CallOutcome = O.BUSY_TONE,
    number: str = NUMBER,
) -> Any:
    return journal.record_attempt(
        heard(outcome, f"{name}.wav"), number=number, digest=name, called_at=at, call_id=call_id
    )


def numbers(journal: Journal) -> list[int]:
    return sorted(a.decision.decision.attempt for a in journal.history("1001") if a.decision)


@pytest.mark.parametrize("number", [NUMBER, "+79265550199"])
@pytest.mark.parametrize("ids", [(None, None), ("1.1", None), (None, "1.1"), ("1.1", "1.1")])
def test_two_recordings_that_began_in_one_second_are_one_attempt(
    journal: Journal, ids: tuple[str | None, str | None], number: str
) -> None:
    for n, (name, call_id) in enumerate(zip(("in", "out"), ids, strict=True)):
        at = MORNING + n * SECOND / 4
        made = record(journal, name, at, call_id=call_id, number=number)
        assert made.is_new
        assert made.decision.decision.attempt == 1
    following = record(journal, "next", day(1), number=number)
    assert following.decision.decision.attempt == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((MORNING, "1.1"), (MORNING, "1.2")),  # two lines at once
        ((MORNING, None), (MORNING + SECOND, None)),
        ((None, None), (None, None)),
        ((MORNING, None), (None, None)),
        ((None, "1.1"), (None, None)),
        ((MIDNIGHT - day(0) + day(-1), None),) * 2,  # a day without a time
    ],
)
def test_what_is_not_known_to_be_one_call_is_two_attempts(
    journal: Journal, one: tuple[Any, str | None], other: tuple[Any, str | None]
) -> None:
    for name, (at, call_id) in zip(("a", "b"), (one, other), strict=True):
        record(journal, name, at, call_id=call_id)
    assert numbers(journal) == [1, 2]


@pytest.mark.parametrize("order", list(itertools.permutations(range(6)))[::79])
def test_three_calls_of_two_recordings_each_are_three_attempts_in_any_order(
    journal: Journal, order: tuple[int, ...]
) -> None:
    calls = [(f"{side}{n}", day(n - 3)) for n in range(3) for side in ("in", "out")]
    for place in order:
        record(journal, *calls[place])
    assert numbers(journal) == [1, 1, 2, 2, 3, 3]
    card = journal.contact("1001")
    assert (card.n_counted, card.status, card.incorrect_contact) == (3, "Недоступен", False)


def test_a_recording_that_moves_to_another_card_leaves_the_numbers_right(journal: Journal) -> None:
    journal.upsert_contact(ContactCard(ref="1002", mobile_phone="+79265550198"))
    made = [record(journal, name, day(-2)) for name in ("in", "out")]
    record(journal, "next", day(-1))
    journal.move_attempt(made[0].id, "1002", made_by="Анна")
    assert numbers(journal) == [1, 2]
    journal.move_attempt(made[1].id, "1002", made_by="Анна")
    assert numbers(journal) == [1]
    journal.move_attempt(made[1].id, "1001", made_by="Анна")
    assert numbers(journal) == [1, 2]


def test_a_side_on_which_nothing_counts_takes_no_number(journal: Journal) -> None:
    record(journal, "a", MORNING, outcome=O.CALLER_RESTRICTED)
    record(journal, "b", MORNING)
    record(journal, "c", day(1))
    assert numbers(journal) == [1, 1, 2]
    first = journal.history("1001")[0]
    journal.correct(first.id, made_by="Анна", outcome=O.RINGBACK_ONLY)
    assert numbers(journal) == [1, 1, 2]
