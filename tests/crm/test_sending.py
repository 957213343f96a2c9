"""Whoever is told is given so much time and no more, and is left alone for as long as it asks."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recognizer.base.errors import DataFileError
from recognizer.crm import sending
from recognizer.crm.codes import load_codes
from recognizer.crm.connectors import AmoCrm, Bitrix24, Webhook, load_targets
from recognizer.crm.contacts import ContactCard
from recognizer.crm.dispatching import DeliveryError, Dispatcher
from recognizer.crm.journal.journal import Journal
from recognizer.crm.outbox import Outbox
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome

pytestmark = pytest.mark.system
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + b'{"result": true}'
EVENT = {
    "id": "e", "event": "decision", "number": "+79265550102", "card": "501", "left_card": None,
    "called_at": "2026-11-22T09:00:00+00:00", "duration_s": 5.0, "outcome": "busy_tone",
    "incorrect_contact": False, "comment": "22/11 Короткие гудки",
}  # fmt: skip
Answering = Callable[..., str]


class Clock:
    """A clock that a test sets."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Return a server of raw bytes: a piece at a time, so many seconds apart; then it closes."""
    listeners: list[socket.socket] = []

    def start(*pieces: bytes, apart_s: float = 0.0, asked: list[Any] | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        body = _body_of(connection)
                        if asked is not None:
                            asked.append(body)
                        for piece in pieces:
                            connection.sendall(piece)
                            time.sleep(apart_s)
                    except OSError:
                        continue  # it was not waited for

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


def _body_of(connection: socket.socket) -> Any:
    found = b""
    while b"\r\n\r\n" not in found:
        found += connection.recv(65536)
    head, _, body = found.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1])
        for line in head.splitlines()
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return json.loads(body)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'j.sqlite3'}") as opened:
        opened.upsert_contact(ContactCard(ref="501"))
        opened.upsert_contact(ContactCard(ref="502"))
        yield opened


def heard(journal: Journal, outcome: CallOutcome, n: int, card: str) -> int:
    report = CallReport("a.wav", Evidence(7.6), Outcome(outcome, 0.9), None, 0.1)
    return journal.record_attempt(report, digest=f"{n:064x}", contact=card).id


@pytest.mark.parametrize("n_whole", [0, 20, 38], ids=["all of it", "in the head", "the body"])
def test_an_answer_that_drips_is_late_when_its_time_is_over(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, n_whole: int
) -> None:
    """Each byte comes in time, the answer does not."""
    monkeypatch.setattr(sending, "ANSWER_TIMEOUT_S", 1.0)
    pieces = [OK[:n_whole], *(bytes([byte]) for byte in OK[n_whole:])]
    url = answering(*pieces, apart_s=0.4)
    begun = time.monotonic()
    with pytest.raises(DeliveryError, match="no answer: TimeoutError"):
        sending.post(url, b"{}", {})
    assert 0.9 < time.monotonic() - begun < 3.0


def test_an_answer_in_pieces_that_comes_in_time_is_whole(answering: Answering) -> None:
    url = answering(OK[:20], OK[20:45], OK[45:], apart_s=0.05)
    assert sending.post(url, b"{}", {}) == b'{"result": true}'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n{}",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nnothing of that kind\r\n",
    ],
)
def test_a_webhook_that_said_2xx_has_taken_it_whatever_follows(
    answering: Answering, answer: bytes
) -> None:
    Webhook("crm", answering(answer), "secret").deliver(EVENT)


@pytest.mark.parametrize("said", ["+79265550102 is no contact", "Иван Петров", 5, ["x"]])
def test_what_an_answer_says_in_words_is_not_repeated(answering: Answering, said: object) -> None:
    """With 200 as with 400: descriptions quote what was sent, and problems are shown and logged."""
    body = json.dumps({"error": said}).encode()
    for status in (b"200 OK", b"400 Bad Request"):
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        url = answering(head + body)
        for target in (
            Bitrix24("b24", url, 1, load_codes()["bitrix24"]),
            AmoCrm("amo", url, "token", load_codes()["amocrm"]),
        ):
            with pytest.raises(DeliveryError) as problem:
                target.deliver(EVENT)
            assert "926" not in str(problem.value)
            assert "Иван" not in str(problem.value)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_who_asks_to_be_left_alone_is_with_everything(
    journal: Journal, answering: Answering, status: str
) -> None:
    asked: list[Any] = []
    answer = f"HTTP/1.1 {status}\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n"
    clock = Clock()
    outbox = Outbox(journal.database, clock=clock)
    url = answering(answer.encode(), asked=asked)
    dispatcher = Dispatcher(outbox, [Webhook("crm", url, "secret")])
    dispatcher.run_once()
    heard(journal, CallOutcome.BUSY_TONE, 1, "501")
    heard(journal, CallOutcome.BUSY_TONE, 2, "502")
    n_asked = []
    for after_s in (0.0, 0.0, 100.0, 199.0, 1.0, 0.0):
        clock.now += after_s
        dispatcher.run_once()
        n_asked.append(len(asked))
    assert n_asked == [1, 1, 1, 1, 2, 2]
    waiting = outbox.parcels("waiting")
    assert sorted(parcel.n_tries for parcel in waiting) == [0, 2]


@pytest.mark.parametrize("said", ["soon", "-5", "", "Sat, 28 Nov 2015 07:00:00 GMT", "0"])
def test_a_wish_that_cannot_be_read_or_is_over_leaves_the_usual_wait(
    journal: Journal, answering: Answering, said: str
) -> None:
    clock, asked = Clock(), list[Any]()
    head = f"HTTP/1.1 429 X\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n"
    url = answering(head.encode(), asked=asked)
    dispatcher = Dispatcher(Outbox(journal.database, clock=clock), [Webhook("crm", url, "secret")])
    dispatcher.run_once()
    heard(journal, CallOutcome.BUSY_TONE, 1, "501")
    for after_s in (0.0, 4.0, 1.0):
        clock.now += after_s
        dispatcher.run_once()
    assert len(asked) == 2


def test_nobody_is_left_alone_for_more_than_an_hour(journal: Journal, answering: Answering) -> None:
    clock, asked = Clock(), list[Any]()
    head = b"HTTP/1.1 503 X\r\nRetry-After: 999999999\r\nContent-Length: 0\r\n\r\n"
    dispatcher = Dispatcher(
        Outbox(journal.database, clock=clock),
        [Webhook("crm", answering(head, asked=asked), "secret")],
    )
    dispatcher.run_once()
    heard(journal, CallOutcome.BUSY_TONE, 1, "501")
    for after_s in (0.0, 3599.0, 1.0):
        clock.now += after_s
        dispatcher.run_once()
    assert len(asked) == 2


def test_a_mark_is_taken_back_from_the_card_a_call_left_only_after_it_was_told(
    journal: Journal, answering: Answering
) -> None:
    """The call is of another card by then, with an order of its own."""
    clock, told = Clock(), list[Any]()
    outbox = Outbox(journal.database, clock=clock)
    dispatcher = Dispatcher(outbox, [Webhook("crm", answering(OK, asked=told), "secret")])
    dispatcher.run_once()
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, "501")
    outbox.collect(["crm"])
    row, _ = outbox.claim("crm") or (0, 0)
    outbox.failed(row, "gone for a while")
    journal.move_attempt(call, "502", made_by="Анна")
    while dispatcher.run_once():
        pass
    assert told == []
    clock.now += 5.0
    while dispatcher.run_once():
        pass
    assert [(one["event"], one["left_card"]) for one in told] == [
        ("decision", None),
        ("mark_withdrawn", "501"),
    ]


@pytest.mark.parametrize("card", ["0501", "٥٠١", "501 ", "-501", "0", "5" * 19, "A501"])
def test_a_card_whose_number_is_no_id_of_bitrix24_is_no_contact_there(
    answering: Answering, card: str
) -> None:
    asked: list[Any] = []
    answer = b'{"result": {"CALL_ID": "1"}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
    url = answering(head + answer, asked=asked)
    target = Bitrix24("b24", url, 1, load_codes()["bitrix24"])
    target.deliver({**EVENT, "event": "correction", "card": card})
    assert asked == []
    target.deliver({**EVENT, "card": card})
    assert "CRM_ENTITY_ID" not in asked[0]
    target.deliver({**EVENT, "card": "501"})
    assert asked[2]["CRM_ENTITY_ID"] == 501


B24 = '[[bitrix24]]\nname = "b24"\nurl_file = "url"\nuser_id = 1\n'
AMO = '[[amocrm]]\nname = "amo"\nurl = "https://example.amocrm.ru"\ntoken_file = "url"\n'


@pytest.mark.parametrize(
    ("told", "codes", "problem"),
    [
        (B24, '[amocrm]\nwrong_number = "5"\notherwise = "6"\n', r"a table \[bitrix24\]"),
        (AMO, '[bitrix24]\nwrong_number = "404"\notherwise = "304"\n', r"a table \[amocrm\]"),
        (AMO, '[amocrm]\nwrong_number = "DC"\notherwise = "6"\n', "found 'DC'"),
        (AMO, '[amocrm]\nwrong_number = "5"\notherwise = "8"\n', "found '8'"),
        (
            AMO,
            (
                '[amocrm]\nwrong_number = "5"\notherwise = "6"\n'
                '[amocrm.by_outcome]\nvoicemail = "left"\n'
            ),
            "found 'left'",
        ),
    ],
)
def test_codes_that_a_crm_has_not_are_refused_before_anything_is_told(
    tmp_path: Path, told: str, codes: str, problem: str
) -> None:
    (tmp_path / "url").write_text("https://example.bitrix24.ru/rest/1/code/")
    (tmp_path / "codes.toml").write_text(codes)
    (tmp_path / "crm.toml").write_text(told)
    with pytest.raises(DataFileError, match=problem):
        load_targets(tmp_path / "crm.toml", tmp_path / "codes.toml")


def test_the_shipped_codes_are_those_of_the_crms(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://example.bitrix24.ru/rest/1/code/")
    (tmp_path / "crm.toml").write_text(B24 + AMO)
    assert [target.name for target in load_targets(tmp_path / "crm.toml")] == ["b24", "amo"]
