"""A real Asterisk plays an announcement before the answer; SIPp is the network.

RECOGNIZER_ASTERISK_ROOT names a folder with a Debian root that has the package asterisk, made with
``debootstrap --variant=minbase sid ROOT`` and apt-get in it; chroot needs root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

DATA = Path(__file__).parent.parent / "data" / "asterisk"
PROMPT = DATA.parent / "calls" / "samples" / "1-does-not-exist-human.wav"
CONFIG = "/tmp/recognizer-asterisk"

pytestmark = [pytest.mark.asterisk, pytest.mark.slow]


@pytest.fixture
def asterisk_root() -> Path:
    root = os.environ.get("RECOGNIZER_ASTERISK_ROOT")
    if root is None:
        pytest.skip("RECOGNIZER_ASTERISK_ROOT names no Debian root with asterisk")
    for program in ("sipp", "ffmpeg", "chroot"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    return Path(root)


def started(stack: ExitStack, command: list[str], **how: object) -> subprocess.Popen[str]:
    process: subprocess.Popen[str] = subprocess.Popen(command, text=True, **how)  # type: ignore[call-overload]

    def stop() -> None:
        process.terminate()
        process.wait(20)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    stack.callback(stop)
    return process


@pytest.fixture
def events(asterisk_root: Path, tmp_path: Path) -> Iterator[Path]:
    """Asterisk, SIPp and a listener are running; the file its events go to."""
    config = asterisk_root / CONFIG.lstrip("/")
    shutil.rmtree(config, ignore_errors=True)
    shutil.copytree(DATA, config)
    (config / "run").mkdir()
    encode = ["ffmpeg", "-v", "error", "-i", str(PROMPT), "-ar", "8000", "-ac", "1", "-f", "alaw"]
    subprocess.run([*encode, str(tmp_path / "prompt.alaw")], check=True)
    written = tmp_path / "events.jsonl"
    with ExitStack() as stack, written.open("w") as output:
        listen = ["recognizer", "listen", "--engine", "whisper", "--audiosocket", "127.0.0.1:19092"]
        listener = started(stack, listen, stdout=output, stderr=subprocess.PIPE)
        assert listener.stderr is not None
        assert "listening" in listener.stderr.readline()
        command = ["chroot", str(asterisk_root), "asterisk", "-C", f"{CONFIG}/asterisk.conf", "-f"]
        quiet = subprocess.DEVNULL
        started(stack, command, stdin=quiet, stdout=quiet, stderr=quiet)
        sipp = ["sipp", "-sf", str(DATA / "early_media_then_404.xml"), "-i", "127.0.0.1"]
        sipp += ["-p", "15090", "-mi", "127.0.0.1", "-mp", "13000", "-nostdin", "-m", "1"]
        started(stack, sipp, cwd=tmp_path, stdout=quiet, stderr=quiet)
        yield written
    shutil.rmtree(config, ignore_errors=True)


def console(root: Path, command: str) -> str:
    run = ["chroot", str(root), "asterisk", "-C", f"{CONFIG}/asterisk.conf", "-rx", command]
    return subprocess.run(run, check=False, capture_output=True, text=True).stdout


def wait_for(path: Path, event: str, limit_s: float) -> dict[str, object]:
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        for line in path.read_text().splitlines():
            told: dict[str, object] = json.loads(line)
            if told["event"] == event:
                return told
        time.sleep(0.2)
    pytest.fail(f"no {event!r} in {limit_s} s: {path.read_text()[:500]}")


def test_an_announcement_before_the_answer_is_named_while_it_plays(
    asterisk_root: Path, events: Path
) -> None:
    until = time.monotonic() + 30
    while "fully booted" not in console(asterisk_root, "core waitfullybooted"):
        assert time.monotonic() < until, "Asterisk does not come up"
        time.sleep(0.5)
    number = "79990000000"
    console(
        asterisk_root,
        f"channel originate Local/{number}@listened extension {number}@dialled",
    )
    end = wait_for(events, "end", 60)
    assert (end["outcome"], end["why"], end["agrees"]) == ("does_not_exist", "eof", True)
