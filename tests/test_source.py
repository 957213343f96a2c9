"""The source itself: typed, linted, layered, and clean of things that must not be committed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "arguments",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_source_passes(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


PURE = (
    "policy",
    "types",
    "errors",
    "normalization",
    "matching",
    "speech_judge",
    "outcome",
    "tones",
    "beeps",
)


@pytest.mark.parametrize("name", PURE)
def test_stage_that_decides_or_measures_reads_no_sound_and_opens_no_store(name: str) -> None:
    forbidden = {"soundfile", "av", "sqlalchemy", "fastapi", "vosk", "faster_whisper"}
    imported = {
        module.partition(".")[0] for module in imported_modules(ROOT / "recognizer" / f"{name}.py")
    }
    assert not imported & forbidden


def test_policy_never_sees_sound() -> None:
    imported = imported_modules(ROOT / "recognizer" / "policy.py")
    assert not {m for m in imported if m.startswith(("recognizer.audio", "recognizer.engines"))}


def test_matching_never_decides() -> None:
    imported = imported_modules(ROOT / "recognizer" / "matching.py")
    assert not imported & {"recognizer.policy", "recognizer.outcome", "recognizer.speech_judge"}
