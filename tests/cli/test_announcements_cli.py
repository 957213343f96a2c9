"""`recognizer announcements`: learned with the real engine, then known without it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from recognizer.base.errors import AnnouncementError
from recognizer.cli import app

CALLS = Path(__file__).parents[1] / "data" / "calls"
CLIP = str(CALLS / "announcements" / "temporarily-blocked-number.wav")
NAME = "номер временно заблокирован"
ID = "nomer-vremenno-zablokirovan"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOGNIZER_ANNOUNCEMENTS_DIR", str(tmp_path / "known"))
    return tmp_path / "known"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def learn(clip: str, outcome: str, *more: str) -> Result:
    return run("announcements", "learn", clip, "--outcome", outcome, "--by", "Anna", *more)


@pytest.mark.model
def test_it_is_learned_known_exported_forgotten_and_brought_back(tmp_path: Path) -> None:
    learned = learn(CLIP, "temporarily_blocked", "--text", NAME, "--carrier", "A")
    assert learned.exit_code == 0, learned.exception
    listed = run("announcements", "list").output.split("\t")
    assert (listed[0], listed[1], listed[3]) == (ID, "temporarily_blocked", "A")
    assert "confirmed    Anna" in run("announcements", "show", ID).output
    assert run("announcements", "check").exit_code == 0

    report = json.loads(run("classify", "--format", "jsonl", CLIP).output)
    assert (report["outcome"], report["basis"]) == ("temporarily_blocked", "announcement")
    assert report["announcements"][0]["confirmed_by"] == "Anna"
    assert f"known announcement '{ID}'" in run("classify", "--explain", CLIP).output

    pack = str(tmp_path / "pack.zip")
    assert run("announcements", "export", pack).exit_code == 0
    assert run("announcements", "forget", ID).exit_code == 0
    assert run("announcements", "list").output == ""
    assert "took 1 announcements" in run("announcements", "import", pack, "--by", "B").output
    assert run("announcements", "undo").exit_code == 0
    assert run("announcements", "undo").exit_code == 0
    assert "Anna" in run("announcements", "show", ID).output


@pytest.mark.model
@pytest.mark.parametrize(
    ("clip", "outcome", "why"),
    [
        (CALLS / "people" / "hello.wav", "blocked", "a person seems to speak|expected an announ"),
        (CALLS / "announcements" / "temporarily-blocked-number.wav", "blocked", "heard to say"),
    ],
)
def test_what_may_not_be_kept_is_refused(clip: Path, outcome: str, why: str, folder: Path) -> None:
    result = learn(str(clip), outcome)
    assert result.exit_code == 1
    assert isinstance(result.exception, AnnouncementError)
    assert re.search(why, str(result.exception)), result.exception
    assert not list(folder.glob("*.toml"))


@pytest.mark.parametrize("outcome", ["live_person", "busy_tone", "company_ivr", "nonsense"])
def test_what_no_carrier_plays_is_wrong_usage(outcome: str) -> None:
    assert learn(CLIP, outcome).exit_code == 2


def test_nothing_known_is_said_as_such() -> None:
    assert run("announcements", "list").output == ""
    for command in (["forget", "x"], ["show", "x"], ["undo"]):
        result = run("announcements", *command)
        assert isinstance(result.exception, AnnouncementError), command
