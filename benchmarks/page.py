"""How long the operators' page takes on PostgreSQL as the journal grows.

    python -m benchmarks.page --attempts 10000 100000 1000000

For each size a journal is laid out in a throw-away PostgreSQL (Debian's `postgresql`; or an empty
database of yours, `--url`): 5,000 calls a day up to now, five a card, reports of some 1.4 KB,
a tenth doubtful, most of those reviewed. Then each screen is asked for 40 times over the whole
application, as a supervisor's browser does, on one connection. Printed, in milliseconds: the 50th
and 95th percentile and the slowest by the clock, and the mean of the processor's time, of the
application and of the database's processes on this machine together: it says more where other
things run beside. `--sqlite` measures a journal in SQLite instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from fastapi.testclient import TestClient

from benchmarks import journal as journal_benchmark
from recognizer.base.settings import JournalSettings, PhraseSettings, ServerSettings, Settings
from recognizer.crm.journal.database import Database
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.states import call_states
from recognizer.crm.journal.tables import CallStateRow
from recognizer.web.app import create_app
from recognizer.web.auth.access import Access
from recognizer.web.auth.users import Role

TESTS = Path(__file__).resolve().parents[1] / "tests" / "support"
PASSWORD = "correct horse battery"
N_TIMES = 40
CHUNK = 100_000

WORDS = ("набранный вами номер временно недоступен попробуйте позвонить позднее пожалуйста").split()
REPORT = {
    "recording": "calls/0001.wav", "duration_s": 10.0, "outcome": "temporarily_unavailable",
    "phrase_list": "temporarily_unavailable", "confidence": 0.97, "elapsed_s": 0.42,
    "phrase": {"id": "a", "text": "номер временно недоступен", "score": 94.0, "start_s": 7.25,
               "end_s": 8.94},
    "transcript": {"text": " ".join(WORDS), "engine": "whisper", "model": "whisper-base",
                   "language": "ru",
                   "words": [{"text": word, "start_s": 5.5 + n, "end_s": 6.0 + n,
                              "confidence": 0.95} for n, word in enumerate(WORDS)]},
    "tones": [{"kind": "ringback", "start_s": 0.0, "end_s": 1.0, "frequencies_hz": [425.0]}],
    "segments": [{"kind": "tone", "start_s": 0.0, "end_s": 1.0},
                 {"kind": "silence", "start_s": 1.0, "end_s": 5.5},
                 {"kind": "speech", "start_s": 5.5, "end_s": 9.0}],
    "alternatives": [{"outcome": "blocked", "probability": 0.02}],
    "signalling": {"agreement": "agrees"},
}  # fmt: skip

CARDS = """INSERT INTO contacts (id, ref, trusted_phone, mobile_phone, trusted_person, owner, payer,
    vin, plate, make, basis, result, incorrect_contact, comments, kind, do_not_call, number_unknown,
    search_text, updated_at)
  SELECT n, 'К-' || lpad(n::text, 7, '0'), '+79' || lpad((n * 7919 % 1000000000)::text, 9, '0'),
    '', '', 'Владелец Номер ' || n, '', '', 'А' || lpad((n % 1000)::text, 3, '0') || 'ВС77',
    'Марка', '', '', false, '04/01 Не отвечает', 'after_service', false, false,
    'к-' || lpad(n::text, 7, '0') || ' владелец номер ' || n, now()
  FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n"""
PHONES = """INSERT INTO contact_phones (contact_id, number)
  SELECT id, trusted_phone FROM contacts WHERE id BETWEEN :first AND :last"""
OUTCOME = """(ARRAY['busy_tone', 'ringback_only', 'temporarily_unavailable', 'does_not_exist',
    'voicemail', 'switched_off_or_out_of_coverage', 'live_person', 'blocked'])[1 + n * 31 % 8]"""
# Of a hundred: 2 unreadable, 2 undetermined, 5 unsure, 1 where the network disagrees.
ATTEMPTS = f"""INSERT INTO attempts (id, contact_id, contact_key, number, recording, digest,
    called_at, recorded_at, outcome, confidence, transcript, duration_s, error_kind, error_message,
    report, software_version, engine, model)
  SELECT n, card, 'contact:' || card, '+79' || lpad((card * 7919 % 1000000000)::text, 9, '0'),
    'calls/' || n || '.wav', lpad(to_hex(n), 64, '0'), at, at,
    CASE WHEN n % 100 < 2 THEN NULL WHEN n % 100 < 4 THEN 'undetermined' ELSE {OUTCOME} END,
    CASE WHEN n % 100 < 2 THEN NULL WHEN n % 100 < 4 THEN 0.3 WHEN n % 100 < 9 THEN 0.6
         ELSE 0.97 END,
    :words || ' ' || n % 5000, 10.0,
    CASE WHEN n % 100 < 2 THEN 'unreadable_audio' END,
    CASE WHEN n % 100 < 2 THEN 'broken' END,
    CASE WHEN n % 100 = 9 THEN replace(:report, '"agrees"', '"disagrees"') ELSE :report END::json,
    '0', 'whisper', 'whisper-base'
  FROM (SELECT n, 1 + n / 5 AS card,
          now() - (CAST(:total AS bigint) - n) * interval '1 day' / 5000 AS at
        FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n) AS calls"""
DECISIONS = """INSERT INTO decisions (id, attempt_id, contact_id, made_at, source, outcome, rule_id,
    status, incorrect_contact, by_analogy, attempt, after_attempt, final, next, comment,
    explanation, counts, resets, counted_after, regulation_version)
  SELECT id, id, contact_id, recorded_at, 'call', outcome, 'a-rule', 'Недоступен',
    outcome IN ('does_not_exist', 'blocked'), false, 1 + id % 5, 3, id % 5 >= 2,
    CASE WHEN outcome = 'undetermined' THEN 'operator' WHEN id % 5 >= 2 THEN 'set_status'
         ELSE 'retry' END,
    '01/01 x', '[]', true, false, 1 + id % 5, 'benchmark'
  FROM attempts WHERE id BETWEEN :first AND :last AND outcome IS NOT NULL"""
# A person has looked at the doubtful ones, but for those of the last two days.
CORRECTIONS = """INSERT INTO corrections (id, attempt_id, made_at, made_by, outcome, name, words,
    note)
  SELECT id, id, recorded_at, 'Анна', coalesce(outcome, 'silence'), '', '', ''
  FROM attempts WHERE id BETWEEN :first AND :last AND id % 100 < 10
    AND called_at < now() - interval '2 days'"""
CORRECTED = """INSERT INTO decisions (id, attempt_id, contact_id, correction_id, supersedes_id,
    made_at, source, outcome, rule_id, status, incorrect_contact, by_analogy, attempt,
    after_attempt, final, next, comment, explanation, counts, resets, counted_after,
    regulation_version)
  SELECT :total + d.id, d.attempt_id, d.contact_id, c.id, d.id, d.made_at, 'operator', c.outcome,
    d.rule_id, d.status, d.incorrect_contact, false, d.attempt, 3, d.final, d.next, d.comment,
    '[]', true, false, d.counted_after, 'benchmark'
  FROM decisions d JOIN corrections c ON c.attempt_id = d.attempt_id
  WHERE d.id BETWEEN :first AND :last"""

SCREENS = (
    ("list", "/calls"),
    ("list, a page far down", "/calls?before={middle}"),
    ("list of an outcome", "/calls?outcome=does_not_exist"),
    ("list with the mark", "/calls?show=marked"),
    ("list of what people reviewed", "/calls?show=corrected"),
    ("list of unreadable ones", "/calls?show=errors"),
    ("list of a week", "/calls?since={week}"),
    ("search: a number", "/calls?text=%2B7926{number}"),
    ("search: its last four digits", "/calls?text=7919"),
    ("search: words that are common", "/calls?text=попробуйте"),
    ("search: words that nobody said", "/calls?text=абракадабра"),
    ("search: an owner", "/calls?text=владелец номер 777"),
    ("search: a plate", "/calls?text=А777ВС77"),
    ("one call", "/calls/{middle}"),
    ("queue", "/queue"),
    ("queue as a list", "/queue/list"),
    ("overview of today", "/overview?period=today"),
    ("overview of 7 days", "/overview?period=week"),
    ("overview of 30 days", "/overview?period=month"),
    ("the API's overview of a week", "/api/v1/overview?since={week}T00:00:00Z"),
    ("the API's overview of all", "/api/v1/overview"),
)


@contextlib.contextmanager
def database(url: str | None) -> Iterator[str]:
    """Give the URL of an empty database."""
    if url is not None:
        yield url
        return
    sys.path.insert(0, str(TESTS))
    from postgres_server import find_binaries, running_postgres  # noqa: PLC0415

    binaries = find_binaries()
    if binaries is None:
        sys.exit("no PostgreSQL: apt-get install postgresql, or name a database with --url")
    with running_postgres(binaries) as found:
        yield found


def lay_out(url: str, n_attempts: int) -> None:
    """Fill an empty journal."""
    engine = sa.create_engine(url)
    values = {
        "total": n_attempts,
        "words": " ".join(WORDS),
        "report": json.dumps(REPORT, ensure_ascii=False),
    }
    n_cards = n_attempts // 5 + 1
    with engine.begin() as connection:
        for first in range(1, n_cards + 1, CHUNK):
            span = {"first": first, "last": min(n_cards, first + CHUNK - 1)}
            connection.execute(sa.text(CARDS), span)
            connection.execute(sa.text(PHONES), span)
    for first in range(1, n_attempts + 1, CHUNK):
        span = {"first": first, "last": min(n_attempts, first + CHUNK - 1)}
        with engine.begin() as connection:
            for statement in (ATTEMPTS, DECISIONS, CORRECTIONS, CORRECTED):
                clause = sa.text(statement)
                names = clause.compile().params
                connection.execute(clause, {k: v for k, v in (values | span).items() if k in names})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))
    with engine.begin() as connection:
        columns = [column.name for column in CallStateRow.__table__.columns]
        connection.execute(sa.insert(CallStateRow).from_select(columns, call_states()))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()


def lay_out_sqlite(url: str, n_attempts: int) -> None:
    """Fill an empty journal in SQLite; its reports are as long as those of real calls."""
    with Journal.open(url) as journal:
        journal_benchmark.lay_out(journal, n_attempts)
        values = {"report": json.dumps(REPORT, ensure_ascii=False), "words": " ".join(WORDS)}
        numbered = "number = '+79' || substr('000000000' || (id * 7919 % 1000000000), -9)"
        said = "transcript = :words || ' ' || (id % 5000), report = :report"
        with journal.database.writing() as session:
            session.execute(sa.text(f"UPDATE attempts SET {numbered}, {said}"), values)
            session.execute(sa.text("ANALYZE"))


def processor_s(postmaster: int) -> float:
    """Return the processor's time of this process and of the processes of a database server."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == postmaster:
                ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def postmaster_of(url: str) -> int:
    """Return the process that the processes of a local database server are children of."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        backend = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        path = Path(f"/proc/{backend}/stat")
        found = int(path.read_text().rpartition(")")[2].split()[1]) if path.exists() else 0
    engine.dispose()
    return found


def measure(url: str, n_attempts: int, folder: Path, n_times: int) -> None:
    """Print the times of one size."""
    settings = Settings(
        journal=JournalSettings(url=url),
        server=ServerSettings(state_dir=folder / "state"),
        phrases=PhraseSettings(office_dir=folder / "phrases"),
    )
    with Journal.open(url) as journal:
        Access(journal.database.engine).create_user("boss", "Борис", Role.SUPERVISOR, PASSWORD)
    import fake_recognizer  # noqa: PLC0415 - of the tests, whose folder is known by now

    app = create_app(settings, recognizer=fake_recognizer.load_fake())
    _, secret = app.state.api_keys.create("benchmark")
    postmaster = 0 if url.startswith("sqlite") else postmaster_of(url)
    week = time.strftime("%Y-%m-%d", time.localtime(time.time() - 7 * 86400))
    names = {"middle": n_attempts // 2 + 1, "week": week, "number": "0007919"}
    with TestClient(app, headers={"Accept": "text/html"}, base_url="http://127.0.0.1") as client:
        client.post("/sign-in", data={"login": "boss", "password": PASSWORD})
        for name, path in SCREENS:
            took_ms, status = [], set()
            key = {"Authorization": f"Bearer {secret}"} if path.startswith("/api/") else {}
            client.get(path.format(**names), headers=key)
            used_s = processor_s(postmaster)
            for _ in range(n_times):
                begun = time.perf_counter()
                answer = client.get(path.format(**names), headers=key)
                took_ms.append((time.perf_counter() - begun) * 1000)
                status.add(answer.status_code)
            assert status == {200}, (name, status, re.sub(r"\s+", " ", answer.text)[:500])
            used_ms = (processor_s(postmaster) - used_s) * 1000 / n_times
            p50_ms, p95_ms = statistics.median(took_ms), statistics.quantiles(took_ms, n=20)[-1]
            print(
                f"{n_attempts:>9} {name:<34} {p50_ms:8.0f} {p95_ms:8.0f} {max(took_ms):8.0f} "
                f"{used_ms:9.0f}",
                flush=True,
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--attempts", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--url", help="an empty PostgreSQL database, for one size")
    parser.add_argument("--sqlite", action="store_true", help="a journal in SQLite")
    parser.add_argument("--times", type=int, default=N_TIMES, help="how often each is asked for")
    arguments = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    print(f"{'attempts':>9} {'':<34} {'p50':>8} {'p95':>8} {'slowest':>8} {'processor':>9}  ms")
    for n_attempts in arguments.attempts:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
            folder = Path(name)
            begun = time.monotonic()
            if arguments.sqlite:
                url = f"sqlite:///{folder / 'journal.sqlite3'}"
                lay_out_sqlite(url, n_attempts)
            else:
                url = stack.enter_context(database(arguments.url))
                database_of_page = Database(url)
                database_of_page.prepare()
                database_of_page.close()
                lay_out(url, n_attempts)
            print(f"{n_attempts:>9} laid out in {time.monotonic() - begun:.0f} s", flush=True)
            measure(url, n_attempts, folder, arguments.times)


if __name__ == "__main__":
    main()
