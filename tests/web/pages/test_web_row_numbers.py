"""Numbers of rows in addresses and forms: what is none, or none a database holds, finds nothing."""

from __future__ import annotations

import json
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, version_of

from recognizer.web.pages.page import page_of
from recognizer.web.parameters import read_id

pytestmark = pytest.mark.page
NO_ROW = ("9" * 30, "9" * 5000, str(2**63), "-1", "0", "", " 1", "1_0", "٣", "²", "1.0", "0x1")


def sign_in(client: TestClient) -> str:
    answer = client.post("/sign-in", data={"login": "operator", "password": PASSWORD})
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
    assert token is not None
    return token.group(1)


@pytest.mark.parametrize("text", NO_ROW)
def test_what_is_no_number_of_a_row_is_none(text: str) -> None:
    assert read_id(text) is None


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_number_of_a_row_is_read(text: str, number: int) -> None:
    assert read_id(text) == number


@pytest.mark.parametrize("wrong", NO_ROW)
def test_an_address_with_no_row_in_it_offers_no_undo_and_breaks_no_page(
    app: FastAPI, client: TestClient, wrong: str
) -> None:
    call = add_call(app, "unsure--1.wav")
    add_call(app, "unsure--2.wav")
    sign_in(client)
    for undo in (f"{wrong}-1", f"{call}-{wrong}", wrong):
        for path in (f"/queue/{call}", "/queue", f"/calls/{call}"):
            answer = client.get(path, params={"undo": undo, "done": "corrected"})
            assert answer.status_code == 200
            assert 'name="correction"' not in answer.text


def test_an_address_with_the_rows_of_an_answer_offers_its_undo(
    app: FastAPI, client: TestClient
) -> None:
    call = add_call(app, "unsure--1.wav")
    other = add_call(app, "unsure--2.wav")
    form = {"csrf": sign_in(client), "outcome": "voicemail", "version": version_of(app, call)}
    client.post(f"/calls/{call}/correct", data=form)
    (said,) = page_of(app).journal.corrections(call)
    shown = client.get(f"/queue/{other}", params={"undo": f"{call}-{said.id}", "done": "corrected"})
    assert re.search(rf'name="correction" value="{said.id}"', shown.text)


@pytest.mark.parametrize("wrong", [text for text in NO_ROW if "." not in text])
def test_a_kept_answer_of_nobody_is_asked_about(client: TestClient, wrong: str) -> None:
    kept = json.dumps([["csrf", f"{wrong}.x"], ["outcome", "voicemail"]])
    form = {"login": "operator", "password": PASSWORD, "kept": kept, "then": "/calls/1/correct"}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 200
    assert "Анна" in answer.text
