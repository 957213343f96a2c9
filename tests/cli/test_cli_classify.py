from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recognizer.cli import app

SAMPLES = Path(__file__).parents[1] / "data" / "calls" / "samples"


def run(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from recognizer.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
    )


@pytest.mark.slow
def test_match_reads_transcripts_one_a_line_and_prints_one_object_a_line() -> None:
    lines = "абонент временно заблокирован\nабонент заблокирован\n\nкакой-то разговор\n"
    done = run("match", stdin=lines)
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert [o["text"] for o in objects] == lines.splitlines()
    assert [o["outcome"] for o in objects[:2]] == ["temporarily_blocked", "blocked"]
    assert objects[0]["phrase_list"] == "temporarily_unavailable"
    assert {"text", "outcome", "phrase_list", "phrase", "score"} <= set(objects[0])
    assert done.returncode == 0


@pytest.mark.slow
def test_match_takes_words_as_arguments() -> None:
    done = run("match", "номер", "не", "существует")
    assert json.loads(done.stdout)["outcome"] == "does_not_exist"


@pytest.mark.model
def test_one_unreadable_file_does_not_stop_the_others_and_the_exit_status_tells(
    tmp_path: Path,
) -> None:
    bad = tmp_path / "text.wav"
    bad.write_text("not sound at all, only words\n" * 30)
    done = run(
        "classify", "--format", "jsonl", str(bad), str(SAMPLES / "7-busy.ulaw"), "/nonexistent.wav"
    )
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["outcome"] for r in reports] == [None, "busy_tone", None]
    assert "text.wav" in reports[0]["error"]["message"]
    assert done.returncode == 1


@pytest.mark.model
def test_table_csv_and_explanation_tell_the_same_call() -> None:
    sample = str(SAMPLES / "1-does-not-exist-human.wav")
    table = run("classify", "--explain", sample).stdout
    for expected in (
        "does_not_exist",
        "Некорректный контакт",
        "transcript (whisper",
        "sound against",
    ):
        assert expected in table
    (row,) = csv.DictReader(io.StringIO(run("classify", "--format", "csv", sample).stdout))
    assert (row["outcome"], row["incorrect_contact"]) == ("does_not_exist", "True")


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify"],
        ["classify", "--attempt", "0", "x.wav"],
        ["classify", "--format", "xml", "x.wav"],
        ["match", "--nonsense"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.slow
def test_folder_without_recordings_is_wrong_usage(tmp_path: Path) -> None:
    done = run("classify", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path.name) in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [("classify", str(SAMPLES / "7-busy.ulaw")), ("serve",)])
def test_an_unknown_engine_in_the_settings_is_wrong_usage_too(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOGNIZER_RECOGNITION_ENGINE", "nonsense")
    done = run(*command)
    assert done.returncode == 2
    assert "[recognition] engine" in done.stderr
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_unknown_engine_is_one_clear_sentence() -> None:
    done = run("classify", "--engine", "nonsense", str(SAMPLES / "7-busy.ulaw"))
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_phrase_list_with_a_typo_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'outcome = "blokced"\nlanguage = "ru"\n[[phrase]]\nid = "a"\ntext = "а"\nseen_in = "x"\n',
        encoding="utf-8",
    )
    done = run("match", "--phrases", str(tmp_path), "номер")
    assert done.returncode == 1
    assert "mine.toml, line 1" in done.stderr


def commands() -> list[str]:
    from typer.main import get_command

    return sorted(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example_and_a_line_in_both_readmes(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    root = Path(__file__).parents[2]
    for readme in ("README.md", "README.ru.md"):
        assert f"recognizer {command}" in (root / readme).read_text(encoding="utf-8")


@pytest.mark.model
def test_recordings_of_one_number_count_as_attempts_and_the_same_one_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sqlalchemy")
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    sample = (SAMPLES / "7-busy.ulaw").read_bytes()
    calls = []
    for n_bytes in (len(sample), len(sample), len(sample) - 800, len(sample) - 1600):
        path = tmp_path / f"{n_bytes}.ulaw"
        path.write_bytes(sample[:n_bytes])
        calls.append(path)
    done = run("classify", "--format", "jsonl", "--number", "+7 916 000-00-00", *map(str, calls))
    decisions = [json.loads(line)["decision"] for line in done.stdout.splitlines()]
    assert [d["attempt"] for d in decisions] == [1, 1, 2, 3]
    assert [d["final"] for d in decisions] == [False, False, False, True]
    assert done.returncode == 0


@pytest.mark.slow
def test_channel_that_is_no_channel_is_wrong_usage() -> None:
    done = run("classify", "--channel", "left", str(SAMPLES / "7-busy.ulaw"))
    assert done.returncode == 2
    assert "--channel" in done.stderr
