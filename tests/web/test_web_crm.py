"""The way from the CRM to the page, and from the server to the CRM."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, page_app

from recognizer.base.errors import SettingsError
from recognizer.crm.contacts import ContactCard
from recognizer.regulation.loading import load_regulation
from recognizer.web.pages.page import page_of
from recognizer.web.pages.security_headers import security_headers
from recognizer.web.pages.view import read_report, view_call

pytestmark = pytest.mark.page

HTML = {"Accept": "text/html"}


def test_only_named_sites_may_embed_the_page() -> None:
    nobody = security_headers("")
    assert "frame-ancestors 'none'" in nobody["Content-Security-Policy"]
    assert nobody["X-Frame-Options"] == "DENY"
    named = security_headers("https://crm.example.ru https://b24.example.ru:8443")
    wanted = "frame-ancestors 'self' https://crm.example.ru https://b24.example.ru:8443"
    assert named["Content-Security-Policy"].endswith(wanted)
    assert "X-Frame-Options" not in named
    for wrong in ("*", "https://*", "crm.example.ru", "https://a; script-src *"):
        with pytest.raises(SettingsError, match="frame_ancestors"):
            security_headers(wrong)


def test_links_open_a_call_a_cards_last_call_or_a_whole_number(tmp_path: Path) -> None:
    app = page_app(tmp_path)
    page_of(app).journal.upsert_contact(ContactCard(ref="77", trusted_phone="+79265550102"))
    first = add_call(app, "busy_tone--1.wav", contact="77", days_ago=2)
    last = add_call(app, "busy_tone--2.wav", contact="77", days_ago=1)
    with TestClient(app, headers=HTML, base_url="http://127.0.0.1") as client:
        to_sign_in = client.get("/open?card=77", follow_redirects=False)
        assert to_sign_in.headers["location"] == "/sign-in?then=%2Fopen%3Fcard%3D77"
        client.post("/sign-in", data={"login": "operator", "password": PASSWORD})
        assert client.get(f"/open?call={first}").url.path == f"/calls/{first}"
        assert client.get("/open?card=77").url.path == f"/calls/{last}"
        assert client.get("/open?card=7").status_code == 404
        assert client.get("/open?number=555-01").status_code == 422
        found = client.get("/open?number=89265550102")
        assert "busy_tone--1.wav" in found.text
    app.state.journal.close()


def test_an_attempt_past_the_rule_is_said_so() -> None:
    decision = {
        "status": "Недоступен",
        "incorrect_contact": False,
        "rule": None,
        "by_analogy": False,
        "attempt": 4,
        "after_attempt": 3,
        "final": True,
        "next": "set_status",
        "comment": None,
    }
    report = read_report({"recording": "a", "outcome": "busy_tone", "decision": decision})
    words = view_call(report, load_regulation()).attempt_words
    assert words == "попытка\xa04, нужно\xa03"
