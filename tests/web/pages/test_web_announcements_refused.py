"""What the page refuses to keep as an announcement, to whom, and what it says then."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, SPEECH_END_S, SPEECH_START_S, add_call
from small_disk import SmallDisk, small_disk

from recognizer.model import CallOutcome
from recognizer.recognition.announcements.store import AnnouncementStore
from recognizer.web.pages.announcements import Announcements
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

TEXT = "набранный номер не используется"
AS_SCRIPT = {"Accept": "application/json"}


def sign_in(client: TestClient, who: str) -> dict[str, str]:
    answer = client.post("/sign-in", data={"login": who, "password": PASSWORD})
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
    assert token is not None
    return {"X-CSRF-Token": token.group(1), **AS_SCRIPT}


def form_of(call: int, **changes: str) -> dict[str, str]:
    return {
        "call": str(call),
        "outcome": "not_in_service",
        "text": TEXT,
        "heard": "yes",
        "start_s": str(SPEECH_START_S),
        "end_s": str(SPEECH_END_S),
        **changes,
    }


def call_of(app: FastAPI) -> int:
    return add_call(app, "new-wording--1.wav", sound=True)


def waiting_id(app: FastAPI, client: TestClient, csrf: dict[str, str], **changes: str) -> str:
    """Offer an announcement; return its id."""
    sent = client.post("/announcements", data=form_of(call_of(app), **changes), headers=csrf)
    assert sent.status_code == 200, sent.text
    return page_of(app).announcements.waiting()[-1].announcement.id


def folder_of(app: FastAPI) -> Path:
    return page_of(app).settings.announcements.folder


def is_russian(said: str) -> bool:
    return bool(re.search("[а-я]", said)) and not re.search("[A-Za-z]{3}", said)


# -- the mark -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": ""}, "Напишите, что в нём говорится"),
        ({"text": "номер временно не обслуживается"}, "этот текст значит другое"),
        ({"text": "алло, номер не используется"}, "этот текст значит другое"),
        ({"text": "номер не заблокирован", "outcome": "blocked"}, "этот текст значит другое"),
        ({"text": "номер\x1bне используется"}, "знак, который нельзя записать"),
        ({"carrier": "Опера\x00тор"}, "знак, который нельзя записать"),
        ({"text": "номер 8 916 123 45 67"}, "похожее на номер телефона"),
    ],
)
def test_what_may_not_be_kept_is_refused_in_russian(
    app: FastAPI, client: TestClient, changes: dict[str, str], why: str
) -> None:
    csrf = sign_in(client, "operator")
    answer = client.post("/announcements", data=form_of(call_of(app), **changes), headers=csrf)
    assert answer.status_code == 422
    assert why in answer.json()["advice"]
    assert is_russian(answer.json()["advice"])
    assert page_of(app).announcements.waiting() == ()


def test_a_marking_announcement_in_words_of_no_list_is_confirmed_once_a_list_has_them(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    text = "данный аппарат изъят из обращения навсегда"
    place = f"/announcements/{waiting_id(app, client, csrf, text=text)}/accept"
    answer = client.post(place, data={"heard": "yes"}, headers=csrf)
    assert answer.status_code == 409
    assert "добавьте её в «Фразы»" in answer.json()["advice"]
    assert page_of(app).announcements.known() == ()
    proposals = page_of(app).proposals
    made = proposals.propose(text, CallOutcome.NOT_IN_SERVICE, made_by="Борис", attempt_id=None)
    proposals.save(made.id, by="Борис")
    assert client.post(place, data={"heard": "yes"}, headers=csrf).status_code == 200
    assert [one.text for one in page_of(app).announcements.known()] == [text]


def test_a_supervisor_sees_what_the_program_heard_where_the_offer_says_another_thing(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    call = add_call(app, "blocked-for-now--1.wav", sound=True)
    for outcome, is_shown in (("temporarily_blocked", False), ("not_in_service", True)):
        sent = client.post("/announcements", data=form_of(call, outcome=outcome), headers=csrf)
        assert sent.status_code == 200
        shown = client.get("/announcements").text
        assert ("Программа услышала другое" in shown) is is_shown
        assert ("набранный вами номер временно заблокирован" in shown) is is_shown
        (waiting,) = page_of(app).announcements.waiting()
        page_of(app).announcements.reject(waiting.announcement.id)


# -- who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["operator", "nobody"])
@pytest.mark.parametrize("action", ["accept", "reject", "forget", "undo"])
def test_who_is_no_supervisor_decides_nothing_by_a_request_of_their_own_making(
    app: FastAPI, client: TestClient, action: str, who: str
) -> None:
    csrf = sign_in(client, "supervisor")
    known = waiting_id(app, client, csrf)
    client.post(f"/announcements/{known}/accept", data={"heard": "yes"}, headers=csrf)
    waits = waiting_id(app, client, csrf, outcome="no_answer", start_s="6.5")
    client.cookies.clear()
    if who == "operator":
        csrf = sign_in(client, "operator")
    path = {"undo": "undo", "forget": f"{known}/forget"}.get(action, f"{waits}/{action}")
    answer = client.post(f"/announcements/{path}", data={"heard": "yes"}, headers=csrf)
    assert answer.status_code == (403 if who == "operator" else 401)
    page = page_of(app)
    assert [one.id for one in page.announcements.known()] == [known]
    assert [one.announcement.id for one in page.announcements.waiting()] == [waits]


@pytest.mark.parametrize("action", ["accept", "reject", "forget", "undo", "offer"])
@pytest.mark.parametrize("token", [None, "another"])
def test_a_form_of_another_site_changes_nothing(
    app: FastAPI, client: TestClient, action: str, token: str | None
) -> None:
    csrf = sign_in(client, "supervisor")
    waits = waiting_id(app, client, csrf)
    path = {"undo": "/undo", "offer": ""}.get(action, f"/{waits}/{action}")
    headers = AS_SCRIPT | ({} if token is None else {"X-CSRF-Token": token})
    sent = form_of(call_of(app)) | {"csrf": token or ""}
    assert client.post(f"/announcements{path}", data=sent, headers=headers).status_code == 403
    assert len(page_of(app).announcements.waiting()) == 1
    assert page_of(app).announcements.known() == ()


@pytest.mark.parametrize("name", ["..%2Fx", "ё", "a%00b"])
@pytest.mark.parametrize("action", ["accept", "reject", "forget"])
def test_what_is_not_there_is_said_to_be_gone_in_russian(
    client: TestClient, action: str, name: str
) -> None:
    csrf = sign_in(client, "supervisor")
    sent = client.post(f"/announcements/{name}/{action}", data={"heard": "yes"}, headers=csrf)
    assert sent.status_code in {404, 409}
    if sent.status_code == 409:
        assert is_russian(sent.json()["advice"])


# -- programs killed, disks closed, two at once ---------------------------------------------------


def test_an_offer_whose_note_is_gone_hides_no_other(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    first = waiting_id(app, client, csrf)
    second = waiting_id(app, client, csrf, start_s="6.5", outcome="no_answer", text="нет ответа")
    (folder_of(app) / "proposed" / f"{first}.json").write_bytes(b"\xff")
    assert client.get("/announcements").status_code == 200
    assert [one.announcement.id for one in page_of(app).announcements.waiting()] == [second]


def test_what_was_kept_when_the_program_was_killed_is_not_kept_twice(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    waits = waiting_id(app, client, csrf)
    (offer,) = page_of(app).announcements.waiting()
    AnnouncementStore(folder_of(app)).add([offer.announcement], by="Борис")
    answer = client.post(f"/announcements/{waits}/accept", data={"heard": "yes"}, headers=csrf)
    assert (answer.status_code, len(page_of(app).announcements.known())) == (409, 1)
    assert "уже известно" in answer.json()["advice"]
    assert page_of(app).announcements.waiting() == ()


def test_of_two_servers_that_confirm_one_offer_at_once_one_keeps_it(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    csrf = sign_in(client, "supervisor")
    waits = waiting_id(app, client, csrf)
    (offer,) = page_of(app).announcements.waiting()
    # This server has read what is known before the other kept it, and what is taken after.
    monkeypatch.setattr(Announcements, "known", lambda _: ())
    AnnouncementStore(folder_of(app)).add([offer.announcement], by="Борис")
    answer = client.post(f"/announcements/{waits}/accept", data={"heard": "yes"}, headers=csrf)
    assert (answer.status_code, len(AnnouncementStore(folder_of(app)).load())) == (409, 1)
    assert "уже известно" in answer.json()["advice"]


def test_an_offer_whose_name_was_taken_meanwhile_is_kept_under_another(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "supervisor")
    waits = waiting_id(app, client, csrf)
    (offer,) = page_of(app).announcements.waiting()
    other = replace(offer.announcement, bands=offer.announcement.bands[::-1].copy())
    AnnouncementStore(folder_of(app)).add([other], by="Борис")
    answer = client.post(f"/announcements/{waits}/accept", data={"heard": "yes"}, headers=csrf)
    assert answer.status_code == 200
    assert len({one.id for one in page_of(app).announcements.known()}) == 2


@pytest.fixture
def disk(app: FastAPI) -> Iterator[SmallDisk]:
    with small_disk(folder_of(app), size_kb=512) as disk:
        yield disk


@pytest.mark.system
@pytest.mark.parametrize("left_kb", [0, 8])
@pytest.mark.parametrize("action", ["offer", "accept", "forget", "undo"])
def test_on_a_full_disk_nothing_changes_and_the_page_says_so_in_russian(
    app: FastAPI, client: TestClient, disk: SmallDisk, action: str, left_kb: int
) -> None:
    csrf = sign_in(client, "supervisor")
    page = page_of(app)
    one = waiting_id(app, client, csrf)
    if action in {"forget", "undo"}:
        client.post(f"/announcements/{one}/accept", data={"heard": "yes"}, headers=csrf)
        assert len(page.announcements.known()) == 1
    call = call_of(app)
    disk.fill(left_kb=left_kb)
    before = page.announcements.known(), len(page.announcements.waiting())
    path = {"undo": "/undo", "offer": ""}.get(action, f"/{one}/{action}")
    sent = {"heard": "yes"} if action != "offer" else form_of(call)
    answer = client.post(f"/announcements{path}", data=sent, headers=csrf)
    disk.free()
    if answer.status_code != 200:
        assert answer.status_code in {409, 422}
        assert is_russian(answer.json()["advice"])
        after = page.announcements.known(), len(page.announcements.waiting())
        assert [len(before[0]), before[1]] == [len(after[0]), after[1]]
    assert client.get("/announcements").status_code == 200
    if answer.status_code != 200:  # with room again it works
        assert client.post(f"/announcements{path}", data=sent, headers=csrf).status_code == 200


@pytest.mark.system
def test_in_a_folder_closed_to_writing_what_is_known_is_shown_and_nothing_changes(
    app: FastAPI, client: TestClient, disk: SmallDisk
) -> None:
    csrf = sign_in(client, "supervisor")
    known = waiting_id(app, client, csrf)
    client.post(f"/announcements/{known}/accept", data={"heard": "yes"}, headers=csrf)
    call = call_of(app)
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    for path, sent in (
        ("", form_of(call, outcome="no_answer")),
        (f"/{known}/forget", {}),
        ("/undo", {}),
    ):
        answer = client.post(f"/announcements{path}", data=sent, headers=csrf)
        assert answer.status_code in {409, 422}, path
        assert is_russian(answer.json()["advice"])
    assert TEXT in client.get("/announcements").text
