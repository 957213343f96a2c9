"""What an actor of a cluster does with files that move: not recorded, said, heard again when whole.

Without a cluster: `test_cluster.py` has one.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_recognizer import loader

fsspec = pytest.importorskip("fsspec")

from recognizer.batch.cluster import _KEY, _Actor, _found  # noqa: E402

pytestmark = pytest.mark.system


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return tmp_path / "asked"


@pytest.fixture
def actor(asked: Path) -> Iterator[_Actor]:
    actor = _Actor(loader(asked), 1, 5.0)
    yield actor
    actor._worker.close()


def rows(actor: _Actor, items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    batch = {name: [item[name] for item in items] for name in ("url", _KEY)}
    columns = actor(batch)
    n_rows = len(columns["recording"])
    made = [{name: values[index] for name, values in columns.items()} for index in range(n_rows)]
    return {row["recording"].rpartition("/")[2]: row for row in made}


def replace(path: Path) -> None:
    path.with_name("new.part").write_text("busy_tone")
    path.with_name("new.part").replace(path)


def grow(path: Path) -> None:
    with path.open("a") as file:
        file.write(" more")


@pytest.mark.parametrize("change", [replace, grow])
def test_changed_after_it_was_listed(
    tmp_path: Path, actor: _Actor, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "calls" / "a.wav"
    path.parent.mkdir()
    path.write_text("does_not_exist")
    items = list(_found([str(path.parent)]))
    change(path)
    row = rows(actor, items)["a.wav"]
    assert (row["error"], row["outcome"], row["sha256"]) == ("changed", None, None)
    assert "the next run takes what is there then" in row["result"]
    again = rows(actor, list(_found([str(path.parent)])))["a.wav"]
    assert again["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("change", [replace, grow, Path.unlink])
def test_changed_while_it_is_heard(
    tmp_path: Path, actor: _Actor, asked: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "calls" / "a.wav"
    path.parent.mkdir()
    path.write_text("slow 2")
    (path.parent / "b.wav").write_text("silence")

    def disturb() -> None:
        end = time.monotonic() + 60
        while not asked.exists() and time.monotonic() < end:
            time.sleep(0.01)
        change(path)

    items = list(_found([str(path.parent)]))
    disturber = threading.Thread(target=disturb)
    disturber.start()
    made = rows(actor, items)
    disturber.join()
    expected = "not_found" if change is Path.unlink else "changed"
    assert (made["a.wav"]["error"], made["a.wav"]["sha256"]) == (expected, None)
    assert made["b.wav"]["outcome"] == "silence"
    if change is replace:
        again = rows(actor, list(_found([str(path.parent)])))["a.wav"]
        assert again["outcome"] == "busy_tone"


def test_odd_names_and_places(tmp_path: Path, actor: _Actor) -> None:
    calls = tmp_path / "calls"
    deep = calls.joinpath(*["d" * 200] * 14)
    deep.mkdir(parents=True)
    expected = {
        "new\nline.wav": "silence",
        "-dash.wav": "silence",
        "n" * 250 + ".wav": "silence",
        "hash#question?.wav": "silence",
        "percent%20.wav": "silence",
        "empty.wav": "empty_file",
        "crash.wav": "worker_crashed",
        "hang.wav": "time_limit",
        "pipe.wav": "not_a_file",
        "zero.wav": "not_a_file",
        "deep.wav": "silence",
    }
    for name, said in expected.items():
        if said == "silence" and name != "deep.wav":
            (calls / name).write_text("silence")
    (deep / "deep.wav").write_text("silence")
    (calls / "empty.wav").touch()
    (calls / "crash.wav").write_text("segfault")
    (calls / "hang.wav").write_text("hang")
    os.mkfifo(calls / "pipe.wav")
    (calls / "zero.wav").symlink_to("/dev/zero")
    made = rows(actor, list(_found([str(calls)])))
    assert {name: row["error"] or row["outcome"] for name, row in made.items()} == expected


def test_a_name_that_is_no_utf_8_costs_nobody_else(tmp_path: Path, actor: _Actor) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "good.wav").write_text("silence")
    (calls / os.fsdecode(b"\xff.wav")).write_text("busy_tone")
    made = rows(actor, list(_found([str(calls)])))
    assert made["good.wav"]["outcome"] == "silence"
    assert made["\\xff.wav"]["outcome"] == "busy_tone"
