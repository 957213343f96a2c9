"""The mark with an engine that nobody fitted, and what a rival in the sound takes away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from fakes import ScriptedEngine, ScriptedSpeech
from phrase_lists import shipped_matcher

from recognizer.model import Audio, CallOutcome, Phrase, PhraseListName, phrase_list_of
from recognizer.recognition.calibration import Calibration, EngineFit, load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.verification import Verifier

BLOCKED = "Абонент заблокирован"
RIVAL = "Абонент временно заблокирован"


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return shipped_matcher()


def judged(
    matcher: Matcher,
    text: str = BLOCKED,
    *,
    confidence: float = 0.9,
    scores: Mapping[str, float] | None = None,
    found: Mapping[str, float] | None = None,
    calibration: Calibration | None = None,
) -> SpokenVerdict:
    speech = ScriptedSpeech(text, scores or {}, confidence=confidence, found=found)
    heard = ScriptedEngine(default=speech).listen(Audio(np.zeros(64_000, np.float32), 16_000))
    judge = UtteranceClassifier(matcher, calibration or load_calibration())
    return judge.judge(Verifier(matcher).hear(heard))


def fitted() -> Calibration:
    """Return a calibration by which text that is like a wording is as good as certain."""
    shipped = load_calibration()
    believing = msgspec.structs.replace(shipped.text, gap=0.01)
    fit = EngineFit(
        engine="scripted",
        model="script",
        mark_cutoff=0.85,
        min_heard_logprob=-3.0,
        unclear_probability=0.4,
        coefficients=believing,
    )
    return msgspec.structs.replace(shipped, fits={"scripted": fit})


def listed(matcher: Matcher, outcome: CallOutcome) -> list[Phrase]:
    return [phrase for phrase in matcher.phrases if phrase.outcome is outcome]


def test_clear_text_and_clear_sound_mark_with_any_engine(matcher: Matcher) -> None:
    assert judged(matcher).outcome is CallOutcome.BLOCKED


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param({"confidence": 0.6}, id="words are doubtful"),
        pytest.param({"confidence": 0.0}, id="words are unknown"),
        pytest.param({"scores": {BLOCKED: -2.0, RIVAL: -4.0}}, id="a rival is near"),
        pytest.param({"scores": {BLOCKED: -2.0}}, id="the wording is improbable"),
        pytest.param({"scores": {BLOCKED: -6.0, RIVAL: -1.0}}, id="a rival is likelier"),
    ],
)
def test_of_an_unfitted_engine_text_alone_marks_nothing(
    matcher: Matcher, doubtful: dict[str, object]
) -> None:
    verdict = judged(matcher, **doubtful)  # type: ignore[arg-type]
    assert verdict.outcome is not CallOutcome.BLOCKED


@pytest.mark.parametrize(
    ("total", "marks"), [(0.0, True), (-1.8, True), (-2.4, False), (-9.0, False)]
)
def test_the_listed_spelling_is_what_has_to_be_probable_not_the_one_that_was_heard(
    matcher: Matcher, total: float, marks: bool
) -> None:
    # Three words: each more probable than not from 3 * log(0.5) = -2.08 on.
    scores = {"Номер не существует": total}
    for calibration in (load_calibration(), fitted()):
        verdict = judged(matcher, "Нонер не существует", scores=scores, calibration=calibration)
        assert (verdict.outcome is CallOutcome.DOES_NOT_EXIST) is marks
        is_vetoed = "listed-word-improbable" in {veto.id for veto in verdict.vetoes}
        assert is_vetoed is not marks


def test_a_fit_lifts_what_is_asked_of_the_words_heard_and_no_more(matcher: Matcher) -> None:
    for confidence in (0.9, 0.6):
        verdict = judged(matcher, confidence=confidence, calibration=fitted())
        assert verdict.outcome is CallOutcome.BLOCKED
    another = "Данный домен не обслуживается или не используется"
    verdict = judged(matcher, another, calibration=fitted())
    assert phrase_list_of(verdict.outcome) is not PhraseListName.INVALID_NUMBER


def test_a_retry_asks_for_no_more_than_it_did(matcher: Matcher) -> None:
    verdict = judged(matcher, "Аппарат абонента выключен", confidence=0.6)
    assert verdict.outcome is CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE


@pytest.mark.parametrize(
    ("share", "marks"), [(0.01, True), (0.09, True), (0.11, False), (0.9, False)]
)
def test_a_rival_that_may_be_in_the_sound_takes_the_mark_away(
    matcher: Matcher, share: float, marks: bool
) -> None:
    rival = listed(matcher, CallOutcome.TEMPORARILY_BLOCKED)[0]
    verdict = judged(matcher, found={rival.text: math.log(share)})
    assert (verdict.outcome is CallOutcome.BLOCKED) is marks
    if not marks:
        (veto,) = verdict.vetoes
        assert veto.id == "rival-in-the-sound"
        assert rival.text in veto.reason_ru


def test_other_outcomes_in_the_sound_are_no_rivals(matcher: Matcher) -> None:
    other = listed(matcher, CallOutcome.VOICEMAIL)[0]
    assert judged(matcher, found={other.text: 0.0}).outcome is CallOutcome.BLOCKED


def test_what_only_the_grammar_reads_is_held_against_the_rivals_too(matcher: Matcher) -> None:
    text = "Набранный вами телефонный номер больше не обслуживается"
    plain = judged(matcher, text)
    rival = listed(matcher, CallOutcome.SERVICE_SUSPENDED)[0]
    with_rival = judged(matcher, text, found={rival.text: 0.0})
    assert plain.outcome is CallOutcome.NOT_IN_SERVICE
    assert with_rival.outcome is CallOutcome.UNDETERMINED


def test_the_word_that_turns_a_mark_takes_it_away_beside_whatever_it_stands(
    matcher: Matcher,
) -> None:
    text = "Набранный вами телефонный номер больше не обслуживается"
    assert judged(matcher, text, found={}).outcome is CallOutcome.NOT_IN_SERVICE
    for share, outcome in ((0.05, CallOutcome.NOT_IN_SERVICE), (0.2, CallOutcome.UNDETERMINED)):
        assert judged(matcher, text, found={"временно": math.log(share)}).outcome is outcome


@pytest.mark.parametrize(("share", "is_compared"), [(0.05, False), (0.2, True)])
def test_a_wording_in_the_sound_is_compared_though_no_letter_of_it_was_heard(
    matcher: Matcher, share: float, is_compared: bool
) -> None:
    wording = "номер не зарегистрирован в сети"
    speech = ScriptedSpeech("Щука ежи", found={wording: math.log(share)})
    heard = ScriptedEngine(default=speech).listen(Audio(np.zeros(64_000, np.float32), 16_000))
    candidates = Verifier(matcher).hear(heard).candidates
    assert [c.match.phrase.text for c in candidates if c.match.phrase.text == wording] == (
        [wording] if is_compared else []
    )
    assert all((c.match.first_word, c.match.end_word) == (0, 2) for c in candidates)


def test_of_wordings_in_the_sound_the_longest_of_each_outcome_is_compared(matcher: Matcher) -> None:
    texts = ["временно заблокирован", "абонент временно заблокирован"]
    speech = ScriptedSpeech("Щука ежи", found=dict.fromkeys(texts, 0.0))
    heard = ScriptedEngine(default=speech).listen(Audio(np.zeros(64_000, np.float32), 16_000))
    candidates = Verifier(matcher).hear(heard).candidates
    blocked = [c for c in candidates if c.outcome is CallOutcome.TEMPORARILY_BLOCKED]
    assert [c.match.phrase.text for c in blocked] == texts[1:]


def test_marks_and_their_rivals_share_no_wording(matcher: Matcher) -> None:
    # Else a mark would find its own rival in itself.
    rivals = Verifier(matcher)._sound.rivals
    assert "временно" in rivals
    assert "номер временно заблокирован" in rivals
    for phrase in matcher.phrases:
        if phrase_list_of(phrase.outcome) is PhraseListName.INVALID_NUMBER:
            inside = [rival for rival in rivals if f" {rival} " in f" {phrase.text} "]
            assert not inside, phrase.text


def test_the_rival_is_looked_for_only_where_a_mark_is_near(matcher: Matcher) -> None:
    speech = ScriptedSpeech("Аппарат абонента выключен", found={})
    heard = ScriptedEngine(default=speech).listen(Audio(np.zeros(64_000, np.float32), 16_000))
    assert Verifier(matcher).hear(heard).rival_in_place is None
    marked = replace(speech, text=BLOCKED)
    heard = ScriptedEngine(default=marked).listen(Audio(np.zeros(64_000, np.float32), 16_000))
    assert Verifier(matcher).hear(heard).rival_in_place is not None
