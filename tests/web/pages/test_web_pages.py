"""The page over HTTP: who may do what, what is shown, what is refused."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, page_settings, recording, version_of

from recognizer.base.errors import PhraseListError
from recognizer.crm.contacts import ContactCard, ContactKind, OwnerKind
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptFilter
from recognizer.model import CallOutcome
from recognizer.web.app import create_app
from recognizer.web.pages.page import page_of
from recognizer.web.pages.site import setup_path

pytestmark = pytest.mark.page

HTML = {"Accept": "text/html"}


def sign_in(client: TestClient, who: str = "operator") -> str:
    answer = client.post("/sign-in", data={"login": who, "password": PASSWORD})
    assert answer.status_code == 200
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
    assert token is not None
    return token.group(1)


def upload(client: TestClient, csrf: str, name: str, body: bytes, **query: str) -> str:
    """Upload and wait; return the finished line's HTML."""
    answer = client.put(
        "/uploads", params={"name": name, **query}, content=body, headers={"X-CSRF-Token": csrf}
    )
    assert answer.status_code == 200, answer.text
    for _ in range(200):
        state = client.get(answer.json()["address"])
        if state.status_code == 200:
            return state.text
        assert state.status_code == 202
        time.sleep(0.02)
    raise AssertionError("never finished")


# -- who may do what ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/calls", "/calls/1", "/queue", "/overview", "/phrases", "/users", "/audit"]
)
def test_every_page_asks_to_sign_in_first(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?then=")


@pytest.mark.parametrize(
    ("path", "least"),
    [("/overview", "supervisor"), ("/users", "administrator"), ("/audit", "administrator")],
)
def test_a_role_sees_what_it_may(client: TestClient, path: str, least: str) -> None:
    roles = ["operator", "supervisor", "administrator"]
    for role in roles:
        client.cookies.clear()
        sign_in(client, role)
        allowed = roles.index(role) >= roles.index(least)
        assert client.get(path).status_code == (200 if allowed else 403), role


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/calls/1/accept", {}),
        ("/calls/1/correct", {"outcome": "blocked"}),
        ("/calls/1/number", {}),
        ("/phrases", {"text": "номер снят с учёта", "outcome": "not_in_service"}),
        ("/sign-out", {}),
        ("/account", {"old": PASSWORD, "new": "another password"}),
    ],
)
def test_a_form_without_the_sessions_token_is_refused(
    app: FastAPI, client: TestClient, path: str, data: dict[str, str]
) -> None:
    add_call(app, "blocked-for-now--1.wav")
    sign_in(client)
    assert client.post(path, data=data).status_code == 403
    assert client.post(path, data={**data, "csrf": "guess"}).status_code == 403
    assert page_of(app).journal.corrections(1) == ()


def test_sign_in_sent_by_another_site_is_refused(client: TestClient) -> None:
    data = {"login": "operator", "password": PASSWORD}
    answer = client.post("/sign-in", data=data, headers={"Origin": "http://elsewhere.example"})
    assert answer.status_code == 403
    assert "recognizer_session" not in client.cookies


def test_the_way_back_after_sign_in_stays_on_this_site(client: TestClient) -> None:
    for then in ("//elsewhere.example", "https://elsewhere.example/", "/\\elsewhere.example"):
        data = {"login": "operator", "password": PASSWORD, "then": then}
        answer = client.post("/sign-in", data=data, follow_redirects=False)
        assert answer.headers["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient) -> None:
    data = {"login": "operator", "password": PASSWORD}
    cookie = client.post("/sign-in", data=data, follow_redirects=False).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    secure = TestClient(client.app, headers=HTML, base_url="https://127.0.0.1")
    answer = secure.post("/sign-in", data=data, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


def test_too_many_wrong_passwords_say_how_long_to_wait(client: TestClient) -> None:
    wrong = {"login": "operator", "password": "wrong"}
    for _ in range(5):
        assert client.post("/sign-in", data=wrong).status_code == 401
    answer = client.post("/sign-in", data={**wrong, "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 600
    assert "Попробуйте снова" in answer.text


def test_signing_out_ends_the_session_on_the_server(client: TestClient) -> None:
    csrf = sign_in(client)
    cookie = client.cookies["recognizer_session"]
    client.post("/sign-out", data={"csrf": csrf})
    client.cookies.set("recognizer_session", cookie)
    assert client.get("/", follow_redirects=False).status_code == 303


def test_the_first_administrator_needs_the_servers_token(tmp_path: Path) -> None:
    settings = page_settings(tmp_path)
    with Journal.open(settings.journal.journal_url) as journal:
        app = create_app(settings, recognizer=None, journal=journal)
        client = TestClient(app, headers=HTML, base_url="http://127.0.0.1")
        path = setup_path(app)
        assert path is not None
        assert str(client.get("/").url).endswith("/setup")
        person = {"login": "boss", "name": "Вера", "password": PASSWORD}
        assert client.post("/setup", data={**person, "token": "guess"}).status_code == 400
        assert "Первый вход" in client.get(path).text
        token = path.partition("token=")[2]
        done = client.post("/setup", data={**person, "token": token})
        assert "Администратор создан" in done.text
        assert setup_path(app) is None


def test_headers_forbid_scripts_styles_and_frames_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/sign-in").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert client.get("/sign-in").headers["x-content-type-options"] == "nosniff"
    assert client.get("/sign-in").headers["cache-control"] == "no-store"


def test_no_page_has_inline_scripts_styles_or_foreign_addresses(
    app: FastAPI, client: TestClient
) -> None:
    call = add_call(app, "blocked-for-now--1.wav", sound=True)
    sign_in(client, "administrator")
    for path in ("/", f"/calls/{call}", "/calls", "/overview", "/phrases", "/users", "/audit"):
        text = client.get(path).text
        assert not re.search(r"\sstyle=|<style|\son\w+=", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), path


def test_users_are_made_closed_and_logged(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "administrator")
    person = {"login": "new", "name": "Глеб", "password": PASSWORD, "role": "operator"}
    assert "Пользователь создан" in client.post("/users", data={**person, "csrf": csrf}).text
    assert "занято" in client.post("/users", data={**person, "csrf": csrf}).text
    new = next(user for user in page_of(app).access.users() if user.login == "new")
    client.post(f"/users/{new.id}", data={"role": "operator", "csrf": csrf})
    assert "Создан пользователь" in client.get("/audit").text
    wrong = client.post("/sign-in", data={"login": "new", "password": PASSWORD})
    assert wrong.status_code == 401


# -- uploads -----------------------------------------------------------------------------------


def test_an_upload_becomes_a_verdict_that_can_be_played(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client)
    line = upload(client, csrf, "blocked-for-now--1.wav", recording())
    assert "Номер временно заблокирован" in line
    assert "без отметки; попытка\xa01 из\xa03, повторить" in line
    call = re.search(r'href="(/calls/\d+)"', line)
    assert call is not None
    page = client.get(call.group(1)).text
    assert "Номер временно заблокирован (автоответчик)" in page
    assert page.count('class="word decides"') == 4  # the three words, and the phrase below them
    sound = client.get(f"{call.group(1)}/audio.wav", headers={"Range": "bytes=0-99"})
    assert sound.status_code == 206
    assert sound.content[:4] == b"RIFF"


def test_an_upload_with_a_number_counts_the_attempts_of_its_card(
    app: FastAPI, client: TestClient
) -> None:
    journal = page_of(app).journal
    journal.upsert_contact(ContactCard(ref="C-1", trusted_phone="+7 926 555-01-02"))
    csrf = sign_in(client)
    for number in (1, 2, 3):
        line = upload(
            client,
            csrf,
            f"ringback_only--{number}.wav",
            recording(seed=number),
            whose="8 (926) 555-01-02",
        )
    assert "попытка\xa03 из\xa03, поставить статус" in line
    assert journal.contact("C-1").status == "Недоступен"


def test_the_same_recording_twice_is_one_call(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client)
    whose = "+7 926 555-01-02"
    for _ in range(2):
        upload(client, csrf, "busy_tone--1.wav", recording(), whose=whose)
    assert page_of(app).journal.count_attempts() == 1


def test_a_damaged_file_says_what_to_do_and_stays_in_the_list(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client)
    line = upload(client, csrf, "damaged.wav", b"not a sound at all")
    assert "Файл не удалось прочитать" in line
    assert "загрузите ещё раз" in line
    assert "Файл не удалось прочитать" in client.get("/calls?show=errors").text


def test_a_file_too_large_is_refused_and_leaves_nothing(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client)
    answer = client.put(
        "/uploads?name=big.wav", content=b"x" * 4_000_001, headers={"X-CSRF-Token": csrf}
    )
    assert answer.status_code == 413
    assert answer.json()["title"] == "Файл слишком большой"
    assert not list((page_of(app).settings.server.state_folder / "uploads").iterdir())


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [("name=a.wav", b"", 400), ("name=a.wav&whose=nobody", b"RIFF", 422)],
)
def test_an_upload_that_cannot_be_taken_says_why(
    client: TestClient, query: str, body: bytes, status: int
) -> None:
    csrf = sign_in(client)
    answer = client.put(f"/uploads?{query}", content=body, headers={"X-CSRF-Token": csrf})
    assert answer.status_code == status
    assert set(answer.json()) == {"title", "advice"}


def test_a_browser_without_scripts_can_upload(client: TestClient) -> None:
    csrf = sign_in(client)
    files = [("file", (f"busy_tone--{n}.wav", recording(seed=n), "audio/wav")) for n in (1, 2)]
    assert client.post("/uploads", data={"csrf": csrf}, files=files).status_code == 200
    assert client.post("/uploads", data={"csrf": "another"}, files=files).status_code == 403
    nothing = client.post("/uploads", data={"csrf": csrf}, files={"other": ("a.wav", b"RIFF")})
    assert nothing.status_code == 422
    assert "Нет записи" in nothing.text
    names = {job.submission.name for job in client.app.state.jobs.recent()}  # type: ignore[attr-defined]
    assert names == {"busy_tone--1.wav", "busy_tone--2.wav"}


def test_another_operators_upload_is_not_mine_to_see(client: TestClient) -> None:
    csrf = sign_in(client)
    answer = client.put("/uploads?name=a.wav", content=recording(), headers={"X-CSRF-Token": csrf})
    address = answer.json()["address"]
    client.cookies.clear()
    sign_in(client, "supervisor")
    assert client.get(address).status_code == 404


def test_names_and_transcripts_are_text_never_markup(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "administrator")
    name = "markup--<img src=x onerror=alert(1)>.wav"
    line = upload(client, csrf, name, recording())
    call = re.search(r'href="(/calls/(\d+))"', line)
    assert call is not None
    for path in (call.group(1), "/calls", "/queue", "/", "/audit", f"/phrases/new?call={call[2]}"):
        text = client.get(path).text
        assert "<img src=x" not in text, path
        assert "<script>document" not in text, path
    assert "&lt;script&gt;document" in client.get(call.group(1)).text


def test_a_recordings_name_is_never_opened_as_a_path(
    app: FastAPI, client: TestClient, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(recording(seed=5))
    page = page_of(app)
    call = add_call(app, str(secret))
    assert page.recordings.find(page.journal.attempt(call)) is None
    sign_in(client)
    assert client.get(f"/calls/{call}/audio.wav").status_code == 404


def test_recordings_of_purged_calls_are_removed(app: FastAPI, tmp_path: Path) -> None:
    page = page_of(app)
    old = page.journal.attempt(add_call(app, "busy_tone--old.wav", sound=True, days_ago=9))
    new = page.journal.attempt(add_call(app, "busy_tone--new.wav", sound=True))
    assert page.recordings.listen(old) is not None
    page.journal.purge(dt.datetime.now(dt.UTC) - dt.timedelta(days=5))
    assert page.recordings.forget_purged(page.journal.database) == 1
    assert page.recordings.find(old) is None
    assert page.recordings.find(new) is not None
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(str(old.digest))]


def test_half_a_recording_is_never_played_nor_kept(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(app)
    whole = page.journal.attempt(add_call(app, "busy_tone--1.wav", sound=True))
    kept = page.recordings.find(whole)
    assert kept is not None
    upload = kept.rename(tmp_path / "upload.wav")

    with monkeypatch.context() as killed:

        def die(_source: Path, draft: Path) -> None:
            draft.write_bytes(b"RIFF")
            killed.setattr(Path, "unlink", lambda *_, **__: None)
            raise KeyboardInterrupt

        killed.setattr("shutil.copyfile", die)
        with pytest.raises(KeyboardInterrupt):
            page.recordings.keep(upload, "a.wav")
    assert len(list(kept.parent.iterdir())) == 1
    assert page.recordings.find(whole) is None
    page.recordings.forget_purged(page.journal.database)  # the next start
    assert list(kept.parent.iterdir()) == []


def test_an_upload_that_finds_the_queue_full_leaves_nothing(
    app: FastAPI, client: TestClient, tmp_path: Path
) -> None:
    csrf = sign_in(client)
    app.state.jobs._settings = msgspec.structs.replace(app.state.jobs._settings, max_queue=0)
    headers = {"X-CSRF-Token": csrf}
    refused = client.put("/uploads?name=silence--1.wav", content=recording(), headers=headers)
    assert refused.status_code == 503
    folders = [tmp_path / "state" / name for name in ("uploads", "recordings")]
    assert not [path for folder in folders for path in folder.rglob("*") if path.is_file()]


# -- one call ----------------------------------------------------------------------------------


def test_numbers_are_masked_and_opening_one_is_logged(app: FastAPI, client: TestClient) -> None:
    call = add_call(app, "busy_tone--1.wav", number="+7 926 555-01-02")
    csrf = sign_in(client)
    for path in (f"/calls/{call}", "/calls"):
        text = client.get(path).text
        assert "•••-••-02" in text
        assert "9265550102" not in re.sub(r"\D", "", text)
    opened = client.post(f"/calls/{call}/number", data={"csrf": csrf})
    assert "+79265550102" in opened.text
    client.cookies.clear()
    sign_in(client, "administrator")
    log = client.get("/audit").text
    assert "Открыт номер" in log
    assert "9265550102" not in log


def test_a_card_filled_in_later_counts_earlier_attempts(app: FastAPI, client: TestClient) -> None:
    journal = page_of(app).journal
    journal.upsert_contact(
        ContactCard(
            ref="C-1",
            trusted_phone="+7 926 555-01-02",
            owner="Иван Тестов",
            owner_kind=OwnerKind.PERSON,
            kind=ContactKind.AFTER_SALE,
        )
    )
    add_call(app, "busy_tone--1.wav", contact="C-1", days_ago=1)
    call = add_call(app, "silence--1.wav")
    csrf = sign_in(client)
    done = client.post(f"/calls/{call}/card", data={"csrf": csrf, "number": "89265550102"})
    assert "Карточка сохранена" in done.text
    assert "попытка\xa02 из\xa03" in done.text
    assert "Иван Тестов" in done.text
    assert "После продажи" in done.text


def test_without_a_card_another_attempt_can_be_tried_out(app: FastAPI, client: TestClient) -> None:
    call = add_call(app, "busy_tone--1.wav")
    sign_in(client)
    assert "попытка\xa01 из\xa03" in client.get(f"/calls/{call}").text
    assert "поставить статус" in client.get(f"/calls/{call}?attempt=3").text
    assert page_of(app).journal.attempt(call).decision.decision.attempt == 1  # type: ignore[union-attr]


def test_what_an_operator_states_is_refused_where_the_card_says_otherwise(
    app: FastAPI, client: TestClient
) -> None:
    journal = page_of(app).journal
    journal.upsert_contact(
        ContactCard(ref="C-1", trusted_phone="+79265550102", kind=ContactKind.AFTER_SERVICE)
    )
    call = add_call(app, "person--1.wav", contact="C-1")
    csrf = sign_in(client)
    seen = {"csrf": csrf, "version": version_of(app, call)}
    form = {**seen, "reason": "stranger-sales", "name": "Пётр", "words": "Ошиблись"}
    refused = client.post(f"/calls/{call}/state", data=form)
    assert refused.status_code == 400
    assert "Ошиблись" in refused.text
    assert journal.corrections(call) == ()
    done = client.post(f"/calls/{call}/state", data={**seen, "reason": "no-dialogue"})
    assert "Взял трубку, в диалог не вступает" in done.text


def test_a_call_that_is_not_there_is_a_clear_404(client: TestClient) -> None:
    sign_in(client)
    answer = client.get("/calls/999999")
    assert answer.status_code == 404
    assert "Такого звонка нет" in answer.text


def test_a_failure_of_the_program_is_a_page_for_people(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise PhraseListError("lists/broken.toml, line 3: expected text")

    sign_in(client)
    monkeypatch.setattr(page_of(app).proposals, "book", broken)
    answer = client.get("/phrases")
    assert answer.status_code == 500
    assert "сообщите администратору: lists/broken.toml, line 3" in answer.text


# -- review ------------------------------------------------------------------------------------


def test_the_queue_holds_what_needs_a_person_and_nothing_else(
    app: FastAPI, client: TestClient
) -> None:
    sure = [add_call(app, f"{n}--1.wav") for n in ("no-such-number", "person", "busy_tone")]
    waiting = [
        add_call(app, f"{n}--1.wav") for n in ("unsure", "new-wording", "damaged", "company_ivr")
    ]
    reviews = page_of(app).reviews
    assert [reviews.is_waiting(call) for call in sure] == [False] * 3
    assert [reviews.is_waiting(call) for call in waiting] == [True] * 4
    assert reviews.n_waiting() == 4
    sign_in(client)
    assert str(client.get("/queue").url).endswith(f"/queue/{waiting[0]}")


def test_a_correction_decides_anew_and_makes_a_labelled_clip(
    app: FastAPI, client: TestClient
) -> None:
    page = page_of(app)
    call = add_call(app, "unsure--1.wav", sound=True)
    csrf = sign_in(client)
    form = {"csrf": csrf, "outcome": "temporarily_blocked", "place": "queue", "heard": "yes"}
    form["version"] = version_of(app, call)
    assert "Очередь пуста" in client.post(f"/calls/{call}/correct", data=form).text
    attempt = page.journal.attempt(call)
    assert attempt.outcome is CallOutcome.BLOCKED  # what was heard stays
    assert attempt.decision is not None
    assert attempt.decision.outcome is CallOutcome.TEMPORARILY_BLOCKED
    assert not attempt.decision.decision.incorrect_contact
    (said,) = page.journal.corrections(call)
    assert said.made_by == "Анна"
    (row,) = page.clips.rows()
    assert row["outcome"] == "temporarily_blocked"
    assert (page.clips.folder / row["path"]).stat().st_size == len(recording())


def test_a_confirmation_takes_the_call_off_the_queue_and_changes_no_decision(
    app: FastAPI, client: TestClient
) -> None:
    page = page_of(app)
    call = add_call(app, "unsure--1.wav")
    before = page.journal.attempt(call).decision
    csrf = sign_in(client)
    client.post(f"/calls/{call}/accept", data={"csrf": csrf, "version": version_of(app, call)})
    after = page.journal.attempt(call).decision
    assert before is not None
    assert after is not None
    assert after.decision.status == before.decision.status
    assert after.decision.incorrect_contact == before.decision.incorrect_contact
    assert not page.reviews.is_waiting(call)


# -- lists, overview, export -------------------------------------------------------------------


def test_search_finds_numbers_words_and_names(app: FastAPI, client: TestClient) -> None:
    add_call(app, "blocked-for-now--abc.wav", number="+7 926 555-01-02")
    add_call(app, "no-such-number--xyz.wav", number="+7 926 555-01-03")
    sign_in(client)

    def found(query: str) -> list[str]:
        return re.findall(r"--(\w+)\.wav", client.get(f"/calls?{query}").text)

    assert found("text=8-926-555-01-02") == ["abc"]
    assert found("text=не существует") == ["xyz"]
    assert found("text=abc") == ["abc"]
    assert found("outcome=does_not_exist") == ["xyz"]
    assert found("text=0102") == ["abc"]
    assert found("text=01-02") == ["abc"]
    page_of(app).journal.upsert_contact(
        ContactCard(
            ref="CRM-77", trusted_phone="+79265550199", owner="Иван Грозный", plate="А001АА77"
        )
    )
    add_call(app, "busy_tone--card.wav", contact="CRM-77")
    for text in ("CRM-77", "crm-7", "грозный", "а001аа77", "89265550199", "0199"):
        assert found(f"text={text}") == ["card"], text
    assert found("show=marked") == ["xyz"]
    assert found("text=%25") == []
    assert "Ничего не найдено" in client.get("/calls?text=zzz").text


def test_a_long_list_comes_a_page_at_a_time(app: FastAPI, client: TestClient) -> None:
    for number in range(60):
        add_call(app, f"busy_tone--{number}.wav")
    sign_in(client)
    first = client.get("/calls").text
    following = re.search(r'href="(/calls\?before=\d+)">Дальше', first)
    assert following is not None
    second = client.get(following.group(1)).text
    names = re.findall(r"--(\d+)\.wav", first + second)
    assert names == [str(number) for number in range(59, -1, -1)]


def test_the_overview_counts_a_period(app: FastAPI, client: TestClient) -> None:
    for number, name in enumerate(("no-such-number", "busy_tone", "unsure", "busy_tone")):
        add_call(app, f"{name}--{number}.wav", days_ago=1.5 * number)
    old = add_call(app, "busy_tone--old.wav", days_ago=40)
    page_of(app).reviews.accept(page_of(app).journal.attempt(old), made_by="Анна", recording=None)
    wrong = page_of(app).journal.attempts(AttemptFilter(text="unsure")).items[0]
    page_of(app).reviews.correct(
        wrong, CallOutcome.TEMPORARILY_BLOCKED, made_by="Анна", recording=None
    )
    sign_in(client, "supervisor")
    text = client.get("/overview?period=week").text
    assert re.search(r"<dt>Звонков</dt><dd>4</dd>", text)
    assert re.search(r"<dt>С отметкой</dt><dd>1</dd>", text)
    assert 'class="wrong">1<' in text
    assert 'class="right"' not in text
    for period in ("today", "month", "any&first=2026-01-01&last=not-a-day", "any&first=9999-99-99"):
        assert client.get(f"/overview?period={period}").status_code == 200


def export(client: TestClient, csrf: str, kind: str, query: str = "") -> bytes:
    answer = client.post(f"/export.{kind}?{query}", data={"csrf": csrf})
    assert answer.status_code == 200
    return answer.content


def test_exports_hold_masked_numbers_unless_asked(app: FastAPI, client: TestClient) -> None:
    add_call(app, "blocked-for-now--1.wav", number="+7 926 555-01-02")
    add_call(app, "no-such-number--1.wav")
    csrf = sign_in(client, "supervisor")
    text = export(client, csrf, "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [row["Результат"] for row in rows] == [
        "Номер не существует",
        "Номер временно заблокирован",
    ]
    assert rows[1]["Статус"] == "Недоступен"
    assert "9265550102" not in text
    full = client.post("/export.csv", data={"csrf": csrf, "full": "yes"})
    assert ";8 (926) 555-01-02;" in full.text
    assert full.headers["X-Rows"] == "2"
    assert page_of(app).access.audit(limit=1)[0].detail == "с номерами"
    book = openpyxl.load_workbook(io.BytesIO(export(client, csrf, "xlsx")), read_only=True)
    cells = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
    assert len(cells) == 3
    assert cells[2][6] == "Номер временно заблокирован"
    assert isinstance(cells[2][1], dt.datetime)
    assert cells[2][7] == pytest.approx(0.97)
    book.close()


def test_no_cell_of_an_export_is_a_formula(app: FastAPI, client: TestClient) -> None:
    add_call(app, "busy_tone--1.wav")
    with page_of(app).journal.database.writing() as session:
        session.execute(sa.text("UPDATE attempts SET recording = '=LINK(1)', transcript = '+1'"))
    csrf = sign_in(client, "supervisor")
    text = export(client, csrf, "csv").decode("utf-8-sig")
    assert ";\u00a0=LINK(1);" in text
    assert text.rstrip().endswith(";\u00a0+1")
    book = openpyxl.load_workbook(io.BytesIO(export(client, csrf, "xlsx")))
    cells = book.worksheets[0][2]
    assert (cells[2].value, cells[2].data_type) == ("=LINK(1)", "s")
    assert (cells[14].value, cells[14].data_type) == ("+1", "s")


def test_an_operator_may_not_export(client: TestClient) -> None:
    csrf = sign_in(client)
    assert client.post("/export.csv", data={"csrf": csrf}).status_code == 403


def test_a_workbook_is_whole_whatever_a_recording_is_called(
    app: FastAPI, client: TestClient
) -> None:
    names = ("a\uffffb\ufffec\x01d", "=1+1", "+7", "ж" * 3000, 'a\nb;"c')
    for number, name in enumerate(names):
        add_call(app, f"busy_tone--{number}{name}.wav")
        add_call(app, f"{name}.wav")
    form = {"csrf": sign_in(client, "supervisor")}
    book = openpyxl.load_workbook(io.BytesIO(client.post("/export.xlsx", data=form).content))
    cells = [cell for row in book.active.iter_rows(min_row=2) for cell in row]  # type: ignore[union-attr]
    said = {str(cell.value) for cell in cells}
    assert {"abcd.wav", "=1+1.wav", "+7.wav", 'a\nb;"c.wav'} <= said
    assert "f" not in {cell.data_type for cell in cells}


SPELT = re.compile(r"_x([0-9A-Fa-f]{4})_")


def shown(cell: Any) -> str:
    """Return what a spreadsheet shows of a text in a workbook (ECMA-376, ST_Xstring)."""
    return SPELT.sub(lambda found: chr(int(found[1], 16)), cell.value)


@pytest.mark.parametrize(
    "name", ["call_x0041_7.wav", "_x000D_.wav", "#VALUE!", "#REF!", "=1", "_x005F_"]
)
def test_a_workbook_shows_a_text_as_it_is(app: FastAPI, client: TestClient, name: str) -> None:
    """Neither a letter for its code, nor an error of a formula that nobody wrote."""
    add_call(app, "busy_tone--1.wav")
    with page_of(app).journal.database.writing() as session:
        session.execute(sa.text("UPDATE attempts SET recording = :name"), {"name": name})
    csrf = sign_in(client, "supervisor")
    book = openpyxl.load_workbook(io.BytesIO(export(client, csrf, "xlsx")))
    cell: Any = book.worksheets[0][2][2]
    assert (shown(cell), cell.data_type) == (name, "s")


@pytest.mark.parametrize("text", ["слово " * 7000, "_x0041_" * 5000, "\U0001f600" * 20_000])
def test_a_text_longer_than_a_cell_is_cut_where_it_says_so(
    app: FastAPI, client: TestClient, text: str
) -> None:
    add_call(app, "busy_tone--1.wav")
    with page_of(app).journal.database.writing() as session:
        session.execute(sa.text("UPDATE attempts SET transcript = :text"), {"text": text})
    csrf = sign_in(client, "supervisor")
    book = openpyxl.load_workbook(io.BytesIO(export(client, csrf, "xlsx")))
    cell: Any = book.worksheets[0][2][14]
    assert len(cell.value.encode("utf-16-le")) // 2 <= 32_767
    kept, _, said = shown(cell).partition(" … ")
    assert said == "[обрезано; целиком — в CSV]"
    assert text.startswith(kept)
    assert len(kept) > 2000
    assert text.strip() in export(client, csrf, "csv").decode("utf-8-sig")


@pytest.mark.parametrize("kind", ["pdf", "CSV", "xls", "xlsx.exe"])
def test_a_table_of_another_kind_is_refused_and_no_export(
    app: FastAPI, client: TestClient, kind: str
) -> None:
    csrf = sign_in(client, "supervisor")
    assert client.post(f"/export.{kind}", data={"csrf": csrf}).status_code == 404
    assert page_of(app).access.audit(action="export") == ()


# -- a session that is over, and words of the framework ----------------------------------------


def test_an_answer_sent_after_the_session_ended_is_kept_and_written_once_signed_in(
    app: FastAPI, client: TestClient
) -> None:
    call = add_call(app, "unsure--1.wav")
    csrf = sign_in(client)
    client.cookies.clear()
    form = {"csrf": csrf, "outcome": "voicemail", "place": "queue"}
    form["version"] = version_of(app, call)
    mine = {"Origin": "http://127.0.0.1"}
    asked = client.post(f"/calls/{call}/correct", data=form, headers=mine)
    assert asked.status_code == 401
    hidden = dict(re.findall(r'name="(kept|then)" value="([^"]*)"', asked.text))
    kept = html.unescape(hidden["kept"])
    data = {"login": "operator", "password": PASSWORD, "then": hidden["then"], "kept": kept}
    shown = client.post("/sign-in", data=data, headers=mine)
    assert "replay.js" in shown.text
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    assert fields["outcome"] == "voicemail"
    assert client.post(hidden["then"], data=fields).status_code == 200
    assert page_of(app).journal.corrections(call)[0].outcome is CallOutcome.VOICEMAIL


@pytest.mark.parametrize("csrf", ["", "999.another", "words"])
def test_an_answer_of_another_person_is_not_written_for_who_signs_in_unasked(
    app: FastAPI, client: TestClient, csrf: str
) -> None:
    call = add_call(app, "unsure--1.wav")
    boris = sign_in(client, "supervisor")
    own = {"login": "operator", "password": PASSWORD, "then": f"/calls/{call}/correct"}
    for token, is_own in ((csrf, False), (boris, False)):
        kept = json.dumps([["csrf", token], ["outcome", "voicemail"]])
        client.cookies.clear()
        mine = {"Origin": "http://127.0.0.1"}
        shown = client.post("/sign-in", data={**own, "kept": kept}, headers=mine).text
        assert ("replay.js" in shown) is is_own
        assert "дал другой сотрудник" in shown
        assert "от имени «<span data-name>Анна</span>»" in shown
    assert page_of(app).journal.corrections(call) == ()


def test_a_form_of_another_site_is_not_kept_for_who_signs_in(
    app: FastAPI, client: TestClient
) -> None:
    call = add_call(app, "unsure--1.wav")
    answer = client.post(
        f"/calls/{call}/correct",
        data={"outcome": "blocked"},
        headers={"Origin": "http://elsewhere.example"},
        follow_redirects=False,
    )
    assert answer.status_code == 303
    assert "kept" not in answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/calls/not-a-number", "/calls?before=x"])
def test_what_the_framework_refuses_is_said_in_russian(client: TestClient, path: str) -> None:
    sign_in(client)
    answer = client.get(path)
    assert answer.status_code in {404, 422}
    assert "text/html" in answer.headers["content-type"]
    assert "Not Found" not in answer.text
    assert '"detail"' not in answer.text


def test_the_log_is_read_by_person_and_action(client: TestClient) -> None:
    sign_in(client, "operator")
    client.cookies.clear()
    sign_in(client, "administrator")
    cell = '<td class="c-result break">operator</td>'
    assert cell in client.get("/audit?who=operator&action=sign_in").text
    assert cell not in client.get("/audit?who=administrator").text
    assert cell not in client.get("/audit?who=operator&action=export").text
