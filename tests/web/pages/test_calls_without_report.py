"""A call whose report was purged, or that a person only stated, is shown like any other."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call

import recognizer
from recognizer.crm.contacts import ContactCard
from recognizer.model import CallOutcome
from recognizer.web.pages import wording
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

PLACES = ("audio", "signals", "batch")
KIND = re.compile(r'kind="(\w+)"|_LostError\("(\w+)"|CHANGED = "(\w+)"')


def sign_in(client: TestClient) -> None:
    client.post("/sign-in", data={"login": "supervisor", "password": PASSWORD})


def purge_all(app: FastAPI) -> None:
    page_of(app).journal.purge(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))


@pytest.mark.parametrize("is_purged", [False, True])
@pytest.mark.parametrize("correction", [None, CallOutcome.LIVE_PERSON])
def test_a_stated_call_is_shown(
    app: FastAPI, client: TestClient, *, is_purged: bool, correction: CallOutcome | None
) -> None:
    journal = page_of(app).journal
    journal.upsert_contact(ContactCard(ref="12345", trusted_phone="+7 905 770-89-45"))
    stated = journal.record_statement("12345", "no-dialogue", made_by="operator7")
    if correction is not None:
        journal.correct(stated.id, made_by="operator7", outcome=correction)
    if is_purged:
        purge_all(app)
    sign_in(client)
    for path in ("/calls", f"/calls/{stated.id}", "/open?card=12345", "/queue", "/overview"):
        answer = client.get(path)
        assert answer.status_code == 200, path
    assert "Запись без имени" in client.get("/calls").text


@pytest.mark.parametrize("kind", ["busy_tone", "voicemail", "does_not_exist", "live_person"])
def test_a_purged_call_is_shown(app: FastAPI, client: TestClient, kind: str) -> None:
    call = add_call(app, f"{kind}--1.wav", sound=True)
    purge_all(app)
    sign_in(client)
    for path in ("/calls", f"/calls/{call}", "/queue", "/overview"):
        assert client.get(path).status_code == 200, path
    page = client.get(f"/calls/{call}").text
    assert wording.OUTCOME_NAMES[CallOutcome(kind)] in page
    assert "Запись без имени" in page


def kinds_of_damaged_recordings() -> set[str]:
    """Return the kinds of errors that hearing a recording can end with, as the code names them."""
    root = Path(recognizer.__file__).parent
    texts = (path.read_text() for place in PLACES for path in (root / place).rglob("*.py"))
    return {name for text in texts for found in KIND.findall(text) for name in found if name}


def test_every_error_of_a_recording_says_in_russian_what_to_do() -> None:
    kinds = kinds_of_damaged_recordings()
    assert {"empty_file", "time_limit", "worker_crashed", "changed", "unsupported"} <= kinds
    assert kinds <= set(wording.ERROR_ADVICE)
