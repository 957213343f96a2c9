"""`recognizer announcements`: learned with the real engine, then known without it."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from recognizer.base.errors import AnnouncementError
from recognizer.cli import app
from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.features import N_BANDS
from recognizer.recognition.announcements.packs import write_pack
from recognizer.recognition.announcements.store import AnnouncementStore

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


def an_announcement(outcome: CallOutcome, text: str, *, seed: int) -> Announcement:
    """Return an announcement of sound that rises and falls as speech does."""
    bands = np.random.default_rng(seed).normal(-45, 12, (300, N_BANDS)).clip(-95, 0)
    return Announcement(
        f"announcement-{seed}",
        outcome,
        text,
        "",
        "Anna",
        dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
        bands.astype(np.float16),
    )


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


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("номер временно заблокирован", "read as 'temporarily_blocked'"),
        ("номер заблокирован или выключен", "read as 'undetermined'"),
    ],
)
def test_words_that_say_another_thing_are_not_overruled_for_a_mark(
    text: str, why: str, folder: Path
) -> None:
    clip = str(CALLS / "announcements" / "not-in-use.ogg")
    result = learn(clip, "not_in_service", "--text", text, "--overrule")
    assert isinstance(result.exception, AnnouncementError)
    assert why in str(result.exception)
    assert not list(folder.glob("*.toml"))


def test_of_a_pack_what_is_left_out_is_named_and_the_rest_is_taken(
    tmp_path: Path, folder: Path
) -> None:
    retry = an_announcement(CallOutcome.TEMPORARILY_BLOCKED, "", seed=1)
    lying = an_announcement(CallOutcome.BLOCKED, NAME, seed=2)
    write_pack(tmp_path / "pack.zip", [retry, lying])
    result = run("announcements", "import", str(tmp_path / "pack.zip"), "--by", "Anna")
    assert result.exit_code == 1
    assert "pack.zip/announcement-2.toml: expected a text that says 'blocked'" in result.output
    assert "took 1 announcements; 0 were known, 1 are left out" in result.output
    assert [path.stem for path in folder.glob("*.toml")] == ["announcement-1"]


def test_a_text_that_a_hand_has_changed_in_the_folder_is_named_by_check(folder: Path) -> None:
    blocked = an_announcement(CallOutcome.BLOCKED, "номер заблокирован", seed=1)
    AnnouncementStore(folder).add([blocked], by="Anna")
    assert run("announcements", "check").exit_code == 0
    entry = folder / "announcement-1.toml"
    entry.write_text(entry.read_text("utf-8").replace("номер", "номер временно"), "utf-8")
    result = run("announcements", "check")
    assert result.exit_code == 1
    assert "FAIL  'announcement-1': expected a text that says 'blocked'" in result.output


@pytest.mark.parametrize("outcome", ["live_person", "busy_tone", "company_ivr", "nonsense"])
def test_what_no_carrier_plays_is_wrong_usage(outcome: str) -> None:
    assert learn(CLIP, outcome).exit_code == 2


def test_nothing_known_is_said_as_such() -> None:
    assert run("announcements", "list").output == ""
    for command in (["forget", "x"], ["show", "x"], ["undo"]):
        result = run("announcements", *command)
        assert isinstance(result.exception, AnnouncementError), command
