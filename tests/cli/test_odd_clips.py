"""Whoever hears a recording in its own process refuses what a batch refuses, at once."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import soundfile
from onnx_stand_ins import write_t_one
from typer.testing import CliRunner

from recognizer import recognize
from recognizer.base.errors import AudioError
from recognizer.cli import app

pytestmark = pytest.mark.slow

SOON_S = 60.0  # a model is loaded too, on a busy machine; hearing 50 hours takes longer


def long_wav(path: Path) -> None:
    soundfile.write(path, [0.0] * 8000, 8000)
    os.truncate(path, 3 * 2**30)


def garbage(path: Path) -> None:
    path.touch()
    os.truncate(path, 3 * 2**30)


def boundless_flac(path: Path) -> None:
    """A second of silence, of which the header says that it lasts 99 days."""
    soundfile.write(path, [0.0] * 8000, 8000, format="FLAC")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)


ODD = {
    "long.wav": (long_wav, "too_long", "lasts 201327 s or more, at most 14400 s are accepted"),
    "garbage.wav": (garbage, "unreadable_audio", "no known header"),
    "pipe.wav": (os.mkfifo, "not_a_file", "found a pipe, socket or device"),
    "zero.wav": (lambda path: path.symlink_to("/dev/zero"), "not_a_file", "pipe, socket or dev"),
    "proc.wav": (lambda path: path.symlink_to("/proc/kmsg"), "empty_file", "empty file"),
    "loop.wav": (lambda path: path.symlink_to(path), "unreadable_file", "levels of symbolic"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_t_one(tmp_path / "t-one", "абонент заблокирован", n_chunks=30)
    monkeypatch.setenv("T_ONE_MODEL_PATH", str(tmp_path / "t-one"))
    monkeypatch.setenv("RECOGNIZER_ANNOUNCEMENTS_DIR", str(tmp_path / "known"))
    clips = tmp_path / "clips"
    clips.mkdir()
    for name, (make, *_) in ODD.items():
        make(clips / name)
    boundless_flac(clips / "boundless.flac")
    lines = "".join(f"{name}\tdisconnected\n" for name in [*ODD, "boundless.flac"])
    (clips / "clips.tsv").write_text(f"path\texpected\n{lines}", encoding="utf-8")
    return clips


def test_evaluate_names_each_and_hears_the_rest(folder: Path) -> None:
    began_s = time.monotonic()
    saved = folder / "outcomes.json"
    result = CliRunner().invoke(
        app,
        ["evaluate", str(folder / "clips.tsv"), "--engine", "t-one", "--save", str(saved)],
    )
    assert time.monotonic() - began_s < SOON_S
    assert result.exit_code == 1
    outcomes = json.loads(saved.read_text("utf-8"))
    assert outcomes == {**dict.fromkeys(ODD, "error"), "boundless.flac": "disconnected"}


def test_a_fit_leaves_them_out_and_says_so(folder: Path) -> None:
    began_s = time.monotonic()
    target = folder / "fit.toml"
    result = CliRunner().invoke(
        app, ["evaluate", str(folder / "clips.tsv"), "--engine", "t-one", "--fit", str(target)]
    )
    assert time.monotonic() - began_s < SOON_S
    assert result.exit_code == 1  # nothing is left to fit to
    for name, (_, _, said) in ODD.items():
        assert any(name in line and said in line for line in result.output.splitlines()), name


@pytest.mark.parametrize("name", ODD)
def test_python_is_told_in_the_report(folder: Path, name: str) -> None:
    began_s = time.monotonic()
    report = recognize(folder / name, engine="t-one")
    assert time.monotonic() - began_s < SOON_S
    _, kind, said = ODD[name]
    assert report.error is not None
    assert report.error.kind == kind
    assert said in report.error.message


@pytest.mark.parametrize("name", ODD)
def test_no_announcement_is_learned_of_one(folder: Path, name: str) -> None:
    began_s = time.monotonic()
    result = CliRunner().invoke(
        app, ["announcements", "learn", str(folder / name), "--outcome", "blocked"]
    )
    assert time.monotonic() - began_s < SOON_S
    _, kind, said = ODD[name]
    assert isinstance(result.exception, AudioError)
    assert result.exception.kind == kind
    assert said in str(result.exception)
