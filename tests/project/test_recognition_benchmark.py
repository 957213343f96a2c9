"""The benchmark measures what it says: planning, lines and figures of merit."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from phrase_lists import shipped_matcher

from benchmarks.recognition import build, channel, measures, planning, report, sounds, voices
from recognizer.evaluation.fitting import Example, examples_of, fit
from recognizer.model import Audio, CallOutcome
from recognizer.recognition.calibration import Features, load_calibration
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verification import Verifier

HERE = Path(build.__file__).parent


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    if not voices.PROMPTS_FOLDER.is_dir():
        reason = "Debian package asterisk-core-sounds-ru-wav is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    short = list(planning.plan_calls("judge", 20, 7))
    assert list(planning.plan_calls("judge", 40, 7))[:20] == short


@pytest.mark.slow
def test_a_recording_of_another_plan_is_made_again(tmp_path: Path) -> None:
    quiet = dataclasses.replace(_call("a.wav", "silence"), context="silence")
    build.build([quiet], tmp_path)
    first = (tmp_path / "a.wav").read_bytes()
    build.build([dataclasses.replace(quiet, context="ringback")], tmp_path)
    assert (tmp_path / "a.wav").read_bytes() != first


def test_no_voice_and_no_wording_is_in_both_halves() -> None:
    wordings = tomllib.loads((HERE / "wordings.toml").read_text(encoding="utf-8"))
    fit = {text for texts in wordings["fit"].values() for text in texts}
    judge = {text for texts in wordings["judge"].values() for text in texts}
    assert not fit & judge
    assert max(Counter(voice.name for voice in voices.VOICES).values()) == 1
    assert {voice.split for voice in voices.VOICES} == {"fit", "judge"}


@pytest.mark.parametrize("split", ["fit", "judge"])
def test_every_spoken_outcome_has_wordings(split: str) -> None:
    wordings = tomllib.loads((HERE / "wordings.toml").read_text(encoding="utf-8"))
    signals = {"busy_tone", "ringback_only", "silence", "disconnected", "fax", "music"}
    assert set(wordings[split]) == set(CallOutcome) - signals - {"undetermined"}


def test_every_label_of_the_human_prompts_is_an_outcome() -> None:
    prompts = tomllib.loads((HERE / "prompts.toml").read_text(encoding="utf-8"))["outcomes"]
    assert {name for labels in prompts.values() for name in labels.split("|")} <= set(CallOutcome)


@pytest.mark.parametrize("codec", channel.CODECS)
def test_a_tone_keeps_its_level_through_every_codec(codec: str) -> None:
    time_s = np.arange(16_000) / 8_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    heard = channel.through_codec(tone, codec)
    assert len(heard) == len(tone)
    rms = float(np.sqrt(np.mean(heard[4_000:12_000] ** 2)))
    assert 0.3 / np.sqrt(2) == pytest.approx(rms, rel=0.25)


@pytest.mark.parametrize("kind", [kind for kind in sounds.NOISES if kind != "babble"])
def test_noise_has_an_rms_of_one(kind: str) -> None:
    wave = sounds.noise(kind, 16_000, np.random.default_rng(1), [])
    assert float(np.std(wave)) == pytest.approx(1.0, rel=1e-3)


def test_russian_ringback_is_one_second_in_five() -> None:
    ringback = sounds.ringback(2)
    assert len(ringback) == 10 * voices.SAMPLE_RATE
    assert np.max(np.abs(ringback[round(1.1 * 16_000) : 5 * 16_000])) == 0.0


def test_the_line_passes_speech_and_stops_what_a_telephone_stops() -> None:
    time_s = np.arange(16_000) / voices.SAMPLE_RATE
    both = np.sin(2 * np.pi * 100 * time_s) + np.sin(2 * np.pi * 1_000 * time_s)
    spectrum = np.abs(np.fft.rfft(channel.to_line(both.astype(np.float32))))
    assert spectrum[1_000] > 1_000 * spectrum[100]


def test_a_confidence_that_is_always_right_has_no_calibration_error() -> None:
    confidence = np.repeat([0.2, 0.8], 50)
    right = np.concatenate([np.repeat([1.0, 0.0], [10, 40]), np.repeat([1.0, 0.0], [40, 10])])
    assert measures.expected_calibration_error(confidence, right, 2) == pytest.approx(0.0)


def test_a_certain_answer_that_is_right_half_the_time_is_off_by_a_half() -> None:
    confidence, right = np.ones(10), np.tile([1.0, 0.0], 5)
    assert measures.expected_calibration_error(confidence, right, 5) == pytest.approx(0.5)


def test_risk_falls_when_only_the_surest_answers_count() -> None:
    coverage, risk = measures.risk_coverage(np.array([0.9, 0.6, 0.8]), np.array([1.0, 0.0, 1.0]))
    assert coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3])


def _call(path: str, expected: str) -> planning.Call:
    return planning.Call(
        path, expected, "", "sound", "x", "none", "", "judge", "", "pcm", "", None, -6.0, 1
    )


def _answer(path: str, outcome: str, confidence: float) -> dict[str, object]:
    cost = {"cpu_s": 1.0, "elapsed_s": 1.0, "peak_mb": 300, "system": "whisper"}
    return {"path": path, "outcome": outcome, "confidence": confidence, **cost}


def test_the_report_counts_wrong_marks_and_abstentions() -> None:
    calls = [_call("a", "temporarily_blocked"), _call("b", "blocked"), _call("c", "silence")]
    answers = [
        _answer("a", "blocked", 0.9),
        _answer("b", "undetermined", 0.5),
        _answer("c", "silence", 0.9),
    ]
    found = report.compare(calls, answers)["systems"]["whisper"]
    total = found["total"]
    assert (total["calls"], total["wrong_marks"], total["not_deserving"]) == (3, 1, 2)
    assert total["outcome"] == pytest.approx(1 / 3, abs=1e-4)
    assert total["abstained"] == total["wrong"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["wrong_marks"] == ["a"]


@pytest.mark.slow
def test_fitted_confidence_follows_what_was_right() -> None:
    near = Features(score=90.0, letters=95.0, length=20, share=1.0, gap=-0.1, margin=20.0)
    far = Features(score=60.0, letters=55.0, length=13, share=0.5, gap=-2.0, margin=2.0)
    blocked = CallOutcome.BLOCKED
    examples = [Example(near, blocked, is_right=True)] * 45 + [Example(near, blocked, False)] * 5
    examples += [Example(far, blocked, is_right=True)] * 5 + [Example(far, blocked, False)] * 45
    model = fit(examples)
    assert model.probability(near) == pytest.approx(0.9, abs=0.08)
    assert model.probability(far) == pytest.approx(0.1, abs=0.08)


@pytest.mark.slow
def test_what_speaks_for_a_wording_is_never_fitted_to_speak_against_it() -> None:
    examples = [
        Example(Features(score=50.0, letters=letters), CallOutcome.BLOCKED, is_right=letters < 50)
        for letters in range(100)
    ]
    assert fit(examples).letters == 0.0


def test_examples_as_if_unlisted_weigh_less() -> None:
    near = Features(score=90.0, letters=95.0)
    right = [Example(near, CallOutcome.BLOCKED, is_right=True)] * 50
    wrong = [Example(near, CallOutcome.LINE_BUSY, is_right=False)] * 50
    unlisted = [msgspec.structs.replace(e, is_unlisted=True) for e in wrong]
    assert fit(right + unlisted).probability(near) > fit(right + wrong).probability(near)


def test_call_teaches_what_it_is_and_what_it_would_be_taken_for_unlisted() -> None:
    matcher = shipped_matcher()
    scores = {"Номер заблокирован.": -3.0, "Номер временно заблокирован.": -8.0}
    speech = ScriptedSpeech("Номер заблокирован.", scores)
    sound = Audio(np.zeros(32_000, np.float32), 16_000)
    verified = Verifier(matcher).hear(ScriptedEngine(default=speech).listen(sound))
    judge = UtteranceClassifier(matcher, load_calibration())
    listed, unlisted = examples_of(verified, {CallOutcome.BLOCKED}, judge)
    assert (listed.outcome, listed.is_right, listed.is_unlisted) == (
        CallOutcome.BLOCKED,
        True,
        False,
    )
    assert unlisted.outcome is CallOutcome.TEMPORARILY_BLOCKED
    assert not unlisted.is_right
    assert unlisted.is_unlisted
    assert unlisted.features.gap < listed.features.gap
