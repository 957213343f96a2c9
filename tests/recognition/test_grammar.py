"""The grammar of announcements: of whom a sentence speaks, and what may mark the contact."""

import time
from itertools import product

import pytest
from phrase_lists import shipped_book

from recognizer.model import (
    CallOutcome,
    PhraseListName,
    PhraseMatch,
    Transcript,
    Word,
    phrase_list_of,
)
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.grammar_file import SubjectKind
from recognizer.phrases.normalization import normalize
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.grammar import GrammarReader, Reading
from recognizer.recognition.limits import load_limits
from recognizer.recognition.matching import Matcher
from recognizer.recognition.sentences import SentenceJudge
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict

# Things that have a number, said as companies say them; half of them are in no list of ours.
THINGS = (
    "автомобиль",
    "заказ-наряд",
    "мотоцикл",
    "прицеп",
    "купон",
    "шкафчик",
    "участок",
    "ученик",
    "пациент",
    "склад",
    "вебинар",
    "файл",
    "столик",
    "номерок",
    "чемодан",
    "счёт",
    "добавочный",
)
SAID_OF_A_THING = (
    "{} с таким номером не существует",
    "{} с данным номером не обслуживается",
    "{} номер семь заблокирован",
    "{} с этим номером не используется",
    "извините, {} с набранным номером не существует, проверьте номер",
)
CONDITIONS = (
    "номер не обслуживается {}",
    "абонент заблокирован {}",
    "{} набранный вами номер не обслуживается",
)
WHEN = (
    "до понедельника",
    "в роуминге",
    "на время",
    "по праздникам",
    "по воскресеньям",
    "на два месяца",
    "в ночные часы",
    "для входящих звонков",
    "за границей",
    "в этом районе",
    "на время ремонта",
)
# Said of now, of another number, by oneself, or with a word that only looks like an announcement's.
OTHERWISE = (
    "сейчас номер не обслуживается",
    "в данный момент номер не обслуживается",
    "абонент сейчас заблокирован",
    "тот номер не обслуживается",
    "её номер заблокирован",
    "вами номер заблокирован",
    "абонент вами заблокирован",
    "абонент в заблокирован",
    "номер не обслуживается в",
    "номер не обслуживается по",
    "абонент заблокирован или",
    "извинитене номер заблокирован",
    "здравствуйтеваш номер не обслуживается",
    "номер на заблокирован",
    "номер раз блокирован",
    "номер не используем",
    "номер доступен для приобретателя",
    "номер доступен для приобретённых услуг",
    "неправильно собран номер",
    "номер доступен для звонков",
    "номер брони не существует",
    "возможно, номер заблокирован",
    "номер не будет заблокирован",
    "новый номер заблокирован",
    "один абонент заблокирован",
    "номер снова заблокирован",
    "абонента нет в сети",
    "номер доступен для подключения услуг",
    "можно купить номер",
    "номер ваш не обслуживается",
    "номер его не обслуживается",
    "ну номер не обслуживается",
    "вот, номер не обслуживается",
    "абоненту заблокирован номер",
    "для абонента номер заблокирован",
    "в номере не обслуживается",
    "по этому номеру не существует абонент",
)
OF_THE_CALL = (
    "абонент заблокировал входящие вызовы",
    "абонент заблокировал ваш номер",
    "ваш звонок заблокирован абонентом",
    "вызов на этот номер заблокирован",
    "звонки с вашего номера заблокированы",
    "номер недоступен для приобретения",
    "входящая связь абонента заблокирована",
    "номер не обслуживает звонки",
    "абонент заблокирован вами",
    "номер заблокирован абонентом",
    "с этого номера вызовы не обслуживаются",
)


@pytest.fixture(scope="module")
def book() -> PhraseBook:
    return shipped_book()


@pytest.fixture(scope="module")
def classifier(book: PhraseBook) -> UtteranceClassifier:
    return UtteranceClassifier(Matcher(book), load_calibration())


@pytest.fixture(scope="module")
def reader(book: PhraseBook) -> GrammarReader:
    carriers = {p.outcome for p in book.phrases} - {CallOutcome.LIVE_PERSON}
    return GrammarReader(book, Matcher(book).vocabulary(carriers))


def read(reader: GrammarReader, text: str) -> Reading:
    return reader.read(normalize(text).split())


def marks(outcome: CallOutcome | None) -> bool:
    return outcome is not None and phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER


@pytest.mark.parametrize(
    "text",
    [
        *(form.format(thing) for form, thing in product(SAID_OF_A_THING, THINGS)),
        *(form.format(when) for form, when in product(CONDITIONS, WHEN)),
        *OF_THE_CALL,
        *OTHERWISE,
    ],
)
def test_what_is_said_of_something_else_or_for_a_time_marks_nobody(
    classifier: UtteranceClassifier, text: str
) -> None:
    assert not marks(classifier.judge_text(text).outcome)


def test_every_listed_wording_of_an_invalid_number_is_understood(
    book: PhraseBook, reader: GrammarReader
) -> None:
    refused = {}
    for phrase in book.phrases:
        if phrase.language == "ru" and marks(phrase.outcome):
            words = normalize(phrase.text).split()
            refusals = reader.read(words, matched=range(len(words)), listed=words).refusals
            refused.update({phrase.text: refusals} if refusals else {})
    assert refused == {}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("вы позвонили на номер, который находится в продаже", "available_for_purchase"),
        ("здравствуйте, сейчас этот номер свободен", "available_for_purchase"),
        ("вы звоните на несуществующий номер", "does_not_exist"),
        ("номер, который вы набираете, выведен из эксплуатации", "not_in_service"),
        ("приостановлено обслуживание этого номера", "service_suspended"),
        ("соединение с абонентом не может быть установлено", "connection_impossible"),
        ("предоставление услуг по этому номеру прекращено", "not_in_service"),
        ("для записи на ремонт вашей машины нажмите два", "company_ivr"),
        ("оцените качество консультации, нажмите цифру от одного до пяти", "company_ivr"),
        ("абонент с номером 2 1 5 недоступен", "temporarily_unavailable"),
    ],
)
def test_a_sentence_that_no_list_has_is_read(
    classifier: UtteranceClassifier, text: str, outcome: str
) -> None:
    assert classifier.judge_text(text).outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("абонент, номер которого вы набрали, заблокирован", "blocked"),
        ("аппарат абонента не подключён к станции", "connection_impossible"),
        ("набранный вами номер ни обслуживаеца", "not_in_service"),
        ("номер не абслуживается", "not_in_service"),
        ("номер не обслуживается в роуминге", "service_suspended"),
        ("сейчас номер не обслуживается", "service_suspended"),
        ("через некоторое время вы сможете продолжить разговор", "undetermined"),
        ("please record your message at the tone", "voicemail"),
        ("press one for sales", "company_ivr"),
        ("the number you have dialed is not in service", "undetermined"),
        ("погода завтра ожидается дождливая", "undetermined"),
        ("к сожалению, такого номера нет", "does_not_exist"),
    ],
)
def test_a_sentence_is_taken_for_what_it_says(
    classifier: UtteranceClassifier, text: str, outcome: str
) -> None:
    assert classifier.judge_text(text).outcome == outcome


def test_a_misrecognized_word_is_read_as_the_nearest_of_an_announcement(
    reader: GrammarReader,
) -> None:
    assert read(reader, "вы набрали несущиствующий номир").outcome is CallOutcome.DOES_NOT_EXIST


def test_a_reading_says_of_whom_and_under_which_condition(reader: GrammarReader) -> None:
    found = read(reader, "пропуск с этим номером временно заблокирован")
    assert SubjectKind.OTHER in found.subjects
    assert found.foreign == ("пропуск",)
    assert found.conditions == ("временно",)
    assert [each.id for each in found.predicates] == ["blocked"]
    assert found.outcome is None


def test_a_veto_says_why_in_both_languages(classifier: UtteranceClassifier) -> None:
    verdict = classifier.judge_text("автомобиль с данным номером не обслуживается")
    assert verdict.outcome is CallOutcome.UNDETERMINED
    assert "foreign-subject" in {veto.id for veto in verdict.vetoes}
    assert all(veto.reason and veto.reason_ru for veto in verdict.vetoes)


@pytest.mark.parametrize("text", ["ромашки цветут вдоль берега реки", "the quick brown fox jumps"])
def test_words_that_nobody_listed_are_no_person(classifier: UtteranceClassifier, text: str) -> None:
    assert classifier.judge_text(text).outcome is CallOutcome.UNDETERMINED


@pytest.mark.slow
def test_a_text_of_a_hundred_thousand_sentences_is_judged_by_its_beginning(
    classifier: UtteranceClassifier,
) -> None:
    started_s = time.monotonic()
    verdict = classifier.judge_text("набранный вами номер не существует. " * 100_000)
    assert time.monotonic() - started_s < 10
    assert not marks(verdict.outcome)


@pytest.mark.parametrize(
    "text",
    [
        "номер набран правильно",
        "набран верный номер",
        "вы набрали существующий номер",
        "абонент разблокирован",
        "номер забронирован",
        "заблокирован ли номер",
        "наш номер заблокирован",
        "номер вызывающего абонента не обслуживается",
        "в данный момент номер не обслуживается перезвоните позже",
        "номер ещё не обслуживается",
    ],
)
def test_opposite_question_our_own_line_and_later_never_mark(
    classifier: UtteranceClassifier, text: str
) -> None:
    assert phrase_list_of(classifier.judge_text(text).outcome) is not PhraseListName.INVALID_NUMBER


# The same words in a form, or in a clause, that says nothing of the number; beside each its twin.
FORMS = (
    ("номеру не обслуживается", "номер не обслуживается"),
    ("набранного номера заблокирован", "набранный номер заблокирован"),
    ("абоненту заблокирован", "абонент заблокирован"),
    ("абонента заблокирован", "номер абонента заблокирован"),
    ("с номером не существует", "с номером 2 1 5 4 3 абонента не существует"),
    ("на номер заблокирован", "номер, на который вы звоните, заблокирован"),
    ("номер, который заблокирован", "вы набрали номер, который заблокирован"),
    ("абонент, которого не обслуживается", "абонент, которого вы вызываете, не обслуживается"),
    (
        "вы звоните с номера, который не используется",
        "вы позвонили на номер, который не используется",
    ),
    ("мобильный телефон не обслуживается", "мобильный номер не обслуживается"),
    ("мобильный аппарат заблокирован", "аппарат абонента заблокирован"),
    ("номер абонента уже заблокирован", "номер абонента заблокирован"),
    ("номер уже набран неправильно", "номер набран неправильно"),
    ("вы набрали существующий номер", "вы набрали не существующий номер"),
    ("номер можно купить", "этот номер можно купить в салонах связи"),
    ("в салоне связи номер заблокирован", "номер доступен для приобретения в салоне связи"),
    ("номер справочной службы не обслуживается", "номер не обслуживается, уточните в справочной"),
    ("телефон доступен для приобретения", "номер телефона доступен для приобретения"),
    ("абоненту номер заблокирован", "абонент с этим номером заблокирован"),
    ("номера телефонов не обслуживаются", "номер телефона не обслуживается"),
    ("номере отключён", "номер отключён"),
    ("и номер не существует", "номер не существует"),
    ("а номер не обслуживается", "номер не обслуживается"),
    ("номер абоненту заблокирован", "номер абонента заблокирован"),
    ("вы заблокированы", "абонент, которого вы вызываете, заблокирован"),
    ("номер заблокирован ли", "номер заблокирован, проверьте, правильно ли вы набрали номер"),
    ("номер телефону не обслуживается", "номер не обслуживается, справка по телефону ноль девять"),
    ("номер не существует в сети Билайн", "номер не существует, проверьте номер"),
    ("телефоне заблокирован", "телефон абонента заблокирован"),
)


@pytest.mark.parametrize(("text", "twin"), FORMS)
def test_a_form_that_does_not_go_with_what_is_said_marks_nobody_and_its_twin_marks(
    classifier: UtteranceClassifier, text: str, twin: str
) -> None:
    assert not marks(classifier.judge_text(text).outcome)
    assert marks(classifier.judge_text(twin).outcome)


@pytest.mark.parametrize("thing", ["справка", "подробности", "сеть", "набор", "связь"])
def test_who_is_addressed_is_not_who_is_spoken_of(
    classifier: UtteranceClassifier, thing: str
) -> None:
    said = f"уважаемый абонент, {thing} с этим номером не используется, перезвоните"
    assert not marks(classifier.judge_text(said).outcome)
    assert marks(classifier.judge_text("уважаемый абонент, номер не используется").outcome)


def test_a_wrong_form_is_named_as_the_reason(classifier: UtteranceClassifier) -> None:
    verdict = classifier.judge_text("номеру не обслуживается")
    assert "wrong-form" in {veto.id for veto in verdict.vetoes}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("сегодня вечером", "undetermined"),
        ("завтра утром", "undetermined"),
        ("завтра утром я на работе", "live_person"),
        ("дозваниваемся до абонента, пожалуйста, не кладите трубку", "call_progress"),
        ("ваш вызов переадресован на голосовой почтовый ящик", "voicemail"),
        ("с вами говорит робот помощник, абонент не может подойти к телефону", "call_assistant"),
        ("если вы знаете добавочный номер сотрудника, введите его сейчас", "company_ivr"),
        ("мы работаем с девяти до восемнадцати, сейчас офис закрыт", "company_ivr"),
        ("данный вид соединения недоступен для абонента", "service_type_unavailable"),
        ("вам недоступны звонки на данное направление", "caller_restricted"),
        ("сейчас абонент недоступен, попробуйте связаться с ним позже", "temporarily_unavailable"),
        ("номер свободен для подключения, обратитесь в салон связи", "available_for_purchase"),
        ("абонент ведёт разговор, перезвоните позже", "line_busy"),
        ("ваш баланс недостаточен для звонка", "caller_restricted"),
        ("номер набран с ошибкой, проверьте правильность набора", "misdialled"),
        ("номер доступен для покупки на сайте t2", "available_for_purchase"),
        ("абонентский номер, который вы набрали, не существует", "does_not_exist"),
        ("ваш звонок остался без ответа", "no_answer"),  # not «ваш звонок переадресован»
        ("мы не смогли соединить вас с абонентом", "connection_impossible"),
        ("телефон выключен, повторите вызов завтра", "switched_off_or_out_of_coverage"),
        ("абонент говорит по телефону, перезвоните", "line_busy"),
        ("услуги связи по номеру временно не предоставляются", "service_suspended"),
        ("для вашего номера исходящие вызовы ограничены", "caller_restricted"),
        ("я умный помощник абонента, по какому вопросу вы звоните", "call_assistant"),
        ("абонент не", "undetermined"),
    ],
)
def test_what_answers_or_fails_is_read_where_no_list_has_it(
    classifier: UtteranceClassifier, text: str, outcome: str
) -> None:
    assert classifier.judge_text(text).outcome == outcome


@pytest.mark.parametrize(
    "text",
    [
        "слушаю вас, по какому вопросу вы звоните",
        "я личный секретарь Петрова, по какому вопросу вы звоните",
        "вы звоните на телефон мужа, а я за него, по какому вопросу вы звоните",
    ],
)
def test_who_asks_as_people_do_and_does_not_name_a_machine_is_no_assistant(
    classifier: UtteranceClassifier, text: str
) -> None:
    assert classifier.judge_text(text).outcome is not CallOutcome.CALL_ASSISTANT


def test_a_part_of_a_misrecognized_word_is_no_preposition_where_the_sound_was_asked(
    reader: GrammarReader,
) -> None:
    heard = "неправильно на обратном номер".split()
    listed = "неправильно набран номер".split()
    found = reader.read(heard, matched=range(4), listed=listed)
    assert "wrong-form" not in found.refusals
    assert "conditional" not in found.refusals
    assert "wrong-form" in reader.read(["на", "номер", "заблокирован"]).refusals


@pytest.mark.parametrize(
    ("heard", "is_heard"),
    [
        ("на неопслуживается", False),  # a tone over «номер временно»
        ("номер не обслуживается", True),
        ("нумер не апслуживаеца", True),
    ],
)
def test_a_wording_whose_subject_was_not_heard_in_the_sound_does_not_mark(
    book: PhraseBook, heard: str, *, is_heard: bool
) -> None:
    matcher = Matcher(book)
    words = matcher.heard(heard.split())
    phrase = next(p for p in book.phrases if p.text == "номер не обслуживается")
    verdict = SpokenVerdict(
        CallOutcome.NOT_IN_SERVICE, 0.99, PhraseMatch(phrase, 90.0, 0, len(words.words)), None
    )
    timed = tuple(
        Word(w, n * 0.5, n * 0.5 + 0.4, confidence=0.9) for n, w in enumerate(heard.split())
    )
    transcript = Transcript(heard, timed, "ru", "whisper", "whisper-base", 0.9)
    judged = SentenceJudge(matcher, load_limits()).judge(words, verdict, transcript)
    assert ("subject-not-dialled" in {v.id for v in judged.vetoes}) is not is_heard
