"""What people read on the page is Russian: Latin letters stand in names only, each one listed."""

from __future__ import annotations

import datetime as dt
import html
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, page_app

from recognizer.base.data_files import data_folder
from recognizer.crm.contacts import ContactCard
from recognizer.model import CallOutcome
from recognizer.model.outcome_names import OUTCOME_NAMES
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page

HTML = {"Accept": "text/html"}
GLOSSARY = tomllib.loads((data_folder(".") / "page_glossary.toml").read_text("utf-8"))


def read_aloud(page: str) -> str:
    """Return what of a page is seen or heard: text, and what attributes say."""
    said = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"]*)"', page)
    page = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    # Said to be somebody else's word: a secret, another program's answer, a name in the settings.
    page = re.sub(r"<(\w+)\b[^>]*\bdata-(?:secret|problem|name)\b.*?</\1>", " ", page)
    page = re.sub(r"<(input|meta|link)\b[^>]*>", " ", page)
    return html.unescape(" ".join([re.sub(r"<[^>]+>", " ", page), *said]))


def foreign_words(text: str) -> set[str]:
    """Return words with Latin letters that the glossary does not list as names."""
    names = set(GLOSSARY["latin_names"])
    return {
        word
        for word in re.findall(r"[\w.@/-]*[A-Za-z][\w.@/-]*", text)
        if word.strip("./-") not in names
    }


PATHS = (
    "/",
    "/announcements",
    "/calls",
    "/calls/1",
    "/calls/2",
    "/calls/3",
    "/calls/5",
    "/calls/1?attempt=2",
    "/queue",
    "/queue/1",
    "/overview",
    "/users",
    "/audit",
    "/account",
    "/queue/list",
    "/queue/list?order=alike&reason=unsure",
    "/queue/together?alike=1",
    "/queue/together?certain=yes",
    "/queue?sample=2026-01-01..2099-01-01",
    "/calls/1?among=all",
    "/calls?show=corrected",
    "/calls?text=номер",
    "/phrases",
    "/phrases/new",
    "/phrases/new?call=1&outcome=temporarily_blocked",
    "/announcements",
    "/keys",
    "/outbox",
    "/imports",
    "/open?number=1",
    "/open?card=unknown",
    "/nowhere",
    "/calls/999",
)


@pytest.mark.parametrize("path", PATHS)
def test_no_screen_shows_latin_letters_outside_names(tmp_path: Path, path: str) -> None:
    app = page_app(tmp_path)
    app.state.journal.upsert_contact(ContactCard(ref="5", trusted_phone="+79265550102"))
    for name in ("unsure", "no-such-number", "damaged"):
        add_call(app, f"{name}--1.wav", sound=name == "unsure")
    add_call(app, "busy_tone--1.wav", contact="5")
    corrected = add_call(app, "person--1.wav", number="+79265550103")
    page_of(app).journal.correct(corrected, made_by="Анна", outcome=CallOutcome.COMPANY_IVR)
    with TestClient(app, headers=HTML, base_url="http://127.0.0.1") as client:
        client.post("/sign-in", data={"login": "administrator", "password": PASSWORD})
        text = read_aloud(client.get(path).text)
    app.state.journal.close()
    files = re.compile(r"(unsure|no-such-number|damaged|busy_tone|person)--1\.wav")
    logins = {"operator", "supervisor", "administrator", "testclient", "127.0.0.1"}
    assert foreign_words(files.sub("", text)) - logins == set()


def live_call(number: str, **event: object) -> SimpleNamespace:
    """Return a call that goes on, as the screen is told of it."""
    return SimpleNamespace(
        id="1",
        last_event=event,
        started_at=dt.datetime.now(dt.UTC),
        duration_s=61.5,
        facts=SimpleNamespace(number=number, attempt=2),
    )


@pytest.mark.parametrize("outcome", list(CallOutcome))
def test_the_screen_of_live_calls_shows_no_latin_letters(
    tmp_path: Path, outcome: CallOutcome
) -> None:
    calls = [
        live_call("89265550102", event="start"),
        live_call("sip:anna", event="provisional", outcome=outcome),
        live_call("", event="final", outcome=outcome, decision={"incorrect_contact": True}),
    ]
    app = page_app(tmp_path)
    with TestClient(app, headers=HTML, base_url="http://127.0.0.1") as client:
        client.post("/sign-in", data={"login": "supervisor", "password": PASSWORD})
        assert foreign_words(read_aloud(client.get("/live").text)) == set()
        for running in ({}, dict(enumerate(calls))):
            limits = SimpleNamespace(max_channels=100)
            app.state.live = SimpleNamespace(running=running, limits=limits)
            text = read_aloud(client.get("/live").text)
            assert foreign_words(text) == set()
        assert OUTCOME_NAMES[outcome] in text
        app.state.live = None
    app.state.journal.close()


def test_one_thing_has_one_word() -> None:
    folder = Path(__file__).resolve().parents[3] / "recognizer" / "web" / "pages"
    files = [*folder.rglob("*.html"), *folder.rglob("*.py"), *folder.rglob("*.js")]
    for file in files:
        text = file.read_text("utf-8").lower()
        for said, instead in GLOSSARY["instead_of"].items():
            assert said not in text, f"{file}: «{said}», expected «{instead}»"
