"""A server whose journal, disk or clients fail it: nothing is lost without a word."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import soundfile
from fake_recognizer import FakeRecognizer
from fastapi.testclient import TestClient
from real_server import serving
from sqlalchemy.exc import OperationalError

from recognizer.base.errors import JournalError
from recognizer.base.settings import ServerSettings, Settings
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal import database
from recognizer.crm.journal.journal import Journal
from recognizer.web import app as application
from recognizer.web.api import models
from recognizer.web.app import create_app
from recognizer.web.auth.api_keys import ApiKeys
from recognizer.web.connections import limited_protocol
from recognizer.web.jobs.store import JobStore
from recognizer.web.jobs.submissions import QueueFullError
from recognizer.web.jobs.uploads import UploadFolder
from recognizer.web.limits import UploadGate

pytestmark = pytest.mark.system

CARD = ContactCard(ref="K-1", trusted_phone="+7 999 000-00-00", owner="Клиент")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 1)
    monkeypatch.setattr(application, "_SETTLE_EVERY_S", 0.2)
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        journal.upsert_contact(CARD)
        yield journal


@pytest.fixture
def key(tmp_path: Path) -> dict[str, str]:
    (_, secret) = ApiKeys(tmp_path / "state" / "api_keys.json").create("test")
    return {"Authorization": f"Bearer {secret}"}


def app_with(tmp_path: Path, journal: Journal, **settings: Any) -> Any:
    server = ServerSettings(state_dir=tmp_path / "state", **settings)
    return create_app(Settings(server=server), recognizer=FakeRecognizer(), journal=journal)


@pytest.fixture
def client(tmp_path: Path, journal: Journal, key: dict[str, str]) -> Iterator[TestClient]:
    with TestClient(app_with(tmp_path, journal), headers=key) as client:
        yield client


def classify(client: TestClient, content: bytes = b"busy_tone", **asked: Any) -> Any:
    return client.post("/api/v1/classifications", content=content, params=asked)


def eventually(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["deleted", "replaced"])
@pytest.mark.parametrize("whose", [{"contact": "K-1"}, {"number": "+79990000000"}])
def test_a_journal_that_is_gone_is_noticed_refused_and_not_ready(
    client: TestClient, journal: Journal, tmp_path: Path, how: str, whose: dict[str, Any]
) -> None:
    assert classify(client, **whose).status_code == 200
    assert client.get("/health/ready").status_code == 200
    path = tmp_path / "journal.sqlite3"
    before = path.read_bytes()
    path.unlink()
    if how == "replaced":
        path.write_bytes(before)
    answer = classify(client, b"no_answer", **whose)
    assert answer.status_code == 503
    assert "deleted or replaced" in answer.json()["error"]["message"]
    assert "Retry-After" in answer.headers
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200
    assert classify(client).json()["outcome"] == "busy_tone"  # nothing to record
    with pytest.raises(JournalError, match="deleted or replaced"):
        journal.count_attempts()


@pytest.mark.parametrize(
    ("suffix", "fault"), [("-wal", Path.unlink), ("", lambda path: os.truncate(path, 0))]
)
def test_a_journal_whose_files_were_touched_loses_no_call(
    tmp_path: Path, journal: Journal, key: dict[str, str], suffix: str, fault: Callable[[Path], Any]
) -> None:
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(path, tmp_path / "backup")
    with TestClient(app_with(tmp_path, journal), headers=key) as client:
        uploads = tmp_path / "state" / "uploads"
        path = tmp_path / f"journal.sqlite3{suffix}"
        submit = client.app.state.jobs.submit  # type: ignore[attr-defined]

        def submit_and_touch(*arguments: Any, **about: Any) -> Any:
            fault(path)  # after the look at the request, before anything is recorded
            return submit(*arguments, **about)

        client.app.state.jobs.submit = submit_and_touch  # type: ignore[attr-defined]
        owed = classify(client, contact="K-1")
        assert "while it was open" in owed.json()["journal_error"]["message"]
        assert classify(client, contact="K-1").status_code == 503
        assert client.get("/health/ready").status_code == 503
        time.sleep(0.5)
        assert len(list(uploads.iterdir())) == 1
    journal.close()
    if not suffix:
        for name in ("journal.sqlite3-wal", "journal.sqlite3-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        shutil.copyfile(tmp_path / "backup", tmp_path / "journal.sqlite3")
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as again:
        if not suffix:
            again.upsert_contact(CARD)  # the copy is older
        with TestClient(app_with(tmp_path, again), headers=key):
            eventually(lambda: again.count_attempts() == 1, "what was owed is recorded")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("jobs.sqlite3", lambda path: os.truncate(path, 0)),
        ("jobs.sqlite3", lambda path: path.write_bytes(b"x" * 100_000)),
        ("jobs.sqlite3-wal", Path.unlink),
    ],
)
def test_a_state_that_is_spoilt_is_noticed_refused_and_not_ready(
    client: TestClient, tmp_path: Path, name: str, fault: Callable[[Path], Any]
) -> None:
    assert classify(client).status_code == 200
    fault(tmp_path / "state" / name)
    for _ in range(2):
        answer = client.post("/api/v1/jobs", content=b"silence")
        assert answer.status_code == 503
        assert "cannot keep recordings now" in answer.json()["error"]["message"]
        assert client.get("/health/ready").status_code == 503
        assert client.get("/api/v1/jobs").status_code in {200, 503}
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("gone", ["jobs.sqlite3", ""])
def test_a_state_that_is_gone_is_noticed_refused_and_not_ready(
    client: TestClient, tmp_path: Path, gone: str
) -> None:
    assert client.get("/health/ready").status_code == 200
    state = tmp_path / "state"
    if gone:
        (state / gone).unlink()
    else:
        (state / "api_keys.json").rename(tmp_path / "kept")
        shutil.rmtree(state)
        state.mkdir()
        (tmp_path / "kept").rename(state / "api_keys.json")
    for route in ("classifications", "jobs"):
        answer = client.post(f"/api/v1/{route}", content=b"silence")
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert "cannot keep recordings now" in answer.json()["error"]["message"]
    assert not (state / "uploads").exists() or list((state / "uploads").iterdir()) == []
    assert client.get("/health/ready").status_code == 503
    assert client.get("/health/live").status_code == 200


def test_a_journal_deleted_in_the_middle_of_a_record_is_no_record(
    journal: Journal, tmp_path: Path
) -> None:
    with pytest.raises(JournalError, match="deleted"), journal.database.writing():
        (tmp_path / "journal.sqlite3").unlink()


@pytest.fixture
def locked(tmp_path: Path, journal: Journal) -> Iterator[sqlite3.Connection]:
    """Lock the journal as another program does that does not let go."""
    other = sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def test_where_the_record_is_required_a_locked_journal_is_503_and_nothing_stays(
    client: TestClient, journal: Journal, locked: sqlite3.Connection, tmp_path: Path
) -> None:
    answer = classify(client, contact="K-1", journal="required")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    locked.execute("ROLLBACK")
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    again = classify(client, contact="K-1", journal="required")
    assert again.json()["journal"]["is_new"] is True
    assert journal.count_attempts() == 1


def test_what_could_not_be_recorded_is_recorded_once_later_also_after_a_restart(
    tmp_path: Path, journal: Journal, key: dict[str, str], locked: sqlite3.Connection
) -> None:
    with TestClient(app_with(tmp_path, journal), headers=key) as client:
        answer = classify(client, contact="K-1").json()
        assert answer["outcome"] == "busy_tone"
        assert answer["journal_error"]["kind"] == "journal"
        (job,) = client.get("/api/v1/jobs").json()["jobs"]
        assert client.delete(f"/api/v1/jobs/{job['id']}").status_code == 409
    with TestClient(app_with(tmp_path, journal), headers=key) as client:
        time.sleep(0.5)
        assert journal.count_attempts() == 0
        locked.execute("ROLLBACK")
        eventually(lambda: journal.count_attempts() == 1, "it is recorded")
        uploads = tmp_path / "state" / "uploads"
        eventually(lambda: list(uploads.iterdir()) == [], "nothing is owed any more")
        done = client.get(f"/api/v1/jobs/{job['id']}").json()["result"]
        assert done["journal"]["is_new"] is True
        assert "journal_error" not in done
        time.sleep(0.5)
        assert journal.count_attempts() == 1


def test_a_job_whose_end_cannot_be_kept_is_done_all_the_same(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = JobStore.finish
    failing = True

    def save(store: JobStore, *args: Any) -> None:
        if failing:
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        saved(store, *args)

    monkeypatch.setattr(JobStore, "finish", save)
    assert classify(client).json()["outcome"] == "busy_tone"
    (job,) = client.get("/api/v1/jobs").json()["jobs"]
    assert job["state"] == "done"
    failing = False
    jobs = client.app.state.jobs  # type: ignore[attr-defined]
    eventually(lambda: not jobs._unsaved, "it is kept")
    assert client.get(f"/api/v1/jobs/{job['id']}").json()["result"]["outcome"] == "busy_tone"


def test_a_full_disk_refuses_politely_and_leaves_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(UploadFolder, "_check_size", full)
        answer = classify(client)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert list((tmp_path / "state" / "uploads").iterdir()) == []
    assert classify(client).status_code == 200


def test_nothing_that_lies_in_the_folder_of_uploads_stops_the_start(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    uploads = tmp_path / "state" / "uploads"
    (uploads / "folder" / "in it").mkdir(parents=True)
    (uploads / "to nowhere").symlink_to(tmp_path / "nowhere")
    (uploads / "loop").symlink_to(uploads / "loop")
    (uploads / "to a folder").symlink_to(tmp_path)
    os.mkfifo(uploads / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(uploads / "socket"))
    (uploads / "left").write_bytes(b"silence")
    (uploads / "left").chmod(0)
    (uploads / "\udcff.wav").write_bytes(b"silence")
    with TestClient(app_with(tmp_path, journal), headers=key) as client:
        assert classify(client).json()["outcome"] == "busy_tone"
    assert [path.name for path in uploads.iterdir()] == ["folder"]
    assert (tmp_path / "journal.sqlite3").exists()


def test_the_document_needs_a_key_where_all_else_does(client: TestClient) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/openapi.json", headers={"Authorization": ""}).status_code == 401
    assert "journal" in models.Ask.model_fields


def test_a_claimed_length_over_the_limit_is_too_long(client: TestClient) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(1).normal(0, 0.1, 8000), 8000, format="FLAC")
    content = bytearray(file.getvalue())
    content[21:26] = bytes((content[21] | 0x0F, 255, 255, 255, 255))
    assert classify(client, bytes(content)).json()["error"]["kind"] == "too_long"


# -- clients that hold what others need ---------------------------------------------------------


def head(port: int, length: int, key: dict[str, str]) -> bytes:
    lines = ["POST /api/v1/jobs HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: audio/wav"]
    lines += [f"{name}: {value}" for name, value in key.items()]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


def status_of(line: socket.socket) -> int:
    return int(line.recv(100).split()[1])


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def test_an_upload_that_trickles_is_given_up(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    app = app_with(tmp_path, journal, upload_timeout_s=1.0)
    with serving(app) as port, connect(port) as line:
        line.sendall(head(port, 1_000_000, key))
        began = time.monotonic()
        line.settimeout(0.2)
        status = None
        while status is None and time.monotonic() - began < 15:
            line.sendall(b"x")
            try:
                status = status_of(line)
            except TimeoutError:
                continue
        assert status == 408
        assert time.monotonic() - began < 5


def test_an_upload_has_so_long_in_all(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    app = app_with(tmp_path, journal, upload_total_s=1.0)
    with serving(app) as port, connect(port) as line:
        line.sendall(head(port, 10_000_000, key))
        line.settimeout(0.1)
        status, began = None, time.monotonic()
        while status is None and time.monotonic() - began < 15:
            line.sendall(b"x" * 5000)
            try:
                status = status_of(line)
            except TimeoutError:
                continue
        assert status == 408


def test_nobody_takes_the_places_of_everybody(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    (_, secret) = ApiKeys(tmp_path / "state" / "api_keys.json").create("other")
    other = {"Authorization": f"Bearer {secret}"}
    app = app_with(tmp_path, journal, max_uploads=8, max_uploads_per_client=3)
    with serving(app) as port:
        held = [connect(port) for _ in range(3)]
        for line in held:
            line.sendall(head(port, 1000, key) + b"x")
        eventually(lambda: app.state.uploads.n_inside == 3, "three are received")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            path = "/api/v1/classifications"
            assert client.post(path, content=b"silence", headers=key).status_code == 503
            assert client.post(path, content=b"silence", headers=other).status_code == 200
            for line in held:
                line.close()
            eventually(lambda: app.state.uploads.n_inside == 0, "they are gone")
            assert client.post(path, content=b"silence", headers=key).status_code == 200


def test_two_that_take_all_they_can_get_leave_room_for_a_third(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    keys = ApiKeys(tmp_path / "state" / "api_keys.json")
    greedy = [key, {"Authorization": f"Bearer {keys.create('greedy')[1]}"}]
    third = {"Authorization": f"Bearer {keys.create('third')[1]}"}
    app = app_with(tmp_path, journal)
    with serving(app) as port:
        held = [(connect(port), whose) for whose in greedy for _ in range(64)]
        for line, whose in held:
            line.sendall(head(port, 1000, whose) + b"x")
        for line, _ in held:
            line.settimeout(0.2)
        eventually(lambda: app.state.uploads.n_inside >= 40, "they hold what they get")
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(5):
                path = "/api/v1/classifications"
                answer = client.post(path, content=b"silence", headers=third)
                assert answer.status_code == 200
        for line, _ in held:
            line.close()


def test_whoever_comes_gets_a_place_until_all_are_taken() -> None:
    gate = UploadGate(64, 32)
    n_of: dict[str, int] = {}
    with contextlib.ExitStack() as inside:
        for client in ("a", "b", "c", "d", "e", "f", "g"):
            with contextlib.suppress(QueueFullError):
                while True:
                    inside.enter_context(gate.entered(client))
                    n_of[client] = n_of.get(client, 0) + 1
        assert n_of == {"a": 32, "b": 16, "c": 8, "d": 4, "e": 2, "f": 1, "g": 1}
        with pytest.raises(QueueFullError, match="64 uploads"), gate.entered("h"):
            pass
    assert gate.n_inside == 0


def test_a_size_that_is_too_large_is_refused_before_a_byte_of_it(
    tmp_path: Path, journal: Journal, key: dict[str, str]
) -> None:
    app = app_with(tmp_path, journal, max_upload_bytes=1000)
    with serving(app) as port, connect(port) as line:
        line.sendall(head(port, 10**9, key))
        assert status_of(line) == 413


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /health/live HTTP/1.1\r\nHost: a\r\n"])
def test_a_head_that_never_ends_and_one_connection_too_many_are_closed(
    tmp_path: Path, journal: Journal, sent: bytes
) -> None:
    app = app_with(tmp_path, journal)
    with serving(app, http=limited_protocol(5, 1.0)) as port:
        began = time.monotonic()
        lines = [connect(port) for _ in range(20)]
        for line in lines[:5]:
            line.sendall(sent)
        for line in lines:
            line.settimeout(10)
            assert line.recv(1) == b""
            line.close()
        assert time.monotonic() - began < 8
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.get("/health/live").status_code == 200
            time.sleep(0.7)
            assert client.get("/health/live").status_code == 200
