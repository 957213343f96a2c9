"""The queue as a list, and many calls decided at once: alike ones, and those heard for sure."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from page_calls import PASSWORD, add_call, version_of

from recognizer.crm.contacts import ContactCard
from recognizer.model import CallOutcome
from recognizer.web.pages.bulk_decisions import to_be_heard
from recognizer.web.pages.page import page_of
from recognizer.web.pages.queue_filter import QueueFilter, read_queue_filter

pytestmark = pytest.mark.page


class Person:
    """Somebody at the page."""

    def __init__(self, client: TestClient, login: str) -> None:
        self.client = client
        answer = client.post("/sign-in", data={"login": login, "password": PASSWORD})
        found = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)
        assert found is not None
        self.csrf = found.group(1)

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def post(self, path: str, **fields: Any) -> Response:
        call = re.fullmatch(r"/calls/(\d+)/(?:accept|correct|state)", path)
        if call is not None and "version" not in fields:
            opened = self.client.get(f"/calls/{call[1]}").text
            seen = re.search(r'name="version" value="([^"]+)"', opened)
            assert seen is not None
            fields["version"] = seen[1]
        return self.client.post(path, data={"csrf": self.csrf, **fields})

    def together(self, calls: list[str], heard: list[int], **fields: Any) -> Response:
        return self.post("/queue/together", call=calls, heard=heard, **fields)


@pytest.fixture
def anna(app: FastAPI) -> Iterator[Person]:
    with TestClient(app, headers={"Accept": "text/html"}, base_url="http://127.0.0.1") as client:
        yield Person(client, "operator")


@pytest.fixture
def boris(app: FastAPI, anna: Person) -> Person:
    """The same server, another browser."""
    del anna  # the server runs
    client = TestClient(app, headers={"Accept": "text/html"}, base_url="http://127.0.0.1")
    return Person(client, "supervisor")


def alike(app: FastAPI, n_calls: int, *, sound: bool = True) -> list[int]:
    """Return calls in which the same doubtful words were heard, each of another client."""
    calls = []
    for index in range(n_calls):
        ref = f"C-{index}"
        page_of(app).journal.upsert_contact(
            ContactCard(ref=ref, trusted_phone=f"+7916555{index:04}")
        )
        calls.append(add_call(app, f"unsure--{index}.wav", sound=sound, contact=ref))
    return calls


def versions(page: str) -> list[str]:
    """Return what a screen of many calls offers to choose."""
    return re.findall(r'name="call" value="(\d+:[\d-]+)"', page)


def decided_by_people(app: FastAPI) -> int:
    return page_of(app).journal.overview().n_corrected


def batch(answer: Response) -> str:
    found = re.search(r'name="batch" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found.group(1)


# -- the list ----------------------------------------------------------------------------------


def test_the_list_shows_why_each_call_waits_and_filters_by_it(app: FastAPI, anna: Person) -> None:
    unsure = add_call(app, "unsure--1.wav", number="+79165550101")
    unread = add_call(app, "damaged--1.wav", number="+79265550102")
    unruled = add_call(app, "music--1.wav")
    add_call(app, "busy_tone--1.wav")

    def listed(query: str) -> list[int]:
        return [int(n) for n in re.findall(r'href="/queue/(\d+)', anna.get(f"/queue/list?{query}"))]

    assert listed("") == [unsure, unread, unruled]
    assert listed("reason=unsure") == [unsure]
    assert listed("reason=unread") == [unread]
    assert listed("reason=no-rule") == [unruled]
    assert listed("outcome=music") == [unruled]
    assert listed("code=926") == [unread]
    assert listed("order=new") == [unruled, unread, unsure]
    assert listed("order=unsure") == [unread, unsure, unruled]
    assert "Программа не уверена" in anna.get("/queue/list")


def test_the_next_call_is_of_the_same_filter(app: FastAPI, anna: Person) -> None:
    first = add_call(app, "unsure--1.wav")
    add_call(app, "music--1.wav")
    third = add_call(app, "unsure--2.wav")
    page = anna.get("/queue?reason=unsure")
    assert "Осталось проверить: 2" in page
    assert f'href="/queue/{third}?reason=unsure" data-next' in page
    answer = anna.post(
        f"/calls/{first}/correct",
        outcome="voicemail",
        place="queue",
        chosen="reason=unsure",
        heard="yes",
    )
    assert str(answer.url).partition("?")[0].endswith(f"/queue/{third}")
    answer = anna.post(
        f"/calls/{third}/correct",
        outcome="voicemail",
        place="queue",
        chosen="reason=unsure",
        heard="yes",
    )
    assert "По этому отбору всё проверено" in answer.text


@pytest.mark.parametrize("order", ["", "new", "unsure", "alike"])
def test_skipping_goes_through_every_call_once(app: FastAPI, anna: Person, order: str) -> None:
    names = ["unsure--1", "music--1", "unsure--2", "new-wording--1", "damaged--1", "unsure--3"]
    calls = {add_call(app, f"{name}.wav") for name in names}
    reviews = page_of(app).reviews
    which = QueueFilter(order=order)
    at = reviews.first("operator", which)
    seen = [at]
    for _ in range(len(calls) - 1):
        assert at is not None
        at = reviews.after(at, "operator", which)
        seen.append(at)
    assert set(seen) == calls
    assert at is not None
    assert reviews.after(at, "operator", which) == seen[0]
    assert reviews.before(at, which) == seen[-2]
    del anna


def test_a_filter_survives_its_address() -> None:
    which = QueueFilter("network", "blocked", "916", "alike", 17, is_sure=True)
    assert read_queue_filter(which.query) == which
    assert read_queue_filter("reason=x&outcome=y&code=ab1&order=z&alike=q&certain=1") == (
        QueueFilter()
    )


# -- alike calls -------------------------------------------------------------------------------


def test_alike_calls_are_decided_as_one_and_each_gets_its_own_row(
    app: FastAPI, anna: Person
) -> None:
    calls = alike(app, 12)
    other = add_call(app, "new-wording--1.wav")
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    assert [int(one.partition(":")[0]) for one in offered] == calls
    needed = to_be_heard(calls, "operator")
    assert len(needed) == 2
    answer = anna.together(offered, list(needed), chosen=query, outcome="temporarily_blocked")
    assert "Решено вместе: 12\u00a0звонков" in answer.text
    journal = page_of(app).journal
    for call in calls:
        (said,) = journal.corrections(call)
        assert (said.outcome, said.made_by) == (CallOutcome.TEMPORARILY_BLOCKED, "Анна")
    assert journal.corrections(other) == ()
    assert len(page_of(app).clips.rows()) == len(needed)  # only what somebody heard
    assert page_of(app).reviews.n_waiting() == 1


def test_what_was_decided_together_is_taken_back_together(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 4)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    answer = anna.together(offered, calls, chosen=query, outcome="temporarily_blocked")
    name = batch(answer)
    for _ in range(2):  # twice is once
        answer = anna.post("/queue/together/undo", batch=name)
    assert page_of(app).reviews.n_waiting() == 4
    for call in calls:
        said, withdrawal = page_of(app).journal.corrections(call)
        assert said.is_withdrawn
        assert withdrawal.withdraws_id == said.id
    assert page_of(app).clips.rows() == []


def test_the_tenth_that_chance_named_is_heard_first(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 11)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    needed = to_be_heard(calls, "operator")
    others = [call for call in calls if call not in needed]
    for heard in ([], others, [needed[0]]):
        answer = anna.together(offered, heard, chosen=query, outcome="voicemail")
        assert answer.status_code == 422
        assert "Сначала послушайте ещё" in answer.text
    assert all(page_of(app).journal.corrections(call) == () for call in calls)


def test_calls_without_a_recording_are_not_decided_together(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 3, sound=False)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    answer = anna.together(offered, calls, chosen=query, outcome="voicemail")
    assert answer.status_code == 422
    assert "вместе их решить нельзя" in answer.text


def test_a_mark_is_asked_for_again_for_these_very_calls(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 4)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    answer = anna.together(offered[:3], calls, chosen=query, outcome="blocked")
    assert answer.status_code == 422
    assert "Это поставит отметку" in answer.text
    assert decided_by_people(app) == 0
    sure = html.unescape(re.findall(r'name="sure" value="([^"]+)"', answer.text)[0])
    # one more was ticked behind the question: nobody was asked about that
    answer = anna.together(offered, calls, chosen=query, outcome="blocked", sure=sure)
    assert answer.status_code == 422
    assert decided_by_people(app) == 0
    answer = anna.together(offered[:3], calls, chosen=query, outcome="blocked", sure=sure)
    assert answer.status_code == 200
    decided = [page_of(app).journal.attempt(call).decision for call in calls]
    assert [one.source for one in decided if one is not None] == ["operator"] * 3 + ["call"]


def test_alike_calls_are_not_accepted_without_naming_what_was_heard(
    app: FastAPI, anna: Person
) -> None:
    calls = alike(app, 2)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    assert anna.together(offered, calls, chosen=query).status_code == 422
    assert decided_by_people(app) == 0
    assert page_of(app).reviews.n_waiting() == 2


def test_a_sample_is_not_decided_together(app: FastAPI, anna: Person) -> None:
    calls = [add_call(app, f"{word}--1.wav", sound=True) for word in ("music", "fax", "person")]
    today = dt.datetime.now(page_of(app).office.timezone).date().isoformat()
    asked = [f"{call}:{version_of(app, call)}" for call in calls]
    for more in ("", "certain=yes&", f"alike={calls[0]}&"):
        query = f"{more}sample={today}..{today}"
        assert anna.client.get(f"/queue/together?{query}").status_code == 422
        for outcome in ("", "voicemail"):
            answer = anna.together(asked, calls, chosen=query, outcome=outcome)
            assert answer.status_code == 422
            assert "по одному" in answer.text
    assert "together?certain" not in anna.get(f"/queue/list?sample={today}..{today}")
    assert decided_by_people(app) == 0


def test_nothing_chosen_decides_nothing(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 2)
    answer = anna.together([], calls, chosen=f"alike={calls[0]}", outcome="blocked")
    assert answer.status_code == 422
    assert "Не выбрано ни одного звонка" in answer.text
    assert page_of(app).reviews.n_waiting() == 2


def test_a_call_with_other_words_cannot_be_slipped_in(app: FastAPI, anna: Person) -> None:
    calls = alike(app, 2)
    other = add_call(app, "new-wording--1.wav", sound=True)
    version = page_of(app).journal.attempt(other).version
    query = f"alike={calls[0]}"
    offered = [*versions(anna.get(f"/queue/together?{query}")), f"{other}:{version}"]
    answer = anna.together(offered, [*calls, other], chosen=query, outcome="voicemail")
    assert "Решено вместе: 2" in answer.text
    assert "Не записано: 1" in answer.text
    assert page_of(app).journal.corrections(other) == ()


def test_what_another_decided_meanwhile_stays(app: FastAPI, anna: Person, boris: Person) -> None:
    calls = alike(app, 3)
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    seen = version_of(app, calls[1])
    boris.post(f"/calls/{calls[1]}/correct", outcome="live_person", heard="yes", version=seen)
    answer = anna.together(offered, calls, chosen=query, outcome="voicemail")
    assert "Решено вместе: 2" in answer.text
    (said,) = page_of(app).journal.corrections(calls[1])
    assert (said.made_by, said.outcome) == ("Борис", CallOutcome.LIVE_PERSON)
    # the same form again, from the browser's history
    answer = anna.together(offered, calls, chosen=query, outcome="voicemail")
    assert answer.status_code == 409
    assert all(len(page_of(app).journal.corrections(call)) == 1 for call in calls)


def test_what_another_is_deciding_is_not_offered(app: FastAPI, anna: Person, boris: Person) -> None:
    calls = alike(app, 3)
    boris.get(f"/queue/{calls[1]}")
    offered = versions(anna.get(f"/queue/together?alike={calls[0]}"))
    assert [int(one.partition(":")[0]) for one in offered] == [calls[0], calls[2]]
    assert "решает Борис" in anna.get("/queue/list")


def test_alike_calls_of_one_card_are_all_decided(app: FastAPI, anna: Person) -> None:
    page_of(app).journal.upsert_contact(ContactCard(ref="K", trusted_phone="+79165550101"))
    calls = [
        add_call(app, f"unsure--{n}.wav", sound=True, contact="K", days_ago=3 - n) for n in range(3)
    ]
    query = f"alike={calls[0]}"
    offered = versions(anna.get(f"/queue/together?{query}"))
    answer = anna.together(offered, calls, chosen=query, outcome="temporarily_unavailable")
    assert "Решено вместе: 3" in answer.text
    decided = [page_of(app).journal.attempt(call).decision for call in calls]
    assert [one.decision.attempt for one in decided if one is not None] == [1, 2, 3]
    assert page_of(app).journal.contact("K").status == "Недоступен"


# -- those the machine is sure of --------------------------------------------------------------


def test_sure_results_are_accepted_as_heard(app: FastAPI, anna: Person) -> None:
    calls = [add_call(app, f"music--{n}.wav", sound=True) for n in range(3)]
    calls.append(add_call(app, "fax--1.wav", sound=True))
    doubtful = add_call(app, "unsure--1.wav", sound=True)
    offered = versions(anna.get("/queue/together?certain=yes"))
    assert [int(one.partition(":")[0]) for one in offered] == calls
    slipped = f"{doubtful}:{page_of(app).journal.attempt(doubtful).version}"
    answer = anna.together([*offered, slipped], [*calls, doubtful], chosen="certain=yes")
    assert "Решено вместе: 4" in answer.text
    for call in calls:
        attempt = page_of(app).journal.attempt(call)
        assert page_of(app).journal.corrections(call)[0].outcome is attempt.outcome
    assert page_of(app).journal.corrections(doubtful) == ()


def test_one_outcome_for_calls_that_are_not_alike_is_refused(app: FastAPI, anna: Person) -> None:
    calls = [add_call(app, "music--1.wav", sound=True), add_call(app, "fax--1.wav", sound=True)]
    offered = versions(anna.get("/queue/together?certain=yes"))
    answer = anna.together(offered, calls, chosen="certain=yes", outcome="blocked")
    assert answer.status_code == 422
    assert page_of(app).reviews.n_waiting() == 2
