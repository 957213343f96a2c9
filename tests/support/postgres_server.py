"""A throw-away PostgreSQL of the system's own binaries, run as a user without rights."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

INSTALLED = Path("/usr/lib/postgresql")
"""Where Debian puts the server, a folder a version."""

START_TIMEOUT_S = 60.0


def find_binaries() -> Path | None:
    """Return the folder of the newest `postgres` there is."""
    found = [path.parent for path in INSTALLED.glob("*/bin/postgres")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


@contextlib.contextmanager
def running_postgres(binaries: Path) -> Iterator[str]:
    """Start a server on a socket of its own; give the URL of its `postgres` database."""
    user = _server_user()
    # Not pytest's folder: only its owner may look into that one.
    folder = Path(tempfile.mkdtemp(prefix="recognizer-pg-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"
    try:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "recognizer", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=",
             "-c", "fsync=off"],
            user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            _wait(binaries, folder, server)
            yield f"postgresql+psycopg://recognizer@/postgres?host={folder}"
        finally:
            # At once, without writing anything down: the folder goes next.
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def stopped(url: str) -> Iterator[None]:
    """Let a server of `running_postgres` stand still with all its connections."""
    head = int((Path(url.split("host=")[1]) / "data/postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{head}/task/{head}/children").read_text().split()
    processes = [head, *map(int, children)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


def _server_user() -> str | None:
    """Return whom to run the server as: it refuses root. None: as whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _wait(binaries: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        ready = subprocess.run(
            [binaries / "pg_isready", "-h", folder], check=False, capture_output=True
        )
        if ready.returncode == 0:
            return
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {server.returncode} while starting")
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL was not ready after {START_TIMEOUT_S} s")
