"""How the program ends: on a full disk, on SIGTERM, on what nobody can use."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

PROGRAM = Path(__file__).parents[1] / "support" / "command_program.py"
COMMAND = [sys.executable, "-c", "from recognizer.cli import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("match", "номер не существует"),
        ("phrases", "list"),
        ("decide", "--outcome", "busy_tone", "--json"),
    ],
)
def test_a_full_disk_on_standard_output_is_a_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, text=True
        )
    assert done.returncode == 1
    assert done.stderr == (
        "recognizer: standard output: cannot be written: No space left on device; what was "
        "written is not all of it\n"
    )


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_ctrl_c_ends_a_command_with_a_line_and_sigterm_without_a_trace(signal_name: str) -> None:
    reading, writing = os.pipe()
    # A shell's background job, as CI may be, ignores Ctrl-C, and so would what it starts.
    as_in_a_terminal = (
        f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[-1]}"
    )
    with subprocess.Popen(
        [*COMMAND[:-1], as_in_a_terminal, "match"],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            os.close(reading)
            os.write(writing, "номер не существует\n".encode())
            assert process.stdout is not None
            assert process.stdout.readline()
            process.send_signal(getattr(signal, signal_name))
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            os.close(writing)
    expected = {"SIGINT": (130, b"recognizer: interrupted\n"), "SIGTERM": (143, b"")}
    assert (process.returncode, errors) == expected[signal_name]


@pytest.mark.slow
def test_sigterm_ends_a_batch_with_143_and_says_what_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for index in range(4):
        (folder / f"{index}.wav").write_text("slow 1")
    results = tmp_path / "r.jsonl"
    with subprocess.Popen(
        [sys.executable, PROGRAM, "batch", folder, "--results", results, "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 60
        while not (results.exists() and results.stat().st_size):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "left; the same command goes on" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("classify", "--engine", "nonsense", "."), "expected one of auto, t-one, gigaam-v3"),
        (("batch", "--engine", "nonsense", "."), "expected one of auto, t-one, gigaam-v3"),
        (("watch", "--engine", "nonsense", "."), "expected one of auto, t-one, gigaam-v3"),
        (("listen", "--engine", "nonsense"), "expected one of auto, t-one, gigaam-v3"),
        (("classify", "--number", "abc", "."), "expected one whole telephone number, found 'abc'"),
        (("classify", "--number", "123-45-67", "."), "expected one whole telephone number"),
        (("classify", "--number", "", "."), "expected one whole telephone number"),
        (("classify", "--contact", "1", "--attempt", "2", "."), "the journal counts the attempts"),
        (("classify", "--number", "+79261234567", "--attempt", "1", "."), "counts the attempts"),
    ],
)
def test_what_cannot_be_used_is_wrong_usage(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, check=False, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert said in done.stderr
