"""A real Asterisk, with SIPp as the network: what is heard of calls that nobody may answer.

Asterisk runs in a Debian root of its own (`asterisk_root`), which is built once where that can be;
elsewhere these tests are skipped, and say why.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from asterisk_root import NoAsteriskError, find_root

from recognizer.audio import read_audio
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallOutcome

DATA = Path(__file__).parent.parent / "data" / "asterisk"
CALLS = DATA.parent / "calls"
ANNOUNCEMENT = CALLS / "samples" / "1-does-not-exist-human.wav"
BUSY = CALLS / "samples" / "7-busy.ulaw"
PERSON = CALLS / "people" / "hello.wav"
CONFIG = "/tmp/recognizer-asterisk"
QUIET = subprocess.DEVNULL

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]


@pytest.fixture(scope="module")
def asterisk_root() -> Path:
    try:
        return find_root()
    except NoAsteriskError as reason:
        pytest.skip(str(reason))


class Exchange:
    """Asterisk between the listener and SIPp."""

    def __init__(self, root: Path, folder: Path, stack: ExitStack) -> None:
        self._root, self._folder, self._stack = root, folder, stack
        self._written = folder / "events.jsonl"
        self.listener: subprocess.Popen[str] = self.listen()
        self._start(["chroot", str(root), "asterisk", "-C", f"{CONFIG}/asterisk.conf", "-f"])
        until = time.monotonic() + 60
        while "fully booted" not in self.console("core waitfullybooted"):
            if time.monotonic() > until:
                pytest.skip("Asterisk does not come up here")
            time.sleep(0.5)

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command, text=True, cwd=self._folder, stdin=QUIET, stdout=QUIET, stderr=QUIET
        )
        self._stack.callback(_stop, process)
        return process

    def listen(self) -> subprocess.Popen[str]:
        """Start a listener; its events go on where those of another stopped."""
        command = [sys.executable, "-c", "from recognizer.cli import main; main()", "listen"]
        command += ["--engine", "whisper", "--journal"]
        command += ["--audiosocket", "127.0.0.1:19092", "--websocket", "127.0.0.1:19093"]
        folders = {
            "RECOGNIZER_JOURNAL_URL": f"sqlite:///{self._folder / 'journal.sqlite3'}",
            "RECOGNIZER_SERVER_STATE_DIR": str(self._folder / "state"),
        }
        with self._written.open("a") as output:
            self.listener = subprocess.Popen(
                command,
                text=True,
                env={**os.environ, **folders},
                stdout=output,
                stderr=subprocess.PIPE,
            )
        self._stack.callback(_stop, self.listener)
        assert self.listener.stderr is not None
        while "websocket" not in self.listener.stderr.readline():
            assert self.listener.poll() is None
        return self.listener

    def network(self, scenario: str, sound: Path, *, silence_s: float = 0.0) -> None:
        """Let SIPp answer calls as a scenario says, with a recording, after silence."""
        silence = np.zeros(round(silence_s * 8000), np.float32)
        samples = np.concatenate([silence, read_audio(sound, sample_rate=8000).samples])
        sf.write(self._folder / "sound.alaw", samples, 8000, format="RAW", subtype="ALAW")
        sipp = ["sipp", "-sf", str(DATA / scenario), "-i", "127.0.0.1", "-p", "15090"]
        self._start([*sipp, "-mi", "127.0.0.1", "-mp", "13000", "-nostdin"])
        time.sleep(1)

    def console(self, command: str) -> str:
        run = ["chroot", str(self._root), "asterisk", "-C", f"{CONFIG}/asterisk.conf"]
        done = subprocess.run([*run, "-rx", command], check=False, capture_output=True, text=True)
        return done.stdout

    def call(self, context: str = "listened", number: str = "79990000000") -> None:
        self.console(f"channel originate Local/{number}@{context} extension {number}@dialled")

    def events(self, name: str, n_events: int = 1, limit_s: float = 90) -> list[dict[str, Any]]:
        """Wait for so many events of a name."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            told = [json.loads(line) for line in self._written.read_text().splitlines()]
            found = [event for event in told if event["event"] == name]
            if len(found) >= n_events:
                return found
            time.sleep(0.2)
        pytest.fail(f"not {n_events} {name!r} in {limit_s} s: {self._written.read_text()[-500:]}")

    def attempts(self) -> list[AttemptRecord]:
        """What the journal has, the first first."""
        with Journal.open(f"sqlite:///{self._folder / 'journal.sqlite3'}") as journal:
            return sorted(journal.attempts().items, key=lambda attempt: attempt.id)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(30)
    if process.stderr is not None:
        process.stderr.close()


@pytest.fixture
def exchange(asterisk_root: Path, tmp_path: Path) -> Iterator[Exchange]:
    config = asterisk_root / CONFIG.lstrip("/")
    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(DATA, config)
    (config / "run").mkdir()
    with ExitStack() as stack:
        yield Exchange(asterisk_root, tmp_path, stack)
    shutil.rmtree(config, ignore_errors=True)


@pytest.mark.parametrize(
    ("context", "why"), [("listened", {"eof"}), ("listened-websocket", {"hangup", "cut_off"})]
)
def test_an_announcement_before_the_answer_is_named(
    exchange: Exchange, context: str, why: set[str]
) -> None:
    exchange.network("early_media_then_404.xml", ANNOUNCEMENT)
    exchange.call(context)
    (end,) = exchange.events("end")
    assert (end["outcome"], end["agrees"]) == ("does_not_exist", True)
    assert end["why"] in why
    assert end["journal"]["attempt_id"] is not None


def test_short_beeps_are_final_while_they_last(exchange: Exchange) -> None:
    exchange.network("early_media_then_486.xml", BUSY)
    exchange.call()
    (final,) = exchange.events("final")
    (end,) = exchange.events("end")
    assert final["outcome"] == end["outcome"] == "busy_tone"
    assert final["at_s"] < end["at_s"]


def test_a_person_who_answers_is_a_person(exchange: Exchange) -> None:
    exchange.network("answer_and_speak.xml", PERSON)
    exchange.call()
    exchange.events("start")
    time.sleep(8)
    exchange.console("channel request hangup all")
    (end,) = exchange.events("end")
    assert end["outcome"] == "live_person"
    assert end["decision"]["status"] is None


def test_a_caller_who_gives_up_in_mid_announcement_gets_no_mark(exchange: Exchange) -> None:
    # «не» begins 1.6 s into the announcement: what comes before 4.5 s does not deny anything yet.
    exchange.network("early_media_until_cancel.xml", ANNOUNCEMENT, silence_s=3.0)
    exchange.call()
    exchange.events("start")
    time.sleep(2.5)
    exchange.console("channel request hangup all")
    (end,) = exchange.events("end")
    assert end["at_s"] < 4.5
    assert not end["decision"]["incorrect_contact"]


def test_thirty_calls_at_once_are_each_an_attempt(exchange: Exchange) -> None:
    exchange.network("early_media_then_404.xml", ANNOUNCEMENT)
    for i in range(30):
        exchange.call(("listened", "listened-websocket")[i % 2], f"799900000{i:02}")
    ends = exchange.events("end", 30, limit_s=240)
    assert len({end["call"] for end in ends}) == 30
    assert {end["outcome"] for end in ends} == {"does_not_exist"}
    assert len({end["journal"]["attempt_id"] for end in ends}) == 30


def test_a_listener_killed_in_mid_call_loses_only_that_sound_and_says_so(
    exchange: Exchange,
) -> None:
    exchange.network("early_media_then_404.xml", ANNOUNCEMENT)
    exchange.call()
    exchange.events("start")
    time.sleep(1.5)
    exchange.listener.send_signal(signal.SIGKILL)
    exchange.listener.wait(10)
    exchange.listen()
    exchange.call()
    (end,) = exchange.events("end")
    assert end["outcome"] == "does_not_exist"
    lost, heard = exchange.attempts()
    assert lost.error is not None
    assert (lost.outcome, lost.error.kind) == (None, "listener_stopped")
    assert heard.outcome is CallOutcome.DOES_NOT_EXIST
