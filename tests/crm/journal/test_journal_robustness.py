"""Two writers, kill -9, a full disk, a read-only file, an older and a newer schema."""

import os
import pwd
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from journal_reports import MORNING, day, heard

from recognizer.base.errors import JournalError
from recognizer.crm.contacts import ContactCard
from recognizer.crm.journal.database import Database, newest_revision
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome

PROGRAM = Path(__file__).parents[2].joinpath("support", "journal_program.py")
BUSY = CallOutcome.BUSY_TONE


@pytest.fixture
def url(journal_url: str) -> str:
    with Journal.open(journal_url) as journal:
        journal.upsert_contact(ContactCard(ref="1001", owner="Клиент", comments="earlier"))
    return journal_url


@pytest.fixture
def file(tmp_path: Path, sqlite_journal: Path) -> Path:
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(sqlite_journal, path)
    return path


def start(url: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PROGRAM, url, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def assert_whole(url: str, n_attempts: int) -> None:
    """Every attempt there once, decided once, numbered in order, with its comment line."""
    with Journal.open(url) as journal:
        history = journal.history("1001")
        assert len(history) == n_attempts
        decided = [attempt.decision for attempt in history]
        assert [decision and decision.decision.attempt for decision in decided] == list(
            range(1, n_attempts + 1)
        )
        comments = journal.contact("1001").card.comments.split("\n")
        assert comments[0] == "earlier"
        assert len(comments) == n_attempts + 1


@pytest.mark.slow
def test_writers_of_the_same_recordings_leave_each_once(url: str) -> None:
    writers = [start(url, "record", "0", "15") for _ in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=240)
        assert (writer.returncode, errors) == (0, "")
    assert_whole(url, 15)


@pytest.mark.slow
def test_writers_of_different_recordings_of_one_contact_lose_none(url: str) -> None:
    writers = [start(url, "record", str(10 * number), "10") for number in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=240)
        assert (writer.returncode, errors) == (0, "")
    assert_whole(url, 20)


@pytest.mark.slow
def test_processes_that_create_the_journal_at_once_create_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "journal.sqlite3"
    writers = [start(f"sqlite:///{path}", "record", "0", "0") for _ in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=240)
        assert (writer.returncode, errors) == (0, "")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (newest_revision(),)
        ]


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_reported(url: str) -> None:
    writer = start(url, "forever")
    assert writer.stdout is not None
    reported = [int(writer.stdout.readline()) for _ in range(8)]
    writer.send_signal(signal.SIGKILL)
    reported += [int(line) for line in writer.communicate(timeout=60)[0].split()]
    with Journal.open(url) as journal:
        n_there = journal.count_attempts()
    # The one it was at may have been stored before it could say so.
    assert len(reported) <= n_there <= len(reported) + 1
    assert_whole(url, n_there)


# --- the disk ---


def test_a_full_database_is_one_clear_error_and_nothing_is_half_written(file: Path) -> None:
    with Journal.open(f"sqlite:///{file}") as journal:
        journal.upsert_contact(ContactCard(ref="1001", comments="earlier"))

        def limit(connection: Any, *_: Any) -> None:
            (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {n_pages + 4}")

        journal.database.engine.dispose()
        sa.event.listen(journal.database.engine, "connect", limit)
        stored: list[int] = []

        def fill() -> None:
            for number in range(1000):
                journal.record_attempt(
                    heard(BUSY, f"{number}.wav"), contact="1001", called_at=day(number)
                )
                stored.append(number)

        with pytest.raises(JournalError, match=r"journal\.sqlite3: .*disk is full .*intact"):
            fill()
        assert stored
    assert_whole(f"sqlite:///{file}", len(stored))


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_one_clear_error(file: Path) -> None:
    url = f"sqlite:///{file}"
    with Journal.open(url) as journal:
        journal.upsert_contact(ContactCard(ref="1001", comments="earlier"))

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = file.stat().st_size + 200_000
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    writer = start(url, "forever", preexec_fn=limit)
    reported, errors = writer.communicate(timeout=240)
    assert writer.returncode == 1
    assert errors.startswith("JournalError: ")
    assert "disk" in errors
    assert errors.count("\n") == 1
    assert_whole(url, len(reported.split()))


def test_a_read_only_file_is_one_clear_error(file: Path) -> None:
    """Run as a user without rights: root may write everywhere."""
    with Journal.open(f"sqlite:///{file}") as journal:
        journal.upsert_contact(ContactCard(ref="1001"))
    folder = Path("/tmp") / f"recognizer-read-only-{os.getpid()}"
    folder.mkdir()
    try:
        copy = folder / "journal.sqlite3"
        shutil.copyfile(file, copy)
        copy.chmod(0o444)
        folder.chmod(0o555)
        if os.geteuid() != 0:
            with pytest.raises(JournalError, match=r"read-only|cannot be opened"):
                _record(f"sqlite:///{copy}")
            return
        nobody = pwd.getpwnam("nobody")
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            try:
                _record(f"sqlite:///{copy}")
            except JournalError as problem:
                os._exit(0 if "read-only" in str(problem) or "cannot be" in str(problem) else 3)
            except BaseException:  # noqa: BLE001 - whatever it is, it is not the clear error
                os._exit(4)
            os._exit(5)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def _record(url: str) -> None:
    with Journal.open(url) as journal:
        journal.record_attempt(heard(BUSY), contact="1001", called_at=MORNING)


# --- the file ---


@pytest.mark.slow
def test_a_journal_held_by_another_program_is_waited_for(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writer = start(f"sqlite:///{file}", "record", "0", "0")
    with Journal.open(f"sqlite:///{file}") as journal:
        assert journal.count_attempts() == 0  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    _, errors = writer.communicate(timeout=120)
    assert (writer.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is text and not a database, however long it may become" * 40, "another kind"),
        (b"SQLite format 3\0" + bytes(4096), "another kind"),
    ],
)
def test_a_file_that_is_no_journal_is_one_clear_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(JournalError, match=message) as caught:
        Journal.open(f"sqlite:///{path}")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(JournalError, match="other tables \\(recipes\\)"):
        Journal.open(f"sqlite:///{path}")


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="expected a file, found a folder"):
        Journal.open(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "expected a database URL"),
        ("mysql://user@host/base", "expected sqlite or postgresql"),
        ("oracle+nothing://x", "expected sqlite or postgresql"),
    ],
)
def test_a_wrong_url_is_one_clear_error(url: str, message: str) -> None:
    with pytest.raises(JournalError, match=message):
        Journal.open(url)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(JournalError) as caught:
        Journal.open("postgresql+psycopg://user:s3cret@127.0.0.1:1/base")
    assert "s3cret" not in str(caught.value)
    assert "cannot be reached" in str(caught.value)


# --- the schema ---


def set_revision(url: str, revision: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision}
        )
    database.close()


def test_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    set_revision(url, "9999")
    with pytest.raises(JournalError, match=r"schema 9999 is newer .* install the newer"):
        Journal.open(url)
    database = Database(url)
    with pytest.raises(JournalError, match="newer"):
        database.upgrade()
    database.close()
    set_revision(url, newest_revision())
    assert_whole(url, 0)


def test_an_older_schema_says_what_to_type_and_is_upgraded_with_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    url = f"sqlite:///{path}"
    database = Database(url)
    database.upgrade("0001")
    with database.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO contacts (ref, trusted_phone, mobile_phone, trusted_person, owner, "
                "payer, vin, plate, make, basis, result, incorrect_contact, comments, "
                "do_not_call, search_text, updated_at) VALUES ('1001', '', '', '', '', '', '', "
                "'', '', '', '', 0, 'earlier', 0, '1001', '2026-11-22 09:00:00')"
            )
        )
    with pytest.raises(JournalError, match=r"schema 0001 is older .* recognizer journal upgrade"):
        Journal.open(url)
    assert database.upgrade() == ("0001", newest_revision())
    database.close()
    assert_whole(url, 0)
