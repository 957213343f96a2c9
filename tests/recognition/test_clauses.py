"""What is said of a part of the lines, of a time or of our own line; and what was torn apart."""

import pytest

from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.phrases.loading import load_phrases
from recognizer.phrases.normalization import hesitations
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier

# Sentences of each class; the last marks, for it differs by the fault alone.
CLASSES = {
    "something that may be left of «временно» before what is said": (
        "номер но заблокирован",
        "но заблокирован номер",
        "но номер не обслуживается",
        "обслуживание номера но прекращено",
        "номер за-блокирован но",
        "набранный вами номер но отключён",
        "номер т но заблокирован",
        "номер больше но заблокирован",
        "номер или заблокирован",
        "номер и заблокирован",
        "абонент вы заблокирован",
        "номер т не обслуживается",
        "номер заблокирован",
    ),
    "a hesitation before what is said": (
        *(f"номер {heard} заблокирован" for heard in "ну вот м мм хм эм аа э-э".split()),
        "набранный вами номер ну не используется",
        "номер, который вы набрали, ну заблокирован",
        "номер как бы заблокирован",
        "заблокирован ну номер",
        "номер... номер заблокирован",
    ),
    "our own line, said in another way": (
        *(
            f"номер, с которого вы {did}, не обслуживается"
            for did in "набрали набираете позвонили звоните вызываете обратились".split()
        ),
        "телефон, с которого вы хотите позвонить, заблокирован",
        "телефон, с которого вы пытаетесь дозвониться, не обслуживается",
        "номер, на который вы позвонили, не обслуживается",
    ),
    "our own line, «ваш» torn": (
        "вы номер заблокирован",
        "вы абонент заблокирован",
        "вы телефон не обслуживается",
        "вы набрали номер, который заблокирован",
    ),
    "the line or the network one calls from": (
        "с данного телефона набранный номер не обслуживается",
        "с этого аппарата номер не обслуживается",
        "с мобильного телефона этот номер не обслуживается",
        "номер не обслуживается с мобильных",
        "номер не обслуживается с телефона",
        "номер не обслуживается с номера мегафон",
        "с билайна номер не обслуживается",
        "на мтс этот номер не обслуживается",
        "для мегафона данный номер не обслуживается",
        "набранный вами номер не обслуживается в билайне",
        "номер набран неправильно с мобильного",
        "мобильный номер не обслуживается",
    ),
    "another company does not serve it": (
        "этот номер не обслуживается мегафоном",
        "номер не обслуживается этим оператором",
        "абонент мтс не обслуживается билайном",
        "вызываемый вами номер заблокирован оператором",
    ),
    "a time whose unit was cut off": (
        "абонент заблокирован на три",
        "номер заблокирован на 30",
        "номер не обслуживается в восемь",
        "номер не обслуживается с десяти",
        "номер не обслуживается до 8",
        "абонент заблокирован",
    ),
    "one of several numbers": (
        "номер один не обслуживается",
        "№ 1 не обслуживается",
        "номер ноль не используется",
        "абонент 7 заблокирован",
        "абонент два заблокирован",
        "два номер заблокирован",
        "телефон номер один заблокирован",
        "с номером 2 1 5 4 3 абонента не существует",
    ),
}


@pytest.fixture(scope="module")
def classifier() -> UtteranceClassifier:
    return UtteranceClassifier(Matcher(load_phrases()), load_calibration())


def marks(outcome: CallOutcome) -> bool:
    return phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize("name", CLASSES)
def test_none_of_a_class_marks_and_their_twin_does(
    classifier: UtteranceClassifier, name: str
) -> None:
    *texts, twin = CLASSES[name]
    assert [text for text in texts if marks(classifier.judge_text(text).outcome)] == []
    assert marks(classifier.judge_text(twin).outcome)


def test_a_number_of_three_digits_still_asks_for_a_retry(classifier: UtteranceClassifier) -> None:
    verdict = classifier.judge_text("абонент с номером 2 1 5 недоступен")
    assert verdict.outcome is CallOutcome.TEMPORARILY_UNAVAILABLE


def test_hesitations_are_told_from_words_said_twice() -> None:
    words = "номер номер ну как бы э-э заблокирован …".split()
    assert list(hesitations(words, {0, 6})) == [2, 3, 4, 5]
