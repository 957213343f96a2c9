"""Live calls beside the server: the API while they last, the page of a supervisor, the journal."""

from __future__ import annotations

import socket
import time
import uuid
import wave
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import httpx2
import msgspec
import pytest
from live_sounds import beeps, pieces
from page_calls import PASSWORD, QUICK_HASHER, add_users, page_settings
from real_server import serving

from recognizer import Recognizer
from recognizer.base.settings import LiveSettings
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome
from recognizer.web.app import create_app
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

CALL = str(uuid.UUID(int=21))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Line:
    """A server with a live listener, and one call that is going on."""

    def __init__(self, port: int, live_port: int, journal: Journal, key: str) -> None:
        self.url, self.journal = f"http://127.0.0.1:{port}", journal
        self.api = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )
        self.line = socket.create_connection(("127.0.0.1", live_port))
        self.line.sendall(b"\x01\x00\x10" + uuid.UUID(CALL).bytes)

    def send(self, sound: bytes) -> None:
        for piece in pieces(sound):
            self.line.sendall(b"\x10" + len(piece).to_bytes(2, "big") + piece)
            time.sleep(0.005)

    def event(self, name: str) -> dict[str, object]:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = self.api.get(f"/api/v1/live/{CALL}")
            if answer.status_code == 200 and answer.json()["event"]["event"] == name:
                event: dict[str, object] = answer.json()["event"]
                return event
            time.sleep(0.05)
        pytest.fail(f"no {name!r}: {answer.text}")


@pytest.fixture
def line(tmp_path: Path, whisper: Recognizer) -> Iterator[Line]:
    live_port = free_port()
    live = LiveSettings(audiosocket=f"127.0.0.1:{live_port}", journal=True)
    settings = msgspec.structs.replace(page_settings(tmp_path), live=live)
    with Journal.open(settings.journal.journal_url) as journal:
        add_users(journal)
        app = create_app(settings, recognizer=whisper, journal=journal)
        page_of(app).access._passwords._hasher = QUICK_HASHER
        _, key = app.state.api_keys.create("pbx")
        with serving(app) as port:
            one = Line(port, live_port, journal, key)
            with closing(one.line), closing(one.api):
                yield one


def test_a_live_call_is_followed_told_about_and_becomes_an_attempt(line: Line) -> None:
    line.event("start")
    line.send(beeps(1.0))
    (running,) = line.api.get("/api/v1/live").json()["calls"]
    assert running["call"] == CALL
    told = {"number": "+79990000000", "attempt": 2, "sip_code": 486}
    assert line.api.put(f"/api/v1/live/{CALL}", json=told).status_code == 200
    line.send(beeps(5.0))
    final = line.event("final")
    assert final["outcome"] == "busy_tone"
    line.line.sendall(b"\x00\x00\x00")
    end = line.event("end")
    assert end["signalling"]["agreement"] == "agrees"  # type: ignore[index]
    (attempt,) = line.journal.attempts().items
    assert (attempt.outcome, attempt.number) == (CallOutcome.BUSY_TONE, "+79990000000")
    assert end["journal"] == {"attempt_id": attempt.id, "error": None, "is_owed": False}
    assert line.api.get("/api/v1/live").json() == {"calls": []}
    assert line.api.put(f"/api/v1/live/{CALL}", json=told).status_code == 404


@pytest.mark.parametrize(
    "told", [{"attempt": 0}, {"sip_code": 9}, {"number": "x" * 65}, {"unknown": 1}]
)
def test_a_fact_that_is_none_is_refused_and_the_call_goes_on(
    line: Line, told: dict[str, object]
) -> None:
    line.event("start")
    assert line.api.put(f"/api/v1/live/{CALL}", json=told).status_code == 422
    assert line.api.get(f"/api/v1/live/{CALL}").status_code == 200


def test_live_calls_are_for_keys_only_and_unknown_ones_are_not_found(line: Line) -> None:
    line.event("start")
    assert httpx2.get(f"{line.url}/api/v1/live", trust_env=False).status_code == 401
    assert line.api.get(f"/api/v1/live/{uuid.UUID(int=3)}").status_code == 404


def signed_in(line: Line, login: str) -> httpx2.Client:
    client = httpx2.Client(
        base_url=line.url, headers={"Accept": "text/html"}, trust_env=False, follow_redirects=True
    )
    client.post("/sign-in", data={"login": login, "password": PASSWORD})
    return client


def test_a_supervisor_sees_live_calls_and_who_listens_is_in_the_log(line: Line) -> None:
    line.send(beeps(3.0))
    line.event("final")
    with closing(signed_in(line, "supervisor")) as page:
        shown = page.get("/live").text
        assert "Сейчас" in shown
        assert "Короткие гудки" in shown
        rows = page.get("/live", headers={"X-Rows": "1"}).text
        assert "<html" not in rows
        sound = page.get(f"/live/{CALL}/sound")
        with wave.open(BytesIO(sound.content)) as copy:
            assert copy.getframerate() == 16_000
            assert copy.getnframes() > 16_000
        assert page.get(f"/live/{uuid.UUID(int=3)}/sound").status_code == 404
    with closing(signed_in(line, "administrator")) as page:
        assert "Прослушан идущий звонок" in page.get("/audit").text


def test_an_operator_does_not_listen_to_calls(line: Line) -> None:
    line.event("start")
    with closing(signed_in(line, "operator")) as page:
        assert page.get("/live").status_code == 403
        assert page.get(f"/live/{CALL}/sound").status_code == 403
        assert "Сейчас" not in page.get("/calls").text
