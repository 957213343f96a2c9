"""A real PostgreSQL that is stopped, its connections still there: everybody is told so, soon."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from page_calls import PASSWORD, ScriptedRecognizer, add_users, page_settings, recording
from postgres_server import find_binaries, running_postgres, stopped

from recognizer.base.errors import JournalError
from recognizer.base.settings import JournalSettings
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal import silence
from recognizer.crm.journal.journal import Journal
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
SOON_S = 15.0  # a question whether the connection lives, and another connection, on a busy machine


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(silence, "_PING_S", 1.0)
    monkeypatch.setattr(silence.BoundedConnection, "answer_s", 2.0)
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server installed (Debian package postgresql)")
    with running_postgres(binaries) as url:
        yield f"{url}&connect_timeout=2"


@pytest.fixture
def stop(url: str) -> Callable[[], AbstractContextManager[None]]:
    return lambda: stopped(url.partition("&")[0])


def sign_in(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"login": "operator", "password": PASSWORD})
    assert re.search('name="csrf-token"', answer.text), answer.text


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/api/v1/contacts/C-1"),
        ("GET", "/api/v1/attempts"),
        ("POST", "/api/v1/classifications?contact=C-1"),
        ("POST", "/api/v1/jobs?contact=C-1"),
        ("GET", "/calls"),
        ("GET", "/health/ready"),
    ],
)
def test_whoever_asks_is_told_soon(
    url: str,
    stop: Callable[[], AbstractContextManager[None]],
    tmp_path: Path,
    method: str,
    address: str,
) -> None:
    with Journal.open(url) as journal:
        add_users(journal)
        journal.upsert_contact(ContactCard(ref="C-1", trusted_phone="+7 926 555-01-02"))
    settings = msgspec.structs.replace(page_settings(tmp_path), journal=JournalSettings(url=url))
    app = create_app(settings, recognizer=ScriptedRecognizer())
    _, key = ApiKeys(settings.server.state_folder / "api_keys.json").create("test")
    is_program = address.startswith("/api/")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "audio/wav"} if is_program else {}
    content = recording(seed=1) if method == "POST" else None

    with TestClient(app, base_url="http://127.0.0.1") as client:
        if address == "/calls":
            sign_in(client)

        def ask() -> tuple[int, str, float]:
            began_s = time.monotonic()
            answer = client.request(method, address, content=content, headers=headers)
            return answer.status_code, answer.text, time.monotonic() - began_s

        assert ask()[0] < 400
        with stop():
            with ThreadPoolExecutor(8) as askers:
                answers = [each.result() for each in [askers.submit(ask) for _ in range(8)]]
            assert {status for status, *_ in answers} == {503}
            assert max(took_s for *_, took_s in answers) < SOON_S
            assert client.get("/health/live").status_code == 200
        if is_program:
            assert "does not answer" in answers[0][1]
        end_s = time.monotonic() + 30
        while ask()[0] >= 400 or client.get("/health/ready").status_code != 200:
            assert time.monotonic() < end_s


def test_an_upload_is_not_held_up_by_noting_who_sent_it(
    url: str, stop: Callable[[], AbstractContextManager[None]], tmp_path: Path
) -> None:
    with Journal.open(url):
        pass
    settings = msgspec.structs.replace(page_settings(tmp_path), journal=JournalSettings(url=url))
    app = create_app(settings, recognizer=ScriptedRecognizer())
    _, key = ApiKeys(settings.server.state_folder / "api_keys.json").create("test")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "audio/wav"}
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client, stop():
        began_s = time.monotonic()
        answer = client.post("/api/v1/jobs?number=%2B79265550102", content=recording(seed=1))
        assert answer.status_code == 202
        assert time.monotonic() - began_s < 5.0


def test_a_statement_on_its_way_ends_and_the_next_does_not_wait(
    url: str, stop: Callable[[], AbstractContextManager[None]]
) -> None:
    with Journal.open(url) as journal:
        began, problems = threading.Event(), []

        def ask() -> None:
            with journal.database.reading() as session:
                session.execute(sa.text("SELECT 1"))
                began.set()
                session.execute(sa.text("SELECT pg_sleep(3600)"))

        def noted() -> None:
            try:
                ask()
            except JournalError as problem:
                problems.append(str(problem))

        asking = threading.Thread(target=noted)
        asking.start()
        assert began.wait(20)
        with stop():
            asking.join(SOON_S)
            assert not asking.is_alive()
        assert "does not answer" in problems[0]
        assert journal.count_attempts() == 0


def test_what_changes_a_schema_takes_its_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_STATEMENT_S", 0.5)
    monkeypatch.setattr(silence.BoundedConnection, "answer_s", 0.7)
    with Journal.open(url) as journal, journal.database.engine.begin() as connection:
        with silence.taking_its_time(connection):
            connection.execute(sa.text("SELECT pg_sleep(2)"))
        connection.execute(sa.text("SET LOCAL statement_timeout = 500"))
        with pytest.raises(sa.exc.OperationalError, match="statement timeout"):
            connection.execute(sa.text("SELECT pg_sleep(2)"))
