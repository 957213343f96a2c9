"""Announcements from the page: offered from a call that was played, confirmed by a supervisor."""

from __future__ import annotations

import datetime as dt
import io
import re

import numpy as np
import pytest
import soundfile
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import (
    PASSWORD,
    SPEECH_END_S,
    SPEECH_START_S,
    ScriptedRecognizer,
    add_call,
    recording,
    version_of,
)

from recognizer.crm.contacts import ContactCard
from recognizer.model import CallOutcome
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

STRETCH = {"start_s": str(SPEECH_START_S), "end_s": str(SPEECH_END_S)}


def sign_in(client: TestClient, who: str) -> dict[str, str]:
    answer = client.post("/sign-in", data={"login": who, "password": PASSWORD})
    token = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
    assert token is not None
    return {"X-CSRF-Token": token.group(1)}


def offer(client: TestClient, csrf: dict[str, str], call: int, **changes: str) -> int:
    form = {
        "call": str(call),
        "outcome": "not_in_service",
        "text": "набранный номер не используется",
        "heard": "yes",
        **STRETCH,
        **changes,
    }
    return client.post("/announcements", data=form, headers=csrf).status_code


def corrected_call(app: FastAPI, client: TestClient, csrf: dict[str, str]) -> int:
    call = add_call(app, "new-wording--1.wav", sound=True)
    data = {"outcome": "not_in_service", "heard": "yes", "version": version_of(app, call)}
    assert client.post(f"/calls/{call}/correct", data=data, headers=csrf).status_code == 200
    return call


def test_a_corrected_call_offers_to_remember_it(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "operator")
    fresh = add_call(app, "blocked-for-now--1.wav", sound=True)
    assert "Запомнить это объявление" not in client.get(f"/calls/{fresh}").text
    call = corrected_call(app, client, csrf)
    assert f"/announcements/new?call={call}" in client.get(f"/calls/{call}").text
    form = client.get(f"/announcements/new?call={call}").text
    assert f'src="/calls/{call}/audio.wav#t={SPEECH_START_S},{SPEECH_END_S}"' in form
    assert re.search(r'value="not_in_service" selected', form)


def test_it_is_known_once_a_supervisor_who_played_it_confirms(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "operator")
    call = corrected_call(app, client, csrf)
    assert offer(client, csrf, call) == 200
    (waiting,) = page_of(app).announcements.waiting()
    place = f"/announcements/{waiting.announcement.id}"
    assert page_of(app).announcements.known() == ()
    answer = client.post(f"{place}/accept", data={"heard": "yes"}, headers=csrf)
    assert answer.status_code == 403
    csrf = sign_in(client, "supervisor")
    assert client.post(f"{place}/accept", headers=csrf).status_code == 422
    answer = client.post(f"{place}/accept", data={"heard": "yes"}, headers=csrf)
    assert answer.status_code == 200
    (known,) = page_of(app).announcements.known()
    assert (known.outcome, known.confirmed_by) == (CallOutcome.NOT_IN_SERVICE, "Борис")
    assert page_of(app).announcements.waiting() == ()
    kept = list((page_of(app).settings.announcements.folder / "proposed").glob("[!.]*.json"))
    assert kept == []
    assert offer(client, csrf, call) == 422  # known already


def test_what_is_known_can_be_forgotten_and_brought_back(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    call = corrected_call(app, client, csrf)
    offer(client, csrf, call)
    (waiting,) = page_of(app).announcements.waiting()
    place = f"/announcements/{waiting.announcement.id}"
    client.post(f"{place}/accept", data={"heard": "yes"}, headers=csrf)
    assert client.post(f"{place}/forget", headers=csrf).status_code == 200
    assert page_of(app).announcements.known() == ()
    assert client.post("/announcements/undo", headers=csrf).status_code == 200
    assert len(page_of(app).announcements.known()) == 1


def test_ringing_in_the_stretch_is_no_part_of_what_is_kept(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "operator")
    assert offer(client, csrf, corrected_call(app, client, csrf), start_s="0", end_s="9") == 200
    (waiting,) = page_of(app).announcements.waiting()
    seconds = len(waiting.announcement.bands) / 100
    assert seconds == pytest.approx(SPEECH_END_S - SPEECH_START_S, abs=0.3)


def test_a_declined_offer_leaves_nothing(app: FastAPI, client: TestClient) -> None:
    csrf = sign_in(client, "supervisor")
    offer(client, csrf, corrected_call(app, client, csrf))
    (waiting,) = page_of(app).announcements.waiting()
    place = f"/announcements/{waiting.announcement.id}"
    assert client.post(f"{place}/reject", headers=csrf).status_code == 200
    assert page_of(app).announcements.waiting() == ()
    assert client.post(f"{place}/accept", data={"heard": "yes"}, headers=csrf).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"heard": ""}, 422),
        ({"text": "номер 8 916 123 45 67"}, 422),
        ({"outcome": "live_person"}, 422),
        ({"outcome": "busy_tone"}, 422),
        ({"outcome": "voicemail"}, 422),
        ({"end_s": "5.6"}, 422),
        ({"start_s": "9", "end_s": "5"}, 422),
    ],
)
def test_what_may_not_be_kept_is_refused(
    app: FastAPI, client: TestClient, changes: dict[str, str], status: int
) -> None:
    csrf = sign_in(client, "operator")
    call = corrected_call(app, client, csrf)
    assert offer(client, csrf, call, **changes) == status
    assert page_of(app).announcements.waiting() == ()
    assert offer(client, csrf, 999) == 404


def test_a_call_in_which_a_person_was_heard_teaches_nothing(
    app: FastAPI, client: TestClient
) -> None:
    csrf = sign_in(client, "operator")
    call = add_call(app, "person--1.wav", sound=True)
    assert offer(client, csrf, call) == 422
    assert page_of(app).announcements.waiting() == ()


def add_same_recording(app: FastAPI, number: int, called: str | None, card: str | None) -> None:
    """Record a call in which the same is played through another line."""
    page, name = page_of(app), f"new-wording--{number}.wav"
    samples, rate = soundfile.read(io.BytesIO(recording()))
    line = np.random.default_rng(number).standard_normal(len(samples))
    upload = page.settings.server.state_folder / "upload.wav"
    upload.parent.mkdir(exist_ok=True)
    soundfile.write(upload, samples + 0.002 * line, rate, subtype="PCM_16")
    page.journal.record_attempt(
        ScriptedRecognizer().recognize(name, name=name),
        digest=page.recordings.keep(upload, name),
        called_at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=number),
        number=called,
        contact=card,
    )


@pytest.mark.parametrize(
    ("numbers", "card"),
    [
        (
            ["+79160000001", "8 916 000-00-01", "79160000001", "8(916)0000001", "7 916 0000001"],
            None,
        ),
        ([None] * 5, None),
        (["555-11", "555-12", "555-13", "5551", "abc"], None),
        ([f"+7916000000{number}" for number in range(5)], "one"),
    ],
)
def test_what_is_heard_on_one_number_however_written_or_on_all_of_one_card_is_not_offered(
    app: FastAPI, client: TestClient, numbers: list[str | None], card: str | None
) -> None:
    if card is not None:
        page_of(app).journal.upsert_contact(ContactCard(ref=card))
    for place, number in enumerate(numbers):
        add_same_recording(app, place, number, card)
    sign_in(client, "supervisor")
    assert "/announcements/new" not in client.get("/announcements/candidates").text


def test_what_calls_to_many_numbers_have_in_common_is_offered_to_a_supervisor(
    app: FastAPI, client: TestClient
) -> None:
    for number in range(6):
        add_same_recording(app, number, f"+7916000000{number}", None)
    csrf = sign_in(client, "operator")
    assert client.get("/announcements/candidates").status_code == 403
    assert "/announcements/candidates" not in client.get("/announcements").text
    csrf = sign_in(client, "supervisor")
    assert "/announcements/candidates" in client.get("/announcements").text
    found = client.get("/announcements/candidates").text.replace("\u00a0", " ")
    assert "6 звонков на 6 номеров" in found
    (place,) = re.findall(r'href="(/announcements/new[^"]+)"', found)
    query = dict(re.findall(r"(\w+)=([^&]+)", place.replace("&amp;", "&")))
    start_s, end_s = query["start_s"], query["end_s"]
    form = client.get(place.replace("&amp;", "&")).text
    assert f'#t={start_s},{end_s}"' in form
    assert float(start_s) == pytest.approx(SPEECH_START_S, abs=0.3)
    assert float(end_s) == pytest.approx(SPEECH_END_S, abs=0.3)
    assert offer(client, csrf, int(query["call"]), start_s=start_s, end_s=end_s) == 200
    (waiting,) = page_of(app).announcements.waiting()
    accepted = client.post(
        f"/announcements/{waiting.announcement.id}/accept", data={"heard": "yes"}, headers=csrf
    )
    assert accepted.status_code == 200
    # Known from now on: offered no more.
    assert "/announcements/new" not in client.get("/announcements/candidates").text
