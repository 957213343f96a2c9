"""`recognizer phrases`: list, check, add."""

import doctest
import json
import tomllib
from pathlib import Path

import pytest
from phrase_lists import REGULATION, write_lists
from typer.testing import CliRunner, Result

from recognizer.base.errors import PhraseListError
from recognizer.cli import app
from recognizer.model import CallOutcome, Phrase
from recognizer.phrases import editing as phrase_editing
from recognizer.phrases.editing import make_id, place_phrase, write_phrase


@pytest.fixture(autouse=True)
def short_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lists in a folder that stands instead of the shipped ones."""
    folder = tmp_path / "lists" / "ru"
    folder.mkdir(parents=True)
    write_lists(folder, REGULATION)
    monkeypatch.setenv("RECOGNIZER_PHRASES_FOLDERS", str(folder.parent))
    monkeypatch.setenv("RECOGNIZER_PHRASES_REPLACE", "true")
    monkeypatch.setenv("RECOGNIZER_PHRASES_OFFICE_DIR", str(tmp_path / "office"))
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["phrases", *arguments])


def test_list_prints_outcome_id_text_and_origin() -> None:
    result = run("list", "--outcome", "blocked")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "blocked\tblocked-0\tабонент заблокирован\ttest",
        "blocked\tblocked-1\tномер заблокирован\ttest",
    ]


def test_an_unknown_outcome_is_wrong_usage() -> None:
    result = run("list", "--outcome", "bloked")
    assert result.exit_code == 2
    assert "bloked" in result.output


def test_check_passes_on_sound_lists_and_says_so() -> None:
    result = run("check")
    assert result.exit_code == 0, result.output
    assert f"{sum(map(len, REGULATION.values()))} phrases" in result.output


def test_check_fails_where_a_forbidden_pair_is_confused(short_book: Path) -> None:
    (short_book / "temporarily_blocked.toml").unlink()
    result = run("check")
    assert result.exit_code == 1
    assert "'абонент временно заблокирован' is 'temporarily_blocked'" in result.output


def test_check_reports_what_is_near_another_list() -> None:
    result = run("check", "--margin", "100")
    assert result.exit_code == 0
    assert "not_in_service: «номер не используется»" in result.output


def test_added_phrases_go_to_the_offices_folder_and_are_known_at_once(tmp_path: Path) -> None:
    text = "абонент временно заблокирован оператором"
    result = run("add", text, "--outcome", "temporarily_blocked", "--seen-in", 'МТС, "22.11"')
    assert result.exit_code == 0, result.output
    path = tmp_path / "office" / "ru" / "temporarily_blocked.toml"
    assert tomllib.loads(path.read_text("utf-8"))["phrase"] == [
        {
            "id": "abonent-vremenno-zablokirovan-operatorom",
            "text": text,
            "seen_in": 'МТС, "22.11"',
        }
    ]
    assert text in run("list", "--outcome", "temporarily_blocked").output


def test_adding_keeps_every_byte_that_was_there(short_book: Path) -> None:
    path = short_book / "voicemail.toml"
    before = (
        '# ours\noutcome = "voicemail"\nlanguage = "ru"   # Russian\n\n[[phrase]]\nid = "a"\n'
        'text = "оставьте сообщение"\nseen_in = "here"  # and there\n'
    )
    path.write_text(before, "utf-8")
    arguments = ("--outcome", "voicemail", "--seen-in", "call 7", "--phrases")
    result = run("add", "говорите после гудка", *arguments, str(short_book.parent))
    assert result.exit_code == 0, result.output
    assert path.read_text("utf-8") == before + (
        '\n[[phrase]]\nid = "govorite-posle-gudka"\ntext = "говорите после гудка"\n'
        'seen_in = "call 7"\n'
    )


@pytest.mark.parametrize(
    ("text", "outcome", "message"),
    [
        ("временно заблокирован абонент", "blocked", "because of 'временно'"),
        ("Номер заблокирован.", "temporarily_blocked", "listed already, as 'blocked'"),
        ("номер не существуют", "temporarily_unavailable", "recognised as 'does_not_exist'"),
        ("нoмер занят", "line_busy", "Latin letter 'o'"),
        ("…", "line_busy", "expected words"),
    ],
)
def test_a_phrase_that_would_do_harm_is_not_written(
    tmp_path: Path, text: str, outcome: str, message: str
) -> None:
    result = run("add", text, "--outcome", outcome, "--seen-in", "test")
    assert result.exit_code == 1
    assert message in result.output + str(result.exception)
    assert not (tmp_path / "office").exists()


@pytest.fixture
def shipped_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOGNIZER_PHRASES_FOLDERS")
    monkeypatch.setenv("RECOGNIZER_PHRASES_REPLACE", "false")


@pytest.mark.usefixtures("shipped_lists")
@pytest.mark.slow
def test_what_is_added_is_judged_as_a_transcript_would_be(tmp_path: Path) -> None:
    text = "абонент заблокировал входящие звонки"
    refused = run("add", text, "--outcome", "blocked", "--seen-in", "test")
    assert refused.exit_code == 1
    assert "a transcript that says it is taken for 'undetermined'" in refused.output
    assert not (tmp_path / "office").exists()
    taken = run("add", text, "--outcome", "caller_restricted", "--seen-in", "test")
    assert taken.exit_code == 0, taken.output
    match = CliRunner().invoke(app, ["match", text])
    assert json.loads(match.output)["outcome"] == "caller_restricted"


def test_an_id_that_is_taken_is_refused() -> None:
    result = run(
        "add", "линия занята", "--outcome", "line_busy", "--seen-in", "test", "--id", "blocked-0"
    )
    assert result.exit_code == 1
    assert "id 'blocked-0' is taken" in str(result.exception)


# ---- editing ---------------------------------------------------------------------------------


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(phrase_editing).failed == 0


def test_ids_of_any_text_are_valid_and_new() -> None:
    taken = {"phrase", "schyot-1"}
    assert make_id("Съешь ещё 5 булочек", set()) == "sesh-eshche-5-bulochek"
    assert make_id("???", taken) == "phrase-2"


PHRASE = Phrase("x-1", "линия занята", CallOutcome.LINE_BUSY, "ru", "test")


def test_a_list_of_another_outcome_under_this_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "line_busy.toml"
    path.write_text('\noutcome = "blocked"\nlanguage = "ru"\n', "utf-8")
    with pytest.raises(PhraseListError, match=r"line 2: expected the list of 'line_busy'"):
        place_phrase(PHRASE, tmp_path)


def test_a_list_that_ends_in_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "line_busy.toml"
    path.write_text('outcome = "line_busy"\nlanguage = "ru"\nphrase = []\n', "utf-8")
    with pytest.raises(PhraseListError, match="not valid TOML"):
        place_phrase(PHRASE, tmp_path)


def test_nothing_is_left_behind_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.toml"
    path.write_text("before", "utf-8")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(PhraseListError, match=r"list\.toml: cannot be written: No space left"):
        write_phrase(path, "after")
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ""] == ["list.toml"]
    assert path.read_text("utf-8") == "before"
