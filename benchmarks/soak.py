"""Let everything go wrong at random, and see whether every record is right, there, and there once.

    python -m benchmarks.soak --recordings 5000 --seed 1 [--postgres] [--uploads 200]

A folder of recordings is classified by `batch` with a journal, over and over, while files appear,
are replaced, cut, written on, renamed and removed, half of them just where the run is, and workers,
the parent, the HTTP server and PostgreSQL are killed. The recogniser is a fake that takes a moment
and says what the content says, so that the truth of every content there ever was is known by its
digest. At the end one calm run, and then: every row's digest, outcome and content agree, no content
of the folder is without its row, none has two, no line of a file's last hearing says what its
content does not, and neither that line, nor the row of its digest, nor the card of its number bears
a mark that the content the file has in the end does not deserve; of a file that was removed, that
the content does not deserve that was recorded last. Then wrong marks are planted, to be found.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recognizer.base.errors import RecognizerError
from recognizer.base.settings import JournalSettings, ServerSettings, Settings
from recognizer.batch.file_names import load_name_patterns
from recognizer.batch.jobs import RecognizerLike
from recognizer.batch.recordings import FactFinder, recordings_in
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.runner import Summary, pending, run_batch
from recognizer.batch.time_limits import TimeLimits
from recognizer.batch.worker_pool import WorkerPool
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome
from recognizer.regulation.loading import load_regulation
from recognizer.web.auth.api_keys import ApiKeys

OUTCOMES = ("does_not_exist", "blocked", "busy_tone", "silence", "switched_off_or_out_of_coverage")
HEARD_IN_S = 0.02
LARGE_BYTES = 5 * 2**20  # beyond what a worker copies into memory
UNREADABLE = "unreadable"
MARKED = frozenset({"does_not_exist", "blocked"})
TAKEN_OVER = "mark of a content that another took the place of"
STALLED_S = 300.0  # without an upload recorded, nobody being killed any more
NEAR = 64  # recordings that two workers are given at one time
MEAN_S = {
    "worker killed": 4.0,
    "parent killed": 15.0,
    "server killed": 30.0,
    "postgres killed": 45.0,
}


# -- the recogniser ----------------------------------------------------------------------------


class SoakRecognizer(RecognizerLike):
    """Says what the content's first word says; of anything else, that it cannot be read."""

    def __init__(self) -> None:
        self.regulation = load_regulation()

    def recognize(self, source: Any, **asked: Any) -> CallReport:
        """Return the report."""
        name = str(asked.get("name"))
        source.seek(0)
        begin = source.read(200)
        time.sleep(HEARD_IN_S)
        said = truth_of(begin)
        if said == UNREADABLE:
            error = CallError("unreadable_audio", f"{name}: says nothing")
            return CallReport(name, None, None, None, 0.0, error)
        kind = CallOutcome(said)
        return CallReport(
            recording=name,
            evidence=Evidence(duration_s=1.0),
            outcome=Outcome(kind, 0.9, None, "the content says so"),
            decision=self.regulation.decide_outcome(kind, attempt=1, on=asked.get("called_on")),
            elapsed_s=HEARD_IN_S,
        )


def load() -> SoakRecognizer:
    """Return what workers load."""
    return SoakRecognizer()


def truth_of(content: bytes) -> str:
    """Return the outcome a content deserves."""
    word = content.split(b" ", 1)[0].decode("ascii", "replace")
    return word if word in OUTCOMES and b" " in content else UNREADABLE


def number_of(index: int) -> str:
    """Return the number that a recording is a call of."""
    return f"+7999{index:07}"


def number_in(path: Path) -> str:
    """Return the number that a file name names."""
    return f"+{path.name.split('_')[1]}"


def sha256(content: bytes) -> str:
    """Return the digest of a content."""
    return hashlib.sha256(content).hexdigest()


# -- the programs that are killed ----------------------------------------------------------------


def run_the_batch(folder: Path, results: Path, url: str) -> int:
    """Classify the folder once, as `recognizer batch --journal --retry-failed` does."""
    summary = Summary()
    finder = FactFinder(load_name_patterns())
    try:
        with ResultLog(results) as log, Journal.open(url) as journal:
            todo = pending(recordings_in([folder], finder), log, summary)
            with WorkerPool(load, 2, limits=TimeLimits(base_s=20.0)) as pool:
                pool.start()
                run_batch(todo, pool, log, summary, journal=journal)
    except RecognizerError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def run_the_server(port: int, state: Path, url: str) -> None:
    """Serve the HTTP API with the fake recogniser."""
    import uvicorn  # noqa: PLC0415

    from recognizer.web.app import create_app  # noqa: PLC0415

    settings = Settings(
        server=ServerSettings(state_dir=state, port=port), journal=JournalSettings(url=url)
    )
    uvicorn.run(create_app(settings, recognizer=load()), port=port, log_level="error")


class Postgres:
    """A server of its own that can be killed and started again."""

    def __init__(self) -> None:
        binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not binaries:
            raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = binaries[-1].parent
        self._user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="soak-pg-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        subprocess.run(
            [self._binaries / "initdb", "-D", self.folder / "data", "-U", "soak", "-A", "trust",
             "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            user=self._user, cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip
        self.url = f"postgresql+psycopg://soak@/postgres?host={self.folder}"
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._server = subprocess.Popen(
            [self._binaries / "postgres", "-D", self.folder / "data", "-k", self.folder,
             "-c", "listen_addresses="],
            user=self._user, cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            asked = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.folder)]
            if subprocess.run(asked, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise SystemExit("PostgreSQL does not start")

    def crash(self) -> None:
        """End it at once, in the middle of everything."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

    def close(self) -> None:
        """End it and remove what it kept."""
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)


# -- what happens to the files -------------------------------------------------------------------


class Chaos:
    """A folder whose files change at random; it knows what every content deserved."""

    def __init__(self, folder: Path, n_recordings: int, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.truth: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.renamed: set[str] = set()
        self.removed: set[str] = set()
        self.had: dict[str, list[str]] = {}  # the digests of each number, oldest first
        self._to_hear: set[Path] = set()
        self._changed: set[Path] = set()
        self._n = 0
        self._n_files = 0
        for _ in range(n_recordings):
            self.appear()

    def appear(self, _: Path | None = None) -> None:
        """Put a recording of another call into the folder."""
        index = self._n_files
        self._n_files += 1
        name = f"20261122-{index // 3600:02}{index // 60 % 60:02}{index % 60:02}"
        path = self.folder / f"{name}_{number_of(index)[1:]}_1763793015.{index}.wav"
        path.write_bytes(self._content(path))
        self._changed.add(path)

    def _content(self, path: Path) -> bytes:
        self._n += 1
        content = f"{self.random.choice(OUTCOMES)} {self._n} ".encode()
        is_large = self.random.random() < 0.005
        content += b"." * (LARGE_BYTES if is_large else self.random.randrange(100, 3000))
        return self._known(path, content)

    def _known(self, path: Path, content: bytes) -> bytes:
        digest = sha256(content)
        self.truth[digest] = truth_of(content)
        self.had.setdefault(number_in(path), []).append(digest)
        return content

    def plant(self, number: str) -> str:
        """Say that a number had a marked content first of all; return the digest."""
        content = f"does_not_exist planted {number}".encode()
        self.truth[sha256(content)] = truth_of(content)
        self.had[number].insert(0, sha256(content))
        return sha256(content)

    def files(self) -> list[Path]:
        """Return the recordings there are now, in the order in which a run takes them."""
        return sorted(self.folder.rglob("*.wav"))

    def begin_run(self, heard_last: str) -> None:
        """Take note that a run begins, which takes what the last one left and what changed."""
        left = {path for path in self._to_hear if path.name > heard_last}
        self._to_hear = left | self._changed
        self._changed = set()

    def some_files(self, heard_last: str) -> list[Path]:
        """Return a few at random, and as many of those that the run may be hearing now."""
        files = self.files()
        next_ones = sorted(path for path in self._to_hear if path.name > heard_last)[:NEAR]
        near = [path for path in next_ones if path.exists()]
        chosen = [self.random.sample(some, min(2, len(some))) for some in (files, near)]
        return list(dict.fromkeys([*chosen[0], *chosen[1]]))  # none comes back that was removed

    def disturb(self, path: Path) -> None:
        """Do one thing to one file."""
        changes = (self.replace, self.write, self.cut, self.rename, self.remove, self.appear)
        change = self.random.choices(changes, (5, 2, 2, 2, 1, 1))[0]
        with contextlib.suppress(FileNotFoundError):
            change(path)
            self._changed.add(path)
            self.counts[change.__name__] += 1

    def replace(self, path: Path) -> None:
        """Put another recording in its place, at once."""
        draft = path.with_suffix(".part")
        draft.write_bytes(self._content(path))
        draft.replace(path)

    def write(self, path: Path) -> None:
        """Write on at the end, as a recorder does."""
        content = path.read_bytes() + b"more"
        self._known(path, content)
        with path.open("ab") as file:
            file.write(b"more")

    def cut(self, path: Path) -> None:
        """Cut its end off; now and then so much that nothing can be read, never all of it.

        What was emptied takes nobody's place.
        """
        content = path.read_bytes()
        length = self.random.choice((min(5, len(content)), max(1, len(content) * 3 // 4)))
        self._known(path, content[:length])
        os.truncate(path, length)

    def rename(self, path: Path) -> None:
        """Give it another name or folder: the same call, by the id and the moment of its name."""
        self._n += 1
        self.renamed.add(number_in(path))
        if self.random.random() < 0.5 and not path.stem.endswith("_a2"):
            target = path.with_name(f"{path.stem}_a2.wav")
        else:
            target = self.folder / f"moved-{self._n}" / path.name
            target.parent.mkdir()
        path.rename(target)
        self._changed.add(target)

    def remove(self, path: Path) -> None:
        """Remove it."""
        self.removed.add(number_in(path))
        path.unlink()


# -- the run ---------------------------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    """Return the processes a process has started."""
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def start(*arguments: object, stderr: int | None = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start one of the programs of this file."""
    return subprocess.Popen([sys.executable, __file__, *map(str, arguments)], stderr=stderr)


class Uploads(threading.Thread):
    """A client that hands in recordings until each is recorded, whatever the server suffers."""

    def __init__(self, port: int, key: str, n_uploads: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._port, self._key, self._n = port, key, n_uploads
        self._random = random.Random(seed + 1)
        self.truth: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.n_recorded = 0

    def run(self) -> None:
        """Hand in all of them."""
        for index in range(self._n):
            content = f"{self._random.choice(OUTCOMES)} upload {index} ".encode() + b"." * 500
            self.truth[sha256(content)] = truth_of(content)
            while not self._is_recorded(content, f"+7998{index:07}"):
                time.sleep(0.2)
            self.n_recorded += 1

    def _is_recorded(self, content: bytes, number: str) -> bool:
        where = f"http://127.0.0.1:{self._port}/api/v1/classifications"
        request = urllib.request.Request(
            f"{where}?journal=required&number={number.replace('+', '%2B')}",
            data=content,
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "audio/wav"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                is_recorded = json.loads(answer.read()).get("journal") is not None
                self.answers["recorded" if is_recorded else str(answer.status)] += 1
                return is_recorded
        except urllib.error.HTTPError as refusal:
            self.answers[str(refusal.code)] += 1
        except (OSError, ValueError):  # killed in the middle, or not listening yet
            self.answers["none"] += 1
        return False


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Programs:
    """The batch, the server and the database, started again whenever they have ended."""

    def __init__(self, args: argparse.Namespace, folder: Path, postgres: Postgres | None) -> None:
        self.calls, self.results = folder / "calls", folder / "results.jsonl"
        self.url = postgres.url if postgres else f"sqlite:///{folder}/journal.sqlite3"
        self._state, self._postgres = folder / "state", postgres
        self.calls.mkdir()
        self._state.mkdir()
        self.chaos = Chaos(self.calls, args.recordings, args.seed)
        numbers = [number_of(index) for index in range(args.recordings)]
        self._import_cards(numbers[::2])
        self._late = numbers[1::2]
        _, key = ApiKeys(self._state / "api_keys.json").create("soak")
        self._port = free_port()
        self.uploads = Uploads(self._port, key, args.uploads, args.seed)
        self._due = {what: self._next(mean_s) for what, mean_s in MEAN_S.items()}

    def import_late_cards(self) -> None:
        """Import the cards that were not there at first, calls of theirs being recorded."""
        with contextlib.suppress(RecognizerError):  # the database is killed: the next time
            if self._late:
                self._import_cards(self._late)
                self._late = []

    def _import_cards(self, numbers: list[str]) -> None:
        cards = (ContactCard(ref=number, mobile_phone=number) for number in numbers)
        with Journal.open(self.url) as journal:
            for _ in journal.import_contacts(cards, source="soak"):
                pass

    def _next(self, mean_s: float) -> float:
        return time.monotonic() + self.chaos.random.expovariate(1 / mean_s)

    def start(self) -> None:
        """Start everything."""
        self._start_server()
        self.uploads.start()
        self._start_batch()

    def _start_server(self) -> None:
        self._server = start("--serve", self._port, self._state, self.url)
        self.chaos.counts["server started"] += 1

    def _is_serving(self) -> bool:
        ready = f"http://127.0.0.1:{self._port}/health/ready"
        with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=2):
            return True
        return False

    def _start_batch(self) -> None:
        self.chaos.begin_run(heard_last(self.results))
        self._n_bytes_before = self._n_bytes()
        self._batch = start("--batch", self.calls, self.results, self.url)
        self.chaos.counts["batch started"] += 1

    def disturb(self) -> None:
        """Change a few files, kill what is due, start what has ended."""
        for path in self.chaos.some_files(heard_last(self.results)):
            self.chaos.disturb(path)
        for what, at_s in self._due.items():
            if time.monotonic() >= at_s:
                self._due[what] = self._next(MEAN_S[what])
                self.chaos.counts[what] += self._kill(what)
        if self._batch.poll() is not None:
            self._start_batch()
        self.keep_serving()

    def keep_serving(self) -> None:
        """Start the server if it has ended."""
        if self._server.poll() is not None:
            self._start_server()

    def _kill(self, what: str) -> int:
        if what == "worker killed":
            return kill_one(children_of(self._batch.pid), self.chaos.random)
        if what == "parent killed":
            # On a busy machine mostly one that has come to hear something.
            if self._n_bytes() == self._n_bytes_before and self.chaos.random.random() < 0.7:
                return 0
            self._batch.kill()
        elif what == "server killed":
            # The same: on a busy machine a start takes longer than the mean time between two kills,
            # and a server that never gets to answer takes no upload.
            if self.chaos.random.random() < 0.7 and not self._is_serving():
                return 0
            self._server.kill()
        elif self._postgres is not None:
            self._postgres.crash()
            time.sleep(0.3)
            self._postgres.start()
        else:
            return 0
        return 1

    def _n_bytes(self) -> int:
        return self.results.stat().st_size if self.results.exists() else 0

    def let_uploads_end(self) -> bool:
        """Kill nobody any more until all uploads are recorded; False if they come to a halt."""
        n_recorded, moved_s = self.uploads.n_recorded, time.monotonic()
        while self.uploads.is_alive():
            self.keep_serving()
            if self.uploads.n_recorded > n_recorded:
                n_recorded, moved_s = self.uploads.n_recorded, time.monotonic()
            if time.monotonic() - moved_s > STALLED_S:
                print(f"uploads do not end: {n_recorded} recorded")
                return False
            time.sleep(0.1)
        return True

    def run_to_the_end(self) -> int:
        """End everything, then classify once in peace; return the exit status of that."""
        self._batch.kill()
        self._batch.wait()
        self._server.terminate()
        self._server.wait()
        return start("--batch", self.calls, self.results, self.url, stderr=None).wait()


def soak(args: argparse.Namespace, folder: Path, postgres: Postgres | None) -> bool:
    """Let everything go wrong, then look; True if all is right."""
    programs = Programs(args, folder, postgres)
    uploads = programs.uploads
    began = time.monotonic()
    programs.start()
    while time.monotonic() - began < args.seconds:
        programs.disturb()
        if time.monotonic() - began > args.seconds / 2:
            programs.import_late_cards()
        time.sleep(0.1)
    have_ended = programs.let_uploads_end()
    code = programs.run_to_the_end()
    if code:
        print(f"the calm run at the end ended with {code}")
    print(f"{time.monotonic() - began:.0f} s, what happened:",
          dict(sorted(programs.chaos.counts.items())))  # fmt: skip
    print(f"uploads: {len(uploads.truth)}, answers {dict(sorted(uploads.answers.items()))}")
    is_right = Verdict(programs).is_right() and code == 0 and have_ended
    return finds_what_is_planted(programs) and is_right


def heard_last(results: Path) -> str:
    """Return the name of the recording whose line was written last; empty if there is none."""
    with contextlib.suppress(OSError, ValueError), results.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 16384))
        lines = log.read().splitlines()
        return Path(json.loads(lines[-1])["recording"]).name if lines else ""
    return ""


def kill_one(processes: list[int], chance: random.Random) -> int:
    """Kill one of the processes; return how many were."""
    if not processes:
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(processes), signal.SIGKILL)
    return 1


def all_attempts(url: str) -> Iterator[AttemptRecord]:
    """Yield every attempt of the journal."""
    with Journal.open(url) as journal:
        before = None
        while True:
            page = journal.attempts(limit=1000, before_id=before)
            yield from page.items
            before = page.next_before_id
            if before is None:
                return


class Verdict:
    """Holds journal, cards and results against the contents."""

    def __init__(self, programs: Programs) -> None:
        self._chaos, self._results, self._url = programs.chaos, programs.results, programs.url
        self._uploads = programs.uploads.truth
        self._truth = {**self._chaos.truth, **self._uploads}
        self._final = {path: sha256(path.read_bytes()) for path in self._chaos.files()}
        self._standing = {*self._final.values(), *self._uploads}
        self._recorded: set[tuple[str | None, str | None]] = set()
        self._wrong: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def is_right(self) -> bool:
        """Look at everything and say what is wrong."""
        attempts = list(all_attempts(self._url))
        self._recorded = {(attempt.number, attempt.digest) for attempt in attempts}
        self._look_at_rows(attempts)
        self._look_at_cards()
        self._look_at_lines()
        wrong = dict(+self._wrong)
        print(f"files at the end {len(self._final)}, {dict(sorted(self._counts.items()))}")
        print("wrong:", wrong or "nothing")
        return not wrong

    @property
    def n_marks_taken_over(self) -> int:
        """How many marks were found that a later content of their recording should have ended."""
        return self._wrong[TAKEN_OVER]

    def _look_at_rows(self, attempts: list[AttemptRecord]) -> None:
        rows: Counter[tuple[str | None, str | None]] = Counter()
        for attempt in attempts:
            rows[attempt.number, attempt.digest] += 1
            heard = attempt.outcome.value if attempt.outcome else UNREADABLE
            deserved = self._truth.get(attempt.digest or "")
            if deserved != heard:
                self._wrong["row whose digest, outcome and content do not agree"] += 1
            if attempt.decision is None or not attempt.decision.decision.incorrect_contact:
                continue
            self._counts["marked rows"] += 1
            if deserved not in MARKED:
                self._wrong["mark the content does not deserve"] += 1
            elif attempt.digest not in self._standing:
                if self._was_recorded_last(attempt.number, attempt.digest):
                    self._counts["marks of recordings that were removed"] += 1
                else:
                    self._wrong[TAKEN_OVER] += 1
        self._counts["rows"] = rows.total()
        self._wrong["row that is there twice"] += sum(n - 1 for n in rows.values())
        digests = {digest for _, digest in rows}
        self._wrong["content without a row"] += len(self._standing - digests)

    def _was_recorded_last(self, number: str | None, digest: str | None) -> bool:
        """Tell whether a recording is gone, and had this content when it was recorded last.

        A renamed one is not gone: what it has in the end was heard.
        """
        if number is None or number not in self._chaos.removed:
            return False
        return digest == self._last_of(number)

    def _last_of(self, number: str) -> str | None:
        had = self._chaos.had[number]
        return next((each for each in reversed(had) if (number, each) in self._recorded), None)

    def _look_at_cards(self) -> None:
        truth = self._truth
        deserve = {number_in(path) for path, has in self._final.items() if truth[has] in MARKED}
        with Journal.open(self._url) as journal:
            for card in journal.all_contacts():
                self._counts["marked cards"] += card.incorrect_contact
                ref = card.card.ref
                if not card.incorrect_contact or ref in deserve:
                    continue
                if ref in self._chaos.removed and truth.get(self._last_of(ref) or "") in MARKED:
                    self._counts["marked cards of recordings that were removed"] += 1
                else:
                    self._wrong["card with a mark its recording does not deserve"] += 1

    def _look_at_lines(self) -> None:
        last: dict[Path, dict[str, Any]] = {}
        for line in read_results(self._results):
            last[Path(line["file"]["path"])] = line
            is_changed = line["error"] is not None and line["error"]["kind"] == "changed"
            self._counts["changed while heard and not recorded"] += is_changed
        for path, digest in self._final.items():
            line, truth = last.get(path, {}), self._truth[digest]
            said = line and (line["outcome"] or line["error"]["kind"])
            deserved = {UNREADABLE: "unreadable_audio"}.get(truth, truth)
            if not line or line["file"]["sha256"] != digest or said != deserved:
                self._wrong["file whose last line is not of its content"] += 1
            elif (line["decision"] or {}).get("incorrect_contact") and truth not in MARKED:
                self._wrong["line with a mark the content does not deserve"] += 1


def finds_what_is_planted(programs: Programs) -> bool:
    """Plant marks of older contents on recordings renamed and removed; True if each is found."""
    chaos = programs.chaos
    standing = {number_in(path) for path in chaos.files()}
    recorded = {attempt.number for attempt in all_attempts(programs.url)}
    planted = [
        *sorted(chaos.renamed & standing)[:3],
        *sorted(chaos.removed & recorded)[:3],
    ]
    heard = Outcome(CallOutcome.DOES_NOT_EXIST, 0.9, None, "planted")
    with Journal.open(programs.url) as journal:
        for number in planted:
            report = CallReport("planted.wav", Evidence(duration_s=1.0), heard, None, 0.0)
            journal.record_attempt(report, number=number, digest=chaos.plant(number))
    print(f"planted: {len(planted)} wrong marks, which have to be found")
    verdict = Verdict(programs)
    verdict.is_right()
    return verdict.n_marks_taken_over == len(planted) > 0


def main() -> int:
    """Run the soak, or one of its programs."""
    if sys.argv[1:2] == ["--batch"]:
        return run_the_batch(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    if sys.argv[1:2] == ["--serve"]:
        run_the_server(int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
        return 0
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=5000)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120.0, help="of disturbance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    args = parser.parse_args()
    postgres = Postgres() if args.postgres else None
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            return 0 if soak(args, Path(folder), postgres) else 1
    finally:
        if postgres is not None:
            postgres.close()


if __name__ == "__main__":
    sys.exit(main())
