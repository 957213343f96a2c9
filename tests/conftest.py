"""Fixtures that several test modules share."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from postgres_server import find_binaries, running_postgres
from toy_models import Behaviour, Handler

from recognizer import Recognizer

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

_LEFT_OUT = re.compile(r"not (\w+)")
_ALL_ARE = re.compile(r"^pytestmark = (.*?)^(?=\S)(?!\])", re.MULTILINE | re.DOTALL)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a module unread all of whose tests `-m "not KIND and …"` leaves out.

    The browser, Ray and the web framework take longer to import than most tests to run.
    """
    asked = str(config.option.markexpr).split(" and ")
    if collection_path.suffix != ".py" or not all(map(_LEFT_OUT.fullmatch, asked)):
        return None
    left_out = set(_LEFT_OUT.findall(config.option.markexpr))
    marks = _ALL_ARE.search(collection_path.read_text("utf-8"))
    kinds = set() if marks is None else set(re.findall(r"pytest\.mark\.(\w+)", marks[1]))
    return True if kinds & left_out else None


_JOURNALS = {"journal", "journal_url", "sqlite_journal"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what writes a journal of its own."""
    for item in items:
        if not _JOURNALS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.journal)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL, started for this session; mark the test `postgres`."""
    binaries = find_binaries()
    if binaries is None:
        if os.environ.get("CI"):
            pytest.fail("no PostgreSQL server: apt-get install postgresql")
        pytest.skip("no PostgreSQL server installed (Debian package postgresql)")
    with running_postgres(binaries) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty database of its own on that server."""
    import sqlalchemy as sa

    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgres_server.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def postgres_journal(postgres_server: str) -> str:
    """URL of a journal in PostgreSQL that every test finds empty (`journal_url`)."""
    from recognizer.crm.journal.journal import Journal

    Journal.open(postgres_server).close()
    return postgres_server


def _empty_tables(url: str) -> None:
    """Empty every table but the schema's version: faster than a database a test."""
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.begin() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
        connection.execute(sa.text(f"TRUNCATE {', '.join(sorted(tables))} RESTART IDENTITY"))
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File that holds an empty journal, to copy: copying is faster than migrating."""
    from recognizer.crm.journal.journal import Journal

    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    Journal.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty journal of its own, once in SQLite, once in PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "journal.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_journal"), path)
        return f"sqlite:///{path}"
    url = str(request.getfixturevalue("postgres_journal"))
    _empty_tables(url)
    return url


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    """Serve the page on a journal of its own."""
    from page_calls import page_app  # here: the web framework is slow to import

    app = page_app(tmp_path)
    yield app
    app.state.journal.close()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Open that page as a browser does."""
    from fastapi.testclient import TestClient

    headers = {"Accept": "text/html"}
    with TestClient(app, headers=headers, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="session")
def whisper() -> Recognizer:
    """The embedded engine with the shipped lists; mark the test `model`."""
    return Recognizer.load(engine="whisper")


@pytest.fixture
def model_server() -> Behaviour:
    """What the server of a toy model does; change it before anything is asked."""
    return Behaviour()


@pytest.fixture
def model_address(model_server: Behaviour, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a running server that does as `model_server` says."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Handler", (Handler,), {"behaviour": model_server})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Folder for models that is not there yet."""
    return tmp_path / "models"
