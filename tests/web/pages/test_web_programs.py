"""What stands between the page and programs: keys, what CRMs did not take, news, compression."""

from __future__ import annotations

import datetime as dt
import gzip
import html
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call

from recognizer.crm.dispatching import DeliveryError, Dispatcher
from recognizer.crm.journal.recorders import RecorderClock, read_recorders
from recognizer.crm.journal.tables import AttemptRow, RecorderRow
from recognizer.crm.outbox import Outbox
from recognizer.web.pages import wording
from recognizer.web.pages.page import page_of
from recognizer.web.pages.signed_in import SESSION_COOKIE

pytestmark = pytest.mark.page

AUDIO = {"Content-Type": "audio/wav"}


class Person:
    """Somebody at the page, with the server running."""

    def __init__(self, client: TestClient, login: str) -> None:
        self.client = client
        answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        assert found is not None
        self.csrf = found.group(1)

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        answer = self.client.post(path, data={"csrf": self.csrf, **fields})
        return answer.status_code, html.unescape(answer.text)

    def get(self, path: str) -> str:
        return html.unescape(self.client.get(path).text)


@pytest.fixture
def vera(client: TestClient) -> Person:
    return Person(client, "administrator")


# -- API keys ----------------------------------------------------------------------------------


def test_a_key_made_on_the_page_is_shown_once_and_works(app: FastAPI, vera: Person) -> None:
    _, text = vera.post("/keys", name="АТС")
    found = re.search(r"rk_[0-9a-f]{8}_[\w-]{20,}", text)
    assert found is not None
    secret = found.group()
    assert secret not in vera.get("/keys")
    headers = {"Authorization": f"Bearer {secret}"}
    program = TestClient(app, base_url="http://127.0.0.1")
    assert program.get("/api/v1/overview", headers=headers).status_code == 200
    (entry,) = page_of(app).access.audit(limit=1)
    assert (entry.action, entry.target) == ("create_key", "АТС")
    assert secret not in entry.detail
    key = app.state.api_keys.all()[0]
    assert "Ключ отозван" in vera.post(f"/keys/{key.id}/revoke")[1]
    assert program.get("/api/v1/overview", headers=headers).status_code == 401
    assert vera.post(f"/keys/{key.id}/revoke")[0] == 409
    assert page_of(app).access.audit(limit=1)[0].action == "revoke_key"


def test_a_second_key_of_one_name_is_refused(vera: Person) -> None:
    vera.post("/keys", name="АТС")
    status, text = vera.post("/keys", name="АТС")
    assert status == 400
    assert "уже есть" in text


@pytest.mark.parametrize("path", ["/keys", "/outbox"])
def test_only_an_administrator_sees_programs(client: TestClient, path: str) -> None:
    boris = Person(client, "supervisor")
    assert client.get(path).status_code == 403
    assert boris.post("/keys", name="x")[0] == 403
    assert boris.post("/outbox/retry")[0] == 403


# -- what a CRM did not take -------------------------------------------------------------------


class Refusing:
    """A CRM that takes nothing, until it does."""

    name = "crm"

    def __init__(self) -> None:
        self.is_up = False
        self.told: list[Any] = []

    def deliver(self, event: Any) -> None:
        if not self.is_up:
            raise DeliveryError("expected 2xx, found 403 WRONG_AUTH_TYPE", is_final=True)
        self.told.append(event)


def test_dead_letters_are_seen_and_sent_again_once(app: FastAPI, vera: Person) -> None:
    crm = Refusing()
    outbox = Outbox(page_of(app).journal.database)
    dispatcher = Dispatcher(outbox, [crm])
    dispatcher.run_once()
    calls = [add_call(app, f"busy_tone--{n}.wav") for n in range(3)]
    while dispatcher.run_once():
        pass
    text = vera.get("/outbox")
    assert "WRONG_AUTH_TYPE" in text
    assert all(f'href="/calls/{call}"' in text for call in calls)
    first = outbox.parcels("dead")[-1]
    assert "Будет отправлено" in vera.post(f"/outbox/{first.id}/retry")[1]
    assert vera.post(f"/outbox/{first.id}/retry")[0] == 409
    crm.is_up = True
    vera.post("/outbox/retry")
    while dispatcher.run_once():
        pass
    assert sorted(event["call"] for event in crm.told) == calls
    assert "Всё доставлено" in vera.get("/outbox")


# -- news --------------------------------------------------------------------------------------


def test_news_are_asked_for_without_being_sent_again(app: FastAPI, client: TestClient) -> None:
    Person(client, "operator")
    answer = client.get("/news")
    assert answer.json() == {"newest": 0, "waiting": 0, "silent_since": ""}
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/news", headers=tag).status_code == 304
    call = add_call(app, "unsure--1.wav")
    answer = client.get("/news", headers=tag)
    assert (answer.status_code, answer.json()["newest"], answer.json()["waiting"]) == (200, call, 1)


def test_a_recorder_that_fell_silent_is_named_by_its_last_call(
    app: FastAPI, client: TestClient
) -> None:
    Person(client, "operator")
    call = add_call(app, "busy_tone--1.wav")
    for hours, is_silent in ((0.5, False), (2, True), (24 * 8, False)):
        moment = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
        with page_of(app).journal.database.writing() as session:
            session.execute(
                sa.update(AttemptRow).where(AttemptRow.id == call).values(recorded_at=moment)
            )
        assert bool(client.get("/news").json()["silent_since"]) == is_silent


def test_each_recorder_falls_silent_by_itself_and_is_named(
    app: FastAPI, client: TestClient
) -> None:
    Person(client, "operator")
    add_call(app, "busy_tone--1.wav")
    database = page_of(app).journal.database
    now = dt.datetime.now(dt.UTC)
    quiet = {("folder", "/записи/первая"): 0.5, ("key", "АТС"): 3, ("live", "pbx"): 24 * 8}
    for (kind, name), hours in quiet.items():
        with database.writing() as session:
            heard_at = now - dt.timedelta(hours=hours)
            session.add(RecorderRow(kind=kind, name=name, heard_at=heard_at))
    at = wording.moment_in(now - dt.timedelta(hours=3), page_of(app).office.timezone)
    assert client.get("/news").json()["silent_since"] == f"{at} (программа «АТС»)"
    RecorderClock(database).hear("key", "АТС")
    assert client.get("/news").json()["silent_since"] == ""


def test_a_key_that_hands_in_calls_is_a_recorder(app: FastAPI, client: TestClient) -> None:
    _, secret = app.state.api_keys.create("АТС на складе")
    headers = {"Authorization": f"Bearer {secret}"}
    for whose, names in (({}, []), ({"number": "89265550102"}, ["АТС на складе"])):
        answer = client.post(
            "/api/v1/classifications", params=whose, content=b"RIFF", headers=headers | AUDIO
        )
        assert answer.status_code == 200, answer.text
        recorders = read_recorders(page_of(app).journal.database)
        assert [(one.kind, one.name) for one in recorders] == [("key", name) for name in names]


def test_what_cannot_be_noted_costs_no_call(app: FastAPI) -> None:
    clock = RecorderClock(page_of(app).journal.database)
    page_of(app).journal.close()
    with closing(sqlite3.connect(str(page_of(app).journal.database.engine.url.database))) as other:
        other.execute("DROP TABLE recorders")
    clock.hear("folder", "x")


def test_a_page_that_only_asks_for_news_keeps_no_session_alive(
    app: FastAPI, client: TestClient
) -> None:
    Person(client, "operator")
    token = client.cookies[SESSION_COOKIE]
    access = page_of(app).access
    before = access.session(token, prolongs=False)
    later = access._sessions._clock() + 120
    access._sessions._clock = lambda: later
    client.get("/news")
    after = access.session(token, prolongs=False)
    assert before is not None
    assert after is not None
    assert after.expires_at_s == before.expires_at_s


# -- compression -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "is_compressed"),
    [
        ("same-origin", True),
        ("none", True),
        ("cross-site", False),
        ("same-site", False),
        ("", False),
    ],
)
def test_nothing_is_compressed_that_another_site_asked_for(
    app: FastAPI, client: TestClient, site: str, is_compressed: int
) -> None:
    Person(client, "operator")
    for n in range(5):
        add_call(app, f"unsure--{n}.wav")
    headers = {"Accept-Encoding": "gzip"} | ({"Sec-Fetch-Site": site} if site else {})
    with client.stream("GET", "/calls?text=unsure", headers=headers) as answer:
        body = b"".join(answer.iter_raw())
    assert (answer.headers.get("Content-Encoding") == "gzip") == is_compressed
    assert "Звонки" in (gzip.decompress(body) if is_compressed else body).decode()


def test_sound_is_sent_as_it_is(app: FastAPI, client: TestClient) -> None:
    Person(client, "operator")
    call = add_call(app, "unsure--1.wav", sound=True)
    headers = {"Sec-Fetch-Site": "same-origin", "Accept-Encoding": "gzip", "Range": "bytes=0-99"}
    answer = client.get(f"/calls/{call}/audio.wav", headers=headers)
    assert (answer.status_code, len(answer.content)) == (206, 100)
    assert "Content-Encoding" not in answer.headers


# -- from a list to a call, and back -----------------------------------------------------------


def test_a_call_leads_to_those_beside_it_in_the_list_it_was_opened_from(
    app: FastAPI, client: TestClient
) -> None:
    anna = Person(client, "operator")
    first = add_call(app, "blocked-for-now--1.wav")
    add_call(app, "busy_tone--1.wav")
    third = add_call(app, "blocked-for-now--2.wav")
    text = anna.get("/calls?outcome=temporarily_blocked")
    (opened,) = re.findall(rf'href="(/calls/{first}\?among=[^"]+)"', text)
    text = anna.get(opened)
    assert 'href="/calls?outcome=temporarily_blocked">К списку' in text
    (newer,) = re.findall(r'href="([^"]+)" data-previous', text)
    assert newer.startswith(f"/calls/{third}?")
    assert "data-next" not in text
    text = anna.get(newer)
    (older,) = re.findall(r'href="([^"]+)" data-next', text)
    assert older.startswith(f"/calls/{first}?")


def test_an_opened_number_can_be_dialled_and_copied(app: FastAPI, client: TestClient) -> None:
    anna = Person(client, "operator")
    call = add_call(app, "busy_tone--1.wav", number="8 (926) 555-01-02")
    assert "tel:" not in anna.get(f"/calls/{call}")
    _, text = anna.post(f"/calls/{call}/number")
    assert 'href="tel:+79265550102"' in text
    assert 'data-copy="whole-number"' in text
