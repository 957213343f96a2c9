"""A PostgreSQL that is started after us, or again: who runs for hours waits for it, and says so."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from journal_reports import heard

from recognizer.base.errors import JournalError, JournalLostError
from recognizer.batch.results import read_results
from recognizer.crm.journal.database import await_server
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PROGRAM = Path(__file__).parents[2] / "support" / "command_program.py"
STARTING = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"


class Door:
    """Stands before a server: says that it is starting, is shut, or lets through."""

    def __init__(self, url: str) -> None:
        address, _, folder = url.partition("?host=")
        self._database = address.rpartition("/")[2]
        self._behind = f"{folder}/.s.PGSQL.5432"
        self._open: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []
        self.is_starting = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    @property
    def url(self) -> str:
        address = f"recognizer@127.0.0.1:{self.port}/{self._database}"
        return f"postgresql+psycopg://{address}?sslmode=disable&gssencmode=disable"

    def shut(self) -> None:
        """Let nobody in any more, and nobody stay."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._pumps:
            thread.join(10)
        self._open, self._pumps = [], []

    def reopen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                if self.is_starting:
                    client.recv(4096)
                    client.sendall(b"E" + (len(STARTING) + 4).to_bytes(4, "big") + STARTING)
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._behind)
                self._open += [client, server]
                for one, other in ((client, server), (server, client)):
                    thread = threading.Thread(target=pump, args=(one, other), daemon=True)
                    thread.start()
                    self._pumps.append(thread)


def pump(one: socket.socket, other: socket.socket) -> None:
    with one, contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def door(postgres_url: str) -> Iterator[Door]:
    door = Door(postgres_url)
    yield door
    door.shut()


def later(seconds: float, *acts: object) -> None:
    def act() -> None:
        time.sleep(seconds)
        for each in acts:
            each()  # type: ignore[operator]

    threading.Thread(target=act, daemon=True).start()


def test_one_that_is_starting_is_waited_for_and_that_is_said(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    door.is_starting = True
    later(2.5, lambda: setattr(door, "is_starting", False))
    began = time.monotonic()
    with Journal.open(door.url, wait_s=30.0) as journal:
        assert time.monotonic() - began > 2
        assert journal.count_attempts() == 0
    (said,) = caplog.messages
    assert "FATAL:  the database system is starting up); waiting up to 30 s" in said


def test_one_that_is_not_there_yet_is_waited_for(door: Door) -> None:
    door.shut()
    later(2.5, door.reopen)
    await_server(door.url, wait_s=30.0)


def test_afterwards_there_is_one_clear_error(door: Door) -> None:
    door.is_starting = True
    with pytest.raises(JournalError, match="database server is starting or stopping; try again"):
        await_server(door.url, wait_s=2.0)
    door.shut()
    with pytest.raises(JournalError, match="database server cannot be reached"):
        await_server(door.url, wait_s=2.0)
    door.reopen()


def test_who_is_refused_for_good_does_not_wait(door: Door) -> None:
    began = time.monotonic()
    with pytest.raises(JournalError, match='"nowhere" does not exist'):
        await_server(re.sub(r"/\w+\?", "/nowhere?", door.url), wait_s=60.0)
    assert time.monotonic() - began < 15


def test_who_answers_people_does_not_wait(door: Door) -> None:
    with Journal.open(door.url) as journal:
        door.shut()
        began = time.monotonic()
        with pytest.raises(JournalError):
            journal.count_attempts()
        assert time.monotonic() - began < 15
        door.reopen()


def test_a_connection_lost_on_the_way_is_told_from_a_change_refused(door: Door) -> None:
    with Journal.open(door.url, wait_s=20.0) as journal:

        def lose_it() -> None:
            with journal.database.writing() as session:
                door.drop()
                session.connection().exec_driver_sql("SELECT 1")

        with pytest.raises(JournalLostError):
            lose_it()
        report = heard(CallOutcome.BUSY_TONE)
        journal.record_attempt(report, number="+79990000001", digest="d" * 64)
        assert journal.count_attempts() == 1


@pytest.mark.parametrize("is_there", [True, False])
def test_a_batch_outlasts_a_restart_of_the_database(
    door: Door, tmp_path: Path, is_there: bool
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    for number in range(40):
        (calls / f"c{number:02}.wav").write_text(f"slow 0.{number + 100}")
    if not is_there:
        door.shut()
    environment = {**os.environ, "RECOGNIZER_JOURNAL_URL": door.url}
    results, said = tmp_path / "r.jsonl", tmp_path / "said"

    def wait_until(is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.1)

    with said.open("w") as stderr:
        program = subprocess.Popen(
            [sys.executable, str(PROGRAM), "batch", str(calls), "--journal",
             "--results", str(results), "--workers", "1"],
            env=environment, stderr=stderr,
        )  # fmt: skip
        try:
            if is_there:
                wait_until(lambda: results.exists() and len(list(read_results(results))) >= 3)
                door.shut()
            wait_until(lambda: "takes no connections" in said.read_text())
            door.reopen()
            assert program.wait(120) == 0, said.read_text()
        finally:
            program.kill()
    lines = list(read_results(results))
    assert len(lines) == 40
    with Journal.open(door.url) as journal:
        assert {line["journal"]["attempt_id"] for line in lines} == {
            attempt.id for attempt in journal.attempts(limit=100).items
        }
