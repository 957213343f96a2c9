"""Calls written down, and a real HTTP server that is told of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recognizer.base.errors import JournalError, RecognizerError, RowError
from recognizer.crm.connectors import Webhook
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.live.live_facts import LiveFacts
from recognizer.live.spools import CallbackSpool, CallSpool
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome

NOW = dt.datetime(2026, 11, 27, 9, 30, tzinfo=dt.UTC)
NUMBER = "+79990000000"


def report(kind: CallOutcome = CallOutcome.DOES_NOT_EXIST) -> CallReport:
    return CallReport("live:1", Evidence(4.0), Outcome(kind, 0.97), None, 0.1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'journal.sqlite3'}") as opened:
        yield opened


class AwayJournal:
    """A journal that can be away."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.is_away = journal, True

    def record_attempt(self, report: CallReport, **about: Any) -> Any:
        if self.is_away:
            raise JournalError("the database is locked")
        return self.journal.record_attempt(report, **about)


def test_a_call_becomes_one_attempt_with_its_decision(journal: Journal, tmp_path: Path) -> None:
    spool = CallSpool(tmp_path / "calls", journal)
    spool.begin("a", NOW)
    told = spool.keep("a", NOW, LiveFacts(number=NUMBER), report())
    assert told["decision"]["incorrect_contact"] is True
    (attempt,) = journal.attempts().items
    assert (attempt.id, attempt.called_at) == (told["journal"]["attempt_id"], NOW)
    assert spool.recover() == 0


def test_the_same_call_kept_twice_is_one_attempt(journal: Journal, tmp_path: Path) -> None:
    spool = CallSpool(tmp_path / "calls", journal)
    for _ in range(2):
        spool.keep("a", NOW, LiveFacts(number=NUMBER), report(CallOutcome.LINE_BUSY))
    spool.keep("a", NOW + dt.timedelta(minutes=5), LiveFacts(number=NUMBER), report())
    assert len(journal.attempts().items) == 2


def test_an_unknown_card_costs_the_card_and_not_the_call(journal: Journal, tmp_path: Path) -> None:
    spool = CallSpool(tmp_path / "calls", journal)
    told = spool.keep("a", NOW, LiveFacts(contact="17", number=NUMBER), report())
    assert "17" in told["journal"]["error"]
    assert len(journal.attempts().items) == 1
    journal.upsert_contact(ContactCard(ref="17"))
    assert spool.keep("b", NOW, LiveFacts(contact="17"), report())["journal"]["error"] is None


def test_a_call_that_was_going_on_when_the_listener_was_killed_is_an_attempt_without_outcome(
    journal: Journal, tmp_path: Path
) -> None:
    killed = CallSpool(tmp_path / "calls", journal)
    killed.begin("a", NOW)
    killed.close()  # a kill releases the lock as well
    assert CallSpool(tmp_path / "calls", journal).recover() == 1
    (attempt,) = journal.attempts().items
    assert attempt.outcome is None
    assert attempt.error is not None
    assert attempt.error.kind == "listener_stopped"
    assert attempt.decision is None


def test_what_the_journal_never_takes_keeps_no_other_waiting(
    journal: Journal, tmp_path: Path
) -> None:
    class Choosy(AwayJournal):
        def record_attempt(self, report: CallReport, **about: Any) -> Any:
            if report.outcome is not None and report.outcome.kind is CallOutcome.SILENCE:
                raise RowError("attempts.engine: expected 10 characters at most")
            return super().record_attempt(report, **about)

    away = Choosy(journal)
    away.is_away = False
    spool = CallSpool(tmp_path / "calls", away)
    told = spool.keep("a", NOW, LiveFacts(), report(CallOutcome.SILENCE))
    assert told["journal"]["is_owed"] is False
    assert "attempts.engine" in told["journal"]["error"]
    spool.begin("b", NOW)
    spool.keep("c", NOW, LiveFacts(number=NUMBER), report())
    assert spool.recover() == 1  # "b", and "a" no more
    assert [path.suffix for path in sorted((tmp_path / "calls").glob("a-*"))] == [".refused"]


def test_what_the_journal_could_not_take_is_written_when_it_is_back(
    journal: Journal, tmp_path: Path
) -> None:
    away = AwayJournal(journal)
    spool = CallSpool(tmp_path / "calls", away)
    facts = LiveFacts(number=NUMBER)
    told = spool.keep("a", NOW, facts, report(CallOutcome.LINE_BUSY))
    assert told["journal"] == {
        "attempt_id": None,
        "error": "the database is locked",
        "is_owed": True,
    }
    spool.begin("b", NOW)
    away.is_away = False
    spool.keep("c", NOW, facts, report(CallOutcome.NO_ANSWER))
    heard = sorted(a.outcome.value for a in journal.attempts().items if a.outcome is not None)
    assert heard == ["line_busy", "no_answer"]  # and not "b", which goes on
    spool.close()
    assert CallSpool(tmp_path / "calls", journal).recover() == 1


def test_two_listeners_do_not_take_each_others_calls_for_lost(
    journal: Journal, tmp_path: Path
) -> None:
    first = CallSpool(tmp_path / "calls", journal)
    with pytest.raises(RecognizerError, match="another listener"):
        CallSpool(tmp_path / "calls", journal)
    first.close()
    CallSpool(tmp_path / "calls", journal).close()


def test_a_torn_record_holds_up_nobody(journal: Journal, tmp_path: Path) -> None:
    spool = CallSpool(tmp_path / "calls", journal)
    spool.begin("a", NOW)
    (tmp_path / "calls" / "torn.json").write_bytes(b'{"call": "t')
    assert spool.recover() == 1
    assert len(journal.attempts().items) == 1


class Told(http.server.ThreadingHTTPServer):
    """Answers as it is told to; keeps what it took."""

    def __init__(self, port: int = 0) -> None:
        self.answers: list[int] = []
        self.taken: list[dict[str, Any]] = []
        self.signatures: list[tuple[str, bytes]] = []
        super().__init__(("127.0.0.1", port), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Told

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status == 200:
            self.server.taken.append(json.loads(body))
            self.server.signatures.append((self.headers["X-Recognizer-Signature"], body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    yield server
    server.shutdown()
    server.server_close()


def event(name: str, call: str = "a") -> dict[str, Any]:
    return {"event": name, "call": call, "at_s": 1.0}


def until(is_true: Any) -> None:
    end = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_verdicts_are_told_signed_in_order_and_tried_again(told: Told, tmp_path: Path) -> None:
    told.answers = [500, 302]
    spool = CallbackSpool(tmp_path, Webhook("live", told.url, "secret"), first_wait_s=0.01)
    spool.start()
    for name in ("start", "provisional", "final", "end"):
        spool.put(event(name))
    until(lambda: len(told.taken) == 2)
    spool.close()
    assert [one["event"] for one in told.taken] == ["final", "end"]
    assert len({one["id"] for one in told.taken}) == 2
    signature, body = told.signatures[0]
    at, _, digest = signature.removeprefix("t=").partition(",v1=")
    expected = hmac.new(b"secret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert digest == expected
    assert list(tmp_path.glob("*.json")) == []


def test_one_call_that_cannot_be_told_holds_up_no_other(told: Told, tmp_path: Path) -> None:
    told.answers = [503]
    spool = CallbackSpool(tmp_path, Webhook("live", told.url, "secret"), first_wait_s=5.0)
    spool.start()
    spool.put(event("final", "a"))
    until(lambda: not told.answers)
    spool.put(event("end", "a"))
    spool.put(event("end", "b"))
    until(lambda: told.taken)
    assert [one["call"] for one in told.taken] == ["b"]
    spool.close()
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_what_was_not_told_is_told_after_the_next_start_under_the_same_id(
    told: Told, tmp_path: Path
) -> None:
    target = Webhook("live", told.url, "secret")
    before = CallbackSpool(tmp_path, target)
    before.put(event("end"))  # stopped before its thread began
    (written,) = tmp_path.glob("*.json")
    before.close()
    after = CallbackSpool(tmp_path, target)
    after.start()
    until(lambda: told.taken)
    after.close()
    assert told.taken[0]["id"] in written.name
    assert list(tmp_path.glob("*.json")) == []


def test_two_listeners_do_not_tell_each_others_callbacks(told: Told, tmp_path: Path) -> None:
    target = Webhook("live", told.url, "secret")
    first = CallbackSpool(tmp_path, target)
    with pytest.raises(RecognizerError, match="another listener"):
        CallbackSpool(tmp_path, target)
    first.close()
    CallbackSpool(tmp_path, target).close()


class Unforeseen:
    """A target that fails in a way nobody thought of, a few times."""

    name = "live"

    def __init__(self, n_times: int) -> None:
        self.n_times = n_times
        self.taken: list[Any] = []

    def deliver(self, event: Any) -> None:
        self.n_times -= 1
        if self.n_times >= 0:
            raise ValueError("embedded null byte")
        self.taken.append(event["event"])


@pytest.mark.slow
def test_a_failure_that_nobody_foresaw_is_tried_again_and_ends_nothing(tmp_path: Path) -> None:
    target = Unforeseen(2)
    spool = CallbackSpool(tmp_path, target, first_wait_s=0.01)
    spool.start()
    spool.put(event("final"))
    spool.put(event("end"))
    until(lambda: len(target.taken) == 2)
    spool.close()
    assert target.taken == ["final", "end"]


def test_a_disk_that_is_gone_stops_no_callback(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("recognizer.live.spools._Folder.write", refused)
    monkeypatch.setattr("recognizer.live.spools._Folder.remove", refused)
    told.answers = [500] * 15
    spool = CallbackSpool(tmp_path, Webhook("live", told.url, "secret"), first_wait_s=0.0)
    spool.start()
    spool.put(event("end", "a"))
    until(lambda: not told.answers)
    spool.put(event("end", "b"))
    until(lambda: told.taken)
    spool.close()
    assert [one["call"] for one in told.taken] == ["b"]


def test_what_nobody_takes_is_set_aside_in_the_end(told: Told, tmp_path: Path) -> None:
    told.answers = [500] * 15
    spool = CallbackSpool(tmp_path, Webhook("live", told.url, "secret"), first_wait_s=0.0)
    spool.start()
    spool.put(event("end"))
    until(lambda: list((tmp_path / "dead").glob("*.json")))
    until(lambda: not spool.n_waiting)
    spool.close()
    assert told.taken == []


def test_a_report_survives_the_disk_whole(journal: Journal, tmp_path: Path) -> None:
    away = AwayJournal(journal)
    spool = CallSpool(tmp_path / "calls", away)
    heard = replace(report(), phrases_version="1:abc")
    spool.keep("a", NOW, LiveFacts(number=NUMBER), heard)
    spool.close()
    CallSpool(tmp_path / "calls", journal).recover()
    (attempt,) = journal.attempts().items
    assert attempt.outcome is CallOutcome.DOES_NOT_EXIST
    assert attempt.phrases_version == "1:abc"


def test_what_is_no_record_of_a_call_stops_no_start(journal: Journal, tmp_path: Path) -> None:
    killed = CallSpool(tmp_path / "calls", journal)
    killed.begin("a", NOW)
    killed.close()
    (tmp_path / "calls" / "gone.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "calls" / "folder.json").mkdir()
    (tmp_path / "calls" / "empty.json").touch()
    assert CallSpool(tmp_path / "calls", journal).recover() == 1
