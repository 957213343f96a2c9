"""Disks that are full, for results, journal and index: said in a sentence, nothing half-written.

A real disk in memory, where the system lets us mount one; else a limit on the size of files.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).parents[1].joinpath("support", "command_program.py")
N_CALLS = 24


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    folder.mkdir()
    for index in range(N_CALLS):
        name = f"20261122-0930{index:02}_799900000{index:02}_1763793015.{index}.wav"
        (folder / name).write_text(f"busy_tone {index}")
    return folder


@dataclass
class Place:
    """A folder that may run out of room: its disk is small, or files may only be so large."""

    folder: Path
    disk: SmallDisk | None = None
    limit_kb: int | None = None

    def fill(self, left_kb: int) -> None:
        """Leave so much room."""
        if self.disk is not None:
            self.disk.fill(left_kb=left_kb)
            return
        largest = max((path.stat().st_size for path in self.folder.iterdir()), default=0)
        self.limit_kb = largest // 1024 + left_kb

    def free(self) -> None:
        """Make room again."""
        self.limit_kb = None
        if self.disk is not None:
            self.disk.free()

    def limit(self) -> None:
        """Called in a program before it begins."""
        if self.limit_kb is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit_kb * 1024,) * 2)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Place]:
    with small_disk(tmp_path / "place") as disk:
        yield Place(disk.folder, disk)


@pytest.fixture(params=["a full disk", "a limit on files"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "a full disk":
        small: Place = request.getfixturevalue("small")
        return small
    (tmp_path / "place").mkdir()
    return Place(tmp_path / "place")


def run(place: Place, *arguments: object, journal: Path | None = None) -> tuple[int, str]:
    """Run the program to its end; return its status and what it said of a problem."""
    environment = {**os.environ, "COLUMNS": "200"}
    if journal is not None:
        environment["RECOGNIZER_JOURNAL_URL"] = f"sqlite:///{journal}"
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        check=False, capture_output=True, timeout=120, env=environment, text=True,
        preexec_fn=place.limit,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def lines(results: Path) -> list[dict[str, Any]]:
    content = results.read_bytes()
    assert content.endswith(b"\n") or not content
    return [json.loads(line) for line in content.splitlines()]


def is_once_each(results: Path) -> bool:
    names = [line["recording"] for line in lines(results)]
    return len(names) == len(set(names)) == N_CALLS


def test_results(place: Place, calls: Path) -> None:
    results = place.folder / "results.jsonl"
    place.fill(8)
    status, said = run(place, "batch", calls, "--results", results, "--workers", 1)
    assert status == 1
    assert "results.jsonl: a result cannot be written" in said
    assert "goes on from there" in said
    assert 0 < len(lines(results)) < N_CALLS
    place.free()
    assert run(place, "batch", calls, "--results", results, "--workers", 1)[0] == 0
    assert is_once_each(results)


@pytest.mark.parametrize("is_new", [True, False])
def test_journal(place: Place, calls: Path, tmp_path: Path, is_new: bool) -> None:
    results, journal = tmp_path / "results.jsonl", place.folder / "journal.sqlite3"
    if not is_new:
        assert run(place, "journal", "upgrade", journal=journal)[0] == 0
    place.fill(8)
    asked = ("batch", calls, "--results", results, "--journal", "--workers", 1)
    status, said = run(place, *asked, journal=journal)
    assert status == 1
    assert "journal.sqlite3" in said
    assert "full" in said
    place.free()
    assert run(place, *asked, journal=journal)[0] == 0
    assert is_once_each(results)
    ids = {line["journal"]["attempt_id"] for line in lines(results)}
    assert len(ids) == N_CALLS
    with sqlite3.connect(journal) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM attempts").fetchone() == (N_CALLS,)
    database.close()


def test_tables_made_from_results_stay_whole(small: Place, calls: Path, tmp_path: Path) -> None:
    results, table = tmp_path / "results.jsonl", small.folder / "calls.csv"
    asked = ("batch", calls, "--results", results, "--csv", table, "--workers", 1)
    assert run(small, *asked)[0] == 0
    before = table.read_bytes()
    for index in range(30):
        (calls / f"more-{index}.wav").write_text("silence")
    small.fill(1)
    status, said = run(small, *asked)
    assert status == 1
    assert "calls.csv: cannot be written" in said
    assert table.read_bytes() == before
    small.free()
    assert run(small, *asked)[0] == 0
    assert table.read_bytes().count(b"\n") == 1 + N_CALLS + 30
    assert [path.name for path in small.folder.iterdir()] == ["calls.csv"]


def test_watch(small: Place, calls: Path) -> None:
    results = small.folder / "results.jsonl"
    small.fill(70)  # the index takes most of it
    asked = ("watch", calls, "--results", results, "--settle", 0.2, "--rescan", 1, "--workers", 1)
    status, said = run(small, *asked)
    assert status == 1
    assert "cannot be" in said
    assert "room" in said or "goes on from there" in said
    small.free()
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, asked)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 60
    while len(results.read_bytes().splitlines()) < N_CALLS and time.monotonic() < end:
        time.sleep(0.2)
    program.terminate()
    program.wait(60)
    assert is_once_each(results)


def test_state_of_the_server(small: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOGNIZER_SERVER_STATE_DIR", f"{small.folder}/state")
    small.fill(8)
    status, said = run(small, "serve", "--port", 0, journal=tmp_path / "journal.sqlite3")
    assert status == 1
    assert "state: the server cannot keep its state here" in said


@pytest.mark.parametrize("how", ["deleted", "emptied"])
def test_results_deleted_or_emptied_under_a_run_are_noticed(
    calls: Path, tmp_path: Path, how: str
) -> None:
    for number in range(20):  # heard a few at a time: the first line is there long before the last
        (calls / f"{number:02}-slow.wav").write_text("slow 0.3")
    results = tmp_path / "results.jsonl"
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), "batch", str(calls), "--results", str(results),
         "--workers", "1"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not (results.exists() and results.stat().st_size) and time.monotonic() < end:
        time.sleep(0.05)
    if how == "deleted":
        results.unlink()
    else:
        os.truncate(results, 0)
    _, said = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "was deleted, replaced or cut under this run" in said
    assert not results.exists() or results.read_bytes() == b""
