"""Odd names and places through every way in: each file one line, none holds up another."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from recognizer.batch.results import read_results
from recognizer.crm.journal.identity import recording_digest
from recognizer.crm.journal.journal import Journal

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).parents[1].joinpath("support", "command_program.py")

EXPECTED = {
    "good.wav": "silence",
    "new\nline.wav": "silence",
    "-dash.wav": "silence",
    "\\xff\\xfe.wav": "silence",
    "n" * 250 + ".wav": "silence",
    "deep.wav": "silence",
    "hard-link.wav": "silence",
    "link.wav": "silence",
    "empty.wav": "empty_file",
    "pipe.wav": "not_a_file",
    "socket.wav": "not_a_file",
    "zero.wav": "not_a_file",
    "tty.wav": "not_a_file",
    "link-to-pipe.wav": "not_a_file",
    "kmsg.wav": "empty_file",
    "loop.wav": "unreadable_file",
    "nowhere.wav": "not_found",
    "sparse.wav": "too_long",
    "hang.wav": "time_limit",
    "crash.wav": "worker_crashed",
}
NO_FILES = {"pipe.wav", "socket.wav", "zero.wav", "tty.wav", "link-to-pipe.wav", "loop.wav"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "calls"
    folder.mkdir()
    (folder / "good.wav").write_text("silence")
    (folder / "new\nline.wav").write_text("silence")
    (folder / "-dash.wav").write_text("silence")
    (folder / os.fsdecode(b"\xff\xfe.wav")).write_text("silence")
    (folder / ("n" * 250 + ".wav")).write_text("silence")
    deep = folder.joinpath(*["d" * 200] * 14)  # a path of nearly 3,000 characters
    deep.mkdir(parents=True)
    (deep / "deep.wav").write_text("silence")
    (folder / "hard-link.wav").hardlink_to(folder / "good.wav")
    (folder / "link.wav").symlink_to(folder / "good.wav")
    (folder / "empty.wav").touch()
    os.mkfifo(folder / "pipe.wav")
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "tty.wav").symlink_to("/dev/tty")
    (folder / "link-to-pipe.wav").symlink_to(folder / "pipe.wav")
    (folder / "kmsg.wav").symlink_to("/proc/kmsg")
    (folder / "loop.wav").symlink_to(folder / "loop.wav")
    (folder / "folder-loop").symlink_to(folder)
    (folder / "nowhere.wav").symlink_to(folder / "nothing")
    soundfile.write(folder / "sparse.wav", [0.0] * 8000, 8000)
    os.truncate(folder / "sparse.wav", 3 * 2**30)
    (folder / "hang.wav").write_text("hang")
    (folder / "crash.wav").write_text("segfault")
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(folder)  # an address has 108 bytes
        listener.bind("socket.wav")
        os.chdir(here)
        yield folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(PROGRAM), *map(str, arguments)]


def said(line: dict[str, Any]) -> str:
    return str(line["outcome"] or line["error"]["kind"])


def by_name(lines: list[dict[str, Any]]) -> dict[str, str]:
    assert len(lines) == len({line["recording"] for line in lines})
    return {line["recording"].rpartition("/")[2]: said(line) for line in lines}


@pytest.mark.slow
def test_batch(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    done = subprocess.run(
        command("batch", folder, "--results", results, "--time-limit", 3, "--workers", 2),
        check=False, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    lines = list(read_results(results))
    assert by_name(lines) == EXPECTED
    assert all(len(line["error"]["message"]) < 700 for line in lines if line["error"])


@pytest.mark.slow
def test_watch(folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    expected = {name: kind for name, kind in EXPECTED.items() if name not in NO_FILES}
    del expected["nowhere.wav"]  # it is not there yet
    program = subprocess.Popen(
        command("watch", folder, "--results", results, "--time-limit", 3, "--workers", 2,
                "--settle", 0.5, "--rescan", 1),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        end = time.monotonic() + 90
        while not results.exists() or len(list(read_results(results))) < len(expected):
            assert time.monotonic() < end, by_name(list(read_results(results)))
            time.sleep(0.2)
        (folder / "late.wav").write_text("busy_tone")
        while len(list(read_results(results))) < len(expected) + 1:
            assert time.monotonic() < end
            time.sleep(0.2)
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)
    assert by_name(list(read_results(results))) == {**expected, "late.wav": "busy_tone"}


def test_classify(folder: Path) -> None:
    (folder / "hang.wav").unlink()  # in this process: no worker that could be killed
    (folder / "crash.wav").unlink()
    (folder / "sparse.wav").unlink()
    done = subprocess.run(
        command("classify", "--format", "jsonl", folder),
        check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expected = {
        name: kind
        for name, kind in EXPECTED.items()
        if name not in {"hang.wav", "crash.wav", "sparse.wav"}
    }
    assert by_name(lines) == expected


@pytest.mark.slow
@pytest.mark.parametrize("stamp", ["00010101-000000", "99991231-235959"])
def test_a_placeholder_for_a_moment_is_none_and_ends_no_batch(stamp: str, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / f"{stamp}_79161234567_1763793015.42.wav").write_text("silence")
    (calls / "good.wav").write_text("busy_tone")
    results = tmp_path / "results.jsonl"
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    environment = {**os.environ, "RECOGNIZER_JOURNAL_URL": url}
    done = subprocess.run(
        command("batch", calls, "--results", results, "--journal", "--workers", 1),
        check=False, capture_output=True, timeout=120, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(said(line) for line in read_results(results)) == ["busy_tone", "silence"]
    with Journal.open(url) as journal:
        assert len(journal.attempts().items) == 2


@pytest.mark.slow
def test_a_name_that_no_file_can_have_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "good.wav").write_text("busy_tone")
    results = tmp_path / "results.jsonl"
    done = subprocess.run(
        command("batch", "-", "--results", results, "--workers", 1),
        check=False, capture_output=True, timeout=120, cwd=tmp_path,
        input=b"a/one.wav\0a/two.wav\ngood.wav\n",
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    assert "busy_tone" in [said(line) for line in read_results(results)]
    assert done.returncode == 1


def test_a_file_without_a_size_is_not_read_for_its_digest() -> None:
    assert recording_digest(Path("/proc/kmsg")) == recording_digest(b"")
