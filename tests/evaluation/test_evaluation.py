"""Labelled clips: what counts as right, as a regression, as a wrong mark; and our own clips."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recognizer.base.errors import DataFileError
from recognizer.evaluation.labelled_clips import (
    Clip,
    ClipResult,
    Evaluation,
    evaluate,
    is_wrong_mark,
    read_manifest,
)
from recognizer.evaluation.reports import (
    draw_confusions,
    evaluation_to_dict,
    print_evaluation,
    read_outcomes,
    write_outcomes,
)
from recognizer.model import CallError, CallOutcome, CallReport, Evidence, Outcome, Transcript

CALLS = Path(__file__).parents[1] / "data" / "calls"
SAID = CallOutcome


def clip(name: str, *expected: CallOutcome, known: CallOutcome | None = None) -> Clip:
    return Clip(name, Path(name), expected, known)


def result(
    of: Clip, outcome: CallOutcome | None, *, confidence: float = 0.9, elapsed_s: float = 1.0
) -> ClipResult:
    return ClipResult(of, outcome, confidence, elapsed_s)


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_path_and_expected_are_enough_for_a_users_own_csv(tmp_path: Path) -> None:
    manifest = write(tmp_path / "mine.csv", "path,expected", "a.wav,blocked", "b.wav,silence")
    clips = read_manifest(manifest)
    assert [c.path for c in clips] == [tmp_path / "a.wav", tmp_path / "b.wav"]
    assert clips[0].expected == (SAID.BLOCKED,)
    assert clips[0].known is None


def test_a_column_called_outcome_and_tabs_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    manifest = tmp_path / "m.tsv"
    manifest.write_text("\ufeffpath\toutcome\ttext\na.wav\tblocked\tНомер\n", encoding="utf-8")
    assert read_manifest(manifest)[0].text == "Номер"


def test_several_right_outcomes_are_separated_by_bars(tmp_path: Path) -> None:
    manifest = write(tmp_path / "m.csv", "path,expected", "a.wav,live_person|undetermined")
    assert read_manifest(manifest)[0].expected == (SAID.LIVE_PERSON, SAID.UNDETERMINED)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("path,label", "a.wav,blocked"), "line 1: expected a header with path and expected"),
        (("path,expected", "a.wav,blokced"), "line 2: 'blokced' is not an outcome; there are: "),
        (("path,expected", "a.wav,blocked", ",busy"), "line 3: expected a path, found nothing"),
        (("path,expected",), "expected at least one clip"),
        (("path,expected", "a.wav,blocked", "a.wav,blocked"), "'a.wav' is listed 2 times"),
        (("path,expected,known", "a.wav,blocked,busy"), "line 2: 'busy' is not an outcome"),
    ],
)
def test_a_wrong_manifest_names_file_and_line(
    tmp_path: Path, rows: tuple[str, ...], message: str
) -> None:
    manifest = write(tmp_path / "m.csv", *rows)
    with pytest.raises(DataFileError, match=re.escape(message)) as raised:
        read_manifest(manifest)
    assert str(manifest) in str(raised.value)


def test_a_manifest_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="No such file"):
        read_manifest(tmp_path / "absent.tsv")


def test_only_an_undeserved_mark_is_a_wrong_mark() -> None:
    assert is_wrong_mark((SAID.TEMPORARILY_BLOCKED,), SAID.BLOCKED)
    assert is_wrong_mark((SAID.LIVE_PERSON, SAID.UNDETERMINED), SAID.DOES_NOT_EXIST)
    # Another outcome of the same list leads to the same status and mark.
    assert not is_wrong_mark((SAID.BLOCKED,), SAID.DOES_NOT_EXIST)
    assert not is_wrong_mark((SAID.BLOCKED,), SAID.TEMPORARILY_BLOCKED)


def test_the_right_list_with_the_wrong_outcome_is_wrong_but_counted() -> None:
    tally = Evaluation(
        (
            result(clip("a", SAID.BLOCKED), SAID.DOES_NOT_EXIST),
            result(clip("b", SAID.BLOCKED), SAID.BLOCKED),
            result(clip("c", SAID.BLOCKED), SAID.TEMPORARILY_BLOCKED),
            result(clip("d", SAID.BLOCKED), SAID.UNDETERMINED),
        )
    ).total
    assert (tally.n_clips, tally.n_right, tally.n_right_list, tally.n_abstentions) == (4, 1, 2, 1)


def test_undetermined_is_no_abstention_where_it_is_right() -> None:
    assert not result(
        clip("a", SAID.LIVE_PERSON, SAID.UNDETERMINED), SAID.UNDETERMINED
    ).is_abstention


def test_a_known_failure_is_no_regression_but_another_failure_is() -> None:
    weak = clip("a", SAID.BLOCKED, known=SAID.UNDETERMINED)
    assert not result(weak, SAID.UNDETERMINED).is_regression
    assert result(weak, SAID.SILENCE).is_regression
    assert result(weak, None).is_regression
    assert result(weak, SAID.BLOCKED).is_repaired


def test_a_clip_that_was_right_in_the_earlier_run_and_is_wrong_now_is_worse() -> None:
    now = Evaluation(
        (
            result(clip("was right", SAID.BLOCKED), SAID.SILENCE),
            result(clip("was wrong", SAID.BLOCKED), SAID.SILENCE),
            result(clip("still right", SAID.BLOCKED), SAID.BLOCKED),
            result(clip("new", SAID.BLOCKED), SAID.SILENCE),
            result(clip("abstains", SAID.BLOCKED), SAID.UNDETERMINED),
        )
    )
    earlier = {
        "was right": "blocked",
        "was wrong": "silence",
        "still right": "blocked",
        "abstains": "blocked",
    }
    assert [r.clip.name for r in now.worse_than(earlier)] == ["was right"]


def test_what_turned_into_abstention_is_told_apart_from_what_turned_wrong() -> None:
    weak = clip("weak", SAID.BLOCKED, known=SAID.UNDETERMINED)
    now = Evaluation(
        (
            result(clip("new", SAID.BLOCKED), SAID.UNDETERMINED),
            result(weak, SAID.UNDETERMINED),
            result(clip("may abstain", SAID.BLOCKED, SAID.UNDETERMINED), SAID.UNDETERMINED),
            result(clip("unreadable", SAID.BLOCKED), None),
        )
    )
    assert [r.clip.name for r in now.new_abstentions({})] == ["new"]
    assert [r.clip.name for r in now.new_abstentions({"weak": "blocked"})] == ["new", "weak"]
    assert [r.clip.name for r in now.regressions] == ["unreadable"]


def test_a_forbidden_pair_is_confused_in_either_direction_and_silence_confuses_nothing() -> None:
    found = Evaluation(
        (
            result(clip("mark", SAID.TEMPORARILY_BLOCKED), SAID.BLOCKED),
            result(clip("no mark", SAID.BLOCKED), SAID.TEMPORARILY_BLOCKED),
            result(clip("abstained", SAID.BLOCKED), SAID.UNDETERMINED),
            result(clip("right", SAID.BLOCKED), SAID.BLOCKED),
        )
    ).forbidden_confusions(PAIRS)
    assert [r.clip.name for r in found] == ["mark", "no mark"]


def test_confusions_put_every_right_answer_on_the_diagonal() -> None:
    confusions = Evaluation(
        (
            result(clip("a", SAID.LIVE_PERSON, SAID.UNDETERMINED), SAID.UNDETERMINED),
            result(clip("b", SAID.BLOCKED), SAID.SILENCE),
            result(clip("c", SAID.BLOCKED), None),
        )
    ).confusions()
    assert confusions == {
        ("undetermined", "undetermined"): 1,
        ("blocked", "silence"): 1,
        ("blocked", "error"): 1,
    }


def test_an_unreadable_clip_is_wrong_and_its_error_is_kept() -> None:
    def recognize(path: Path) -> CallReport:
        return CallReport(str(path), None, None, None, 0.1, CallError("empty", "nothing in it"))

    found = evaluate([clip("a", SAID.SILENCE)], recognize)
    assert found.results[0].error == "nothing in it"
    assert found.regressions == found.results


def test_the_transcript_is_kept_for_whoever_reads_the_report() -> None:
    transcript = Transcript("номер заблокирован", (), "ru", "fake", "fake")

    def recognize(path: Path) -> CallReport:
        evidence = Evidence(2.0, transcript=transcript)
        return CallReport(str(path), evidence, Outcome(SAID.BLOCKED, 0.97), None, 0.1)

    found = evaluate([clip("a", SAID.BLOCKED)], recognize)
    assert found.results[0].transcript == "номер заблокирован"
    assert found.results[0].confidence == 0.97


def test_saved_outcomes_are_read_back_and_anything_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    write_outcomes(path, {"a": "blocked"})
    assert read_outcomes(path) == {"a": "blocked"}
    path.write_text("[1]")
    with pytest.raises(DataFileError, match="clip names with outcomes"):
        read_outcomes(path)


PAIRS = frozenset({frozenset({SAID.TEMPORARILY_BLOCKED, SAID.BLOCKED})})
SOME = Evaluation(
    (
        result(clip("right.wav", SAID.BLOCKED), SAID.BLOCKED, elapsed_s=0.5),
        result(clip("mark.wav", SAID.TEMPORARILY_BLOCKED), SAID.BLOCKED, elapsed_s=0.7),
    )
)


def test_the_report_names_a_wrong_mark_and_its_clip(capsys: pytest.CaptureFixture[str]) -> None:
    print_evaluation(SOME, PAIRS)
    printed = capsys.readouterr().out
    assert "Wrong marks" in printed
    assert "mark.wav: expected temporarily_blocked, got blocked" in printed
    assert "0.60 s" in printed


def test_the_json_report_holds_the_same() -> None:
    values = json.loads(json.dumps(evaluation_to_dict(SOME, PAIRS)))
    assert values["total"] == {"clips": 2, "right": 1, "right_list": 1, "abstentions": 0}
    assert values["wrong_marks"] == values["regressions"] == ["mark.wav"]
    assert values["forbidden_confusions"] == ["mark.wav"]
    assert values["outcomes"] == {"right.wav": "blocked", "mark.wav": "blocked"}


@pytest.mark.slow
def test_the_confusion_matrix_can_be_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs the extra `benchmark`")
    draw_confusions(SOME, tmp_path / "matrix.png")
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


# --- the clips of this repository ----------------------------------------------------------


def test_our_manifest_lists_every_clip_and_every_clip_is_there() -> None:
    clips = read_manifest(CALLS / "manifest.tsv")
    assert len(clips) >= 60
    listed = {c.path for c in clips}
    found = {
        path for path in CALLS.rglob("*.*") if path.suffix not in {".tsv", ".md"} and path.is_file()
    }
    assert listed == found


def test_every_outcome_but_a_dropped_call_has_a_clip() -> None:
    labelled = {outcome for c in read_manifest(CALLS / "manifest.tsv") for outcome in c.expected}
    # A recording with nothing in it is made in the tests of the pipeline.
    assert set(CallOutcome) - labelled <= {CallOutcome.DISCONNECTED}


@pytest.fixture(scope="module", params=[None, "GENERIC"], ids=["default", "generic"])
def own_evaluation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, dict[str, object]]:
    """Evaluate our clips with the kernels of this processor, and with those that any has."""
    save = tmp_path_factory.mktemp("evaluation") / "outcomes.json"
    environment = {k: v for k, v in os.environ.items() if k != "CT2_FORCE_CPU_ISA"}
    if request.param is not None:
        environment["CT2_FORCE_CPU_ISA"] = request.param
    arguments = ["evaluate", str(CALLS / "manifest.tsv"), "--format", "json", "--save", str(save)]
    arguments += ["--engine", "whisper"]
    done = subprocess.run(
        [sys.executable, "-c", "from recognizer.cli import main; main()", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr[-3000:]
    values: dict[str, object] = json.loads(done.stdout)
    assert read_outcomes(save) == values["outcomes"]
    return done.returncode, values


@pytest.mark.model
@pytest.mark.slow
def test_no_clip_of_ours_is_marked_without_cause(
    own_evaluation: tuple[int, dict[str, object]],
) -> None:
    assert own_evaluation[1]["wrong_marks"] == []


@pytest.mark.model
@pytest.mark.slow
def test_no_clip_that_was_right_turned_wrong_on_any_processor(
    own_evaluation: tuple[int, dict[str, object]],
) -> None:
    exit_code, values = own_evaluation
    assert values["regressions"] == []
    assert exit_code == 0  # also if more than one in twenty turned into abstention
