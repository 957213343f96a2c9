"""Uploads whose connection is cut half-way, to a real server over a real socket."""

from __future__ import annotations

import logging
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from page_calls import PASSWORD, page_app, recording
from real_server import serving

from recognizer.web.page import page_of

BOUNDARY = "cut"
FORM_HEAD = (
    f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
    'name="file"; filename="silence--cut.wav"\r\n\r\n'
).encode()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    app = page_app(tmp_path)
    yield app
    app.state.journal.close()


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    """A browser of an operator who has signed in."""
    with (
        serving(app) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        form = {"login": "operator", "password": PASSWORD}
        page = client.post("/sign-in", data=form, follow_redirects=True).text
        token = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert token is not None
        client.headers["X-CSRF-Token"] = token.group(1)
        yield client


def eventually(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.01)


def leftovers(app: FastAPI) -> list[str]:
    """Name the files of uploads and of kept recordings."""
    folder = page_of(app).settings.server.state_folder
    files = [path for name in ("uploads", "recordings") for path in (folder / name).rglob("*")]
    return sorted(path.name for path in files if path.is_file())


@pytest.mark.parametrize(
    "route",
    [
        "PUT /uploads?name=silence--cut.wav",
        "POST /uploads",
        "POST /api/v1/jobs?name=silence--cut.wav",
        "POST /api/v1/classifications",
    ],
)
def test_a_cut_upload_leaves_nothing_and_costs_nobody_else(
    app: FastAPI, client: httpx2.Client, caplog: pytest.LogCaptureFixture, route: str
) -> None:
    is_form = "?name" not in route
    other = client.post("/api/v1/jobs?name=silence--slow.wav", content=recording(seed=2))
    assert other.status_code == 202
    eventually(lambda: app.state.jobs.counts() == (0, 1), "the other recording is listened to")
    (waiting,) = leftovers(app)

    kind = f"multipart/form-data; boundary={BOUNDARY}" if is_form else "audio/wav"
    body = (FORM_HEAD if is_form else b"") + recording(seconds=60.0)
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    head = (
        f"{route} HTTP/1.1\r\nHost: {client.base_url.netloc.decode()}\r\nCookie: {cookies}\r\n"
        f"X-CSRF-Token: {client.headers['X-CSRF-Token']}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as line:
        line.sendall(head.encode() + body[: len(body) // 2])
        if not is_form:  # a form is gathered elsewhere before it becomes an upload
            eventually(lambda: len(leftovers(app)) == 2, "half of the upload is on the disk")
    assert client.get("/health/live").status_code == 200
    eventually(lambda: leftovers(app) in ([waiting], []), "half an upload is removed")

    name = "busy_tone--next.wav"
    after = client.post(f"/api/v1/classifications?name={name}", content=recording()).json()
    assert after["outcome"] == "busy_tone"
    job = client.get(other.headers["Location"]).json()
    assert job["state"] == "done"  # there is one worker: it was listened to before
    assert job["result"]["outcome"] == "silence"
    assert leftovers(app) == []
    names = {job.request.name for job in app.state.jobs.recent()}
    assert names == {"silence--slow.wav", name}
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []
