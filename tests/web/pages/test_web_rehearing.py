"""What the program hears when it hears a recording again is no person's word, anywhere."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, ScriptedRecognizer, add_call

from recognizer.base.errors import JournalError
from recognizer.crm.journal.records import REHEARING, AttemptFilter
from recognizer.crm.outbox import Outbox
from recognizer.model import CallOutcome
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page


def hear_again(app: FastAPI, call: int, name: str) -> None:
    """Record the very recording of a call again, heard as `name` says."""
    digest = page_of(app).journal.attempt(call).digest
    page_of(app).journal.record_attempt(
        ScriptedRecognizer().recognize(name, name=name), digest=digest
    )


def test_a_doubtful_call_heard_again_still_waits_for_a_person(app: FastAPI) -> None:
    page = page_of(app)
    call = add_call(app, "new-wording--1.wav", sound=True)
    hear_again(app, call, "caller_restricted--1.wav")
    (said,) = page.journal.corrections(call)
    assert not said.is_by_person
    assert page.reviews.is_waiting(call)
    assert page.journal.attempt(call).n_corrections == 0
    assert page.journal.attempts(AttemptFilter(is_corrected=True)).items == ()
    assert page.journal.overview().n_corrected == 0


def test_the_queue_of_the_api_keeps_what_only_the_program_heard_again(app: FastAPI) -> None:
    page = page_of(app)
    call = add_call(app, "new-wording--2.wav")
    hear_again(app, call, "person--2.wav")
    assert [one.id for one in page.journal.review_queue().items] == [call]


def test_an_unreadable_recording_that_is_heard_later_is_unreadable_no_more(app: FastAPI) -> None:
    page = page_of(app)
    call = add_call(app, "damaged--1.wav")
    assert page.reviews.is_waiting(call)
    assert [one.id for one in page.journal.review_queue().items] == [call]
    hear_again(app, call, "busy_tone--1.wav")
    assert not page.reviews.is_waiting(call)
    assert page.journal.review_queue().items == ()


def test_taking_a_persons_word_back_leaves_no_sample_of_what_the_program_heard(
    app: FastAPI,
) -> None:
    page = page_of(app)
    call = add_call(app, "new-wording--3.wav", sound=True)
    hear_again(app, call, "caller_restricted--3.wav")
    attempt = page.journal.attempt(call)
    recording = page.recordings.find(attempt)
    page.reviews.correct(attempt, CallOutcome.VOICEMAIL, made_by="Анна", recording=recording)
    assert [row["outcome"] for row in page.clips.rows()] == ["voicemail"]
    page.reviews.withdraw(page.journal.corrections(call)[-1].id, made_by="Анна")
    assert page.clips.rows() == []


def test_nobody_can_speak_in_the_programs_name(app: FastAPI) -> None:
    page = page_of(app)
    call = add_call(app, "new-wording--4.wav")
    with pytest.raises(JournalError, match="what the program calls itself"):
        page.journal.correct(call, made_by=REHEARING, outcome=CallOutcome.VOICEMAIL)


def test_a_call_heard_again_is_no_correction_to_a_crm(app: FastAPI) -> None:
    page = page_of(app)
    call = add_call(app, "no-such-number--5.wav")
    hear_again(app, call, "busy_tone--5.wav")
    decision = page.journal.attempt(call).decision
    assert decision is not None
    told = Outbox(page.journal.database).event(decision.id, "crm")
    assert told["decided_by"] is None
    assert told["event"] != "correction"


def test_the_page_says_that_it_was_the_program(app: FastAPI) -> None:
    call = add_call(app, "new-wording--6.wav", sound=True)
    hear_again(app, call, "caller_restricted--6.wav")
    headers = {"Accept": "text/html"}
    with TestClient(app, headers=headers, base_url="http://127.0.0.1") as client:
        client.post("/sign-in", data={"login": "operator", "password": PASSWORD})
        text = client.get(f"/calls/{call}").text
    assert "Услышано заново" in text
    assert "Проверено людьми" not in text
    assert REHEARING not in text
