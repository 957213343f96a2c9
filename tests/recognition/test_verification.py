from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from phrase_lists import shipped_verifier

from recognizer.model import Audio, CallOutcome
from recognizer.recognition.verification import VerifiedTranscript, Verifier


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return shipped_verifier()


def hear(verifier: Verifier, speech: ScriptedSpeech) -> VerifiedTranscript:
    audio = Audio(np.zeros(64_000, np.float32), 16_000)
    return verifier.hear(ScriptedEngine(default=speech).listen(audio))


def outcomes(verified: VerifiedTranscript) -> list[CallOutcome]:
    return [c.outcome for c in verified.candidates]


def test_sound_overrules_a_transcript_that_lost_temporarily(verifier: Verifier) -> None:
    speech = ScriptedSpeech(
        "Номер заблокирован.",
        {"Номер заблокирован.": -20.0, "Номер временно заблокирован.": -5.0},
    )
    assert outcomes(hear(verifier, speech))[0] is CallOutcome.TEMPORARILY_BLOCKED


def test_forbidden_rival_is_compared_even_when_the_text_leaves_no_doubt(
    verifier: Verifier,
) -> None:
    verified = hear(verifier, ScriptedSpeech("Абонент заблокирован."))
    assert outcomes(verified)[0] is CallOutcome.BLOCKED
    assert {CallOutcome.TEMPORARILY_BLOCKED, CallOutcome.CALLER_RESTRICTED} <= set(
        outcomes(verified)
    )
    assert verified.margin < math.inf


def test_rival_stands_in_the_place_of_the_matched_words_only(verifier: Verifier) -> None:
    verified = hear(verifier, ScriptedSpeech("Здравствуйте, абонент заблокирован, до свидания."))
    rival = next(c for c in verified.candidates if c.outcome is CallOutcome.TEMPORARILY_BLOCKED)
    assert rival.score.text.startswith("Здравствуйте, ")
    assert rival.score.text.endswith(", до свидания.")
    assert "временно" in rival.score.text


def test_letters_are_compared_only_where_the_words_leave_a_doubt(verifier: Verifier) -> None:
    plain = ScriptedSpeech("Номер не существует.", confidence=0.99)
    doubtful = ScriptedSpeech("Номер не существует.", {"Номер не существует.": -9.0})
    assert len(hear(verifier, plain).candidates) < len(hear(verifier, doubtful).candidates)


def test_wording_put_into_other_speech_stays_behind_it(verifier: Verifier) -> None:
    speech = ScriptedSpeech(
        "У нас такого номера теперь не существует.",
        {"У нас такого номера теперь не существует.": -4.0},
    )
    verified = hear(verifier, speech)
    assert verified.baseline_score.total_logprob == -4.0
    assert verified.candidates
    assert all(c.score.total_logprob < -4.0 for c in verified.candidates)


def test_speech_far_from_every_phrase_has_no_candidates(verifier: Verifier) -> None:
    assert hear(verifier, ScriptedSpeech("Шёл дождь и гремел гром")).candidates == ()


def test_nothing_heard_is_a_hearing_without_candidates(verifier: Verifier) -> None:
    verified = hear(verifier, ScriptedSpeech(""))
    assert verified.candidates == ()
    assert verified.baseline_score.total_logprob == -math.inf


def test_wording_is_compared_though_no_word_of_it_was_understood(verifier: Verifier) -> None:
    speech = ScriptedSpeech(
        "Обанент везерегистрирован степени.",
        {
            "Обанент везерегистрирован степени.": -12.0,
            "Абонент не зарегистрирован в сети.": -15.0,
        },
    )
    assert outcomes(hear(verifier, speech))[0] is CallOutcome.NOT_REGISTERED


def test_misrecognized_words_left_beside_a_wording_count_against_it(verifier: Verifier) -> None:
    left = "Обомен граю, оставайтесь на линии, первамитя неднейчко."
    speech = ScriptedSpeech(
        left,
        {left: -20.0, "Абонент занят, оставайтесь на линии или перезвоните.": -30.0},
    )
    assert outcomes(hear(verifier, speech))[0] is CallOutcome.LINE_BUSY


def test_wording_that_stops_before_the_speech_does_is_scored_with_the_rest(
    verifier: Verifier,
) -> None:
    short, rest = "Номер не существует.", "зарегистрирован в сети."
    speech = ScriptedSpeech(
        "Нумер несу щест.",
        {"Нумер несу щест.": -9.0, short: -10.0, f"{short} {rest}": -15.0},
        rests={short: rest},
    )
    texts = {c.score.text: c.score.total_logprob for c in hear(verifier, speech).candidates}
    assert short not in texts
    assert texts[f"{short} {rest}"] == -15.0


@pytest.mark.parametrize(
    ("heard", "short", "is_asked"),
    [
        pytest.param(
            "Абанент не отвичает.", "Абонент не отвечает.", False, id="heard to its last word"
        ),
        pytest.param("Нумер несу щест.", "Номер не существует.", True, id="another word last"),
        pytest.param(
            "Если верно, нажмите.", "Для записи нажмите.", True, id="the same word last, unlike"
        ),
    ],
)
def test_what_follows_is_looked_for_unless_the_wording_ends_where_the_transcript_does(
    verifier: Verifier, heard: str, short: str, is_asked: bool
) -> None:
    asked = []

    class Rests(dict[str, str]):
        def get(self, text: str, default: str = "") -> str:  # type: ignore[override]
            asked.append(text)
            return default

    hear(verifier, ScriptedSpeech(heard, {heard: -9.0, short: -8.9}, rests=Rests()))
    assert (short in asked) is is_asked
