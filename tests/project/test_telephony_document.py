"""docs/telephony.md says what the program does."""

import re
from pathlib import Path

from typer.testing import CliRunner

from recognizer.batch.file_names import facts_from_name, load_name_patterns
from recognizer.cli import app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "telephony.md").read_text(encoding="utf-8")


def test_every_option_of_the_document_exists() -> None:
    commands = re.findall(
        r"recognizer (batch|watch|serve|api-keys create)\b([^`|]*?)(?:`|\n)", DOCUMENT
    )
    assert len(commands) >= 8
    for command, rest in commands:
        words = command.split()
        result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
        assert result.exit_code == 0
        for option in re.findall(r"--[a-z0-9-]+", rest):
            assert option in result.output, f"{command} {option}"


def test_names_written_by_the_documented_dialplans_are_read() -> None:
    asterisk = "20261122-093015_79990000000_1763793015.42_a2.wav"
    freeswitch = "2026-11-22-09-30-15_79990000000_0f2a6c1e-5b7d-4a39-8f0e-3d1c2b4a5968_2.wav"
    for name in (asterisk, freeswitch):
        facts = facts_from_name(name, load_name_patterns())
        assert (facts.number, facts.attempt) == ("79990000000", 2)
        assert facts.called_at is not None
        assert facts.call_id is not None
    # without an attempt the variable is empty
    facts = facts_from_name("20261122-093015_79990000000_1763793015.42_a.wav", load_name_patterns())
    assert (facts.number, facts.attempt) == ("79990000000", None)
