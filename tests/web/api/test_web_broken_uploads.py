"""Requests cut half-way, standing still or far too large, to a real server over a real socket."""

from __future__ import annotations

import errno
import logging
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from page_calls import PASSWORD, page_app, recording
from real_server import serving

from recognizer.web.limits import UploadGate
from recognizer.web.pages.page import page_of
from recognizer.web.pages.signed_in import SESSION_COOKIE

pytestmark = pytest.mark.page

BOUNDARY = "cut"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
FORM_HEAD = (
    f"--{BOUNDARY}\r\nContent-Disposition: form-data; "
    'name="file"; filename="silence--cut.wav"\r\n\r\n'
).encode()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    app = page_app(tmp_path, upload_timeout_s=2.0)
    yield app
    app.state.journal.close()


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    """A browser of an operator who has signed in."""
    with (
        serving(app) as port,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        # Not by the form: on a busy machine it may itself be a body that comes too slowly here.
        session = page_of(app).access.sign_in("operator", PASSWORD)
        client.cookies.set(SESSION_COOKIE, session, domain="127.0.0.1")
        page = client.get("/", headers={"Accept": "text/html"}).text
        token = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert token is not None
        client.headers["X-CSRF-Token"] = token.group(1)
        yield client


def connected(client: httpx2.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=20)


def head(client: httpx2.Client, route: str, length: int, kind: str, *, who: bool = True) -> bytes:
    """Return the head of a request; of nobody in particular unless `who`."""
    lines = [f"{route} HTTP/1.1", f"Host: {client.base_url.netloc.decode()}"]
    if who:
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        lines += [f"Cookie: {cookies}", f"X-CSRF-Token: {client.headers['X-CSRF-Token']}"]
    lines += [f"Content-Type: {kind}", f"Content-Length: {length}", "", ""]
    return "\r\n".join(lines).encode()


def status_of(line: socket.socket) -> int:
    """Return the status that is answered."""
    return int(line.recv(100).split()[1])


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

    body = (FORM_HEAD if is_form else b"") + recording(seconds=60.0)
    with connected(client) as line:
        line.sendall(head(client, route, len(body), FORM if is_form else "audio/wav"))
        line.sendall(body[: len(body) // 2])
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
    names = {job.submission.name for job in app.state.jobs.recent()}
    assert names == {"silence--slow.wav", name}
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("route", ["/uploads?name=a.wav", "/uploads"])
def test_a_recording_that_cannot_be_kept_for_playing_leaves_nothing(
    app: FastAPI, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch, route: str, code: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(shutil, "copyfile", full)
    if "?" in route:
        answer = client.put(route, content=recording())
    else:
        answer = client.post(route, content=WHOLE, headers={"Content-Type": FORM})
    assert answer.status_code == 503
    assert leftovers(app) == []
    assert app.state.jobs.recent() == ()


def form_of(*parts: bytes) -> bytes:
    return b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY.encode(), part) for part in parts)


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


WHOLE = (
    form_of(
        FORM_HEAD.partition(b"\r\n")[2] + recording(), field("attempt", "3"), field("whose", "")
    )
    + b"--%s--\r\n" % BOUNDARY.encode()
)
CUTS = [
    -4,  # within the last boundary: its dashes
    -10,  # before it
    WHOLE.index(b'name="whose"'),  # within the head of a part
    WHOLE.index(b'"attempt"') - 60,  # after the file
    len(FORM_HEAD) + 100,  # within it
    len(FORM_HEAD) - 10,  # before it
    3,
    0,
]


@pytest.mark.parametrize("route", ["/uploads", "/api/v1/jobs", "/api/v1/classifications"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_form_cut_off_anywhere_is_no_form(
    app: FastAPI, client: httpx2.Client, route: str, cut: int
) -> None:
    answer = client.post(route, content=WHOLE[:cut], headers={"Content-Type": FORM})
    assert answer.status_code == 400, answer.text
    assert app.state.jobs.recent() == ()
    assert leftovers(app) == []


@pytest.mark.parametrize("route", ["/uploads", "/api/v1/jobs"])
@pytest.mark.parametrize("after", [b"", b" \t\n", b"\r\n" * 100])
def test_a_whole_form_is_taken_whatever_white_space_follows_it(
    app: FastAPI, client: httpx2.Client, route: str, after: bytes
) -> None:
    content = (WHOLE[:-2] + b"\r\n" + after)[: None if after else -2]
    headers = {"Content-Type": FORM.replace("=cut", '="cut"')}
    answer = client.post(route, content=content, headers=headers)
    assert answer.status_code in {202, 303}, answer.text
    (job,) = app.state.jobs.recent()
    assert job.submission.name == "silence--cut.wav"
    assert job.submission.call.attempt == (3 if "api" in route else 1)


@pytest.mark.parametrize("route", ["/uploads", "/api/v1/jobs"])
@pytest.mark.parametrize(
    "after", [b"--no boundary", b"\0", WHOLE, b"\r\n" * 70_000 + b"the rest of a recording"]
)
def test_a_form_with_more_after_its_end_is_no_form(
    app: FastAPI, client: httpx2.Client, route: str, after: bytes
) -> None:
    answer = client.post(route, content=WHOLE + after, headers={"Content-Type": FORM})
    assert answer.status_code == 400, answer.text
    assert app.state.jobs.recent() == ()
    assert leftovers(app) == []


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("filename*=UTF-8''%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA.wav", "звонок.wav"),
        ("filename*=iso-8859-1'en'caf%E9.wav", "café.wav"),
        ("filename=\"a.wav\"; filename*=UTF-8''b.wav", "a.wav"),
    ],
)
def test_a_files_name_may_be_extended(
    app: FastAPI, client: httpx2.Client, head: str, name: str
) -> None:
    part = f'Content-Disposition: form-data; name="file"; {head}\r\n\r\n'.encode()
    content = form_of(part + recording()) + b"--%s--\r\n" % BOUNDARY.encode()
    answer = client.post("/api/v1/jobs", content=content, headers={"Content-Type": FORM})
    assert answer.status_code == 202, answer.text
    (job,) = app.state.jobs.recent()
    assert job.submission.name == name


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("Number", "+7 926 555-01-02")], "Number: expected one of file, "),
        ([("number", "+7 926 555-01-02"), ("number", "+7 926 555-01-03")], "number: expected once"),
        ([("attempt", "2"), ("attempt", "2")], "attempt: expected once"),
    ],
)
def test_a_field_that_is_unknown_or_said_twice_is_named(
    app: FastAPI, client: httpx2.Client, fields: list[tuple[str, str]], said: str
) -> None:
    parts = [FORM_HEAD.partition(b"\r\n")[2] + recording(), *(field(*pair) for pair in fields)]
    content = form_of(*parts) + b"--%s--\r\n" % BOUNDARY.encode()
    answer = client.post("/api/v1/jobs", content=content, headers={"Content-Type": FORM})
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["error"]["message"]
    assert app.state.jobs.recent() == ()
    assert leftovers(app) == []


@pytest.mark.parametrize(
    "route",
    [
        "PUT /uploads?name=silence--cut.wav",
        "POST /uploads",
        "POST /sign-in",
        "POST /api/v1/jobs?name=silence--cut.wav",
        "POST /api/v1/classifications",
    ],
)
def test_an_upload_that_stands_still_is_given_up(
    app: FastAPI, client: httpx2.Client, route: str
) -> None:
    is_form = "?name" not in route
    with connected(client) as line:
        line.sendall(head(client, route, 1_000_000, FORM if is_form else "audio/wav"))
        line.sendall(FORM_HEAD + b"x" * 1000)
        assert status_of(line) == 408
    eventually(lambda: leftovers(app) == [], "what came of it is removed")


def test_the_upload_of_somebody_unknown_is_refused_before_it_is_read(
    client: httpx2.Client,
) -> None:
    with connected(client) as line:
        line.sendall(head(client, "POST /uploads", 1_000_000, FORM, who=False) + FORM_HEAD)
        assert status_of(line) == 401


@pytest.mark.parametrize("kind", [FORM, "application/x-www-form-urlencoded"])
def test_a_form_far_too_large_is_refused_before_all_of_it_is_read(
    client: httpx2.Client, kind: str
) -> None:
    with connected(client) as line:
        line.sendall(head(client, "POST /sign-in", 1_000_000_000, kind, who=False))
        line.sendall(FORM_HEAD + b"x" * 1_500_000)
        assert status_of(line) == 413


@pytest.mark.parametrize("route", ["PUT /uploads?name=silence--held.wav", "POST /uploads"])
def test_a_person_has_a_share_of_the_places_as_a_key_has(
    app: FastAPI, client: httpx2.Client, route: str
) -> None:
    app.state.uploads = UploadGate(8, 2)
    kind = "audio/wav" if "?name" in route else FORM
    held = [connected(client) for _ in range(2)]
    for line in held:
        line.sendall(head(client, route, 100_000, kind) + FORM_HEAD)
    eventually(lambda: app.state.uploads.n_inside == 2, "two are received")
    with connected(client) as line:
        line.sendall(head(client, route, 100_000, kind))
        assert status_of(line) == 503
    name = "busy_tone--other.wav"  # who asks the API is somebody else
    answer = client.post(f"/api/v1/classifications?name={name}", content=recording())
    assert answer.json()["outcome"] == "busy_tone"
    for line in held:
        line.close()
    eventually(lambda: app.state.uploads.n_inside == 0, "they are gone")


def test_a_declared_size_over_the_limit_is_refused_before_a_byte_of_it(
    client: httpx2.Client,
) -> None:
    with connected(client) as line:
        line.sendall(head(client, "PUT /uploads?name=a.wav", 10**10, "audio/wav"))
        assert status_of(line) == 413
