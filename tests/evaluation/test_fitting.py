"""A user's own fit of an engine: what it needs, what it says, and that it is used."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recognizer.base.data_files import data_folder
from recognizer.base.errors import AudioError, DataFileError, RecognizerError
from recognizer.evaluation.fitting import Example, examples_in, fit_engine, write_fit
from recognizer.evaluation.labelled_clips import Clip
from recognizer.model import CallOutcome
from recognizer.recognition.calibration import Features, load_calibration

pytestmark = pytest.mark.slow  # scikit-learn alone takes two seconds to load

MARK, RETRY = CallOutcome.DOES_NOT_EXIST, CallOutcome.LINE_BUSY


def examples(n_right: int, n_wrong: int, *, outcome: CallOutcome = MARK) -> list[Example]:
    """Wordings of which the right ones have likelier words; a few of each kind overlap."""
    rng = np.random.default_rng(1)
    made = []
    for n in range(n_right + n_wrong):
        is_right = n < n_right
        clear = -0.4 if is_right else -3.0
        features = Features(
            score=float(rng.normal(92 if is_right else 70, 8)),
            letters=float(rng.normal(90 if is_right else 65, 8)),
            length=20,
            gap=float(rng.normal(clear / 3, 0.3)),
            margin=float(rng.normal(15 if is_right else 2, 4)),
            baseline_logprob=-0.2,
            worst_word_logprob=min(0.0, float(rng.normal(clear, 0.5))),
        )
        made.append(Example(features, outcome, is_right, clip=f"{n}.wav"))
    return made


def test_a_fit_tells_right_from_wrong_and_is_honest_about_clips_it_did_not_see() -> None:
    told = examples(80, 60)
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    model = fitted.fit.coefficients
    right = [model.probability(e.features) for e in told if e.is_right]
    wrong = [model.probability(e.features) for e in told if not e.is_right]
    assert np.mean(right) > 0.9
    assert np.mean(wrong) < 0.1
    assert 0.0 <= fitted.error_elsewhere < 0.1
    assert (fitted.n_wordings, fitted.n_right, fitted.n_marks) == (140, 80, 80)


def test_no_wrong_mark_of_the_clips_passes_the_cutoff() -> None:
    told = examples(80, 60)
    # One that was heard as well as any right one.
    told.append(replace_right(told[0]))
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    assert fitted.fit.mark_cutoff is not None
    assert fitted.surest_wrong_mark > 0.85
    assert fitted.fit.mark_cutoff > fitted.surest_wrong_mark
    assert fitted.fit.mark_cutoff < 1.0


def replace_right(example: Example) -> Example:
    return Example(example.features, example.outcome, is_right=False, clip="wrong.wav")


def test_without_marks_among_the_clips_the_probability_alone_sets_none() -> None:
    told = examples(80, 60, outcome=RETRY) + examples(19, 0)
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    assert fitted.fit.mark_cutoff is None
    assert fitted.n_marks == 19
    assert fitted.why_no_cutoff == "19 right marks are fewer than 20"


def test_without_wrong_marks_to_hold_it_against_the_probability_alone_sets_none() -> None:
    told = examples(80, 9) + examples(0, 60, outcome=RETRY)
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    assert fitted.fit.mark_cutoff is None
    assert fitted.why_no_cutoff == "9 wrong marks are fewer than 10"
    told = examples(80, 10) + examples(0, 60, outcome=RETRY)
    assert fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85).fit.mark_cutoff is not None


def test_where_the_sound_came_to_say_nothing_the_probability_alone_marks_nothing(
    tmp_path: Path,
) -> None:
    # The text alone tells these apart, as it does for an engine that spells what it likes.
    told = [
        Example(msgspec.structs.replace(e.features, gap=0.0), e.outcome, e.is_right, clip=e.clip)
        for e in examples(80, 60)
    ]
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    assert fitted.fit.coefficients.gap == 0.0
    assert fitted.fit.mark_cutoff is None
    assert fitted.why_no_cutoff == "the sound came to say nothing"
    # Nor by a file that says so.
    by_hand = replace(fitted, fit=msgspec.structs.replace(fitted.fit, mark_cutoff=0.9))
    write_fit(tmp_path / "fit.toml", by_hand, Path("clips.csv"))
    calibration = load_calibration(fit_file=tmp_path / "fit.toml")
    assert not calibration.is_fitted_for_marks("t-one", "t-one")
    unclear = Features(score=99, letters=99, length=20, margin=20, baseline_logprob=-9.0)
    assert calibration.probability(unclear, "t-one") <= 0.4


def test_where_a_wrong_mark_is_as_good_as_certain_the_probability_alone_sets_none() -> None:
    certain = Features(
        score=100, letters=100, length=20, gap=4, margin=20, baseline_logprob=-0.2, share=1.0
    )
    told = examples(200, 60)
    told.append(Example(certain, MARK, is_right=False, clip="wrong.wav"))
    fitted = fit_engine(told, "t-one", "t-one", least_mark_cutoff=0.85)
    assert fitted.surest_wrong_mark > 0.9998
    assert fitted.fit.mark_cutoff is None
    assert fitted.why_no_cutoff


def test_a_wrong_mark_counts_as_surely_as_a_fit_that_did_not_see_it_takes_it() -> None:
    told = examples(80, 60)
    outlier = replace_right(told[0])
    fitted = fit_engine([*told, outlier], "t-one", "t-one", least_mark_cutoff=0.85)
    in_sample = fitted.fit.coefficients.probability(outlier.features)
    assert fitted.surest_wrong_mark > in_sample
    assert fitted.fit.mark_cutoff is None or fitted.fit.mark_cutoff > fitted.surest_wrong_mark


def test_a_fit_that_believes_everything_is_refused(tmp_path: Path) -> None:
    fitted = fit_engine(examples(80, 60), "t-one", "t-one", least_mark_cutoff=0.85)
    sure = msgspec.structs.replace(fitted.fit.coefficients, intercept=50.0)
    absurd = replace(fitted, fit=msgspec.structs.replace(fitted.fit, coefficients=sure))
    write_fit(tmp_path / "fit.toml", absurd, Path("clips.csv"))
    with pytest.raises(DataFileError, match=r"fit\.toml, line \d+: .* by 1\.00; fit it anew"):
        load_calibration(fit_file=tmp_path / "fit.toml")


@pytest.mark.parametrize(("n_right", "n_wrong"), [(0, 0), (29, 60), (80, 9)])
def test_too_few_clips_are_refused_with_how_many_are_needed(n_right: int, n_wrong: int) -> None:
    with pytest.raises(DataFileError, match=rf"at least 30 .* found {n_right} and {n_wrong}"):
        fit_engine(examples(n_right, n_wrong), "t-one", "t-one", least_mark_cutoff=0.85)


def test_a_fit_that_was_written_is_used_for_its_engine_and_model_only(tmp_path: Path) -> None:
    fitted = fit_engine(examples(80, 60), "t-one", 'my "one"', least_mark_cutoff=0.85)
    write_fit(tmp_path / "fit.toml", fitted, Path("clips.csv"))
    shipped = load_calibration()
    calibration = load_calibration(fit_file=tmp_path / "fit.toml")
    assert calibration.of_engine("t-one") == fitted.fit.coefficients
    assert calibration.is_fitted_for_marks("t-one", 'my "one"')
    assert not calibration.is_fitted_for_marks("t-one", "another")
    assert not shipped.is_fitted_for_marks("t-one", 'my "one"')
    assert calibration.of_engine("gigaam-v3") == shipped.unfitted
    assert calibration.of_engine("whisper") == shipped.whisper
    unclear = Features(score=99, letters=99, length=20, margin=20, baseline_logprob=-9.0)
    assert calibration.probability(unclear, "t-one") <= fitted.fit.unclear_probability


@pytest.mark.parametrize("version", [None, 1, 3, "true", '"2"'])
def test_a_fit_to_features_that_mean_something_else_now_is_refused_with_what_to_type(
    tmp_path: Path, version: object
) -> None:
    path = tmp_path / "fit.toml"
    fitted = fit_engine(examples(80, 60), "t-one", "t-one", least_mark_cutoff=0.85)
    write_fit(path, fitted, Path("clips.csv"))
    written = path.read_text(encoding="utf-8")
    line = "features_version = 2\n"
    assert line in written
    other = "" if version is None else f"features_version = {version}\n"
    path.write_text(written.replace(line, other), encoding="utf-8")
    with pytest.raises(DataFileError, match=r"fit\.toml, line \d+: .* fit anew: recognizer evalu"):
        load_calibration(fit_file=path)


def test_a_fit_never_lowers_the_cutoff_of_the_mark(tmp_path: Path) -> None:
    fitted = fit_engine(examples(80, 60), "t-one", "t-one", least_mark_cutoff=0.85)
    lower = msgspec.structs.replace(fitted.fit, mark_cutoff=0.3)
    write_fit(tmp_path / "fit.toml", replace(fitted, fit=lower), Path("clips.csv"))
    calibration = load_calibration(fit_file=tmp_path / "fit.toml")
    assert calibration.mark_cutoff_of("t-one") == load_calibration().mark_cutoff


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", r"fit\.toml.*engine", id="empty"),
        pytest.param("engine = 1", r"fit\.toml.*str", id="type"),
        pytest.param("engin = 't-one'", r"fit\.toml.*engin", id="unknown key"),
        pytest.param(None, r"fit\.toml", id="missing"),
    ],
)
def test_a_wrong_fit_is_an_error_that_names_it(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "fit.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_calibration(fit_file=tmp_path / "fit.toml")


def test_a_clip_that_cannot_be_read_is_left_out_and_named() -> None:
    class Deaf:
        judge = None

        def verified_transcripts(self, source: Path) -> tuple[()]:
            raise AudioError("no sound")

    failed: list[str] = []
    clips = [Clip("a.wav", data_folder(".") / "a.wav", (MARK,))]
    assert list(examples_in(clips, Deaf(), failed)) == []  # type: ignore[arg-type]
    assert failed == ["a.wav: no sound"]


def test_a_fit_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = fit_engine(examples(80, 60), "t-one", "t-one", least_mark_cutoff=0.85)
    path = tmp_path / "fit.toml"
    path.write_text("the one before", encoding="utf-8")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecognizerError, match=r"fit\.toml: cannot be written: No space left"):
        write_fit(path, fitted, Path("clips.csv"))
    assert path.read_text(encoding="utf-8") == "the one before"
    assert list(tmp_path.iterdir()) == [path]
