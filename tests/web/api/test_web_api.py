"""The HTTP API, without and with keys, with a recogniser that does what the file says."""

import asyncio
import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import PHRASES_VERSION, FakeRecognizer, loader

from recognizer.model import CallRequest

fastapi = pytest.importorskip("fastapi")
import httpx2  # noqa: E402
import jsonschema  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from real_server import serving  # noqa: E402

from recognizer.base.errors import ContactError, RowError  # noqa: E402
from recognizer.base.settings import ServerSettings, Settings  # noqa: E402
from recognizer.batch.worker_pool import WorkerPool  # noqa: E402
from recognizer.crm.contacts import ContactCard  # noqa: E402
from recognizer.crm.journal.journal import Journal  # noqa: E402
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome  # noqa: E402
from recognizer.web.app import create_app  # noqa: E402
from recognizer.web.auth.api_keys import ApiKeys  # noqa: E402
from recognizer.web.jobs.queue import Jobs  # noqa: E402
from recognizer.web.jobs.submissions import JobState, Submission  # noqa: E402

pytestmark = pytest.mark.system

SCHEMA = Path(__file__).parents[3] / "docs" / "classification.schema.json"
CARD = ContactCard(ref="K-1", trusted_phone="+7 999 000-00-00", owner="Клиент")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as journal:
        journal.upsert_contact(CARD)
        yield journal


def app_with(tmp_path: Path, journal: Journal, **settings: Any) -> FastAPI:
    server = ServerSettings(state_dir=tmp_path / "state", **settings)
    return create_app(Settings(server=server), recognizer=FakeRecognizer(), journal=journal)


@pytest.fixture
def client(tmp_path: Path, journal: Journal) -> Iterator[TestClient]:
    with TestClient(app_with(tmp_path, journal)) as client:
        yield client


@pytest.fixture
def key(tmp_path: Path) -> dict[str, str]:
    (_, secret) = ApiKeys(tmp_path / "state" / "api_keys.json").create("test")
    return {"Authorization": f"Bearer {secret}"}


def post(client: TestClient, content: str, path: str = "classifications", **more: Any) -> Any:
    files = {"file": ("call.wav", content.encode())}
    return client.post(f"/api/v1/{path}", files=files, **more)


# -- classifying -------------------------------------------------------------------------------


def test_a_form_with_a_file_is_classified(client: TestClient) -> None:
    answer = post(client, "does_not_exist", data={"attempt": "2", "called_on": "2026-11-22"})
    assert answer.status_code == 200
    found = answer.json()
    assert found["recording"] == "call.wav"
    assert found["outcome"] == "does_not_exist"
    assert found["decision"]["attempt"] == 2
    assert found["decision"]["incorrect_contact"] is True
    assert found["decision"]["comment"].startswith("22/11 ")


@pytest.mark.parametrize("kind", ["audio/wav", "application/octet-stream", None])
def test_the_sound_itself_as_the_body_is_classified(client: TestClient, kind: str | None) -> None:
    answer = client.post(
        "/api/v1/classifications?attempt=3&name=a.wav",
        content=b"busy_tone",
        headers={} if kind is None else {"Content-Type": kind},
    )
    assert answer.status_code == 200
    assert answer.json()["recording"] == "a.wav"
    assert answer.json()["decision"]["rule"] == "busy-tone"
    assert answer.json()["decision"]["final"] is True


def test_a_recording_that_cannot_be_read_is_answered_with_the_reason(client: TestClient) -> None:
    answer = post(client, "damaged")
    assert answer.status_code == 200
    assert answer.json()["outcome"] is None
    assert answer.json()["error"]["kind"] == "unreadable_audio"


def test_the_networks_codes_are_weighed(client: TestClient) -> None:
    answer = post(client, "temporarily_blocked", data={"sip_code": "404", "q850": "1"}).json()
    assert answer["outcome"] == "temporarily_blocked"
    assert answer["signalling"]["agreement"] == "disagrees"
    assert [code["code"] for code in answer["signalling"]["codes"]] == [404, 1]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\calls\\a.wav", "/etc/passwd", "a\r\nX: y.wav", "", "..."]
)
def test_a_clients_name_is_text_and_never_a_path(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    answer = client.post(
        "/api/v1/classifications", content=b"silence", params={"name": name} if name else {}
    )
    assert answer.status_code == (422 if "\n" in name else 200)
    if answer.status_code == 200:
        last = name.replace("\\", "/").rpartition("/")[2]
        assert answer.json()["recording"] == (last or "recording")
    answer = client.post("/api/v1/classifications", files={"file": (name or "x", b"silence")})
    assert answer.status_code == 200
    assert "/" not in answer.json()["recording"]
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def test_nothing_of_an_upload_stays_on_the_disk(client: TestClient, tmp_path: Path) -> None:
    for content in ("silence", "damaged", "bug"):
        post(client, content)
    uploads = tmp_path / "state" / "uploads"
    assert list(uploads.iterdir()) == []
    assert uploads.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"attempt": "0"}, "attempt: Input should be greater than or equal to 1"),
        ({"attempt": "two"}, "attempt"),
        ({"sip_code": "99"}, "sip_code"),
        ({"q850": "128"}, "q850"),
        ({"called_on": "22.11.2026"}, "called_on"),
        ({"channel": "left"}, "channel"),
    ],
)
def test_a_wrong_field_is_named(client: TestClient, data: dict[str, str], words: str) -> None:
    in_form = post(client, "silence", data=data)
    in_query = client.post("/api/v1/classifications", content=b"silence", params=data)
    for answer in (in_form, in_query):
        assert answer.status_code == 422
        assert words in answer.json()["error"]["message"]


def test_bodies_that_are_no_recording_are_refused(client: TestClient) -> None:
    url = "/api/v1/classifications"
    assert client.post(url, data={"attempt": "1"}).status_code == 415
    assert client.post(url, json={"a": 1}).status_code == 415
    assert client.post(url, content=b"").json()["error"]["kind"] == "empty"
    assert client.post(url, files={"sound": ("a.wav", b"silence")}).status_code == 422
    form = {"Content-Type": "multipart/form-data"}
    assert client.post(url, content=b"x", headers=form).status_code == 400
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post(url, content=b"--b\r\nno form", headers=form).status_code in {400, 422}


def test_a_recording_that_is_too_large_is_refused_and_removed(
    tmp_path: Path, journal: Journal
) -> None:
    with TestClient(app_with(tmp_path, journal, max_upload_bytes=1000)) as client:
        assert post(client, "silence".ljust(1000)).status_code == 200
        for answer in (
            post(client, "silence".ljust(1001)),
            post(client, "x" * 3_000_000),
            client.post("/api/v1/classifications", content=b"x" * 1001),
        ):
            assert answer.status_code == 413
            assert answer.json()["error"]["kind"] == "too_large"
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


def test_too_many_requests_are_refused_politely(tmp_path: Path, journal: Journal) -> None:
    with TestClient(app_with(tmp_path, journal, requests_per_minute=3)) as client:
        answers = [post(client, "silence") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_full_queue_is_refused_politely(tmp_path: Path, journal: Journal) -> None:
    app = app_with(tmp_path, journal, max_queue=1)
    with TestClient(app) as client:
        first = post(client, "slow 2", "jobs").json()["id"]
        while client.get(f"/api/v1/jobs/{first}").json()["state"] == "queued":
            time.sleep(0.01)
        assert post(client, "silence", "jobs").status_code == 202
        refused = post(client, "silence", "jobs")
        assert refused.status_code == 503
        assert refused.json()["error"]["kind"] == "busy"
        assert int(refused.headers["Retry-After"]) >= 1
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200


# -- jobs --------------------------------------------------------------------------------------


def test_a_job_goes_from_queued_to_done_and_can_be_forgotten(client: TestClient) -> None:
    accepted = post(client, "line_busy", "jobs")
    assert accepted.status_code == 202
    where = accepted.headers["Location"]
    for _ in range(500):
        job = client.get(where).json()
        if job["state"] == "done":
            break
        time.sleep(0.01)
    assert job["result"]["outcome"] == "line_busy"
    assert job["submitted_at"] <= job["started_at"] <= job["finished_at"]
    assert [listed["id"] for listed in client.get("/api/v1/jobs").json()["jobs"]] == [job["id"]]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404
    assert client.delete(where).status_code == 404


def test_an_unfinished_job_is_not_forgotten(client: TestClient) -> None:
    where = post(client, "slow 0.5", "jobs").headers["Location"]
    assert client.delete(where).status_code == 409


def test_an_answer_that_takes_too_long_becomes_a_job(tmp_path: Path, journal: Journal) -> None:
    with TestClient(app_with(tmp_path, journal, wait_s=0.05)) as client:
        answer = post(client, "slow 0.5")
        assert answer.status_code == 202
        assert client.get(answer.headers["Location"]).json()["state"] in {"queued", "running"}


def test_jobs_waiting_when_the_server_stops_are_done_after_the_restart(
    tmp_path: Path, journal: Journal
) -> None:
    with TestClient(app_with(tmp_path, journal)) as client:
        post(client, "slow 0.3", "jobs")
        ids = [post(client, "silence", "jobs").json()["id"] for _ in range(5)]
    stray = tmp_path / "state" / "uploads" / "left-by-a-crash"
    stray.write_text("x")
    with TestClient(app_with(tmp_path, journal)) as client:
        for _ in range(500):
            states = {client.get(f"/api/v1/jobs/{job}").json()["state"] for job in ids}
            if states == {"done"}:
                break
            time.sleep(0.01)
        assert states == {"done"}
        assert not stray.exists()


def test_old_results_are_forgotten(tmp_path: Path, journal: Journal) -> None:
    app = app_with(tmp_path, journal, keep_results_s=0.0)
    with TestClient(app) as client:
        where = post(client, "silence", "jobs").headers["Location"]
        while client.get(where).json()["state"] != "done":
            time.sleep(0.01)
        app.state.jobs.purge()
        assert client.get(where).status_code == 404


def test_a_kept_recording_stays_as_long_as_its_result(tmp_path: Path) -> None:
    settings = ServerSettings(state_dir=tmp_path, keep_results_s=0.0)
    with WorkerPool(loader(), 1) as pool:
        jobs = Jobs(settings, pool)
        path = tmp_path / "uploads" / "one"
        path.write_text("silence")
        job = jobs.submit(
            path, Submission(call=CallRequest(name="a.wav"), keep_recording=True), owner="me"
        )
        jobs.finished(job.id).result(60)
        assert jobs.recording(job.id) == path
        done = jobs.get(job.id, owner="me")
        assert done is not None
        assert done.state is JobState.DONE
        assert jobs.get(job.id, owner="you") is None
        jobs.purge()
        assert not path.exists()
        jobs.close()


# -- keys --------------------------------------------------------------------------------------


def test_once_there_is_a_key_nobody_gets_in_without(
    client: TestClient, key: dict[str, str]
) -> None:
    for path in ("jobs", "contacts", "attempts", "overview"):
        refused = client.get(f"/api/v1/{path}")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert client.get(f"/api/v1/{path}", headers=key).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert post(client, "silence").status_code == 401
    assert post(client, "silence", headers=key).status_code == 200
    assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("value", ["Bearer wrong", "Bearer", "Basic eDp5", "wrong", "Bearer  "])
def test_a_wrong_key_is_refused_even_where_none_is_needed(client: TestClient, value: str) -> None:
    assert client.get("/api/v1/jobs", headers={"Authorization": value}).status_code == 401


def test_a_revoked_key_is_refused_at_once(
    client: TestClient, key: dict[str, str], tmp_path: Path
) -> None:
    assert client.get("/api/v1/jobs", headers=key).status_code == 200
    ApiKeys(tmp_path / "state" / "api_keys.json").revoke("test")
    assert client.get("/api/v1/jobs", headers=key).status_code == 401
    assert client.get("/api/v1/jobs").status_code == 401


def test_a_key_is_kept_as_a_digest_only(key: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "state" / "api_keys.json"
    assert key["Authorization"].removeprefix("Bearer ") not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_one_clients_jobs_are_no_business_of_another(
    client: TestClient, key: dict[str, str], tmp_path: Path
) -> None:
    _, secret = ApiKeys(tmp_path / "state" / "api_keys.json").create("other")
    other = {"Authorization": f"Bearer {secret}"}
    where = post(client, "silence", "jobs", headers=key).headers["Location"]
    assert client.get(where, headers=key).status_code == 200
    assert client.get(where, headers=other).status_code == 404
    assert client.delete(where, headers=other).status_code == 404
    assert client.get("/api/v1/jobs", headers=other).json() == {"jobs": []}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "calls.example.org"},
        {"Origin": "https://calls.example.org"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "192.0.2.7"},
    ],
)
def test_without_keys_only_programs_on_this_machine_may_ask(
    client: TestClient, headers: dict[str, str]
) -> None:
    assert client.get("/api/v1/jobs").status_code == 200
    assert client.get("/api/v1/jobs", headers=headers).status_code == 401


def test_what_the_journal_knows_of_people_always_needs_a_key(client: TestClient) -> None:
    for path in ("contacts", "contacts/K-1", "attempts", "attempts/1", "overview"):
        assert client.get(f"/api/v1/{path}").status_code == 401
    assert post(client, "silence", data={"contact": "K-1"}).status_code == 401


# -- the journal -------------------------------------------------------------------------------


def test_a_contacts_attempts_are_counted_by_the_journal(
    client: TestClient, key: dict[str, str]
) -> None:
    for attempt in (1, 2, 3):
        answer = client.post(
            "/api/v1/classifications",
            params={"contact": "K-1"},
            content=b"busy_tone".ljust(9 + attempt),  # another recording each time
            headers=key,
        ).json()
        assert answer["outcome"] is None or answer["decision"]["attempt"] == attempt
    found = client.get("/api/v1/contacts/K-1", headers=key).json()
    assert found["phones"] == ["+79990000000"]
    assert found["status"] == "Недоступен"
    assert found["n_counted"] == 3
    attempts = client.get("/api/v1/attempts?contact=K-1&limit=2", headers=key).json()
    assert [a["decision"]["attempt"] for a in attempts["attempts"]] == [3, 2]
    rest = {"contact": "K-1", "before_id": attempts["next_before_id"]}
    rest_found = client.get("/api/v1/attempts", params=rest, headers=key).json()
    assert [a["decision"]["attempt"] for a in rest_found["attempts"]] == [1]
    one = attempts["attempts"][0]
    assert client.get(f"/api/v1/attempts/{one['id']}", headers=key).json() == one
    assert client.get("/api/v1/overview", headers=key).json()["n_attempts"] == 3


def test_the_same_recording_twice_is_one_attempt(client: TestClient, key: dict[str, str]) -> None:
    for _ in range(2):
        answer = post(client, "no_answer", data={"contact": "K-1"}, headers=key).json()
    assert answer["decision"]["attempt"] == 1
    assert answer["journal"]["is_new"] is False


def test_the_journal_keeps_which_phrases_a_call_was_recognised_with(
    client: TestClient, key: dict[str, str], journal: Journal
) -> None:
    post(client, "no_answer", data={"contact": "K-1"}, headers=key)
    (attempt,) = journal.attempts(limit=10).items
    assert attempt.phrases_version == PHRASES_VERSION


def test_what_is_not_there_is_404(client: TestClient, key: dict[str, str]) -> None:
    assert client.get("/api/v1/contacts/nobody", headers=key).status_code == 404
    assert client.get("/api/v1/attempts/99", headers=key).status_code == 404
    assert post(client, "silence", data={"contact": "nobody"}, headers=key).status_code == 404


def test_a_period_without_a_zone_is_refused(client: TestClient, key: dict[str, str]) -> None:
    answer = client.get("/api/v1/overview?since=2026-11-22T00:00:00", headers=key)
    assert answer.status_code == 422
    assert "time zone" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "header", [{"Content-Range": "bytes 0-8/100"}, {"Content-Encoding": "gzip"}]
)
@pytest.mark.parametrize("route", ["jobs", "classifications"])
def test_a_part_of_a_recording_or_a_packed_one_is_refused_unheard(
    client: TestClient, route: str, header: dict[str, str]
) -> None:
    answer = client.post(f"/api/v1/{route}", content=b"busy_tone", headers=header)
    assert answer.status_code == 400
    assert answer.json()["error"]["kind"] == "not_whole"
    whole = {"Content-Encoding": "identity"}
    assert client.post(f"/api/v1/{route}", content=b"busy_tone", headers=whole).status_code < 300


def test_the_kind_of_a_body_is_written_in_any_case(client: TestClient) -> None:
    said = b'Content-Disposition: form-data; name="file"; filename="a.wav"'
    content = b"--b\r\n" + said + b"\r\n\r\nsilence\r\n--b--\r\n"
    headers = {"Content-Type": "Multipart/Form-Data; boundary=b"}
    answer = client.post("/api/v1/classifications", content=content, headers=headers)
    assert answer.json()["outcome"] == "silence"


@pytest.mark.parametrize("kind", [RowError, ContactError])
def test_where_the_record_is_required_a_call_that_can_never_be_recorded_is_an_error(
    client: TestClient, key: dict[str, str], monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise kind("it does not fit")

    monkeypatch.setattr(Journal, "record_attempt", refuse)
    asked = {"number": "+79265550102"}
    where = "/api/v1/classifications"
    answer = client.post(where, content=b"silence", headers=key, params=asked)
    assert answer.json()["journal"]["error"] == "it does not fit"
    required = {**asked, "journal": "required"}
    answer = client.post(where, content=b"silence", headers=key, params=required)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == "it does not fit"


def test_keys_deleted_under_a_server_open_it_to_nobody(
    client: TestClient, key: dict[str, str], tmp_path: Path
) -> None:
    assert client.post("/api/v1/jobs", content=b"silence", headers=key).status_code == 202
    (file,) = tmp_path.rglob("api_keys.json")
    file.unlink()
    assert client.post("/api/v1/jobs", content=b"silence").status_code == 401
    assert client.post("/api/v1/jobs", content=b"silence", headers=key).status_code == 401


@pytest.mark.parametrize("route", ["attempts", "overview"])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "moment",
    [
        "0001-01-01T00:00:00+05:00",
        "0001-01-01T00:00:00-05:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:59:59+14:00",
        "0000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "2026-11-22T09:30:00+24:00",
        "2026-11-22T09:30:00+23:59:59.999999",
        "2026-13-22T09:30:00Z",
        "999999-11-22T09:30:00Z",
    ],
)
def test_a_moment_nobody_can_count_with_is_refused_in_a_sentence(
    client: TestClient, key: dict[str, str], route: str, name: str, moment: str
) -> None:
    answer = client.get(f"/api/v1/{route}", params={name: moment}, headers=key)
    assert answer.status_code == 422, answer.text
    assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize("moment", ["0001-01-03T00:00:00+14:00", "9999-12-28T23:59:59-12:00"])
def test_a_moment_far_away_is_one_all_the_same(
    client: TestClient, key: dict[str, str], moment: str
) -> None:
    for route in ("attempts", "overview"):
        asked = {"since": moment, "until": moment}
        assert client.get(f"/api/v1/{route}", params=asked, headers=key).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30"])
def test_a_day_of_a_call_nobody_can_count_with_is_refused(client: TestClient, day: str) -> None:
    answer = client.post(f"/api/v1/classifications?called_on={day}", content=b"silence")
    assert answer.status_code == 422
    assert "called_on" in answer.json()["error"]["message"]


# -- the server itself -------------------------------------------------------------------------


def test_metrics_count_calls_by_outcome(client: TestClient) -> None:
    for content in ("silence", "silence", "damaged"):
        post(client, content)
    text = client.get("/metrics").text
    assert 'recognizer_calls_total{outcome="silence"} 2.0' in text
    assert 'recognizer_calls_total{outcome="blocked"} 0.0' in text
    assert 'recognizer_errors_total{kind="unreadable_audio"} 1.0' in text
    assert 'recognizer_jobs{state="queued"} 0.0' in text
    assert "recognizer_recognition_seconds_count 3.0" in text


def test_the_openapi_document_describes_every_path_and_answer(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    body = document["paths"]["/api/v1/classifications"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/octet-stream", "audio/*"}
    example = document["components"]["schemas"]["Classification"]["examples"][0]
    schema = json.loads(SCHEMA.read_text())
    jsonschema.validate(example, schema)
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
    assert "docs_url" not in document
    assert client.get("/docs").status_code == 404  # Swagger UI comes from another site


@pytest.fixture
def server(tmp_path: Path, journal: Journal) -> Iterator[str]:
    """Return the address of a real server on loopback, in this process."""
    app = app_with(tmp_path, journal, max_uploads=32, max_queue=40, requests_per_minute=100_000)
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.slow
def test_two_hundred_uploads_at_once_are_answered_or_refused_politely(
    server: str, tmp_path: Path
) -> None:
    async def upload(client: httpx2.AsyncClient, index: int) -> Any:
        files = {"file": (f"{index}.wav", b"silence".ljust(200_000))}
        return await client.post(f"{server}/api/v1/jobs", files=files)

    async def all_at_once() -> list[Any]:
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
            answers = await asyncio.gather(*(upload(client, index) for index in range(200)))
            end = time.monotonic() + 30
            for answer in answers:
                while answer.status_code == 202 and time.monotonic() < end:
                    job = await client.get(f"{server}{answer.headers['Location']}")
                    if job.json()["state"] == "done":
                        break
                    await asyncio.sleep(0.02)
                else:
                    assert answer.status_code == 503
            return answers

    answers = asyncio.run(all_at_once())
    kinds = Counter(answer.status_code for answer in answers)
    assert set(kinds) <= {202, 503}
    assert kinds[202] >= 16
    for answer in answers:
        assert answer.status_code == 202 or int(answer.headers["Retry-After"]) >= 1
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_schemathesis_finds_nothing(tmp_path: Path, journal: Journal, key: dict[str, str]) -> None:
    """Ask what the document allows and what it does not; every answer must be as described."""
    schemathesis = pytest.importorskip("schemathesis")
    import hypothesis
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = app_with(tmp_path, journal, requests_per_minute=10_000_000)

    async def begun(scope: Any, receive: Any, send: Any) -> None:
        """Answer every client that would begin the application again: it is begun below."""
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
            await receive()
            await send({"type": answer})
        return None

    operation = app.openapi()["paths"]["/api/v1/classifications"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    fields = set(form["properties"])
    assert "file" in fields
    with TestClient(app):
        schema = schemathesis.openapi.from_asgi("/openapi.json", begun, headers=key)
        for operation in schema.get_all_operations():

            @hypothesis.settings(
                max_examples=15,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.ok().as_strategy())
            def check(case: Any) -> None:
                # No pattern can say whether digits are one whole number of a country, which days
                # are past and which moments a program can count with; nor does the document say
                # that fields it does not know are refused.
                said = f"{case.query} {case.body!r}"
                unsaid = ("number", "called_on", "since", "until")
                is_unsaid = any(name in said for name in unsaid)
                if isinstance(case.body, dict):
                    is_unsaid |= not set(case.body) <= fields
                left_out = [positive_data_acceptance] if is_unsaid else []
                case.call_and_validate(headers=key, excluded_checks=left_out)

            check()


def test_a_wrong_method_is_told_all_that_are_right(client: TestClient) -> None:
    answer = client.put("/api/v1/jobs")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize("moment", ["0.5", "1763793015", "tomorrow", "22.11.2026"])
def test_a_moment_is_iso_8601_only(client: TestClient, key: dict[str, str], moment: str) -> None:
    assert client.get(f"/api/v1/overview?until={moment}", headers=key).status_code == 422


def test_the_clock_of_a_job_is_utc(client: TestClient) -> None:
    job = post(client, "silence", "jobs").json()
    submitted = dt.datetime.fromisoformat(job["submitted_at"])
    assert submitted.utcoffset() == dt.timedelta(0)
    assert job["submitted_at"] == submitted.isoformat()  # +00:00, as all the JSON, not Z


def test_a_correction_names_the_version_it_was_made_on(
    client: TestClient, journal: Journal, key: dict[str, str]
) -> None:
    report = CallReport("a.wav", Evidence(1.0), Outcome(CallOutcome.BUSY_TONE, 0.9), None, 0.1)
    call = journal.record_attempt(report, digest="1" * 64).id
    path = f"/api/v1/attempts/{call}"
    read = client.get(path, headers=key)
    assert read.headers["ETag"] == f'"{read.json()["version"]}"'
    said = {"outcome": "voicemail", "made_by": "Анна"}
    assert client.post(f"{path}/corrections", json=said, headers=key).status_code == 422
    matching = {**key, "If-Match": read.headers["ETag"]}
    first = client.post(f"{path}/corrections", json=said, headers=matching)
    assert first.status_code == 201
    second = client.post(
        f"{path}/corrections", json={"outcome": "blocked", "made_by": "Борис"}, headers=matching
    )
    assert second.status_code == 409
    assert [c.made_by for c in journal.corrections(call)] == ["Анна (API)"]
    assert (
        client.post("/api/v1/attempts/9/corrections", json=said, headers=matching).status_code
        == 404
    )


def test_part_of_a_number_is_no_number(client: TestClient, key: dict[str, str]) -> None:
    answer = client.post(
        "/api/v1/classifications", params={"number": "555-12"}, content=b"x", headers=key
    )
    assert answer.status_code == 422


def test_a_day_that_has_not_begun_in_the_office_is_refused(client: TestClient) -> None:
    day = dt.datetime.now(dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=3))).date()
    for called_on, status in ((day, 200), (day + dt.timedelta(days=1), 422)):
        answer = post(client, "does_not_exist", data={"called_on": called_on.isoformat()})
        assert answer.status_code == status, answer.text
    assert "called_on: expected a day that has begun" in answer.text
