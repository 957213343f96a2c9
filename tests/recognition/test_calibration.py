from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.data_files import data_folder
from recognizer.base.errors import DataFileError
from recognizer.recognition.calibration import Features, load_calibration
from recognizer.recognition.limits import load_limits

FEATURES = st.builds(
    Features,
    score=st.floats(0, 100),
    letters=st.floats(0, 100),
    length=st.integers(0, 200),
    share=st.floats(0, 1),
    gap=st.floats(-500, 500) | st.just(-math.inf),
    margin=st.floats(-500, 500) | st.just(math.inf),
    baseline_logprob=st.floats(-50, 0) | st.just(-math.inf),
    worst_word_logprob=st.floats(-100, 0),
    n_person_words=st.integers(0, 50),
    unknown_share=st.floats(0, 1),
)


@pytest.mark.property
@given(FEATURES)
def test_confidence_is_a_probability_whatever_was_measured(features: Features) -> None:
    calibration = load_calibration()
    for model in (calibration.whisper, calibration.unfitted, calibration.text):
        assert 0.0 <= model.probability(features) <= 1.0


@pytest.mark.property
@given(FEATURES, st.floats(0, 50))
def test_more_similarity_never_lowers_the_confidence(features: Features, more: float) -> None:
    model = load_calibration().whisper
    better = Features(
        **{
            **{f: getattr(features, f) for f in features.__struct_fields__},
            "letters": min(100.0, features.letters + more),
            "length": features.length + round(more),
            "share": min(1.0, features.share + more),
            "worst_word_logprob": min(0.0, features.worst_word_logprob + more),
        }
    )
    assert model.probability(better) >= model.probability(features)


def test_the_mark_needs_more_confidence_than_any_other_announcement() -> None:
    calibration = load_calibration()
    assert calibration.mark_cutoff > calibration.announcement_cutoff


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mark_cutoff = ", "mark_cutoff = 7 #", r"line \d+: expected 0 to 1, found 7"),
        ("[text]", "[txt]", "unknown field `txt`|missing required field `text`"),
    ],
)
def test_wrong_calibration_file_is_an_error_that_names_it(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "calibration.toml"
    text = (data_folder(".") / "calibration.toml").read_text(encoding="utf-8")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_calibration(path)


# Babble taken for «Верный лимон, и он же в виде полиарного», and a formant voice not understood:
# the nearest wording of the mark explains both sounds better than the garbage does.
NOT_UNDERSTOOD = (
    Features(
        score=64, letters=64, length=25, share=0.83, gap=0.79, margin=2.6, baseline_logprob=-2.53,
        worst_word_logprob=-13.3,
    ),
    Features(
        score=62, letters=62, length=32, share=1.0, gap=0.58, margin=21.8, baseline_logprob=-1.98,
        worst_word_logprob=-10.4,
    ),
)  # fmt: skip


@pytest.mark.parametrize("features", NOT_UNDERSTOOD)
def test_what_is_unlike_all_that_was_fitted_says_nothing_however_probable(
    features: Features,
) -> None:
    calibration = load_calibration()
    assert calibration.whisper.probability(features) > calibration.mark_cutoff
    assert calibration.probability(features, "whisper") < calibration.announcement_cutoff
    assert not calibration.may_mark(features)


@pytest.mark.parametrize(
    ("baseline_logprob", "engine", "is_believed"),
    [(-0.5, "whisper", True), (-2.0, "whisper", False), (-2.0, "vosk", True)],
)
def test_where_sound_is_weighed_unclear_speech_is_never_believed(
    baseline_logprob: float, engine: str, is_believed: bool
) -> None:
    calibration = load_calibration()
    features = Features(
        score=99, letters=99, length=30, share=1.0, margin=20, baseline_logprob=baseline_logprob
    )
    probability = calibration.probability(features, engine)
    assert (probability >= calibration.announcement_cutoff) is is_believed


def test_a_mark_asks_for_like_letters() -> None:
    calibration = load_calibration()
    assert calibration.may_mark(Features(score=60, letters=90))
    assert not calibration.may_mark(Features(score=90, letters=60))


@pytest.mark.parametrize(
    ("probability", "marks", "is_close"),
    [(0.849, True, False), (0.85, True, True), (0.92, True, False), (0.52, False, True)],
)
def test_what_just_passes_its_cut_off_is_close(
    probability: float, marks: bool, is_close: bool
) -> None:
    assert load_calibration().is_close(probability, marks=marks) is is_close


@pytest.mark.parametrize(
    ("margin", "is_close"), [(-3.0, False), (0.0, False), (1.2, True), (8.0, False)]
)
def test_what_is_just_ahead_of_another_outcome_is_close(margin: float, is_close: bool) -> None:
    assert load_calibration().is_close(0.99, marks=False, margin=margin) is is_close


def test_a_limit_that_is_no_share_is_named_with_its_file(tmp_path: Path) -> None:
    shipped = (data_folder(".") / "decision_limits.toml").read_text(encoding="utf-8")
    path = tmp_path / "decision_limits.toml"
    path.write_text(shipped.replace("not_listed = 0.1", "not_listed = 1.5"), encoding="utf-8")
    with pytest.raises(DataFileError, match="expected 0 to 1, found"):
        load_limits(path)


def test_a_mark_that_only_the_grammar_reads_just_passes_the_cut_off() -> None:
    limits, calibration = load_limits(), load_calibration()
    assert calibration.mark_cutoff <= limits.read_mark < calibration.mark_cutoff + 0.05
    assert limits.read_retry > calibration.announcement_cutoff
