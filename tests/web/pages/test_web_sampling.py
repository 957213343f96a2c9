"""How often the program is right: a sample that chance drew, heard whole, with its interval."""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_calls import PASSWORD, add_call, version_of

from recognizer.base.shares import wilson_interval
from recognizer.crm.journal.sampling import SAMPLE_SIZE, Estimate, draw_sample
from recognizer.web.pages.page import page_of

pytestmark = pytest.mark.page


# Brown, Cai, DasGupta, «Interval Estimation for a Binomial Proportion», 2001, formula (4), by hand.
@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [
        (90, 100, 0.8256, 0.9448),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 2, 0.0945, 0.9055),
    ],
)
def test_the_interval_is_wilsons(n_right: int, n: int, low: float, high: float) -> None:
    found = wilson_interval(n_right, n, z=1.959964)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_a_sample_says_nothing_before_it_is_checked() -> None:
    assert not Estimate(100, 89, 89).is_ready
    assert Estimate(100, 90, 80).is_ready
    assert not Estimate(5, 4, 4).is_ready
    assert Estimate(5, 5, 4).is_ready
    assert not Estimate(0, 0, 0).is_ready


def test_a_sample_is_drawn_without_looking_and_stays(app: FastAPI) -> None:
    calls = [add_call(app, f"busy_tone--{n}.wav") for n in range(130)]
    engine = page_of(app).journal.database.engine
    now = dt.datetime.now(dt.UTC)
    span = (now - dt.timedelta(days=1), now + dt.timedelta(days=1))
    drawn = draw_sample(engine, *span)
    assert len(drawn) == SAMPLE_SIZE
    assert set(drawn) < set(calls)
    assert list(drawn) != sorted(drawn)
    assert draw_sample(engine, *span) == drawn
    add_call(app, "busy_tone--new.wav")
    assert len(set(draw_sample(engine, *span)) & set(drawn)) >= SAMPLE_SIZE - 1


def test_the_overview_says_how_often_the_program_is_right(app: FastAPI) -> None:
    calls = {add_call(app, f"blocked-for-now--{n}.wav", sound=True) for n in range(4)}
    today = dt.datetime.now(page_of(app).office.timezone).date().isoformat()
    sample = f"sample={today}..{today}"
    headers = {"Accept": "text/html"}
    with TestClient(app, headers=headers, base_url="http://127.0.0.1") as client:
        answer = client.post("/sign-in", data={"login": "supervisor", "password": PASSWORD})
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        assert found is not None

        def overview() -> str:
            text = html.unescape(client.get("/overview?period=today").text)
            return text.partition("Программа права")[2].partition("</p>")[0]

        def answer_call(path: str, **fields: str) -> str:
            data = {"csrf": found.group(1), "place": "queue", "chosen": sample, **fields}
            data["version"] = version_of(app, int(path.split("/")[2]))
            return client.post(path, data=data).text

        assert "проверено 0 из 4" in overview()
        assert f'href="/queue?{sample}"' in overview()
        page = client.get(f"/queue?{sample}")
        assert "Осталось проверить: 4" in page.text
        first = int(page.url.path.rpartition("/")[2])
        assert "Если её нет" not in page.text
        assert "Если её нет" in answer_call(f"/calls/{first}/accept")
        assert page_of(app).journal.corrections(first) == ()
        answer_call(f"/calls/{first}/correct", outcome="voicemail", heard="yes")
        for call in calls - {first}:
            last = answer_call(f"/calls/{call}/accept", heard="yes")
        assert "Выборка проверена" in last
        said = overview()
    assert "<dd>75\u00a0%</dd>" in said
    assert "от 30\u00a0% до 95\u00a0%: случайная выборка, на слух проверено 4 из 4" in said
