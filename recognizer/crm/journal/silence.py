"""A PostgreSQL that says nothing: a machine or a disk that stands still keeps its connections.

Neither the driver nor the system gives up on such a server, for its sockets are well. So every
wait for it ends: one connection at a time goes on asking, all others are refused at once, until it
has answered. One that is only starting is waited for by who has the time (`Patience`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa

from recognizer.crm.journal.patience import Patience

__all__ = ["bound_waits", "taking_its_time"]

_STATEMENT_S = 35.0  # what the server itself gives a statement: more than it waits for a lock
_ANSWER_S = 40.0  # so long a server may say nothing that would have given up by itself before
_PING_S = 10.0  # «SELECT 1»


def bound_waits(engine: sa.Engine, *, lock_s: float, patience: Patience) -> None:
    """Let every wait of an engine's connections end; the server's own first, where it lives."""
    silence = Silence()
    limits_s = {"lock_timeout": lock_s, "statement_timeout": _STATEMENT_S}

    def connect(_dialect: Any, _record: Any, arguments: Any, more: Any) -> psycopg.Connection[Any]:
        with silence.asking():
            connect_once = partial(BoundedConnection.connect, *arguments, **more)
            connection = patience.connect(connect_once, psycopg.OperationalError)
        connection.silence = silence
        for name, limit_s in limits_s.items():
            connection.execute(f"SET {name} = {int(limit_s * 1000)}")
        connection.commit()
        return connection

    sa.event.listen(engine, "do_connect", connect)


@contextlib.contextmanager
def taking_its_time(connection: sa.Connection) -> Iterator[None]:
    """Let a transaction's statements take as long as they need: a schema is changed."""
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    driver = connection.connection.driver_connection
    assert isinstance(driver, BoundedConnection)
    before_s, driver.answer_s = driver.answer_s, None
    try:
        yield
    finally:
        driver.answer_s = before_s


class Silence:
    """Whether a server has stopped answering, as all its connections found it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_silent = False
        self._n_asking = 0

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Ask the server; while it is silent, only one at a time may.

        Raises
        ------
        psycopg.errors.ConnectionTimeout
            If another asks it already and it was silent.
        """
        with self._lock:
            if self._is_silent and self._n_asking:
                raise psycopg.errors.ConnectionTimeout("the database server does not answer")
            self._n_asking += 1
        try:
            yield
            self._is_silent = False
        except psycopg.Error as problem:  # any other is an answer
            self._is_silent = isinstance(problem, psycopg.errors.ConnectionTimeout)
            raise
        finally:
            with self._lock:
                self._n_asking -= 1


class BoundedConnection(psycopg.Connection[Any]):
    """A connection whose every wait ends.

    Attributes
    ----------
    silence : Silence
        Shared by the connections to one server.
    answer_s : float or None
        Seconds without a byte; None: for ever, where a schema is changed.
    """

    silence: Silence
    answer_s: float | None = _ANSWER_S

    def wait(self, gen: Any, *args: Any, **more: Any) -> Any:
        """Wait for what the server says, and give the connection up if that is nothing."""
        # Only the pool's question whether a connection still lives is asked in this mode.
        answer_s = _PING_S if self.autocommit else self.answer_s
        try:
            with self.silence.asking():
                return super().wait(_until_silent(gen, answer_s), *args, **more)
        except psycopg.errors.ConnectionTimeout:
            self.close()
            raise


def _until_silent(
    gen: Generator[Any, Any, Any], answer_s: float | None
) -> Generator[Any, Any, Any]:
    """Go through the states of a conversation; leave it where nothing comes."""
    quiet_since_s = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            now_s = time.monotonic()
            if ready:
                quiet_since_s = now_s
            elif answer_s is not None and now_s - quiet_since_s > answer_s:
                raise psycopg.errors.ConnectionTimeout(
                    f"the database server does not answer (waited {answer_s:g} s)"
                )
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value
