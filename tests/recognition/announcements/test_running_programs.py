"""Programs that are running take over what is learned, forgotten and undone, with no restart."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
from announced import RATE, learned, sound_of

from recognizer.recognition.announcements.store import AnnouncementStore

pytestmark = [pytest.mark.system, pytest.mark.slow]

FIRST, SECOND = "temporarily-blocked-number.wav", "does-not-exist.wav"
THIRD = "line-busy.wav"
COMMAND = [sys.executable, "-c", "from recognizer.cli import main; main()"]
_LIMIT_S = 120.0
_N_OF_A_RUN = 400  # enough to still be running when something is learned


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the program with its announcements in a folder and no speech model to be found."""
    environment = {
        **os.environ,
        "RECOGNIZER_ANNOUNCEMENTS_DIR": str(folder),
        "WHISPER_MODEL_PATH": str(folder / "no-model"),
    }
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def reports(results: Path) -> dict[str, dict[str, Any]]:
    """Return the last report on each recording, by its file's name."""
    lines = results.read_text("utf-8").splitlines() if results.exists() else []
    return {Path(r["recording"]).name: r for r in map(json.loads, lines)}


def recorded(calls: Path, name: str, clip: str, level: float) -> None:
    """Write a recording; each level makes another file, to be heard by itself."""
    soundfile.write(calls / name, sound_of(clip) * level, RATE, subtype="PCM_16")


def wait_for(results: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    """Return once a running program has written something."""
    end = time.monotonic() + _LIMIT_S
    while not any(path.stat().st_size for path in results.parent.glob(pattern)):
        assert process.poll() is None, "ended before anything was written"
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.01)


def dropped(calls: Path, results: Path, name: str, clip: str) -> dict[str, Any]:
    """Put a recording into the folder that is watched; return what the program says of it."""
    draft = calls.parent / name
    # Each time another file: what was heard once is not heard again.
    level = 0.5 + len(list(calls.iterdir())) / 50
    soundfile.write(draft, sound_of(clip) * level, RATE, subtype="PCM_16")
    draft.rename(calls / name)
    end = time.monotonic() + _LIMIT_S
    while name not in reports(results):
        assert time.monotonic() < end, f"{name} was not heard"
        time.sleep(0.1)
    return reports(results)[name]


def is_known(report: dict[str, Any]) -> bool:
    return report.get("basis") == "announcement"


def test_a_watch_takes_over_what_is_learned_undone_and_torn(tmp_path: Path) -> None:
    calls, results, folder = tmp_path / "calls", tmp_path / "results.jsonl", tmp_path / "known"
    calls.mkdir()
    store = AnnouncementStore(folder)
    store.add([learned(FIRST)], by="Anna")
    arguments = ("watch", str(calls), "--results", str(results), "--workers", "1", "--settle", "0")
    with running(*arguments, "--engine", "whisper", folder=folder):
        assert is_known(dropped(calls, results, "1.wav", FIRST))
        assert not is_known(dropped(calls, results, "2.wav", SECOND))
        store.add([learned(SECOND)], by="Boris")
        assert is_known(dropped(calls, results, "3.wav", SECOND))
        store.undo(by="Boris")
        assert not is_known(dropped(calls, results, "4.wav", SECOND))
        # A torn file: what was known stays known.
        store.add([learned(SECOND)], by="Boris")
        features = folder / f"{learned(SECOND).id}.npy"
        whole = features.read_bytes()
        features.write_bytes(whole[: len(whole) // 2])
        assert is_known(dropped(calls, results, "5.wav", FIRST))
        features.write_bytes(whole)
        store.forget(learned(FIRST).id, by="Anna")
        assert not is_known(dropped(calls, results, "6.wav", FIRST))
        assert is_known(dropped(calls, results, "7.wav", SECOND))


def a_long_run(calls: Path, folder: Path) -> AnnouncementStore:
    """Write recordings of one announcement that is known, the first and the last of another."""
    calls.mkdir()
    for n in range(_N_OF_A_RUN):
        recorded(calls, f"{n:03}.wav", FIRST, 0.5 + n / 1000)
    recorded(calls, "000-unknown.wav", SECOND, 0.5)
    recorded(calls, "last.wav", SECOND, 0.6)
    store = AnnouncementStore(folder)
    store.add([learned(FIRST)], by="Anna")
    return store


def check_learned_in_mid_run(said: dict[str, dict[str, Any]]) -> None:
    assert len(said) == _N_OF_A_RUN + 2
    assert not is_known(said["000-unknown.wav"])
    assert is_known(said["last.wav"])
    assert is_known(said["000.wav"])


def test_a_batch_takes_over_in_mid_run_what_is_learned(tmp_path: Path) -> None:
    calls, results, folder = tmp_path / "calls", tmp_path / "results.jsonl", tmp_path / "known"
    store = a_long_run(calls, folder)
    arguments = ("batch", str(calls), "--results", str(results), "--workers", "1")
    with running(*arguments, "--engine", "whisper", folder=folder) as process:
        wait_for(results, results.name, process)
        store.add([learned(SECOND)], by="Boris")
        process.wait(_LIMIT_S)
    said = reports(results)
    check_learned_in_mid_run(said)


@pytest.mark.ray
def test_a_cluster_takes_over_in_mid_run_what_is_learned(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    calls, results, folder = tmp_path / "calls", tmp_path / "results", tmp_path / "known"
    store = a_long_run(calls, folder)
    arguments = ("batch", str(calls), "--results", str(results), "--ray", "local")
    with running(*arguments, "--engine", "whisper", folder=folder) as process:
        wait_for(results, "results/*.parquet", process)
        store.add([learned(SECOND)], by="Boris")
        process.wait(_LIMIT_S)
    rows = [
        row for path in results.glob("*.parquet") for row in parquet.read_table(path).to_pylist()
    ]
    said = {Path(row["recording"]).name: json.loads(row["result"]) for row in rows}
    check_learned_in_mid_run(said)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def posted(port: int, clip: str) -> dict[str, Any]:
    """Send a recording to the server, once it answers; return what it says."""
    file = io.BytesIO()
    soundfile.write(file, sound_of(clip), RATE, format="WAV", subtype="PCM_16")
    url = f"http://127.0.0.1:{port}/api/v1/classifications?name=call.wav"
    end = time.monotonic() + _LIMIT_S
    while True:
        request = urllib.request.Request(url, file.getvalue(), {"Content-Type": "audio/wav"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                report: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as refusal:  # what nobody can hear is an error
            return dict(json.load(refusal))
        except OSError:
            assert time.monotonic() < end, "the server does not answer"
            time.sleep(0.2)
            continue
        return report


def test_a_server_takes_over_what_two_learn_at_once_and_what_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    folder, port = tmp_path / "known", free_port()
    store = AnnouncementStore(folder)
    store.add([learned(FIRST)], by="Anna")
    with running("serve", "--port", str(port), "--workers", "1", folder=folder):
        assert is_known(posted(port, FIRST))
        assert not is_known(posted(port, SECOND))
        both = [
            threading.Thread(target=AnnouncementStore(folder).add, args=[[one]], kwargs={"by": who})
            for one, who in ((learned(SECOND), "Boris"), (learned(THIRD), "Vera"))
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        assert is_known(posted(port, SECOND))
        assert is_known(posted(port, THIRD))
        store.undo(by="Anna")
        store.undo(by="Anna")
        assert not is_known(posted(port, SECOND))
        assert not is_known(posted(port, THIRD))
        assert is_known(posted(port, FIRST))
