"""The phrase lists we ship: sound in themselves, true to the regulation."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from phrase_lists import shipped_book

from recognizer.base.data_files import data_folder, read_toml
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.normalization import normalize
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.collisions import check_phrases
from recognizer.recognition.matching import Matcher, find_matches
from recognizer.recognition.utterance_classifier import UtteranceClassifier

LISTS = sorted(data_folder("phrases").rglob("*.toml"))
# Every wording of the regulation, sections A and B, each «номер/абонент» written out.
REGULATION = {
    "абонент занят, оставайтесь на линии или перезвоните": "line_busy",
    "номер временно недоступен": "temporarily_unavailable",
    "абонент временно недоступен": "temporarily_unavailable",
    "номер временно заблокирован": "temporarily_blocked",
    "абонент временно заблокирован": "temporarily_blocked",
    "обслуживание номера временно приостановлено": "service_suspended",
    "обслуживание абонента временно приостановлено": "service_suspended",
    "номер не зарегистрирован в сети": "not_registered",
    "абонент не зарегистрирован в сети": "not_registered",
    "данный вид связи недоступен для абонента": "service_type_unavailable",
    "аппарат абонента выключен или находится вне зоны действия сети": (
        "switched_off_or_out_of_coverage"
    ),
    "соединение невозможно": "connection_impossible",
    "номер не обслуживается или не используется": "not_in_service",
    "номер не обслуживается": "not_in_service",
    "номер не используется": "not_in_service",
    "номер заблокирован": "blocked",
    "абонент заблокирован": "blocked",
    "неправильно набран номер": "misdialled",
    "номер не существует": "does_not_exist",
    "номер телефона доступен для приобретения": "available_for_purchase",
}
SPOKEN = {
    *map(CallOutcome, REGULATION.values()),
    CallOutcome.NO_ANSWER,
    CallOutcome.VOICEMAIL,
    CallOutcome.CALL_ASSISTANT,
    CallOutcome.COMPANY_IVR,
    CallOutcome.CALL_PROGRESS,
    CallOutcome.CALLER_RESTRICTED,
    CallOutcome.NETWORK_CONGESTION,
    CallOutcome.LIVE_PERSON,
}


@pytest.fixture(scope="module")
def book() -> PhraseBook:
    return shipped_book()


@pytest.fixture(scope="module")
def matcher(book: PhraseBook) -> Matcher:
    return Matcher(book)


def test_every_spoken_outcome_has_a_russian_list(book: PhraseBook) -> None:
    assert {p.outcome for p in book.phrases if p.language == "ru"} >= SPOKEN


def test_every_wording_of_the_regulation_is_listed_under_its_outcome(book: PhraseBook) -> None:
    listed = {normalize(phrase.text): phrase.outcome for phrase in book.phrases}
    assert {text: listed.get(normalize(text)) for text in REGULATION} == REGULATION


@pytest.mark.parametrize("path", LISTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_list_is_named_after_its_outcome_and_language(path: Path) -> None:
    values = tomllib.loads(path.read_text("utf-8"))
    if path.stem in ("words", "forbidden_pairs", "grammar"):
        return
    outcome = "undetermined" if path.stem == "not_announcements" else path.stem
    assert (values["outcome"], values["language"]) == (outcome, path.parent.name)


def test_nothing_is_listed_twice() -> None:
    texts = Counter(
        normalize(entry["text"])
        for path in LISTS
        for entry in tomllib.loads(path.read_text("utf-8")).get("phrase", [])
    )
    assert [text for text, n in texts.items() if n > 1] == []


def test_a_variant_names_a_phrase_of_the_same_outcome(book: PhraseBook) -> None:
    for phrase in book.phrases:
        origin = re.fullmatch(r"variant of (\S+)", phrase.seen_in)
        if origin:
            assert book.by_id[origin[1]].outcome is phrase.outcome, phrase


@pytest.mark.slow
def test_every_phrase_is_itself_and_no_forbidden_pair_is_confused(book: PhraseBook) -> None:
    assert check_phrases(book).failures == ()


def test_every_forbidden_pair_of_the_regulation_is_there_in_both_directions(
    book: PhraseBook,
) -> None:
    wanted = [
        ("temporarily_blocked", "blocked"),
        ("service_suspended", "not_in_service"),
        ("temporarily_unavailable", "does_not_exist"),
        ("not_registered", "not_in_service"),
        ("available_for_purchase", "service_type_unavailable"),
    ]
    directions = {(pair.outcome, other) for pair in book.forbidden_pairs for other in pair.never}
    for one, other in wanted:
        assert (one, other) in directions
        assert (other, one) in directions
    assert (CallOutcome.CALLER_RESTRICTED, CallOutcome.BLOCKED) in directions
    assert (CallOutcome.LIVE_PERSON, CallOutcome.NOT_IN_SERVICE) in directions


@pytest.mark.parametrize("text", [t for t, o in REGULATION.items() if "не " in t or "вр" in t])
def test_without_the_word_that_decides_a_wording_is_no_longer_sure(
    matcher: Matcher, text: str
) -> None:
    for word in ("временно", "не"):
        shortened = " ".join(w for w in text.split() if w != word)
        if shortened == text:
            continue
        found = find_matches(shortened, matcher)
        top = found[0] if found else None
        meant = CallOutcome(REGULATION[text])
        # «обслуживание номера приостановлено» is listed without «временно», and means the same.
        assert (
            top is None
            or top.outcome is not meant
            or phrase_list_of(meant) is not (PhraseListName.INVALID_NUMBER)
        )


# What a telephone exchange says about other things than the number dialled.
NOT_ABOUT_THE_NUMBER = """
номер агента неверен
недействительный номер конференции, попробуйте ещё раз
пустых конференций не существует
чтобы заблокировать или разблокировать конференцию
конференция заблокирована
других аналогичных записей не существует
извините, припаркованный вызов по данному номеру не найден
номер неопределён или неразрешён, поэтому обратный звонок не будет выполнен
извините, это неверный номер
логин неверен, введите номер абонента ещё раз
набранный вами внутренний номер не существует
неправильно набран добавочный номер
введите номер, который вы хотите добавить в чёрный список
данная опция недоступна, попробуйте ещё раз
эта услуга недоступна на данной линии
ваш микрофон выключен
номер абонента изменился
номер успешно
"""
# What people say who use an announcement's words.
PEOPLE = """
карту временно заблокировали
у меня карту временно заблокировали, я сейчас в банке
мне номер заблокировали за неуплату, я с другого звоню
этот номер больше не используется мужем
этот номер теперь не его, это мой номер
вы не туда попали, неправильно номер набрали
машина больше не обслуживается у вас, мы её продали
такого здесь не существует
это рабочий номер, он не обслуживается по вечерам
да, машина была в сервисе, но номер временно заблокировали в банке
старый номер заблокирован, звоните на этот
я звонил вам, а там номер не обслуживается
мне пишут, абонент заблокирован, что это
двери заблокированы, ключ не работает
больше этот номер не используйте
у вас неправильный номер в базе
госномер не существует такого
"""


@pytest.mark.parametrize("text", NOT_ABOUT_THE_NUMBER.strip().splitlines())
def test_what_is_not_about_the_number_is_no_invalid_number(matcher: Matcher, text: str) -> None:
    found = find_matches(text, matcher)
    top = found[0].outcome if found else None
    assert phrase_list_of(top) is not PhraseListName.INVALID_NUMBER


@pytest.fixture(scope="module")
def judge(matcher: Matcher) -> UtteranceClassifier:
    return UtteranceClassifier(matcher, load_calibration())


@pytest.mark.parametrize("text", PEOPLE.strip().splitlines())
def test_a_person_is_never_marked(judge: UtteranceClassifier, text: str) -> None:
    outcome = judge.judge_text(text).outcome
    assert phrase_list_of(outcome) is not PhraseListName.INVALID_NUMBER


# What recognisers make of «временно»; the first three are from real recordings.
MISRECOGNIZED = (
    "дременно,времени на,дремено,времена,вре менно,перемена,ремена,мгновенно,уверенно,урна,бесценно"
)


@pytest.mark.parametrize("misrecognized", MISRECOGNIZED.split(","))
@pytest.mark.parametrize(
    "announcement",
    ["абонент {} заблокирован", "набранный вами номер {} заблокирован", "номер {} не используется"],
)
def test_no_mark_stands_over_what_is_left_of_temporarily(
    judge: UtteranceClassifier, announcement: str, misrecognized: str
) -> None:
    outcome = judge.judge_text(announcement.format(misrecognized)).outcome
    assert phrase_list_of(outcome) is not PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (
            "набранный вами номер не обслуживается the number you have dialed is not in service",
            "not_in_service",
        ),
        ("абонент временно недоступен the subscriber is unavailable", "temporarily_unavailable"),
        ("обонент временно на доступен", "temporarily_unavailable"),
        ("номер дременно заблокирован", "temporarily_blocked"),
        ("продолжив дозваниваться оставайтесь на линии", "call_progress"),
    ],
)
def test_two_languages_and_misrecognized_words_come_out_right(
    judge: UtteranceClassifier, text: str, outcome: str
) -> None:
    assert judge.judge_text(text).outcome == outcome


def test_line_numbers_of_tables_and_keys_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('a = 1\n\n[[p]]\nid = 1\n# [[p]]\n[[p]] # two\n"id" = 2\n', "utf-8")
    file = read_toml(path)
    assert file.header_lines("p") == (3, 6)
    assert file.line("p", 1, "id") == 7
    assert file.line(key="a") == 1
    assert file.place("p", 1) == f"{path}, line 6"
