"""The day of a recording's call is the office's, whatever zone its time or this machine has."""

import datetime as dt
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from recognizer.batch.file_names import CallFacts, load_name_patterns, read_call_records
from recognizer.batch.recordings import FactFinder, read_manifest
from recognizer.batch.runner import job_of

MOSCOW = zoneinfo.ZoneInfo("Europe/Moscow")


@pytest.fixture(params=["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def machine_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield str(request.param)
    time.tzset()


def day_of(finder: FactFinder, name: str, known: CallFacts = CallFacts()) -> dt.date | None:
    return job_of(finder.recording(Path(name), name, known)).request.called_on


@pytest.mark.parametrize(
    ("called_at", "day"),
    [
        ("2026-11-22T21:30:00+00:00", 23),  # half past midnight in the office
        ("2026-11-22T20:30:00+00:00", 22),
        ("2026-11-23T09:30:00+14:00", 22),
        ("2026-11-22T18:00:00-11:00", 23),
        ("2026-11-22T23:59:59", 22),  # no zone: the office's
        ("2026-11-22T00:00:01", 22),
    ],
)
def test_a_moment_has_the_day_it_has_in_the_office(
    machine_zone: str, called_at: str, day: int
) -> None:
    known = CallFacts(called_at=dt.datetime.fromisoformat(called_at))
    assert day_of(FactFinder(), "a.wav", known) == dt.date(2026, 11, day)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("20261122-233000_79991112233_1763793015.1.wav", 22),
        ("20261122-003000_79991112233_1763793015.1.wav", 22),
    ],
)
def test_the_time_in_a_name_is_the_offices(machine_zone: str, name: str, day: int) -> None:
    assert day_of(FactFinder(load_name_patterns()), name) == dt.date(2026, 11, day)


def test_another_office_has_another_day(machine_zone: str) -> None:
    known = CallFacts(called_at=dt.datetime(2026, 11, 22, 18, 0, tzinfo=dt.UTC))
    vladivostok = FactFinder(zone=zoneinfo.ZoneInfo("Asia/Vladivostok"))
    assert day_of(vladivostok, "a.wav", known) == dt.date(2026, 11, 23)
    assert day_of(FactFinder(zone=MOSCOW), "a.wav", known) == dt.date(2026, 11, 22)


def test_manifests_and_call_records_are_read_alike(machine_zone: str, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,called_at\na.wav,2026-11-22T21:30:00Z\nb.wav,2026-11-22 23:30:00\n")
    days = [
        job_of(recording).request.called_on for recording in read_manifest(manifest, FactFinder())
    ]
    assert days == [dt.date(2026, 11, 23), dt.date(2026, 11, 22)]
    records = tmp_path / "cdr.csv"
    records.write_text("uniqueid,start,dst\nc.1,2026-11-22 23:30:00,79991112233\n")
    finder = FactFinder(records=read_call_records(records))
    assert day_of(finder, "c.1.wav") == dt.date(2026, 11, 22)
