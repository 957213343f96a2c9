"""Decisions reach a real HTTP server: signed, in order, again after failures and kills."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recognizer.base.errors import DataFileError, JournalError
from recognizer.cli import app
from recognizer.crm.codes import load_codes
from recognizer.crm.connectors import AmoCrm, Bitrix24, Webhook, load_targets, signature
from recognizer.crm.contacts import ContactCard
from recognizer.crm.dispatching import Dispatcher
from recognizer.crm.journal.journal import Journal
from recognizer.crm.outbox import MAX_TRIES, Outbox, Parcel
from recognizer.model import CallOutcome, CallReport, Evidence, Outcome

SECRET = "a secret of the test"


class Receiver:
    """A real HTTP server that keeps what it was sent and answers as told."""

    def __init__(self, port: int = 0) -> None:
        self.taken: list[tuple[str, dict[str, str], Any]] = []
        self.statuses: list[int] = []
        self.answers: dict[str, Any] = {}
        self.n_silent = 0
        self.speaks = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers["raw"] = body.decode()
                if status == 200:
                    receiver.taken.append((self.path, headers, json.loads(body)))
                if receiver.n_silent > 0:  # taken, and no answer in time
                    receiver.n_silent -= 1
                    receiver.speaks.wait(20)
                    return
                name = self.path.rpartition("/")[2]
                answer = json.dumps(receiver.answers.get(name, {"result": True})).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.speaks.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path / 'j.sqlite3'}") as opened:
        opened.upsert_contact(ContactCard(ref="501", trusted_phone="+79265550102"))
        yield opened


def heard(journal: Journal, outcome: CallOutcome, n: int, **whose: Any) -> int:
    report = CallReport("a.wav", Evidence(7.6), Outcome(outcome, 0.9), None, 0.1)
    return journal.record_attempt(report, digest=f"{n:064x}", **whose).id


def all_of(dispatcher: Dispatcher) -> None:
    while dispatcher.run_once():
        pass


def test_a_decision_a_correction_and_a_mark_taken_back_are_told_signed(
    journal: Journal, receiver: Receiver
) -> None:
    heard(journal, CallOutcome.BUSY_TONE, 0, contact="501")
    hook = Webhook("crm", f"{receiver.url}/hook", SECRET, load_codes()["vicidial"])
    dispatcher = Dispatcher(Outbox(journal.database), [hook])
    all_of(dispatcher)
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, number="89265550102")
    all_of(dispatcher)
    journal.correct(call, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    all_of(dispatcher)
    events = [(body["event"], body["code"], body["incorrect_contact"]) for body in receiver.bodies]
    assert events == [("decision", "DC", True), ("mark_withdrawn", "AA", False)]
    assert [body["card"] for body in receiver.bodies] == ["501", "501"]
    assert receiver.bodies[1]["decided_by"] == "Анна"
    for _, headers, body in receiver.taken:
        at_s = int(headers["x-recognizer-signature"].split(",")[0].removeprefix("t="))
        raw = headers["raw"].encode()
        assert headers["x-recognizer-signature"] == signature(SECRET, raw, at_s)
        assert headers["x-recognizer-event"] == body["id"]
    assert len({body["id"] for body in receiver.bodies}) == 2


def test_a_mark_taken_along_to_another_card_is_taken_back_from_the_first(
    journal: Journal, receiver: Receiver
) -> None:
    journal.upsert_contact(ContactCard(ref="502"))
    dispatcher = Dispatcher(Outbox(journal.database), [Webhook("crm", receiver.url, SECRET)])
    all_of(dispatcher)
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    journal.move_attempt(call, "502", made_by="Анна")
    all_of(dispatcher)
    last = receiver.bodies[-1]
    assert (last["event"], last["left_card"], last["card"]) == ("mark_withdrawn", "501", "502")


def test_nothing_is_lost_while_the_other_side_is_down_and_order_is_kept(
    journal: Journal, receiver: Receiver, clock: Clock
) -> None:
    dispatcher = Dispatcher(
        Outbox(journal.database, clock=clock), [Webhook("crm", receiver.url, SECRET)]
    )
    all_of(dispatcher)
    for n in range(3):
        heard(journal, CallOutcome.BUSY_TONE, n, contact="501")
    receiver.statuses = [500, 503]
    all_of(dispatcher)
    assert receiver.taken == []
    clock.now += 4
    all_of(dispatcher)
    assert receiver.taken == []
    for _ in range(8):
        clock.now += 11
        all_of(dispatcher)
    assert [body["attempt"] for body in receiver.bodies] == [1, 2, 3]


def test_what_was_taken_without_an_answer_comes_again_with_its_id_and_in_order(
    journal: Journal, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark, a correction, the mark back: whoever takes each id once ends with what stands."""
    monkeypatch.setattr("recognizer.crm.sending.ANSWER_TIMEOUT_S", 0.3)
    hook = Webhook("crm", receiver.url, SECRET, load_codes()["vicidial"])
    dispatcher = Dispatcher(Outbox(journal.database, clock=clock), [hook])
    all_of(dispatcher)

    def tell_after_a_silence() -> None:
        receiver.n_silent = 2
        for _ in range(3):
            all_of(dispatcher)
            clock.now += 3601

    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    tell_after_a_silence()
    journal.correct(call, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    tell_after_a_silence()
    (said,) = journal.corrections(call)
    journal.withdraw_correction(said.id, made_by="Борис")
    tell_after_a_silence()
    once = {body["id"]: body for body in receiver.bodies}
    assert [body["id"] for body in receiver.bodies] == [each for each in once for _ in range(3)]
    told = [
        (body["code"], body["incorrect_contact"], body["card_marked"]) for body in once.values()
    ]
    assert told == [("DC", True, True), ("AA", False, False), ("DC", True, True)]


def test_wrong_number_said_again_after_a_silence_is_not_said_once_the_mark_is_gone(
    journal: Journal, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recognizer.crm.sending.ANSWER_TIMEOUT_S", 0.3)
    hook = Webhook("crm", receiver.url, SECRET, load_codes()["vicidial"])
    dispatcher = Dispatcher(Outbox(journal.database, clock=clock), [hook])
    all_of(dispatcher)
    heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    receiver.n_silent = 1
    all_of(dispatcher)
    journal.upsert_contact(ContactCard(ref="501", trusted_phone="+79265550103"))
    clock.now += 3601
    all_of(dispatcher)
    told = [(body["id"], body["code"], body["card_marked"]) for body in receiver.bodies]
    assert told == [(told[0][0], "DC", True), (told[0][0], "NA", False)]


def test_what_is_never_taken_becomes_a_dead_letter_and_can_be_sent_again(
    journal: Journal, receiver: Receiver, clock: Clock
) -> None:
    outbox = Outbox(journal.database, clock=clock)
    dispatcher = Dispatcher(outbox, [Webhook("crm", receiver.url, SECRET)])
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, contact="501")
    receiver.statuses = [500] * MAX_TRIES
    for _ in range(MAX_TRIES):
        all_of(dispatcher)
        clock.now += 3601
    (dead,) = outbox.parcels("dead")
    assert (dead.n_tries, dead.last_problem) == (MAX_TRIES, "expected 2xx, found 500")
    all_of(dispatcher)
    assert receiver.taken == []
    outbox.retry(dead.id)
    all_of(dispatcher)
    assert len(receiver.taken) == 1
    with pytest.raises(JournalError, match="no such dead letter"):
        outbox.retry(dead.id)


def test_what_is_told_late_brings_back_no_mark(journal: Journal, receiver: Receiver) -> None:
    """A dead letter sent again, and what waited while the other side was down."""
    outbox = Outbox(journal.database)
    hook = Webhook("crm", f"{receiver.url}/hook", SECRET, load_codes()["one_c"])
    dispatcher = Dispatcher(outbox, [hook])
    all_of(dispatcher)
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    outbox.collect(["crm"])
    row, _ = outbox.claim("crm") or (0, 0)
    outbox.failed(row, "gone", is_final=True)
    journal.correct(call, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    all_of(dispatcher)
    outbox.retry(row)
    all_of(dispatcher)
    told = [
        (body["event"], body["incorrect_contact"], body["in_force"], body["code"])
        for body in receiver.bodies
    ]
    assert told == [
        ("mark_withdrawn", False, True, "Автоответчик"),
        ("decision", False, False, "НеДозвонились"),
    ]


def test_every_word_of_a_card_says_whether_the_mark_stands_on_it(
    journal: Journal, receiver: Receiver
) -> None:
    dispatcher = Dispatcher(Outbox(journal.database), [Webhook("crm", receiver.url, SECRET)])
    all_of(dispatcher)
    heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    all_of(dispatcher)
    later = heard(journal, CallOutcome.LIVE_PERSON, 2, contact="501")  # takes no mark away
    heard(journal, CallOutcome.BUSY_TONE, 3, number="+79265550777")  # of no card
    all_of(dispatcher)
    journal.correct(later, made_by="Анна", stated="conversation")  # does
    all_of(dispatcher)
    told = [
        (body["call"], body["incorrect_contact"], body["card_marked"]) for body in receiver.bodies
    ]
    assert told == [(1, True, True), (2, False, True), (3, False, None), (2, False, False)]


class _Odd:
    """A target that fails as nobody thought of, then takes everything."""

    name = "odd"

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.n_failed = 0

    def deliver(self, event: Any) -> None:
        if self.n_failed == 0:
            self.n_failed += 1
            raise ZeroDivisionError
        self.taken.append(event)


class _Slow:
    """A target that answers when it is let go."""

    name = "slow"

    def __init__(self) -> None:
        self.go = threading.Event()

    def deliver(self, event: Any) -> None:
        assert event
        self.go.wait(30)


def test_a_target_that_hangs_or_fails_oddly_holds_up_no_other(
    journal: Journal, receiver: Receiver
) -> None:
    odd, slow = _Odd(), _Slow()
    hook = Webhook("crm", receiver.url, SECRET)
    outbox = Outbox(journal.database)
    dispatcher = Dispatcher(outbox, [slow, odd, hook], every_s=0.05)
    dispatcher.start()
    for n in range(4):
        heard(journal, CallOutcome.BUSY_TONE, n)

    def waiting() -> list[Parcel]:
        return [row for row in outbox.parcels("waiting") if row.target == "odd"]

    # What was taken is noted a moment after.
    _wait_for(lambda: len(receiver.taken) == 4 and len(odd.taken) == 3 and len(waiting()) == 1)
    assert waiting()[0].last_problem == "cannot be told: ZeroDivisionError"
    slow.go.set()
    dispatcher.close()


def test_a_clock_that_was_ahead_delays_no_decision_for_years(
    journal: Journal, receiver: Receiver, clock: Clock
) -> None:
    dispatcher = Dispatcher(
        Outbox(journal.database, clock=clock), [Webhook("crm", receiver.url, SECRET)]
    )
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, contact="501")
    receiver.statuses = [500]
    clock.now += 365 * 86_400
    all_of(dispatcher)
    clock.now -= 365 * 86_400
    all_of(dispatcher)
    assert len(receiver.taken) == 1


def test_a_redirect_takes_nothing_elsewhere(journal: Journal, receiver: Receiver) -> None:
    outbox = Outbox(journal.database)
    dispatcher = Dispatcher(outbox, [Webhook("crm", receiver.url, SECRET)])
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, contact="501")
    receiver.statuses = [302]
    all_of(dispatcher)
    assert receiver.taken == []
    assert outbox.parcels("waiting")[0].last_problem == "expected 2xx, found 302"


_SENDER = """
import sys, time
from recognizer.crm.connectors import Webhook
from recognizer.crm.journal.journal import Journal
from recognizer.crm.dispatching import Dispatcher
from recognizer.crm.outbox import Outbox
with Journal.open(sys.argv[1]) as journal:
    hook = Webhook("crm", sys.argv[2], "s")
    dispatcher = Dispatcher(Outbox(journal.database), [hook], every_s=0.05)
    dispatcher.start()
    print("started", flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_sender_killed_in_the_middle_and_a_receiver_restarted_lose_nothing(
    journal: Journal, tmp_path: Path
) -> None:
    receiver = Receiver()
    port = receiver.server.server_port
    outbox = Outbox(journal.database)
    outbox.collect(["crm"])
    for n in range(60):
        heard(journal, CallOutcome.BUSY_TONE, n)
    command = [sys.executable, "-c", _SENDER, f"sqlite:///{tmp_path / 'j.sqlite3'}", receiver.url]
    sender = subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ))
    try:
        assert sender.stdout is not None
        assert sender.stdout.readline() == b"started\n"
        _wait_for(lambda: len(receiver.taken) >= 5)
    finally:
        sender.send_signal(signal.SIGKILL)
        sender.wait(20)
        assert sender.stdout is not None
        sender.stdout.close()
    receiver.close()
    first = receiver.bodies
    assert len(first) < 60
    # What the killed sender had in hand is due again once its claim is over.
    clock = Clock()
    clock.now += 120
    dispatcher = Dispatcher(
        Outbox(journal.database, clock=clock), [Webhook("crm", receiver.url, "s")]
    )
    dispatcher.run_once()  # the other side is down now
    second = Receiver(port)
    for _ in range(70):
        clock.now += 120
        all_of(dispatcher)
    second.close()
    ids = [body["decision"] for body in first + second.bodies]
    assert len(set(ids)) == 60
    assert len(ids) <= 61  # at least once: what was in hand may come twice, under the same id
    assert not outbox.parcels("waiting")


def _wait_for(condition: Any) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("never happened")


def test_nothing_of_before_the_target_is_told(journal: Journal, receiver: Receiver) -> None:
    for n in range(3):
        heard(journal, CallOutcome.BUSY_TONE, n)
    all_of(Dispatcher(Outbox(journal.database), [Webhook("crm", receiver.url, SECRET)]))
    assert receiver.taken == []


# -- CRMs, against stand-ins that answer as their documentation shows --------------------------


def test_bitrix24_gets_a_call_and_later_words_as_comments(
    journal: Journal, receiver: Receiver
) -> None:
    receiver.answers["telephony.externalcall.register.json"] = {
        "result": {"CALL_ID": "x.1", "CRM_CREATED_ENTITIES": [], "CRM_ENTITY_ID": 501}
    }
    crm = Bitrix24("b24", f"{receiver.url}/rest/1/code/", 7, load_codes()["bitrix24"])
    dispatcher = Dispatcher(Outbox(journal.database), [crm])
    all_of(dispatcher)
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, number="+79265550102")
    all_of(dispatcher)
    journal.correct(call, made_by="Анна", outcome=CallOutcome.VOICEMAIL)
    all_of(dispatcher)
    methods = [path.rpartition("/")[2] for path, _, _ in receiver.taken]
    assert methods == [
        "telephony.externalcall.register.json",
        "telephony.externalcall.finish.json",
        "crm.timeline.comment.add.json",
    ]
    register, finish, comment = receiver.bodies
    assert (register["PHONE_NUMBER"], register["USER_ID"]) == ("+79265550102", 7)
    # whose call it is, and an id of ours: three attempts in half an hour are three calls
    assert (register["CRM_ENTITY_TYPE"], register["CRM_ENTITY_ID"]) == ("CONTACT", 501)
    assert len(register["EXTERNAL_CALL_ID"]) == 36
    assert (register["ADD_TO_CHAT"], register["SHOW"], register["CRM_CREATE"]) == (0, 0, 0)
    assert (finish["CALL_ID"], finish["STATUS_CODE"], finish["DURATION"]) == ("x.1", "404", 8)
    assert comment["fields"]["ENTITY_ID"] == 501
    assert "снята" in comment["fields"]["COMMENT"]


def test_bitrix24_that_answers_with_an_error_is_asked_again(
    journal: Journal, receiver: Receiver
) -> None:
    receiver.answers["telephony.externalcall.register.json"] = {"error": "QUERY_LIMIT_EXCEEDED"}
    outbox = Outbox(journal.database)
    crm = Bitrix24("b24", receiver.url, 7, load_codes()["bitrix24"])
    dispatcher = Dispatcher(outbox, [crm])
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, number="+79265550102")
    all_of(dispatcher)
    (row,) = outbox.parcels("waiting")
    assert "QUERY_LIMIT_EXCEEDED" in row.last_problem
    assert "9265550102" not in row.last_problem


def test_a_call_sent_to_bitrix24_again_has_the_id_it_had(
    journal: Journal, receiver: Receiver, clock: Clock
) -> None:
    """As documented, the portal then gives the registration it has."""
    receiver.answers["telephony.externalcall.register.json"] = {"result": {"CALL_ID": "x.1"}}
    outbox = Outbox(journal.database, clock=clock)
    crm = Bitrix24("b24", f"{receiver.url}/rest/1/code/", 7, load_codes()["bitrix24"])
    dispatcher = Dispatcher(outbox, [crm])
    all_of(dispatcher)
    for n in (1, 2):
        heard(journal, CallOutcome.BUSY_TONE, n, number="+79265550102")
    receiver.statuses = [200, 503]  # registered, then the portal went down
    all_of(dispatcher)
    clock.now += 10
    all_of(dispatcher)
    ids = [body.get("EXTERNAL_CALL_ID") for body in receiver.bodies if "PHONE_NUMBER" in body]
    assert len(ids) == 3
    assert ids[0] == ids[1] != ids[2]


def test_what_bitrix24_refuses_is_named_by_its_code_only(
    journal: Journal, receiver: Receiver
) -> None:
    receiver.statuses = [403]
    receiver.answers["telephony.externalcall.register.json"] = {
        "error": "WRONG_AUTH_TYPE",
        "error_description": "Current authorization type is denied for +79265550102",
    }
    outbox = Outbox(journal.database)
    crm = Bitrix24("b24", receiver.url, 7, load_codes()["bitrix24"])
    dispatcher = Dispatcher(outbox, [crm])
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, number="+79265550102")
    all_of(dispatcher)
    (row,) = outbox.parcels("waiting")
    assert row.last_problem == "expected 2xx, found 403 WRONG_AUTH_TYPE"


def test_amocrm_without_such_a_card_is_not_asked_for_nine_hours(
    journal: Journal, receiver: Receiver
) -> None:
    receiver.answers["calls"] = {
        "_total_items": 0,
        "errors": [{"detail": "Entity not found", "request_id": "0"}],
        "_embedded": {"calls": []},
    }
    outbox = Outbox(journal.database)
    crm = AmoCrm("amo", receiver.url, "token", load_codes()["amocrm"])
    dispatcher = Dispatcher(outbox, [crm])
    all_of(dispatcher)
    heard(journal, CallOutcome.BUSY_TONE, 1, number="+79265550102")
    all_of(dispatcher)
    assert outbox.parcels("waiting") == ()
    (row,) = outbox.parcels("dead")
    assert (row.n_tries, "no card with this number" in row.last_problem) == (1, True)


def test_amocrm_gets_a_call_with_an_id_of_its_own(journal: Journal, receiver: Receiver) -> None:
    crm = AmoCrm("amo", receiver.url, "token", load_codes()["amocrm"])
    dispatcher = Dispatcher(Outbox(journal.database), [crm])
    all_of(dispatcher)
    heard(journal, CallOutcome.DOES_NOT_EXIST, 1, number="+79265550102")
    heard(journal, CallOutcome.BUSY_TONE, 2)  # nobody's number: nobody to tell of
    all_of(dispatcher)
    ((path, headers, (call,)),) = receiver.taken
    assert path == "/api/v4/calls"
    assert headers["authorization"] == "Bearer token"
    assert (call["phone"], call["call_status"], call["duration"]) == ("+79265550102", 5, 8)
    assert len(call["uniq"]) == 36


# -- codes and settings ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bitrix24", "amocrm", "vicidial", "one_c"])
@pytest.mark.parametrize("outcome", [None, *CallOutcome])
def test_wrong_number_is_said_only_where_the_mark_stands(
    name: str, outcome: CallOutcome | None
) -> None:
    table = load_codes()[name]
    assert table.code(outcome, is_marked=True) == table.wrong_number
    assert table.code(outcome, is_marked=False) != table.wrong_number


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[x]\nwrong_number = "1"\notherwise = "1"\n', 3, "wrong number"),
        ('[x]\nwrong_number="1"\notherwise="2"\n[x.by_outcome]\nfax = "1"\n', 5, "the mark stands"),
        ('[x]\nwrong_number="1"\notherwise="2"\n[x.by_outcome]\nblocked = "3"\n', 5, "the mark"),
        ('[x]\nwrong_number="1"\notherwise="2"\n[x.by_outcome]\nbusy = "3"\n', 5, "no outcome"),
        ('[x]\nwrong_number="1"\n', 1, "otherwise"),
    ],
)
def test_a_wrong_table_of_codes_names_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = tmp_path / "codes.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(DataFileError, match=f"line {line}: .*{words}"):
        load_codes(path)


def test_targets_are_read_with_their_secrets_from_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s\n", "utf-8")
    path = tmp_path / "crm.toml"
    hook = '[[webhook]]\nname = "a"\nurl = "{}"\nsecret_file = "{}"\n'
    path.write_text(hook.format("https://crm.example.ru/hook", "secret"), "utf-8")
    (target,) = load_targets(path)
    assert target == Webhook("a", "https://crm.example.ru/hook", "s")
    for url, file, words in (
        ("http://crm.example.ru/hook", "secret", "https"),
        ("https://crm.example.ru", "nowhere", "cannot be read"),
    ):
        path.write_text(hook.format(url, file), "utf-8")
        with pytest.raises(DataFileError, match=f"line 1: .*{words}"):
            load_targets(path)


def test_every_other_command_of_the_documentation_runs_as_it_is_printed(
    journal: Journal, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{tmp_path / 'j.sqlite3'}")
    (tmp_path / "our-crm.secret").write_text(SECRET)
    (tmp_path / "crm.toml").write_text(
        f'[[webhook]]\nname = "our-crm"\nurl = "{receiver.url}"\nsecret_file = "our-crm.secret"\n'
    )
    (tmp_path / "recognizer.toml").write_text(f'[crm]\ntargets_file = "{tmp_path}/crm.toml"\n')
    monkeypatch.setenv("RECOGNIZER_SETTINGS", str(tmp_path / "recognizer.toml"))
    outbox = Outbox(journal.database)
    dispatcher = Dispatcher(outbox, [Webhook("our-crm", receiver.url, SECRET)])
    all_of(dispatcher)
    heard(journal, CallOutcome.DOES_NOT_EXIST, 1, contact="501")
    outbox.collect(["our-crm"])
    claimed = outbox.claim("our-crm")
    assert claimed is not None
    outbox.failed(claimed[0], "expected 2xx, found 500", is_final=True)
    shown = (Path(__file__).parents[2] / "docs" / "crm.md").read_text("utf-8")
    commands = re.findall(r"`recognizer ((?:crm|contacts) (?!tell)[^`]+)`", shown)
    said = {}
    for command in commands:
        done = CliRunner().invoke(app, command.replace("17", str(claimed[0])).split())
        assert done.exit_code == 0, (command, done.output, done.exception)
        said[command] = done.output
    assert list(said) == [
        "contacts export results.xlsx", "crm check", "crm outbox --state dead", "crm retry 17",
        "crm outbox",
    ]  # fmt: skip
    assert (tmp_path / "results.xlsx").exists()
    assert "our-crm" in said["crm check"]
    assert "expected 2xx, found 500" in said["crm outbox --state dead"]
    all_of(dispatcher)
    assert len(receiver.taken) == 1


def test_each_connector_of_the_documentation_is_tried_with_one_command(
    journal: Journal, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = heard(journal, CallOutcome.DOES_NOT_EXIST, 1, number="89265550102")
    receiver.answers["telephony.externalcall.register.json"] = {"result": {"CALL_ID": "x.1"}}
    receiver.answers["calls"] = {"_total_items": 1, "errors": []}
    for name, text in (
        ("our-crm.secret", SECRET),
        ("b24.url", f"{receiver.url}/rest/1/code/"),
        ("amo.token", "token"),
    ):
        (tmp_path / name).write_text(text)
    shown = (Path(__file__).parents[2] / "docs" / "crm.md").read_text("utf-8")
    targets = "\n".join(
        re.findall(r"^```toml\n(.*?)^```", shown, flags=re.MULTILINE | re.DOTALL)[2:]
    )
    targets = re.sub(r"https://(crm\.example\.ru|example\.amocrm\.ru)", receiver.url, targets)
    (tmp_path / "crm.toml").write_text(targets)
    (tmp_path / "recognizer.toml").write_text(
        f'[crm]\ntargets_file = "{tmp_path / "crm.toml"}"\n'
        f'[journal]\nurl = "sqlite:///{tmp_path / "j.sqlite3"}"\n'
    )
    monkeypatch.setenv("RECOGNIZER_SETTINGS", str(tmp_path / "recognizer.toml"))
    commands = re.findall(r"`recognizer (crm tell (\S+) 1024)`", shown)
    assert [name for _, name in commands] == ["our-crm", "b24", "amo"]
    for command, name in commands:
        done = CliRunner().invoke(app, command.replace("1024", str(call)).split())
        assert done.output == f"{name}: took decision 1 of call {call}\n"
    paths = [path for path, _, _ in receiver.taken]
    assert paths == [
        "/hooks/calls",
        "/rest/1/code/telephony.externalcall.register.json",
        "/rest/1/code/telephony.externalcall.finish.json",
        "/api/v4/calls",
    ]
    said = (receiver.bodies[0]["code"], receiver.bodies[2]["STATUS_CODE"])
    assert said == ("НеверныйНомер", "404")
    assert receiver.bodies[3][0]["call_status"] == 5
    receiver.statuses = [500]
    refused = CliRunner().invoke(app, ["crm", "tell", "our-crm", str(call)])
    assert refused.exit_code != 0
    assert "expected 2xx, found 500" in str(refused.exception)
    nobody = CliRunner().invoke(app, ["crm", "tell", "nobody", str(call)])
    assert "expected one of crm.targets_file (our-crm, b24, amo)" in str(nobody.exception)
