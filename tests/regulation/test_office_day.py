"""Where nobody gives the day of a call, it is the office's day, whatever this machine's zone."""

import datetime as dt
import time
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from recognizer.base.errors import DataFileError
from recognizer.base.office_zone import office_timezone
from recognizer.crm.journal.journal import Journal
from recognizer.crm.office import load_office
from recognizer.model import CallOutcome
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Regulation, Statement

# 25 hours apart: never one day.
ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago")


@pytest.fixture(params=ZONES)
def machine_zone(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield str(request.param)
    time.tzset()


def office_file(folder: Path, zone: str) -> Path:
    path = folder / "office.toml"
    path.write_text(f'[office]\ntimezone = "{zone}"\n', encoding="utf-8")
    return path


def day_in(zone: str) -> str:
    return f"{dt.datetime.now(zoneinfo.ZoneInfo(zone)):%d/%m}"


def comments(regulation: Regulation) -> list[str]:
    said = Statement(reason="no-dialogue")
    card = regulation.rule_on_card(frozenset({"number_missing"}))
    stated = regulation.rule_on_statement(said, facts=frozenset())
    call = regulation.decide_outcome(CallOutcome.NO_ANSWER)
    assert card is not None
    return [str(d.comment) for d in (call, card.decision, stated.decision)]


@pytest.mark.parametrize("zone", ZONES)
def test_the_day_of_every_comment_is_the_offices(
    machine_zone: str, zone: str, tmp_path: Path
) -> None:
    regulation = load_regulation(office_file=office_file(tmp_path, zone))
    assert {comment[:5] for comment in comments(regulation)} == {day_in(zone)}


def test_without_an_office_it_is_the_shipped_ones(machine_zone: str) -> None:
    assert load_regulation().timezone == load_office().timezone == office_timezone()
    assert {comment[:5] for comment in comments(load_regulation())} == {day_in("Europe/Moscow")}


def test_the_settings_name_the_office_to_journal_and_recognizer(
    sqlite_journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recognizer import pipeline
    from recognizer.base.settings import load_settings

    monkeypatch.setattr(pipeline, "load_engine", lambda *_: object())
    (tmp_path / "journal.sqlite3").write_bytes(sqlite_journal.read_bytes())
    settings = load_settings(
        {
            "RECOGNIZER_JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
            "RECOGNIZER_JOURNAL_OFFICE_FILE": str(office_file(tmp_path, ZONES[0])),
        }
    )
    with Journal.of_settings(settings.journal) as journal:
        assert str(journal.regulation.timezone) == ZONES[0]
    assert str(pipeline.Recognizer.load(settings).regulation.timezone) == ZONES[0]


@pytest.mark.parametrize(
    "text",
    ['[office]\ntimezone = "Moscow"\n', "[office]\ntimezone = 3\n", "[company]\n", "office = 1"],
)
def test_a_zone_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "office.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"office\.toml.*time zone"):
        load_regulation(office_file=path)
