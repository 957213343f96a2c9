"""A journal's files deleted, replaced, emptied or written over while it is open: refused."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from journal_reports import day, heard
from small_disk import small_disk

from recognizer.base.errors import JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal import database
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

PROGRAM = Path(__file__).parents[2].joinpath("support", "journal_program.py")


def record(journal: Journal, number: int) -> None:
    journal.record_attempt(
        heard(CallOutcome.BUSY_TONE), digest=f"{number:064x}", called_at=day(number)
    )


@pytest.fixture
def path(tmp_path: Path, sqlite_journal: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(sqlite_journal, path)
    return path


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{path}") as journal:
        record(journal, 1)
        with journal.database.engine.connect() as connection:
            connection.execute(sa.text("PRAGMA wal_checkpoint(FULL)"))
        shutil.copyfile(path, path.with_name("backup"))
        record(journal, 2)
        yield journal


def wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def shm(path: Path) -> Path:
    return path.with_name(path.name + "-shm")


def replaced(path: Path) -> None:
    path.with_name("backup").replace(path)


def with_another_log(path: Path) -> None:
    content = wal(path).read_bytes()
    wal(path).unlink()
    wal(path).write_bytes(content)


FAULTS: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.unlink(), "deleted or replaced"),
    (replaced, "deleted or replaced"),
    (lambda path: path.rename(path.with_name("moved")), "deleted or replaced"),
    (lambda path: wal(path).unlink(), "-wal was deleted or replaced"),
    (with_another_log, "-wal was deleted or replaced"),
    (lambda path: shm(path).unlink(), "-shm was deleted or replaced"),
    (lambda path: os.truncate(path, 0), "emptied"),
    (lambda path: os.truncate(path, 50), "emptied"),
    (lambda path: os.truncate(path, 8192), "was cut"),
    (lambda path: path.write_bytes(b""), "emptied"),
    (lambda path: path.write_bytes(b"x" * 100_000), "written over"),
    (lambda path: path.write_bytes(bytes(100_000)), "written over"),
]


@pytest.mark.parametrize(("fault", "what"), FAULTS)
def test_what_happens_to_its_files_is_noticed_before_anything_is_written(
    journal: Journal, path: Path, fault: Callable[[Path], object], what: str
) -> None:
    fault(path)
    for _ in range(2):
        with pytest.raises(JournalError, match=what):
            record(journal, 3)
        with pytest.raises(JournalError, match=r"docs/journal\.md"):
            journal.count_attempts()
        with pytest.raises(JournalError, match=what):
            journal.database.check_file()


@pytest.mark.parametrize(
    "fault", [lambda path: wal(path).unlink(), lambda path: os.truncate(path, 0)]
)
def test_what_happens_in_the_middle_of_a_record_makes_it_none(
    journal: Journal, path: Path, fault: Callable[[Path], object]
) -> None:
    with pytest.raises(JournalError, match="while it was open"), journal.database.writing():
        fault(path)


def test_an_older_copy_written_over_it_is_noticed(journal: Journal, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE later (x)")
    other.commit()
    other.execute("PRAGMA wal_checkpoint(FULL)")
    assert journal.count_attempts() == 2
    with path.open("r+b") as file:  # as `cp` does
        file.write(path.with_name("backup").read_bytes())
    with pytest.raises(JournalError, match="older copy"):
        record(journal, 3)


def test_a_removed_log_is_written_back_when_the_program_stops(journal: Journal, path: Path) -> None:
    wal(path).unlink()
    with pytest.raises(JournalError):
        record(journal, 3)
    journal.close()
    with Journal.open(f"sqlite:///{path}") as again:
        assert again.count_attempts() == 2
        record(again, 3)


def test_what_sqlite_finds_damaged_is_refused_from_then_on(journal: Journal, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    journal.database.engine.dispose()  # what it remembers of the pages is right
    with pytest.raises(JournalError, match="damaged"):
        record(journal, 3)
    with pytest.raises(JournalError, match="is damaged"):
        journal.database.check_file()


def test_nothing_is_said_where_programs_open_close_and_compact_it(path: Path) -> None:
    """Also while another closes it: SQLite then removes the log if it takes it for unused."""
    url = f"sqlite:///{path}"
    with Journal.open(url) as journal:
        journal.upsert_contact(ContactCard(ref="1001"))
    problems: list[Exception] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                with Journal.open(url) as journal:
                    for _ in range(20):
                        record(journal, number := number + 1)
                        journal.database.check_file()
                        journal.count_attempts()
                    journal.database.compact()
        except Exception as problem:  # noqa: BLE001
            problems.append(problem)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for first in range(0, 90, 30):
        run = subprocess.run(
            [sys.executable, PROGRAM, url, "record", str(1000 + first), "30"],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert run.returncode == 0, run.stderr
    stop.set()
    for thread in threads:
        thread.join(60)
    assert problems == []
    with Journal.open(url) as journal:
        assert len(journal.history("1001")) == 90
        (whole,) = journal.database.engine.connect().execute(sa.text("PRAGMA quick_check")).one()
        assert whole == "ok"


def test_looking_at_the_file_gives_up_no_lock_of_sqlites(path: Path) -> None:
    """Where it did, the next program to close the journal would remove its log."""
    with Journal.open(f"sqlite:///{path}") as journal:
        record(journal, 1)
        with Journal.open(f"sqlite:///{path}") as second:
            record(second, 2)
        log = wal(path).stat().st_ino
        use = "c.execute('SELECT * FROM attempts'); c.close()"
        close = f"import sqlite3; c = sqlite3.connect({str(path)!r}); {use}"
        subprocess.run([sys.executable, "-c", close], check=True)
        assert wal(path).stat().st_ino == log
        record(journal, 3)
        assert journal.count_attempts() == 3


def test_a_journal_named_by_a_link_is_looked_at(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.sqlite3"
    link.parent.mkdir()
    link.symlink_to(path)
    with Journal.open(f"sqlite:///{link}") as journal:
        record(journal, 1)
        wal(path).unlink()
        with pytest.raises(JournalError, match="-wal"):
            record(journal, 2)


def test_a_journal_named_by_a_uri_is_that_file(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    url = f"sqlite:///file:{path}?uri=true"
    with Journal.open(url) as journal:
        record(journal, 1)
    with Journal.open(url, create=False) as journal:
        assert journal.count_attempts() == 1
        path.unlink()
        with pytest.raises(JournalError, match="was deleted"):
            record(journal, 2)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///file:/calls/j.sqlite3", "leave `file:` out"),
        ("sqlite:///file://host/j.sqlite3?uri=true", "of this machine, found one of host"),
    ],
)
def test_half_a_uri_makes_no_folder(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JournalError, match=said):
        Journal.open(url)
    assert list(tmp_path.iterdir()) == []


def test_a_journal_in_memory_may_be_named_by_a_uri() -> None:
    with Journal.open("sqlite:///file::memory:?cache=shared&uri=true") as journal:
        record(journal, 1)
        assert journal.count_attempts() == 1


def test_a_program_that_had_it_open_while_a_newer_one_upgraded_it_writes_no_more(
    journal_url: str,
) -> None:
    with Journal.open(journal_url) as journal:
        record(journal, 1)
        with journal.database.engine.begin() as newer:
            was = newer.scalar(sa.text("SELECT version_num FROM alembic_version"))
            newer.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        try:
            with pytest.raises(JournalError, match="became 9999 while this program"):
                record(journal, 2)
            assert journal.count_attempts() == 1
        finally:
            with journal.database.engine.begin() as newer:
                newer.execute(sa.text(f"UPDATE alembic_version SET version_num = '{was}'"))
        record(journal, 2)


@pytest.mark.postgres
def test_a_lock_that_is_never_given_up_is_waited_for_no_longer_than_in_sqlite(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.5)
    with Journal.open(postgres_url) as journal:
        journal.upsert_contact(ContactCard(ref="1001"))
        other = sa.create_engine(journal.database.engine.url)
        with other.begin() as holding:
            holding.execute(sa.text("SELECT * FROM contacts FOR UPDATE"))
            began_s = time.monotonic()
            with pytest.raises(JournalError, match="in use by another program"):
                journal.record_attempt(
                    heard(CallOutcome.BUSY_TONE), contact="1001", digest="d" * 64
                )
            assert time.monotonic() - began_s < 10
        other.dispose()
        journal.record_attempt(heard(CallOutcome.BUSY_TONE), contact="1001", digest="d" * 64)


def test_a_look_costs_next_to_nothing(journal: Journal) -> None:
    began_s = time.perf_counter()
    for _ in range(1000):
        journal.database.check_file()
    assert time.perf_counter() - began_s < 1.0


def test_a_journal_whose_checkpoint_broke_off_on_a_full_disk_is_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill(left_kb=700)
        path = disk.folder / "journal.sqlite3"
        url = f"sqlite:///{path}"
        n_recorded = 0
        with Journal.open(url) as journal, contextlib.suppress(JournalError):
            while n_recorded < 2000:
                record(journal, n_recorded + 1)
                n_recorded += 1
        disk.free()
        assert path.stat().st_size < wal(path).stat().st_size  # closing could not write it back
        with Journal.open(url) as journal:
            assert journal.count_attempts() == n_recorded > 0
            record(journal, n_recorded + 1)
        assert not wal(path).exists()
        with Journal.open(url) as journal:
            assert journal.count_attempts() == n_recorded + 1
            connection = journal.database.engine.connect()
            assert connection.execute(sa.text("PRAGMA quick_check")).one() == ("ok",)


def test_a_journal_found_cut_is_refused_where_its_log_has_not_what_is_missing(path: Path) -> None:
    with Journal.open(f"sqlite:///{path}") as journal:
        record(journal, 1)
        log = wal(path).read_bytes()
    os.truncate(path, 4096)
    wal(path).write_bytes(log)  # that of one attempt, not of the whole schema
    with pytest.raises(JournalError, match="damaged file"):
        Journal.open(f"sqlite:///{path}")
