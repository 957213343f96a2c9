"""Real disks that fill under a server: for its state, its journal, the page's kept recordings."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FakeRecognizer
from fastapi.testclient import TestClient
from small_disk import SmallDisk, small_disk

from recognizer.base.settings import ServerSettings, Settings
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.web import app as application
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys

pytestmark = pytest.mark.system


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "small") as disk:
        yield disk


def eventually(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "_SETTLE_EVERY_S", 0.2)


def client_with(state: Path, journal: Journal) -> TestClient:
    (_, secret) = ApiKeys(state / "api_keys.json").create("test")
    settings = Settings(server=ServerSettings(state_dir=state))
    app = create_app(settings, recognizer=FakeRecognizer(), journal=journal)
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})


def classify(client: TestClient, content: bytes = b"busy_tone", **asked: Any) -> Any:
    return client.post("/api/v1/classifications", content=content, params=asked)


def test_state(tmp_path: Path, disk: SmallDisk) -> None:
    state = disk.folder / "state"
    with (
        Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal,
        client_with(state, journal) as client,
    ):
        assert classify(client).status_code == 200
        assert client.get("/health/ready").status_code == 200
        disk.fill()
        assert client.get("/health/ready").status_code == 503
        for _ in range(3):
            answer = classify(client, b"busy_tone " + b"." * 9000)
            assert answer.status_code == 503
            assert "Retry-After" in answer.headers
            assert "cannot keep recordings now" in answer.json()["error"]["message"]
        assert list((state / "uploads").iterdir()) == []
        assert client.get("/health/live").status_code == 200
        disk.free()
        assert client.get("/health/ready").status_code == 200
        assert classify(client).json()["outcome"] == "busy_tone"
        states = {job["state"] for job in client.get("/api/v1/jobs").json()["jobs"]}
        assert states == {"done"}


def test_journal(disk: SmallDisk, tmp_path: Path) -> None:
    path = disk.folder / "journal.sqlite3"
    with (
        Journal.open(f"sqlite:///{path}") as journal,
        client_with(tmp_path / "state", journal) as client,
    ):
        journal.upsert_contact(ContactCard(ref="K-1"))
        disk.fill()
        required = classify(client, b"busy_tone required", contact="K-1", journal="required")
        assert required.status_code == 503
        owed = classify(client, b"busy_tone owed", contact="K-1")
        assert owed.status_code == 200
        assert "full" in owed.json()["journal_error"]["message"]
        disk.free()
        eventually(lambda: journal.count_attempts() == 1, "what is owed is recorded")
        again = classify(client, b"busy_tone required", contact="K-1", journal="required")
        assert again.json()["journal"]["is_new"] is True
        uploads = tmp_path / "state" / "uploads"
        eventually(lambda: list(uploads.iterdir()) == [], "nothing is owed any more")
        assert journal.count_attempts() == 2
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
