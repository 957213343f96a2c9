"""`recognizer watch --journal` notes which folder was heard."""

from pathlib import Path

import pytest

from recognizer.cli.watch import _teller
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.recorders import read_recorders


def test_the_folder_that_is_watched_is_the_recorder_not_that_of_a_day(
    tmp_path: Path, sqlite_journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [tmp_path / "первая", tmp_path / "вторая"]
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(sqlite_journal.read_bytes())
    with Journal.open(f"sqlite:///{path}") as journal:
        tell = _teller(folders, journal)
        for day in ("2026-11-26", "2026-11-27"):
            recording = folders[1] / day / "a.wav"
            line = {"file": {"path": str(recording)}, "recording": "a.wav", "outcome": None}
            tell(line | {"error": None, "decision": None})
        (found,) = read_recorders(journal.database)
    assert (found.kind, found.name) == ("folder", str(folders[1]))
    assert "a.wav" in capsys.readouterr().out
