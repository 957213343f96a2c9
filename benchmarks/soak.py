"""Let everything go wrong at random, and see whether every record is right, there, and there once.

    python benchmarks/soak.py --recordings 5000 --seed 1 [--postgres] [--uploads 200]

A folder of recordings is classified by `batch` with a journal, over and over, while files are
replaced, cut, written on, renamed and removed, and workers, the parent, the HTTP server and
PostgreSQL are killed. The recogniser is a fake that takes a moment and says what the content says,
so that the truth of every content there ever was is known by its digest. At the end one calm run,
and then: every row's digest, outcome and content agree, no content of the folder is without its
row, none has two, and no line of a file's last hearing says what its content does not.
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
from recognizer.batch.workers import TimeLimits, WorkerPool
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.records import AttemptRecord
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome
from recognizer.regulation.loading import load_regulation

OUTCOMES = ("does_not_exist", "blocked", "busy_tone", "silence", "switched_off_or_out_of_coverage")
HEARD_IN_S = 0.004
LARGE_BYTES = 5 * 2**20  # beyond what a worker copies into memory
UNREADABLE = "unreadable"


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
        self._n = 0
        for index in range(n_recordings):
            name = f"20261122-{index // 3600:02}{index // 60 % 60:02}{index % 60:02}"
            path = folder / f"{name}_7999{index:07}_1763793015.{index}.wav"
            path.write_bytes(self._content())

    def _content(self) -> bytes:
        self._n += 1
        content = f"{self.random.choice(OUTCOMES)} {self._n} ".encode()
        is_large = self.random.random() < 0.005
        content += b"." * (LARGE_BYTES if is_large else self.random.randrange(100, 3000))
        return self._known(content)

    def _known(self, content: bytes) -> bytes:
        self.truth[sha256(content)] = truth_of(content)
        return content

    def files(self) -> list[Path]:
        """Return the recordings there are now."""
        return sorted(self.folder.glob("*.wav"))

    def disturb(self, path: Path) -> None:
        """Do one thing to one file."""
        changes = (self.replace, self.write, self.cut, self.rename, self.remove)
        change = self.random.choices(changes, (5, 2, 2, 2, 1))[0]
        with contextlib.suppress(FileNotFoundError):
            change(path)
            self.counts[change.__name__] += 1

    def replace(self, path: Path) -> None:
        """Put another recording in its place, at once."""
        draft = path.with_suffix(".part")
        draft.write_bytes(self._content())
        draft.replace(path)

    def write(self, path: Path) -> None:
        """Write on at the end, as a recorder does."""
        content = path.read_bytes() + b"more"
        self._known(content)
        with path.open("ab") as file:
            file.write(b"more")

    def cut(self, path: Path) -> None:
        """Cut its end off; now and then so much that nothing can be read."""
        content = path.read_bytes()
        length = self.random.choice((5, len(content) * 3 // 4))
        self._known(content[:length])
        os.truncate(path, length)

    def rename(self, path: Path) -> None:
        """Give it another name of the same call."""
        self._n += 1
        head, _, _ = path.name.rpartition("_")
        path.rename(path.with_name(f"{head}_17637930{self._n:02}.{self._n}.wav"))

    def remove(self, path: Path) -> None:
        """Remove it."""
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
        self.n_repeated = 0

    def run(self) -> None:
        """Hand in all of them."""
        for index in range(self._n):
            content = f"{self._random.choice(OUTCOMES)} upload {index} ".encode() + b"." * 500
            self.truth[sha256(content)] = truth_of(content)
            while not self._is_recorded(content, f"+7998{index:07}"):
                self.n_repeated += 1
                time.sleep(0.2)

    def _is_recorded(self, content: bytes, number: str) -> bool:
        where = f"http://127.0.0.1:{self._port}/api/v1/classifications"
        request = urllib.request.Request(
            f"{where}?journal=required&number={number.replace('+', '%2B')}",
            data=content,
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "audio/wav"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read()).get("journal") is not None
        except (OSError, ValueError):  # refused, or killed in the middle
            return False


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def soak(  # noqa: C901  one thing after another, and each may fail
    args: argparse.Namespace, folder: Path, postgres: Postgres | None
) -> bool:
    """Let everything go wrong, then look; True if all is right."""
    calls, results, state = folder / "calls", folder / "results.jsonl", folder / "state"
    calls.mkdir()
    state.mkdir()
    url = postgres.url if postgres else f"sqlite:///{folder}/journal.sqlite3"
    Journal.open(url).close()
    chaos = Chaos(calls, args.recordings, args.seed)
    from recognizer.web.auth.api_keys import ApiKeys  # noqa: PLC0415

    _, key = ApiKeys(state / "api_keys.json").create("soak")
    port = free_port()
    server = start("--serve", port, state, url)
    uploads = Uploads(port, key, args.uploads, args.seed)
    uploads.start()
    batch = start("--batch", calls, results, url)
    began, kills = time.monotonic(), chaos.counts
    while time.monotonic() - began < args.seconds or uploads.is_alive():
        files = chaos.files()
        for path in chaos.random.sample(files, min(len(files), 1 + len(files) // 500)):
            chaos.disturb(path)
        luck = chaos.random.random()
        if luck < 0.03:
            kills["worker killed"] += kill_one(children_of(batch.pid), chaos.random)
        elif luck < 0.045:
            batch.kill()
            kills["parent killed"] += 1
        elif luck < 0.055:
            server.kill()
            kills["server killed"] += 1
        elif luck < 0.06 and postgres:
            postgres.crash()
            kills["postgres killed"] += 1
            time.sleep(0.3)
            postgres.start()
        if batch.poll() is not None:
            batch = start("--batch", calls, results, url)
            kills["batch started"] += 1
        if server.poll() is not None:
            server = start("--serve", port, state, url)
        if time.monotonic() - began > args.seconds + 300:
            print("uploads do not end")
            break
        time.sleep(0.05)
    batch.kill()
    batch.wait()
    server.terminate()
    server.wait()
    code = start("--batch", calls, results, url, stderr=None).wait()
    if code:
        print(f"the calm run at the end ended with {code}")
    print(f"{time.monotonic() - began:.0f} s, what happened:", dict(sorted(kills.items())))
    print(f"uploads: {len(uploads.truth)}, handed in again {uploads.n_repeated} times")
    return is_right(chaos, uploads, results, url) and code == 0


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


def is_right(chaos: Chaos, uploads: Uploads, results: Path, url: str) -> bool:
    """Hold journal and results against the contents."""
    truth = {**chaos.truth, **uploads.truth}
    final = {path: sha256(path.read_bytes()) for path in chaos.files()}
    wrong: Counter[str] = Counter()
    rows: Counter[tuple[str | None, str | None]] = Counter()
    n_marks = n_old_marks = 0
    standing = set(final.values()) | set(uploads.truth)
    for attempt in all_attempts(url):
        rows[attempt.number, attempt.digest] += 1
        heard = attempt.outcome.value if attempt.outcome else UNREADABLE
        if truth.get(attempt.digest or "") != heard:
            wrong["row whose digest, outcome and content do not agree"] += 1
        decision = attempt.decision.decision if attempt.decision else None
        if decision is not None and decision.incorrect_contact:
            n_marks += 1
            n_old_marks += attempt.digest not in standing
            if truth.get(attempt.digest or "") not in {"does_not_exist", "blocked"}:
                wrong["mark the content does not deserve"] += 1
    wrong["row that is there twice"] += sum(n - 1 for n in rows.values())
    digests = {digest for _, digest in rows}
    wrong["content without a row"] += sum(digest not in digests for digest in standing)
    last = {Path(line["file"]["path"]): line for line in read_results(results)}
    for path, digest in final.items():
        line = last.get(path)
        said = None if line is None else line["outcome"] or line["error"]["kind"]
        deserved = {UNREADABLE: "unreadable_audio"}.get(truth[digest], truth[digest])
        if line is None or line["file"]["sha256"] != digest or said != deserved:
            wrong["file whose last line is not of its content"] += 1
    n_changed = sum(
        (line["error"] or {}).get("kind") == "changed" for line in read_results(results)
    )
    wrong = +wrong
    print(f"files at the end {len(final)}, rows {rows.total()}, marks {n_marks} (of contents that "
          f"stood when they were heard and were replaced later: {n_old_marks}), "
          f"changed while heard and not recorded {n_changed}")  # fmt: skip
    print("wrong:", dict(wrong) or "nothing")
    return not wrong


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
