"""Whatever two people do at the page, in whatever order, from whatever stale window.

No comment is lost, no call is doubled, and a call stands as what it was heard as, or as what the
last person meant it to be who saw it as it was: so no card is marked that nobody chose.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from page_calls import PASSWORD, add_call, page_app

from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.states import call_states
from recognizer.crm.journal.tables import CallStateRow
from recognizer.model import CallOutcome
from recognizer.web.pages.page import page_of
from recognizer.web.pages.wording import MARKING

pytestmark = [pytest.mark.property, pytest.mark.slow]

CARDS = ("C-1", "C-2")
CALLS = ("unsure--1", "unsure--2", "unsure--3", "no-such-number--1", "person--1", "damaged--1")
PEOPLE = ("operator", "supervisor")
OUTCOMES = (
    CallOutcome.BLOCKED,
    CallOutcome.DOES_NOT_EXIST,
    CallOutcome.TEMPORARILY_BLOCKED,
    CallOutcome.VOICEMAIL,
)
person_of = st.sampled_from(PEOPLE)
call_at = st.integers(0, len(CALLS) - 1)


class TwoPeople(RuleBasedStateMachine):
    """Two browsers, a few calls of two cards, and what each browser last saw of them."""

    def __init__(self) -> None:
        super().__init__()
        self.open = contextlib.ExitStack()
        folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.app = page_app(Path(folder))
        self.open.callback(self.app.state.journal.close)
        self.open.enter_context(TestClient(self.app))  # the server runs
        self.journal = page_of(self.app).journal
        for n, ref in enumerate(CARDS):
            self.journal.upsert_contact(
                ContactCard(ref=ref, trusted_phone=f"+7926555010{n}", comments=f"до нас: {ref}")
            )
        self.calls = [
            add_call(self.app, f"{name}.wav", sound=True, contact=CARDS[n % 2])
            for n, name in enumerate(CALLS)
        ]
        self.clients: dict[str, tuple[TestClient, str]] = {}
        for login in PEOPLE:
            client = TestClient(
                self.app, headers={"Accept": "text/html"}, base_url="http://127.0.0.1"
            )
            answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
            token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
            assert token is not None
            self.clients[login] = (client, token.group(1))
        self.seen: dict[tuple[str, int], tuple[str, str]] = {}
        self.meant: dict[int, list[tuple[int, CallOutcome]]] = {call: [] for call in self.calls}
        self.comments: dict[str, set[str]] = {ref: set() for ref in CARDS}
        self.last: tuple[str, str, Mapping[str, Any]] | None = None
        self.batch = ""

    def teardown(self) -> None:
        self.open.close()

    # -- what people do --

    def send(self, who: str, path: str, fields: Mapping[str, Any]) -> tuple[int, str]:
        client, csrf = self.clients[who]
        answer = client.post(path, data={**fields, "csrf": csrf})
        assert answer.status_code < 500, answer.text
        self.last = (who, path, fields)
        self.learn()
        return answer.status_code, answer.text

    def learn(self) -> None:
        """Note what people meant by the new corrections, by whoever's hand they came."""
        for call in self.calls:
            standing = [
                (said.id, said.outcome)
                for said in self.journal.corrections(call)
                if said.outcome is not None and not said.is_withdrawn
            ]
            known = {number for number, _ in self.meant[call]}
            added = [one for one in standing if one[0] not in known]
            assert len(added) <= 1, "one action said two things of one call"
            self.meant[call] = [(number, what) for number, what in standing]

    def version(self, who: str, call: int) -> tuple[str, str]:
        return self.seen.setdefault((who, call), self.now(call))

    def now(self, call: int) -> tuple[str, str]:
        attempt = self.journal.attempt(call)
        return attempt.version, attempt.contact_ref or ""

    @rule(who=person_of, at=call_at)
    def look(self, who: str, at: int) -> None:
        """Open a call: from now on this browser knows it as it is."""
        call = self.calls[at]
        assert self.clients[who][0].get(f"/queue/{call}?take=yes").status_code == 200
        self.seen[who, call] = self.now(call)

    @rule(
        who=person_of, at=call_at, outcome=st.sampled_from(OUTCOMES), heard=st.booleans(),
        sure=st.booleans(), accepts=st.booleans(),
    )  # fmt: skip
    def decide(
        self, who: str, at: int, outcome: CallOutcome, *, heard: bool, sure: bool, accepts: bool
    ) -> None:
        call = self.calls[at]
        seen, _ = self.version(who, call)
        is_fresh = seen == self.now(call)[0]
        n_before = len(self.meant[call])
        said = self.journal.attempt(call).outcome if accepts else outcome
        fields = {
            "place": "queue", "version": seen, "heard": "yes" if heard else "",
            "sure": str(said) if sure else "",
        } | ({} if accepts else {"outcome": outcome.value})  # fmt: skip
        self.send(who, f"/calls/{call}/{'accept' if accepts else 'correct'}", fields)
        may_mark = said not in MARKING or heard or sure
        assert len(self.meant[call]) == n_before + (is_fresh and may_mark)
        if is_fresh and may_mark:
            assert self.meant[call][-1][1] == (said or CallOutcome.UNDETERMINED)

    @rule(who=person_of, at=call_at)
    def take_back(self, who: str, at: int) -> None:
        call = self.calls[at]
        if self.meant[call]:
            self.send(who, f"/calls/{call}/withdraw", {"correction": self.meant[call][-1][0]})

    @rule(who=person_of, at=call_at, ref=st.sampled_from([*CARDS, ""]))
    def move(self, who: str, at: int, ref: str) -> None:
        """Give a call another card, or none, beside the card this browser last saw."""
        call = self.calls[at]
        _, seen = self.version(who, call)
        before = self.now(call)[1]
        form = {"ref": ref, "seen": seen} if ref else {"seen": seen}
        self.send(who, f"/calls/{call}/{'card' if ref else 'detach'}", form)
        if seen != before:
            assert self.now(call)[1] == before

    @rule(who=person_of, outcome=st.sampled_from(OUTCOMES), n_chosen=st.integers(0, 3))
    def decide_alike(self, who: str, outcome: CallOutcome, n_chosen: int) -> None:
        """Decide some of the alike calls together, in a window that may be old."""
        alike = self.calls[:3]
        chosen = alike[:n_chosen]
        n_before = {call: len(self.meant[call]) for call in self.calls}
        fields = {
            "chosen": f"alike={alike[0]}", "outcome": outcome.value, "heard": alike,
            "call": [f"{call}:{self.version(who, call)[0]}" for call in chosen],
            "sure": f"{outcome} {' '.join(map(str, sorted(chosen)))}",
        }  # fmt: skip
        _, text = self.send(who, "/queue/together", fields)
        found = re.search(r'name="batch" value="([^"]+)"', text)
        self.batch = found.group(1) if found is not None else self.batch
        for call in self.calls:
            if call not in chosen:
                assert len(self.meant[call]) == n_before[call], "nobody chose this call"

    @precondition(lambda self: self.batch)
    @rule(who=person_of)
    def undo_alike(self, who: str) -> None:
        self.send(who, "/queue/together/undo", {"batch": self.batch})

    @precondition(lambda self: self.last is not None)
    @rule()
    def send_again(self) -> None:
        """A double click, or the page before and Enter: the same form once more."""
        assert self.last is not None
        path = self.last[1]
        before = {call: list(self.meant[call]) for call in self.calls}
        self.send(*self.last)
        if path.endswith(("/accept", "/correct", "/together")):
            assert self.meant == before, "the same form said the same thing twice"

    # -- what must hold --

    @invariant()
    def no_call_is_doubled_or_lost(self) -> None:
        assert self.journal.count_attempts() == len(CALLS)
        assert {one.id for one in self.journal.attempts(limit=50).items} == set(self.calls)

    @invariant()
    def a_call_stands_as_heard_or_as_meant(self) -> None:
        for call in self.calls:
            attempt = self.journal.attempt(call)
            meant = self.meant[call]
            expected = meant[-1][1] if meant else attempt.outcome
            found = None if attempt.decision is None else attempt.decision.outcome
            assert found == expected

    @invariant()
    def a_card_is_marked_for_a_call_that_marks(self) -> None:
        for ref in CARDS:
            history = self.journal.history(ref)
            marks = [
                one for one in history
                if one.decision is not None and one.decision.decision.incorrect_contact
                and one.decision.decision.final
            ]  # fmt: skip
            assert bool(self.journal.contact(ref).incorrect_contact) <= bool(marks)

    @invariant()
    def no_comment_is_lost(self) -> None:
        for ref in CARDS:
            lines = set(self.journal.contact(ref).card.comments.splitlines())
            assert self.comments[ref] <= lines
            self.comments[ref] = lines
            assert f"до нас: {ref}" in lines

    @invariant()
    def lists_say_what_the_journal_says(self) -> None:
        columns = [column.name for column in CallStateRow.__table__.columns]
        with self.journal.database.reading() as session:
            kept = session.execute(
                sa.select(*(getattr(CallStateRow, name) for name in columns)).order_by(
                    CallStateRow.attempt_id
                )
            ).all()
            made_anew = session.execute(call_states().order_by("attempt_id")).all()
        assert [tuple(row) for row in kept] == [tuple(row) for row in made_anew]


TwoPeople.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
TestTwoPeople = TwoPeople.TestCase
