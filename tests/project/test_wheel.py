"""The wheel, installed elsewhere, carries its data and classifies a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests" / "data" / "calls" / "samples" / "1-does-not-exist-human.wav"

pytestmark = [pytest.mark.slow, pytest.mark.model]


def checked(*command: str | Path, cwd: Path) -> str:
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the built wheel; the libraries are lent by this one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = (sys.executable, "-m", "pip")
    checked(*pip, "wheel", "-q", "--no-deps", "-w", folder / "dist", ROOT, cwd=folder)
    (wheel,) = (folder / "dist").glob("*.whl")
    venv.create(folder / "env")
    python = folder / "env" / "bin" / "python"
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    checked(*pip, "install", "-q", "--no-deps", "--target", site, wheel, cwd=folder)
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = checked(python, "-c", "import recognizer; print(recognizer.__file__)", cwd=folder)
    assert where.startswith(str(site))
    return folder


def run(elsewhere: Path, *arguments: str | Path) -> str:
    python = elsewhere / "env" / "bin" / "python"
    start = "from recognizer.cli import main; main()"
    return checked(python, "-c", start, *arguments, cwd=elsewhere)


def test_wheel_classifies_a_call_from_another_folder(elsewhere: Path) -> None:
    report = json.loads(run(elsewhere, "classify", "--format", "jsonl", SAMPLE))
    assert report["outcome"] == "does_not_exist"
    assert report["decision"]["rule"] == "does-not-exist"


def test_wheel_carries_phrases_and_model_manifests(elsewhere: Path) -> None:
    assert json.loads(run(elsewhere, "match", "номер заблокирован"))["outcome"] == "blocked"
    assert "whisper-base" in run(elsewhere, "models", "list")
