"""The journal's database: engine, transactions, schema version, and its errors in plain words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from recognizer.base.errors import JournalError, JournalLostError, RowError
from recognizer.base.sqlite_file import SqliteFile
from recognizer.base.whole_files import has_room
from recognizer.crm.journal.fitting import guard, to_json
from recognizer.crm.journal.patience import STARTING, Patience
from recognizer.crm.journal.sqlite_address import sqlite_path
from recognizer.crm.journal.states import keep_states

__all__ = ["PATIENT_S", "Database", "await_server"]

PATIENT_S = 60.0
"""How long what runs for hours waits for a database that is started again, or with it."""

_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_BUSY_TIMEOUT_S = 30
_SCHEMA_LOCK = "recognizer schema"


class Database:
    """An engine with the transactions the journal needs.

    Parameters
    ----------
    url : str
    wait_s : float
        How long each connection waits for a server that is starting or away, seconds.

    Attributes
    ----------
    engine : sqlalchemy.Engine
    name : str
        For messages; a password in the URL is hidden.
    """

    def __init__(self, url: str, *, wait_s: float = 0.0) -> None:
        try:
            address = sa.make_url(url)
        except sa.exc.ArgumentError as problem:
            raise JournalError(
                f"{url!r}: expected a database URL such as sqlite:////folder/journal.sqlite3 or "
                "postgresql+psycopg://user@host/base"
            ) from problem
        if address.drivername in {"postgresql", "postgres"}:
            address = address.set(drivername="postgresql+psycopg")
        if address.get_backend_name() not in {"sqlite", "postgresql"}:
            raise JournalError(
                f"{address.render_as_string(hide_password=True)}: expected sqlite or postgresql, "
                f"found {address.get_backend_name()!r}"
            )
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self._path = sqlite_path(address) if self.is_sqlite else None
        self.name = str(self._path or address.render_as_string(hide_password=True))
        try:
            self.engine = _create_engine(address, self.name, wait_s)
        except ModuleNotFoundError as problem:
            raise JournalError(
                f"{self.name}: needs the package {problem.name}; pip install 'recognizer[postgres]'"
            ) from problem
        self._writing = self.engine.execution_options(recognizer_writes=True)
        self._file: SqliteFile | None = None
        self._revision: str | None = None  # known once the schema was checked
        self._n_connections = 0
        if self.is_sqlite:
            sa.event.listen(self.engine, "begin", lambda _: self.check_file())
            sa.event.listen(self.engine, "connect", lambda *_: self._count(1))
            sa.event.listen(self.engine, "close", lambda *_: self._count(-1))

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        file, self._file = self._file, None
        if file is not None and self._n_connections == 0:
            file.close()

    def check_file(self) -> None:
        """Refuse a journal in SQLite that is no longer the file that was opened, or not whole.

        Raises
        ------
        JournalError
            Saying what happened to it; see `SqliteFile`.
        """
        problem = None if self._file is None else self._file.problem()
        if problem is not None:
            raise JournalError(f"{self.name}: {problem}; {_ADVICE}")

    def has_room(self) -> bool:
        """Tell whether the disk of a journal in SQLite takes anything; of a server, True."""
        return self._path is None or has_room(self._path.resolve().parent)

    def _count(self, n_more: int) -> None:
        self._n_connections += n_more
        if self._n_connections == 0 and self._file is not None:
            self._file.forget_log()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session for reading."""
        with self._explained(), Session(self.engine) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that holds SQLite's only write lock from its start; commit at its end."""
        with (
            self._explained(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            self._check_revision(session)
            keep_states(session)
            yield session
        self.check_file()  # deleted meanwhile: what was committed is nowhere

    def _check_revision(self, session: Session) -> None:
        """Refuse to write once a newer program has upgraded the journal: it reads other tables."""
        if self._revision is None:
            return
        found = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
        if found != self._revision:
            raise JournalError(
                f"{self.name}: its schema became {found} while this program, of {self._revision}, "
                "had it open; start the program again, as the newer recognizer"
            )

    def lock(self, session: Session, name: str) -> None:
        """Wait until no other transaction holds the lock `name`; keep it until the end."""
        if not self.is_sqlite:
            session.execute(
                sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
            )

    def compact(self) -> None:
        """Make sure that what was emptied is no longer in the write-ahead log either."""
        if self.is_sqlite:
            with self._explained():
                connection = self.engine.raw_connection()
                try:
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
                finally:
                    connection.close()

    # --- schema ---

    def is_missing(self) -> bool:
        """Tell whether there is no journal yet; creates nothing."""
        if self._path is not None and not self._path.is_file():
            return not self._path.exists()
        with self._explained():
            return self._current_revision() is None

    def prepare(self) -> None:
        """Create the schema in an empty database, check its version in any other.

        Raises
        ------
        JournalError
            If the database cannot be reached, is not ours, older or newer.
        """
        self._check_folder()
        with self._explained():
            current, wanted = self._current_revision(), newest_revision()
            if current is None:
                self._migrate(wanted)
            elif current > wanted:
                raise self._is_newer(current, wanted)
            elif current < wanted:
                raise JournalError(
                    f"{self.name}: its schema {current} is older than this program needs "
                    f"({wanted}); run: recognizer journal upgrade"
                )
        self._revision = wanted
        if self._path is not None and self._file is None:
            with contextlib.suppress(OSError):
                self._file = SqliteFile(self._path)

    def upgrade(self, revision: str | None = None) -> tuple[str | None, str]:
        """Bring the schema to a revision, all or nothing; return those before and after.

        Parameters
        ----------
        revision : str or None
            None: the newest.

        Raises
        ------
        JournalError
            If the schema is newer than this program, or cannot be changed.
        """
        self._check_folder()
        with self._explained():
            before, newest = self._current_revision(), newest_revision()
            if before is not None and before > newest:
                raise self._is_newer(before, newest)
            self._migrate(revision or newest)
            return before, revision or newest

    def _is_newer(self, current: str, wanted: str) -> JournalError:
        return JournalError(
            f"{self.name}: its schema {current} is newer than this program knows ({wanted}); "
            "install the newer recognizer"
        )

    def _check_folder(self) -> None:
        if self._path is None:
            return
        folder = self._path.resolve().parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise JournalError(f"{folder}: cannot be made: {problem.strerror}") from problem
        if self._path.is_dir():
            raise JournalError(f"{self.name}: expected a file, found a folder")

    def _current_revision(self) -> str | None:
        """Return the schema's revision; None for a database without any table."""
        with self.engine.connect() as connection:
            tables = sa.inspect(connection).get_table_names()
            if not tables:
                return None
            if "alembic_version" not in tables:
                raise JournalError(
                    f"{self.name}: expected a journal, found a database with other tables "
                    f"({', '.join(sorted(tables)[:3])})"
                )
            revision = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
            return str(revision.scalar_one())

    def _migrate(self, revision: str) -> None:
        import alembic.command  # noqa: PLC0415 - only where there is something to migrate
        import alembic.config  # noqa: PLC0415

        config = alembic.config.Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        with contextlib.ExitStack() as ending:
            connection = ending.enter_context(self._writing.begin())
            if not self.is_sqlite:
                from recognizer.crm.journal.silence import taking_its_time  # noqa: PLC0415

                ending.enter_context(taking_its_time(connection))
                connection.execute(
                    sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
                    {"name": _SCHEMA_LOCK},
                )
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, revision)

    # --- errors ---

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the driver's errors into one sentence each.

        Raises
        ------
        RowError
            If it is what was to be stored or asked for that the database does not take.
        JournalLostError
            If the connection was lost on the way.
        JournalError
            Any other.
        """
        try:
            yield
        except (sa.exc.DataError, sa.exc.IntegrityError) as problem:
            raise RowError(f"{self.name}: {_first_line(problem.orig)}") from problem
        except (OverflowError, UnicodeError) as problem:  # the driver's own, before it sends it
            raise RowError(f"{self.name}: {_first_line(problem)}") from problem
        except sa.exc.DBAPIError as problem:
            if self._file is not None and _DAMAGED.search(str(problem.orig)):
                self._file.is_damaged(_first_line(problem.orig))
            else:
                self.check_file()  # an emptied file is told by SQLite as a locked one
            error = JournalLostError if problem.connection_invalidated else JournalError
            raise error(f"{self.name}: {_explain(str(problem.orig))}") from problem


def await_server(url: str, wait_s: float = PATIENT_S) -> None:
    """Wait until a database server takes connections; a journal in SQLite has none.

    Raises
    ------
    JournalError
        If it does not within `wait_s` seconds.
    """
    database = Database(url, wait_s=wait_s)
    try:
        if not database.is_sqlite:
            database.is_missing()
    finally:
        database.close()


def newest_revision() -> str:
    """Return the schema revision this program needs: the last file of migrations/versions."""
    names = [path.name for path in (_MIGRATIONS / "versions").glob("v[0-9]*_*.py")]
    return max(name[1:].partition("_")[0] for name in names)


_ADVICE = (
    "nothing is recorded. Stop every program that uses it (not by kill -9: what is in memory is "
    "written back then), look at the file or put back a copy, and start again; see docs/journal.md"
)
_DAMAGED = re.compile(r"malformed|not a database", re.IGNORECASE)
_EXPLANATIONS = (
    (r"readonly|read-only", "is read-only; nothing was written. Give this user write permission"),
    (
        r"disk is full|disk I/O error|No space left|could not extend file",
        "cannot be written, the disk is full or failing; what was stored before is intact",
    ),
    (
        r"database is locked|lock timeout|deadlock detected",
        "is in use by another program that does not let go; try again",
    ),
    (
        r"not a database|malformed|file is encrypted",
        "expected a journal, found a damaged file or one of another kind",
    ),
    (
        r"unable to open database file",
        "cannot be opened; check that the folder exists and this user may write there",
    ),
    (
        r"does not answer|connection timeout expired",
        "the database server does not answer; is it stopped, or its disk?",
    ),
    (
        r"statement timeout",
        "took too long and was given up; nothing was written. Try again",
    ),
    (
        STARTING,
        "the database server is starting or stopping; try again in a while",
    ),
    (
        r"connection (failed|refused|to server)|could not connect|Connection refused",
        "the database server cannot be reached",
    ),
)


def _first_line(problem: object) -> str:
    return str(problem).strip().partition("\n")[0]


def _explain(message: str) -> str:
    first_line = _first_line(message)
    for pattern, explanation in _EXPLANATIONS:
        if re.search(pattern, message, re.IGNORECASE):
            return f"{explanation} ({first_line})"
    return first_line


def _create_engine(address: sa.URL, name: str, wait_s: float) -> sa.Engine:
    if address.get_backend_name() != "sqlite":
        from recognizer.crm.journal.silence import bound_waits  # noqa: PLC0415 - brings psycopg

        # The server may be gone without a word: neither the system nor libpq gives up by itself.
        timeouts = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
        asked = {name: value for name, value in timeouts.items() if name not in address.query}
        engine = sa.create_engine(
            address, pool_pre_ping=True, json_serializer=to_json, connect_args=asked
        )
        bound_waits(engine, lock_s=_BUSY_TIMEOUT_S, patience=Patience(name, wait_s))
        sa.event.listen(engine, "handle_error", _leave_read_only)
        guard(engine)
        return engine
    engine = sa.create_engine(
        address, connect_args={"timeout": _BUSY_TIMEOUT_S}, json_serializer=to_json
    )
    guard(engine)
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _leave_read_only(context: sa.engine.ExceptionContext) -> None:
    # After a change of roles the connection would stay with the server that only reads now.
    if getattr(context.original_exception, "sqlstate", None) == "25006":
        context.is_disconnect = True


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: `_begin_sqlite` says which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    # Switching needs the file for itself; once switched it stays so, and asking is free.
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer that starts as a reader can be refused later; one that starts as a writer waits.
    writes = connection.get_execution_options().get("recognizer_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
