"""A journal that answers nothing, or only reads; and requests that the server's stop breaks off."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from fake_recognizer import FakeRecognizer
from fastapi.testclient import TestClient
from real_server import serving

from recognizer.base.errors import JournalError
from recognizer.base.settings import JournalSettings, ServerSettings, Settings
from recognizer.batch.runner import keep_report
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.web import app as application
from recognizer.web.answer_limit import AnswerLimit
from recognizer.web.api import server_routes
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys


def test_silence_is_waited_for_once_and_refused_until_the_answer_came() -> None:
    limit, let_go = AnswerLimit(0.3), threading.Event()
    with pytest.raises(JournalError, match="does not answer"):
        limit.ask(lambda: let_go.wait(20))
    began_s = time.monotonic()
    with pytest.raises(JournalError, match="does not answer"):
        limit.ask(lambda: True)
    assert time.monotonic() - began_s < 0.25
    let_go.set()
    limit._asked.result(20)
    assert limit.ask(lambda: "well") == "well"
    with pytest.raises(ZeroDivisionError):
        limit.ask(lambda: 1 // 0)


@pytest.mark.system
def test_a_call_is_owed_while_the_journal_is_silent_and_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "_RECORD_WAIT_S", 0.5)
    monkeypatch.setattr(application, "_SETTLE_EVERY_S", 0.1)
    let_go, keep = threading.Event(), keep_report

    def silent(*given: object, **more: object) -> object:
        let_go.wait(60)
        return keep(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(application, "keep_report", silent)
    _, secret = ApiKeys(tmp_path / "api_keys.json").create("test")
    settings = Settings(
        server=ServerSettings(state_dir=tmp_path),
        journal=JournalSettings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}"),
    )
    with Journal.of_settings(settings.journal) as journal:
        journal.upsert_contact(ContactCard(ref="1", trusted_phone="+79265550102"))
        app = create_app(settings, recognizer=FakeRecognizer(), journal=journal)
        with TestClient(app, headers={"Authorization": f"Bearer {secret}"}) as client:
            route = "/api/v1/classifications?contact=1"
            answer = client.post(route, content=b"busy_tone").json()
            assert answer["outcome"] == "busy_tone"
            assert "does not answer" in answer["journal_error"]["message"]
            assert app.state.jobs.debts() == (1, 0)
            let_go.set()
            end = time.monotonic() + 30
            while app.state.jobs.debts() != (0, 0):
                assert time.monotonic() < end
                time.sleep(0.05)
            assert journal.count_attempts() == 1


@pytest.mark.postgres
@pytest.mark.parametrize("journal_url", ["postgres"], indirect=True)
def test_a_server_whose_database_is_silent_is_not_ready(
    journal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "_READY_WAIT_S", 0.5)
    let_go, ask = threading.Event(), server_routes._ask
    settings = Settings(server=ServerSettings(state_dir=tmp_path))
    with Journal.open(journal_url) as journal:
        app = create_app(settings, recognizer=FakeRecognizer(), journal=journal)
        with TestClient(app) as client:
            assert client.get("/health/ready").status_code == 200
            monkeypatch.setattr(server_routes, "_ask", lambda _: let_go.wait(60))
            assert client.get("/health/ready").status_code == 503
            let_go.set()
            monkeypatch.setattr(server_routes, "_ask", ask)
            app.state.asking_if_ready._asked.result(20)
            assert client.get("/health/ready").status_code == 200


@pytest.mark.postgres
@pytest.mark.parametrize("journal_url", ["postgres"], indirect=True)
def test_a_connection_that_only_reads_is_given_up(journal_url: str) -> None:
    card = ContactCard(ref="1", trusted_phone="+79265550102")
    with Journal.open(journal_url) as journal:
        with journal.database.engine.begin() as connection:
            connection.execute(sa.text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        with pytest.raises(JournalError, match="read-only"):
            journal.upsert_contact(card)
        journal.upsert_contact(card)
        assert journal.contact("1").card.ref == "1"


@pytest.mark.system
def test_an_upload_that_the_stop_breaks_off_is_to_be_sent_again(tmp_path: Path) -> None:
    settings = Settings(
        server=ServerSettings(state_dir=tmp_path),
        journal=JournalSettings(url=f"sqlite:///{tmp_path / 'journal.sqlite3'}"),
    )
    app = create_app(settings, recognizer=FakeRecognizer())
    with serving(app, timeout_graceful_shutdown=1) as port:
        line = socket.create_connection(("127.0.0.1", port), timeout=20)
        line.sendall(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: audio/wav\r\n"
            b"Content-Length: 100000\r\n\r\nbusy"
        )
        while not app.state.uploads.n_inside:
            time.sleep(0.01)
    with line, line.makefile("rb") as answer:
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 10" in head.lower()
    assert json.loads(body)["error"]["kind"] == "stopping"
    assert list((tmp_path / "uploads").iterdir()) == []
