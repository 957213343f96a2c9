"""When what is being said is settled: no listed wording that begins so ends otherwise."""

import pytest
from phrase_lists import shipped_judge, shipped_matcher

from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.recognition.continuations import Continuations
from recognizer.recognition.utterance_classifier import UtteranceClassifier


@pytest.fixture(scope="module")
def classifier() -> UtteranceClassifier:
    return shipped_judge()


@pytest.fixture(scope="module")
def continuations(classifier: UtteranceClassifier) -> Continuations:
    return Continuations(shipped_matcher(), classifier)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("Аппарат абонента выключен", CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE),
        ("Абонент временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("Абонент не зарегистрирован", CallOutcome.NOT_REGISTERED),
        ("Номер не существует", CallOutcome.DOES_NOT_EXIST),
        ("Ваш номер заблокирован", CallOutcome.CALLER_RESTRICTED),
    ],
)
def test_what_can_only_end_one_way_is_settled_at_the_word_that_decides(
    continuations: Continuations, said: str, outcome: CallOutcome
) -> None:
    words = said.split()
    settled = continuations.settled(words)
    assert settled is not None
    assert settled == (outcome, len(words))
    assert continuations.settled(words[:-1]) is None


@pytest.mark.parametrize(
    "said",
    [
        "Абонент заблокирован",  # «временно»
        "Этот номер больше не используется",  # «мужем»
        "Абонент временно недоступен",  # «или находится вне зоны действия сети»
        "Абонент занят",  # «или временно недоступен»
        "Соединение с абонентом",  # «невозможно», «устанавливается»
        "Набранный вами номер",
        "",
    ],
)
def test_what_may_go_on_to_something_else_is_not_settled(
    continuations: Continuations, said: str
) -> None:
    assert continuations.settled(said.split()) is None


def test_what_was_settled_stays_so_while_more_is_said(continuations: Continuations) -> None:
    said = "Абонент временно заблокирован. Перезвоните позднее. Номер"
    assert continuations.settled(said.split()) == (CallOutcome.TEMPORARILY_BLOCKED, 3)


@pytest.mark.parametrize(
    ("said", "may_retry"),
    [
        ("Обонент временно", True),
        ("Аппарат абонента", True),
        ("Номер не", True),
        ("Номер временно пока", True),
        ("Вы позвонили на голосовую почту оставьте", False),
        ("Проверьте правильность набора", False),
        ("", False),
    ],
)
def test_the_last_words_tell_whether_a_retry_may_be_going_on(
    continuations: Continuations, said: str, may_retry: bool
) -> None:
    retries = PhraseListName.TEMPORARILY_UNAVAILABLE
    assert continuations.may_lead_to(said.split(), retries) is may_retry


@pytest.mark.slow
def test_no_listed_wording_ends_otherwise_than_it_was_settled(
    classifier: UtteranceClassifier, continuations: Continuations
) -> None:
    """All wordings of the two lists, cut after each of their words."""
    phrases = shipped_matcher().phrases
    listed = [p.text for p in phrases if phrase_list_of(p.outcome) is not None]
    n_settled = 0
    for text in listed:
        words, whole = text.split(), classifier.judge_text(text).outcome
        for n_words in range(1, len(words)):
            settled = continuations.settled(words[:n_words])
            n_settled += settled is not None
            assert settled is None or settled.outcome is whole, words[:n_words]
    assert n_settled > len(listed)
