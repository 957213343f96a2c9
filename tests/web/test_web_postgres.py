"""The page and the API over PostgreSQL: one shift, from the upload to the count of the day."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient
from page_calls import PASSWORD, ScriptedRecognizer, add_users, page_settings, recording

from recognizer.base.settings import JournalSettings
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys

NUMBER = "8 (926) 555-01-02"  # of the card C-1
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("journal_url", ["postgres"], indirect=True),
]


@pytest.fixture
def client(tmp_path: Path, journal_url: str) -> Iterator[TestClient]:
    """A server that opened the journal itself, as `recognizer serve` does."""
    with Journal.open(journal_url) as journal:
        add_users(journal)
        journal.upsert_contact(ContactCard(ref="C-1", trusted_phone="+7 926 555-01-02"))
    settings = msgspec.structs.replace(
        page_settings(tmp_path), journal=JournalSettings(url=journal_url)
    )
    app = create_app(settings, recognizer=ScriptedRecognizer())
    with TestClient(app, headers={"Accept": "text/html"}, base_url="http://127.0.0.1") as client:
        yield client


def sign_in(client: TestClient, who: str) -> str:
    answer = client.post("/sign-in", data={"login": who, "password": PASSWORD})
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
    assert token is not None, answer.text
    return token.group(1)


def upload(client: TestClient, csrf: str, name: str, seed: int) -> str:
    """Upload a call to the card's number and wait; return the finished line."""
    answer = client.put(
        "/uploads",
        params={"name": name, "whose": NUMBER},
        content=recording(seed=seed),
        headers={"X-CSRF-Token": csrf},
    )
    for _ in range(500):
        state = client.get(answer.json()["address"])
        if state.status_code == 200:
            return state.text
        time.sleep(0.02)
    raise AssertionError("never finished")


def test_an_operators_calls_reach_the_card_and_the_supervisors_overview(
    client: TestClient,
) -> None:
    csrf = sign_in(client, "operator")
    lines = [upload(client, csrf, f"busy_tone--{n}.wav", n) for n in (1, 2, 3)]
    assert "попытка\xa03 из\xa03, поставить статус" in lines[-1]
    upload(client, csrf, "unsure--4.wav", 4)
    shown = client.get("/queue")
    waiting = shown.url.path
    version = re.search(r'name="version" value="([^"]+)"', shown.text)
    assert version is not None
    corrected = client.post(
        f"/calls/{waiting.rpartition('/')[2]}/correct",
        data={
            "csrf": csrf,
            "outcome": "temporarily_blocked",
            "place": "queue",
            "version": version[1],
        },
    )
    assert "Очередь пуста" in corrected.text
    found = client.get("/calls", params={"text": NUMBER}).text
    assert set(re.findall(r"--(\d)\.wav", found)) == {"1", "2", "3", "4"}
    proposed = client.post(
        "/phrases",
        data={"csrf": csrf, "text": "аппарат изъят из обращения", "outcome": "not_in_service"},
    )
    assert "Предложение отправлено" in proposed.text

    client.cookies.clear()
    csrf = sign_in(client, "supervisor")
    overview = client.get("/overview?period=today").text
    assert re.search(r"<dt>Звонков</dt><dd>4</dd>", overview)
    table = client.post("/export.csv", data={"csrf": csrf}).content.decode("utf-8-sig")
    assert table.count("\n") == 5  # a heading and four calls

    client.cookies.clear()
    sign_in(client, "administrator")
    assert "busy_tone--1.wav" in client.get("/audit").text


def test_a_program_hands_in_a_call_and_reads_card_and_attempts(
    client: TestClient, tmp_path: Path
) -> None:
    _, secret = ApiKeys(tmp_path / "state" / "api_keys.json").create("crm")
    client.headers["Authorization"] = f"Bearer {secret}"
    for attempt in (1, 2):
        answer = client.post(
            "/api/v1/classifications",
            params={"name": f"busy_tone--{attempt}.wav", "number": NUMBER},
            content=recording(seed=attempt),
        )
        assert answer.json()["decision"]["attempt"] == attempt
    card = client.get("/api/v1/contacts/C-1").json()
    assert (card["phones"], card["n_counted"]) == (["+79265550102"], 2)
    assert len(client.get("/api/v1/contacts?query=926 555").json()["contacts"]) == 1
    attempts = client.get("/api/v1/attempts", params={"number": NUMBER}).json()["attempts"]
    assert [each["decision"]["attempt"] for each in attempts] == [2, 1]
    assert client.get("/api/v1/overview").json()["n_attempts"] == 2
