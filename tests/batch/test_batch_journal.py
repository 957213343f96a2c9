"""Several batches, one journal: in SQLite, and in a real PostgreSQL."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from postgres_server import find_binaries, running_postgres, stopped

pytest.importorskip("sqlalchemy")

from recognizer.batch.results import read_results
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.journal import Journal

PROGRAM = Path(__file__).parents[1].joinpath("support", "batch_program.py")
N_CALLS = 24


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Write calls to one number, a minute apart, every recording another."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for index in range(N_CALLS):
        name = f"20261122-09{index:02}00_79991112233_1763793015.{index}.wav"
        (folder / name).write_text(f"no_answer {index}")
    return folder


def start(calls: Path, results: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PROGRAM, calls, results, results.with_suffix(".asked"), "1", url],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_batches_at_once_record_every_call_once(
    calls: Path, tmp_path: Path, journal_url: str
) -> None:
    logs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    programs = [start(calls, log, journal_url) for log in logs]
    for program in programs:
        program.communicate(timeout=120)
        assert program.returncode == 0
    lines = [line for log in logs for line in read_results(log)]
    assert len(lines) == 2 * N_CALLS
    assert sum(line["journal"]["is_new"] for line in lines) == N_CALLS
    with Journal.open(journal_url) as journal:
        assert journal.count_attempts() == N_CALLS


@pytest.mark.slow
def test_a_batch_killed_and_run_again_records_every_call_once(
    calls: Path, tmp_path: Path, journal_url: str
) -> None:
    log = tmp_path / "one.jsonl"
    program = start(calls, log, journal_url)
    assert program.stdout is not None
    for _ in range(6):
        assert program.stdout.readline()
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=60)
    program = start(calls, log, journal_url)
    program.communicate(timeout=120)
    assert program.returncode == 0
    lines = list(read_results(log))
    assert len(lines) == len({line["recording"] for line in lines}) == N_CALLS
    with Journal.open(journal_url) as journal:
        assert journal.count_attempts() == N_CALLS
        page = journal.attempts(limit=100)
        by_time = sorted(page.items, key=lambda attempt: attempt.called_at)
        # in the order of the calls, whatever the order they were recognised in
        numbers = [a.decision.decision.attempt for a in by_time if a.decision is not None]
        assert numbers == sorted(numbers)
        assert numbers[:3] == [1, 2, 3]


@pytest.mark.slow
def test_a_card_imported_between_two_runs_gets_every_call_once(
    calls: Path, tmp_path: Path, journal_url: str
) -> None:
    logs = [tmp_path / f"{run}.jsonl" for run in ("before", "one", "two")]
    start(calls, logs[0], journal_url).communicate(timeout=120)
    with Journal.open(journal_url) as journal:
        journal.upsert_contact(ContactCard(ref="1", mobile_phone="+79991112233"))
    for program in [start(calls, log, journal_url) for log in logs[1:]]:  # at once
        program.communicate(timeout=120)
        assert program.returncode == 0
    lines = [line for log in logs[1:] for line in read_results(log)]
    assert [line["journal"]["is_new"] for line in lines] == 2 * N_CALLS * [False]
    with Journal.open(journal_url) as journal:
        assert journal.count_attempts() == N_CALLS
        card = journal.contact("1")
        assert (card.n_counted, len(journal.history("1"))) == (N_CALLS, N_CALLS)
        assert len(card.card.comments.splitlines()) == N_CALLS


@pytest.mark.slow
@pytest.mark.postgres
def test_a_batch_whose_database_stands_still_ends_and_the_next_takes_the_rest(
    calls: Path, tmp_path: Path
) -> None:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server installed (Debian package postgresql)")
    with running_postgres(binaries) as url:
        Journal.open(url).close()
        log = tmp_path / "results.jsonl"
        program = start(calls, log, url)
        assert program.stdout is not None
        assert "one\n" in iter(program.stdout.readline, "")
        with stopped(url):
            program.communicate(timeout=120)
            assert program.returncode == 1
        start(calls, log, url).communicate(timeout=120)
        with Journal.open(url) as journal:
            assert journal.count_attempts() == N_CALLS
        assert len(list(read_results(log))) == N_CALLS
