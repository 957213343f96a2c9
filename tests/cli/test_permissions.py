"""Recordings and folders that this user may not read: each is named, everything else is done."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from recognizer.batch.results import read_results

PROGRAM = Path(__file__).parents[1].joinpath("support", "command_program.py")
NO_FILE = "expected to read the file, found no permission; give this user read access"
NO_FOLDER = "cannot be searched: Permission denied; give this user the right to read and enter it"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="other permissions there")


def command(*arguments: object) -> list[str]:
    """Return a command line of the program, run without root's right to read everything."""
    program = [sys.executable, str(PROGRAM), *map(str, arguments)]
    if os.geteuid() != 0:
        return program
    if shutil.which("setpriv") is None:
        if os.environ.get("CI"):
            pytest.fail("no setpriv: apt-get install util-linux")
        pytest.skip("root may read everything, and there is no setpriv (util-linux)")
    rights = "--bounding-set=-dac_override,-dac_read_search"
    return ["setpriv", "--inh-caps=-all", rights, *program]


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Path]:
    """A good recording, one that may not be read, one in a folder that may not be entered."""
    folder = tmp_path / "calls"
    (folder / "closed").mkdir(parents=True)
    for name in ("good.wav", "secret.wav", "closed/inside.wav"):
        (folder / name).write_text("busy_tone")
    (folder / "secret.wav").chmod(0)
    (folder / "closed").chmod(0)
    yield folder
    (folder / "closed").chmod(0o700)


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


@contextlib.contextmanager
def started(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    program = subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = threading.Timer(60, program.kill)  # a line that never comes ends the output
    deadline.start()
    with program:
        try:
            yield program
        finally:
            deadline.cancel()
            program.kill()


@pytest.mark.slow
def test_classify_names_what_it_may_not_read_and_classifies_the_rest(calls: Path) -> None:
    inside = calls / "closed" / "inside.wav"
    done = run("classify", inside, calls, "--format", "jsonl", cwd=calls.parent)
    assert done.returncode == 1, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {Path(line["recording"]).name: line for line in lines}
    assert {name: line["outcome"] for name, line in found.items()} == {
        "inside.wav": None,
        "good.wav": "busy_tone",
        "secret.wav": None,
    }
    assert found["inside.wav"]["error"]["message"].startswith(f"{inside}: {NO_FILE}")
    assert found["secret.wav"]["error"]["message"].startswith(f"{calls / 'secret.wav'}: {NO_FILE}")
    assert done.stderr == f"recognizer: {calls / 'closed'}: {NO_FOLDER}\n"


@pytest.mark.slow
def test_batch_names_what_it_may_not_read_and_classifies_the_rest(calls: Path) -> None:
    inside = calls / "closed" / "inside.wav"
    done = run("batch", inside, calls, "--workers", "1", cwd=calls.parent)
    assert done.returncode == 1, done.stderr
    results = read_results(calls.parent / "recognizer-results.jsonl")
    assert {Path(line["recording"]).name: line["outcome"] for line in results} == {
        "inside.wav": None,
        "good.wav": "busy_tone",
        "secret.wav": None,
    }
    said = done.stderr.splitlines()
    assert f"recognizer: {calls / 'closed'}: {NO_FOLDER}" in said
    assert "failed: folders that could not be searched: 1" in said
    for path in (inside, calls / "secret.wav"):
        assert any(line.startswith(f"failed: {path}: {NO_FILE}") for line in said)
    (calls / "secret.wav").chmod(0o600)
    (calls / "closed").chmod(0o700)
    again = run("batch", inside, calls, "--workers", "1", "--retry-failed", cwd=calls.parent)
    assert (again.returncode, again.stdout.splitlines()[0]) == (
        0,
        "2 recordings classified, 1 done before; results in recognizer-results.jsonl",
    )


@pytest.mark.slow
def test_watch_names_once_what_it_may_not_read_and_takes_it_when_it_may(calls: Path) -> None:
    options = ("--settle", "0.1", "--rescan", "1", "--workers", "1", "--no-events")
    waits = (
        f"WARNING {calls}: holds recordings that this user may not read; give this user read "
        "access, they are taken then\n"
    )
    with started("watch", calls, *options, cwd=calls.parent) as program:
        assert program.stdout is not None
        said = [program.stdout.readline() for _ in range(4)]  # in any order but the first
        assert said[0] == f"watching {calls}\n"
        assert set(said[1:]) == {
            f"WARNING {calls / 'closed'}: {NO_FOLDER}\n",
            waits,
            f"{calls / 'good.wav'}: busy_tone -> retry\n",
        }
        (calls / "secret.wav").chmod(0o600)
        (calls / "closed").chmod(0o700)
        assert {program.stdout.readline() for _ in range(2)} == {
            f"{calls / 'secret.wav'}: busy_tone -> retry\n",
            f"{calls / 'closed' / 'inside.wav'}: busy_tone -> retry\n",
        }
        program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=30)
    assert "WARNING" not in rest
    assert program.returncode == 0


@pytest.mark.slow
def test_watch_says_why_it_cannot_begin(calls: Path) -> None:
    done = run("watch", calls / "closed", cwd=calls.parent)
    assert (done.returncode, done.stderr) == (1, f"recognizer: {calls / 'closed'}: {NO_FOLDER}\n")


@pytest.mark.slow
def test_a_table_that_cannot_be_written_is_named_and_the_results_are_kept(calls: Path) -> None:
    (calls / "good.csv").mkdir()
    arguments = ("batch", calls / "good.wav", "--workers", "1", "--csv", calls / "good.csv")
    done = run(*arguments, cwd=calls.parent)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"recognizer: {calls / 'good.csv'}: cannot be written: Is a directory"
    )
    assert len(list(read_results(calls.parent / "recognizer-results.jsonl"))) == 1
