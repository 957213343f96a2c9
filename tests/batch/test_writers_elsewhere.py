"""A recording that is written from another machine is one attempt, taken whole.

Nothing of the writer is seen here but the file itself: it opens, adds and closes, on another mount.
"""

import io
import os
import shutil
import struct
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import FakeRecognizer, InProcess

from recognizer.batch.file_names import load_name_patterns
from recognizer.batch.file_stability import Candidates
from recognizer.batch.header_claims import is_unfinished
from recognizer.batch.recordings import FactFinder
from recognizer.batch.results import ResultLog, read_results
from recognizer.batch.seen_files import SeenFiles
from recognizer.batch.watch import Watcher, WatchOptions
from recognizer.crm.journal.journal import Journal
from recognizer.model import CallOutcome, CallReport

pytestmark = pytest.mark.system

NAME = "20261122-093000_79991112233_1763793015.1.wav"
SETTLE_S = 0.4


def wav(n_samples: int, claimed: int | None = None) -> bytes:
    """Return a WAV of 16-bit silence; `claimed`: bytes of sound its header speaks of."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(2 * n_samples))
    content = bytearray(file.getvalue())
    if claimed is not None:
        content[4:8] = struct.pack("<I", 0 if claimed == 0 else min(claimed + 36, 2**32 - 1))
        content[40:44] = struct.pack("<I", claimed)
    return bytes(content)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


FTYP, MOOV, MDAT = box(b"ftyp", b"M4A \0\0\0\0"), box(b"moov", bytes(40)), box(b"mdat", bytes(99))


def ogg_page(flags: int, sound: bytes) -> bytes:
    """Return an Ogg page: flag 2 is the first of a stream, 4 the last."""
    return b"OggS\0" + bytes([flags]) + bytes(20) + bytes([1, len(sound)]) + sound


OGG = ogg_page(2, bytes(30)) + ogg_page(0, bytes(200)) + ogg_page(4, bytes(100))
FINISHED = {
    "a whole WAV": wav(800),
    "a length nobody corrects": wav(800, 2**32 - 1),
    "a length of a pipe": wav(800, 0x7FFFF000),
    "sound behind the sound": wav(800, 400),
    "something else": b"silence",
    "an M4A": FTYP + MDAT + MOOV,
    "an M4A with its index first": FTYP + MOOV + MDAT,
    "nothing": b"",
    "an Ogg": OGG,
}
UNFINISHED = {
    "no length yet": wav(800, 0),
    "no sound yet": wav(0),
    "half of it": wav(800)[:900],
    "the header only": wav(800)[:44],
    "part of the header": wav(800)[:20],
    "an M4A without its index": FTYP + MDAT,
    "half an M4A": (FTYP + MOOV + MDAT)[:-50],
    "an Ogg without its last page": OGG[:-128],
    "an Ogg cut in its last page": OGG[:-50],
    "an Ogg cut in the head of a page": OGG[:-110],
}


@pytest.mark.parametrize("content", FINISHED.values(), ids=FINISHED)
def test_a_header_that_fits_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with (tmp_path / "a").open("rb") as file:
        assert not is_unfinished(file)


@pytest.mark.parametrize("content", UNFINISHED.values(), ids=UNFINISHED)
def test_a_header_that_does_not_is_waited_for_longer_but_not_for_ever(
    tmp_path: Path, content: bytes
) -> None:
    now_s = [0.0]
    candidates = Candidates(5.0, 10, unfinished_s=60.0, clock=lambda: now_s[0])
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    candidates.add(path)
    for now_s[0] in (3.0, 5.1, 30.0, 59.0):
        assert candidates.take_complete(9) == []
    now_s[0] = 60.1
    assert len(candidates.take_complete(9)) == 1


def test_a_header_that_moves_under_the_same_size_and_time_begins_anew(tmp_path: Path) -> None:
    now_s = [0.0]
    candidates = Candidates(5.0, 10, clock=lambda: now_s[0])
    path = tmp_path / "a.wav"
    path.write_bytes(b"first header")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    candidates.add(path)
    now_s[0] = 3.0
    assert candidates.take_complete(9) == []
    path.write_bytes(b"other header")
    os.utime(path, ns=times)
    now_s[0] = 5.5
    assert candidates.take_complete(9) == []
    now_s[0] = 10.0
    assert candidates.take_complete(9) == []
    now_s[0] = 10.6
    assert len(candidates.take_complete(9)) == 1


# -- one attempt -------------------------------------------------------------------------------

WRITER = """
import os, sys, time
path, whole = sys.argv[1], open(sys.argv[2], "rb").read()
attributes = sys.argv[3]
pause_s = float(sys.argv[4])
has_header_last = sys.argv[5] == "last"

def disturb(n):
    if attributes == "chmod":
        os.chmod(path, 0o600 + 0o40 * (n % 2))
    elif attributes == "chown":
        os.chown(path, os.getuid(), os.getgid())
    elif attributes == "link":
        os.link(path, f"{path}.link{n}.part")
    elif attributes == "rename":
        os.rename(path, path + ".part")
        os.rename(path + ".part", path)

def add(piece):
    with open(path, "ab") as file:
        file.write(piece)

head = whole[:40] + bytes(4) if has_header_last else whole[:44]
add(head)
step = (len(whole) - 44) // 4 + 1
for n in range(4):
    time.sleep(pause_s / 2)
    disturb(n)
    time.sleep(pause_s / 2)
    add(whole[44 + n * step : 44 + (n + 1) * step])
time.sleep(pause_s)
if has_header_last:
    with open(path, "r+b") as file:
        file.seek(40)
        file.write(whole[40:44])
"""


class AnythingIsBusy(FakeRecognizer):
    """Hears a busy tone on whatever it is given."""

    def recognize(
        self,
        source: Any,
        *,
        attempt: int = 1,
        channel: str | int | None = None,
        called_on: date | None = None,
        name: str | None = None,
    ) -> CallReport:
        return self._report(name or str(source), CallOutcome.BUSY_TONE, attempt, called_on)


def elsewhere(folder: Path, mount: Path) -> tuple[list[str], Path]:
    """Return what starts a program that sees the folder under another mount, and where."""
    mount.mkdir()
    bind = ["mount", "--bind", str(folder), str(mount)]
    able = shutil.which("unshare") is not None
    if able:
        tried = subprocess.run(["unshare", "-rm", *bind], capture_output=True, check=False)
        able = tried.returncode == 0
    if not able:
        return [], folder  # no rights to mount: the writer keeps no handle open all the same
    script = 'mount --bind "$0" "$1" && shift 1 && exec "$@"'
    return ["unshare", "-rm", "sh", "-c", script, str(folder), str(mount)], mount


def watch_while(
    folder: Path, tmp_path: Path, work: Callable[[], subprocess.Popen[bytes]], url: str
) -> list[dict[str, Any]]:
    """Watch a folder while another program writes, and for some time after; return the results."""
    pool = InProcess(AnythingIsBusy())
    results = tmp_path / "r.jsonl"
    with (
        ResultLog(results, remember=False) as log,
        SeenFiles(tmp_path / "r.seen") as seen,
        Journal.open(url) as journal,
    ):
        watcher = Watcher(
            [folder],
            pool,
            log,
            seen,
            finder=FactFinder(load_name_patterns()),
            options=WatchOptions(settle_s=SETTLE_S, rescan_s=0.2, use_events=False),
            journal=journal,
        )
        with work() as writer:
            end = None
            while end is None or time.monotonic() < end:
                watcher.step()
                time.sleep(0.05)
                if writer.poll() is not None and end is None:
                    end = time.monotonic() + 4 * SETTLE_S
            assert writer.returncode == 0
    pool.close()
    return list(read_results(results))


@pytest.mark.parametrize("header", ["first", "last"])
@pytest.mark.parametrize("attributes", ["none", "chmod", "chown", "link", "rename"])
def test_pauses_longer_than_the_settling_make_no_second_attempt(
    tmp_path: Path, sqlite_journal: Path, attributes: str, header: str
) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    (tmp_path / "whole").write_bytes(wav(4000))
    shutil.copyfile(sqlite_journal, tmp_path / "journal.sqlite3")
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    before, place = elsewhere(folder, tmp_path / "mount")
    arguments = [str(place / NAME), str(tmp_path / "whole"), attributes, str(3 * SETTLE_S), header]

    def work() -> subprocess.Popen[bytes]:
        return subprocess.Popen([*before, sys.executable, "-c", WRITER, *arguments])

    (line,) = watch_while(folder, tmp_path, work, url)
    assert line["outcome"] == "busy_tone"
    assert line["file"]["size_bytes"] == len(wav(4000))
    with Journal.open(url) as journal:
        assert journal.count_attempts() == 1
