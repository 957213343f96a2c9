"""What the command line may import before it knows what it is asked: measured by names, not time.

`recognizer --help` must answer in less than half a second; numpy or an engine alone take longer.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from recognizer.cli import app

HEAVY = (
    "av ctranslate2 faster_whisper fastapi msgspec numpy onnxruntime pydantic rapidfuzz ray "
    "requests soundfile sqlalchemy vosk"
).split()


def _imported_after(program: str) -> set[str]:
    check = f"{program}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_command_line_starts_without_anything_heavy() -> None:
    assert _imported_after("import recognizer.cli") == set()


def test_the_package_itself_imports_nothing_heavy() -> None:
    assert _imported_after("import recognizer") == set()


@pytest.mark.slow
def test_matching_a_text_loads_no_engine_no_audio_library_and_no_arrays() -> None:
    program = (
        "from typer.testing import CliRunner\n"
        "from recognizer.cli import app\n"
        "result = CliRunner().invoke(app, ['match', 'абонент временно заблокирован'])\n"
        "assert result.exit_code == 0, result.output"
    )
    assert _imported_after(program) <= {"msgspec", "rapidfuzz"}


def test_a_command_imports_no_other_command() -> None:
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom recognizer.cli import app\n"
        "CliRunner().invoke(app, ['phrases', '--help'])\n"
        "print(*[name for name in sys.modules if name.startswith('recognizer.cli.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= {
        f"recognizer.cli.{name}" for name in ("groups", "options", "phrases", "classify")
    }


def test_no_option_lost_its_name_to_its_metavar() -> None:
    """Typer makes ``--OUTCOME`` of an option ``outcome`` whose metavar is OUTCOME."""
    commands = [get_command(app)]
    names = set()
    for command in commands:
        commands += getattr(command, "commands", {}).values()
        names |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    assert {"--outcome", "--phrases", "--no-events"} <= names
    assert [name for name in sorted(names) if name.startswith("-") and name != name.lower()] == []
