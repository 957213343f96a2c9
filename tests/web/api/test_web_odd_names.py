"""Odd file names over HTTP: each upload one answer, its name text on one line, never a path."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import httpx2
import pytest
from fake_recognizer import loader
from real_server import serving

from recognizer.base.settings import JournalSettings, ServerSettings, Settings
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_pool import WorkerPool
from recognizer.web import app as application
from recognizer.web.app import create_app

pytestmark = pytest.mark.system

BOUNDARY = "odd"

# What a client calls its file, and what the answer calls it.
NAMES: list[tuple[bytes, str]] = [
    (b"good.wav", "good.wav"),
    (b"new\nline.wav", "newline.wav"),
    (b"carriage\rreturn\x00nul\x1b[31m.wav", "carriagereturnnul[31m.wav"),
    (b"-dash.wav", "-dash.wav"),
    (b"--results=x.wav", "--results=x.wav"),
    (b"../../../etc/passwd", "passwd"),
    (b"C:\\calls\\call.wav", "call.wav"),
    (b"/dev/zero", "zero"),
    (b"..", ".."),
    (b"n" * 250 + b".wav", "n" * 250 + ".wav"),
    (b"m" * 3000 + b".wav", "m" * 300),
    ("звонок ☎.wav".encode(), "звонок ☎.wav"),
    (b"\xff\xfe.wav", ""),
    (b"", "recording"),
    (b"a\"quote'.wav", "a\"quote'.wav"),
    (b"%2e%2e%2fpercent.wav", "%2e%2e%2fpercent.wav"),
]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def client(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    """A server with real workers, which a recording may hang or kill."""

    def runner(*_: Any) -> Any:
        pool = WorkerPool(loader(), 2, limits=TimeLimits(base_s=4.0))
        return pool, lambda: True

    monkeypatch.setattr(application, "_runner", runner)
    settings = Settings(
        server=ServerSettings(state_dir=state),
        journal=JournalSettings(url=f"sqlite:///{tmp_path}/journal.sqlite3"),
    )
    with (
        serving(create_app(settings)) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=90) as client,
    ):
        yield client


def form(name: bytes, content: bytes) -> bytes:
    """Return a form as a client writes it that quotes nothing but what ends the header."""
    quoted = name.replace(b'"', b"%22").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
    head = b'Content-Disposition: form-data; name="file"; filename="%b"' % quoted
    mark = f"--{BOUNDARY}".encode()
    return b"\r\n".join([mark, head, b"", content, mark + b"--", b""])


def as_form(client: httpx2.Client, name: bytes, content: bytes) -> Any:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return client.post(
        "/api/v1/classifications", content=form(name, content), headers={"Content-Type": kind}
    )


def as_body(client: httpx2.Client, name: bytes, content: bytes) -> Any:
    return client.post(
        f"/api/v1/classifications?name={quote_from_bytes(name, safe='')}", content=content
    )


def is_tidy(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= 300 and "/" not in name and "\\" not in name


def test_as_a_form(client: httpx2.Client, state: Path) -> None:
    before = {path for path in state.parent.rglob("*") if "state" not in path.parts[-2:]}
    for name, shown in NAMES:
        answer = as_form(client, name, b"busy_tone")
        assert answer.status_code in {200, 400, 422}, (name, answer.text)
        if answer.status_code != 200:
            # A client has to say that there is a file, and in a header that is one.
            assert name == b"" or b"\x00" in name, (name, answer.text)
            continue
        said = answer.json()
        assert said["outcome"] == "busy_tone"
        assert is_tidy(said["recording"]), said["recording"]
        if shown and b"\n" not in name and b'"' not in name and b"\r" not in name:
            assert said["recording"] == shown
    assert list((state / "uploads").iterdir()) == []
    after = {path for path in state.parent.rglob("*") if "state" not in path.parts[-2:]}
    assert {path.name for path in after - before} <= {"uploads", "jobs.sqlite3-shm"}


def test_as_the_name_of_a_body(client: httpx2.Client, state: Path) -> None:
    for name, shown in NAMES:
        answer = as_body(client, name, b"busy_tone")
        if answer.status_code == 422:
            # One line of at most 300 characters: what is not is refused by name.
            assert "name:" in answer.json()["error"]["message"]
            assert len(answer.json()["error"]["message"]) < 500
            assert len(name) > 300 or b"\n" in name or b"\x00" in name
            continue
        said = answer.json()
        assert (answer.status_code, said["outcome"]) == (200, "busy_tone")
        assert is_tidy(said["recording"])
        if shown:
            assert said["recording"] == shown
    assert list((state / "uploads").iterdir()) == []


@pytest.mark.slow
def test_none_holds_up_another(client: httpx2.Client, state: Path) -> None:
    contents = {
        b"hang": "time_limit",
        b"segfault": "worker_crashed",
        b"damaged": "unreadable_audio",
        b"silence 1": None,
        b"silence 2": None,
        b"silence 3": None,
    }
    began = time.monotonic()
    with ThreadPoolExecutor(len(contents)) as clients:
        send = partial(as_form, client, b"-\xff odd.wav")
        answers = dict(zip(contents, clients.map(send, contents), strict=True))
    assert time.monotonic() - began < 80
    said = {what: (each.json()["error"] or {}).get("kind") for what, each in answers.items()}
    assert said == contents
    assert list((state / "uploads").iterdir()) == []
