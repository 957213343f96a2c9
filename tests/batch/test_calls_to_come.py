"""A call that is yet to be: no way in takes its time for a fact."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from typer.testing import CliRunner

from recognizer.base.errors import RecognizerError
from recognizer.base.moments import CLOCK_SKEW
from recognizer.base.settings import Settings
from recognizer.batch.file_names import (
    CallFacts,
    CallRecords,
    load_name_patterns,
    read_call_records,
)
from recognizer.batch.recordings import FactFinder, read_manifest
from recognizer.cli import app
from recognizer.cli.batch import finder_with
from recognizer.model import RecordedCall

MOSCOW = dt.timezone(dt.timedelta(hours=3))
HOUR = dt.timedelta(hours=1)
PAST, LITTLE, AHEAD = -HOUR, CLOCK_SKEW / 2, HOUR


def moscow(shift: dt.timedelta) -> dt.datetime:
    return (dt.datetime.now(dt.UTC) + shift).astimezone(MOSCOW)


def finder(said: list[str], records: CallRecords | None = None) -> FactFinder:
    return FactFinder(load_name_patterns(), records, MOSCOW, said.append)


@pytest.mark.parametrize(("shift", "known"), [(PAST, True), (LITTLE, True), (AHEAD, False)])
def test_a_file_name_that_lies_ahead_leaves_the_time_unknown(
    shift: dt.timedelta, known: bool
) -> None:
    said: list[str] = []
    name = f"out-89265550102-101-{moscow(shift):%Y%m%d-%H%M%S}-1700000000.12.wav"
    found = finder(said).recording(Path(name), name)
    assert found.facts.number == "89265550102"
    assert found.facts.call_id == "1700000000.12"
    assert (found.called_at is not None) is known
    assert (found.facts.called_at is not None) is known
    assert bool(said) is not known


@pytest.mark.parametrize(("shift", "known"), [(PAST, True), (LITTLE, True), (AHEAD, False)])
def test_a_call_record_that_lies_ahead_leaves_the_time_unknown_and_keeps_the_codes(
    tmp_path: Path, shift: dt.timedelta, known: bool
) -> None:
    records = tmp_path / "cdr.csv"
    start = f"{moscow(shift):%Y-%m-%d %H:%M:%S}"
    records.write_text(f"uniqueid,start,dst,q850\n17.1,{start},89265550102,17\n")
    said: list[str] = []
    found = finder(said, records=read_call_records(records)).recording(Path("17.1.wav"), "17.1.wav")
    assert (found.called_at is not None) is known
    assert [code.code for code in found.facts.codes] == [17]
    assert bool(said) is not known


@pytest.mark.parametrize("zone", ["", "Z", "+03:00", "+10:00"])
def test_a_manifest_that_lies_ahead_is_refused_with_its_line(tmp_path: Path, zone: str) -> None:
    manifest = tmp_path / "calls.csv"
    moment = f"{moscow(dt.timedelta(days=2)):%Y-%m-%dT%H:%M:%S}{zone}"
    manifest.write_text(f"path,called_at\na.wav,2025-11-01 10:00:00\nb.wav,{moment}\n")
    with pytest.raises(RecognizerError, match=r"line 3: called_at: expected a moment that is past"):
        list(read_manifest(manifest, FactFinder(zone=MOSCOW)))


def test_of_many_notes_the_first_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = finder_with(Settings(), None, None, None, None)
    ahead = CallFacts(called_at=moscow(AHEAD))
    for n in range(30):
        found.recording(Path(f"{n}.wav"), f"{n}.wav", ahead)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21
    assert "0.wav: the call is said to begin at" in said[0]


def test_a_day_that_has_not_begun_anywhere_is_refused_in_python() -> None:
    today = dt.datetime.now(dt.UTC).date()
    RecordedCall(source=b"", called_on=today)
    with pytest.raises(ValueError, match="called_on: expected a day that has begun"):
        RecordedCall(source=b"", called_on=today + dt.timedelta(days=2))


def test_decide_refuses_a_call_to_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOGNIZER_JOURNAL_URL", f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    called = f"{moscow(AHEAD):%Y-%m-%dT%H:%M:%S}"
    arguments = ["decide", "1", "--reason", "no-dialogue", "--by", "a", "--called", called]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "past" in result.output
