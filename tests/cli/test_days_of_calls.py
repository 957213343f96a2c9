"""The moment of a call is what its file name says, its day the office's, on a machine anywhere."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
import wave
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recognizer.cli import app
from recognizer.crm.journal.journal import Journal
from recognizer.crm.office import load_office
from recognizer.model import CallOutcome
from recognizer.regulation.loading import load_regulation

ZONES = ("Asia/Vladivostok", "America/New_York")


@pytest.fixture(params=ZONES)
def office_day(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give the day of an office where it is another one now than on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        now = dt.datetime.now(dt.UTC)
        days = {
            f"Etc/GMT{hours:+}": now.astimezone(zoneinfo.ZoneInfo(f"Etc/GMT{hours:+}")).date()
            for hours in (-14, 12)
        }
        zone = next(zone for zone, day in days.items() if day != now.astimezone().date())
        path = tmp_path / "office.toml"
        path.write_text(f'[office]\ntimezone = "{zone}"\n', encoding="utf-8")
        monkeypatch.setenv("RECOGNIZER_JOURNAL_OFFICE_FILE", str(path))
        yield f"{days[zone]:%d/%m}"
    time.tzset()


def test_decide_says_the_day_of_the_office(office_day: str) -> None:
    done = CliRunner().invoke(app, ["decide", "--outcome", "busy_tone"])
    assert done.exit_code == 0, done.output
    assert f"{office_day} Короткие гудки" in done.output


def test_rules_asked_from_a_program_say_the_day_of_the_office(
    office_day: str, tmp_path: Path
) -> None:
    regulation = load_regulation(office_file=tmp_path / "office.toml")
    said = "Короткие гудки"
    assert regulation.decide_outcome(CallOutcome.BUSY_TONE).comment == f"{office_day} {said}"


@pytest.mark.slow
@pytest.mark.model
def test_a_recording_whose_name_says_nothing_has_the_day_of_the_office(
    office_day: str, tmp_path: Path
) -> None:
    (decision,) = classify(silence(tmp_path / "call.wav"))
    assert str(decision["comment"])[:5] == office_day


# --- classify ------------------------------------------------------------------------------------


def silence(path: Path) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000 * 12))
    return str(path)


def classify(*arguments: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", "recognizer", "classify", "--format", "jsonl", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line)["decision"] for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.journal
@pytest.mark.parametrize("zone", ZONES)
def test_alike_silent_calls_of_three_days_are_three_attempts_of_their_days(
    zone: str, tmp_path: Path, sqlite_journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    (tmp_path / "journal.sqlite3").write_bytes(sqlite_journal.read_bytes())
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", url)
    monkeypatch.setenv("TZ", zone)
    names = ["20261120-003000", "20261121-233000", "20261122-120000"]
    calls = [silence(tmp_path / f"{name}_79161112233-all.wav") for name in names]
    decided = classify("--number", "+7 916 111-22-33", *calls)
    assert [decision["attempt"] for decision in decided] == [1, 2, 3]
    assert [str(decision["comment"])[:5] for decision in decided] == ["20/11", "21/11", "22/11"]
    assert classify(*calls[:1])[0]["comment"] == decided[0]["comment"]
    with Journal.open(url) as journal:
        moments = sorted(attempt.called_at for attempt in journal.attempts().items)
    office = load_office().timezone
    assert [f"{moment.astimezone(office):%Y%m%d-%H%M%S}" for moment in moments] == names
