from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phrase_lists import shipped_book
from rapidfuzz import fuzz

from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.normalization import normalize
from recognizer.recognition.alignment import ListedWords
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher, find_matches
from recognizer.recognition.transcript_words import TranscriptWords
from recognizer.recognition.utterance_classifier import UtteranceClassifier


@pytest.fixture(scope="module")
def book() -> PhraseBook:
    return shipped_book()


@pytest.fixture(scope="module")
def matcher(book: PhraseBook) -> Matcher:
    return Matcher(book)


def best(matcher: Matcher, text: str) -> CallOutcome | None:
    found = find_matches(text, matcher)
    return found[0].outcome if found else None


# The texts are the regulation's own, or what a recogniser really wrote.
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("абонент временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("абонент заблокирован", CallOutcome.BLOCKED),
        ("обслуживание номера временно приостановлено", CallOutcome.SERVICE_SUSPENDED),
        ("номер не обслуживается", CallOutcome.NOT_IN_SERVICE),
        ("номер временно недоступен", CallOutcome.TEMPORARILY_UNAVAILABLE),
        ("номер не существует", CallOutcome.DOES_NOT_EXIST),
        ("абонент не зарегистрирован в сети", CallOutcome.NOT_REGISTERED),
        ("номер не используется", CallOutcome.NOT_IN_SERVICE),
        ("номер телефона доступен для приобретения", CallOutcome.AVAILABLE_FOR_PURCHASE),
        ("данный вид связи недоступен для абонента", CallOutcome.SERVICE_TYPE_UNAVAILABLE),
        ("ваш номер заблокирован", CallOutcome.CALLER_RESTRICTED),
        ("обонент временно на доступен", CallOutcome.TEMPORARILY_UNAVAILABLE),
        ("номер дременно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("номер времени на заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("Отслуживыми эволентов временно приостановлены.", CallOutcome.SERVICE_SUSPENDED),
    ],
)
def test_wording_finds_its_outcome(matcher: Matcher, text: str, outcome: CallOutcome) -> None:
    assert best(matcher, text) is outcome


def test_phrase_is_found_inside_a_long_transcript(matcher: Matcher) -> None:
    text = (
        "раз два три проверка связи " * 5 + "набранный вами номер не существует " + "спасибо " * 9
    )
    match = next(m for m in find_matches(text, matcher) if m.outcome is CallOutcome.DOES_NOT_EXIST)
    words = text.split()
    assert "существует" in words[match.first_word : match.end_word]
    assert match.end_word - match.first_word <= 7


def test_a_lost_please_costs_less_than_a_lost_temporarily(matcher: Matcher) -> None:
    def score(text: str, phrase: str) -> float:
        found = {normalize(m.phrase.text): m.score for m in matcher.find(text.split(), floor=0.0)}
        return found[normalize(phrase)]

    without_please = score(
        "абонент недоступен перезвоните позже", "абонент недоступен, перезвоните позже"
    )
    without_temporarily = score("номер заблокирован", "номер временно заблокирован")
    assert without_please > 95
    assert without_temporarily < 60


def test_temporarily_between_the_words_of_a_phrase_that_lacks_it_ruins_its_score(
    matcher: Matcher,
) -> None:
    scores = {
        m.phrase.text: m.score for m in matcher.find("номер временно заблокирован".split(), floor=0)
    }
    assert scores["номер временно заблокирован"] == 100
    assert scores["номер заблокирован"] < 50


def test_every_match_of_a_bare_text_has_no_times(matcher: Matcher) -> None:
    assert all(m.start_s is None for m in find_matches("номер заблокирован", matcher))


@pytest.mark.parametrize("text", ["", "   ", "...", "\n"])
def test_nothing_said_matches_nothing(matcher: Matcher, text: str) -> None:
    assert find_matches(text, matcher) == ()


@settings(max_examples=60, deadline=None)
@pytest.mark.property
@given(
    st.lists(
        st.sampled_from(
            "номер абонент временно не заблокирован существует ваш доступен алло э 22 the".split()
        ),
        max_size=12,
    )
)
def test_any_words_give_scores_and_spans_in_range(matcher: Matcher, words: list[str]) -> None:
    for match in matcher.find(words, floor=0.0):
        assert 0 <= match.score <= 100
        assert 0 <= match.first_word < match.end_word <= len(words)


def slow_score(
    book: PhraseBook, phrase: list[str], weights: list[float], heard: list[str]
) -> float:
    """The best of all ways to pair the phrase's words, in order, one for one; by recursion."""
    sounds = TranscriptWords.of(heard)
    lists = book.words
    listed = ListedWords([normalize(p.text).split() for p in book.phrases], lists)
    heard_weights = list(map(listed.deciding_weight, sounds.words, sounds.sounds))
    costs = [
        w * 0.9 if w > 1 else (0.05 if word in lists.filler else 0.35)
        for w, word in zip(heard_weights, sounds.words, strict=True)
    ]
    beside = [w * 0.6 if w >= 4 else 0.0 for w in heard_weights]
    spoken = TranscriptWords.of(phrase).sounds

    def alike(i: int, j: int) -> float | None:
        ratio = fuzz.ratio(spoken[i], sounds.sounds[j])
        value = min(max((ratio - 50) / 45, 0.0), 1.0)
        negated = [len(w) > 4 and w.startswith("не") for w in (phrase[i], sounds.words[j])]
        value = value * 0.6 if negated[0] != negated[1] else value
        return value if value >= 0.05 else None

    def go(i: int, j: int, started: bool) -> float:
        options = []
        if i == len(phrase):
            return -(beside[j] if j < len(costs) else 0.0)
        options.append(go(i + 1, j, started))
        if j < len(costs):
            options.append(-costs[j] + go(i, j + 1, started))
            value = alike(i, j)
            if value is not None:
                options.append(weights[i] * value + go(i + 1, j + 1, started=True))
        return max(options)

    starts = [go(0, j, False) - (beside[j - 1] if j else 0.0) for j in range(len(costs) + 1)]
    return max(0.0, min(100.0, 100 * max(starts) / sum(weights)))


@settings(max_examples=30, deadline=None)
@pytest.mark.property
@given(
    st.lists(
        st.sampled_from("номер временно заблокирован ваш пожалуйста абонент стол".split()),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_alignment_agrees_with_its_slow_twin(matcher: Matcher, words: list[str]) -> None:
    wanted = normalize("номер временно заблокирован")
    row = next(i for i, p in enumerate(matcher.phrases) if normalize(p.text) == wanted)
    phrase = wanted.split()
    weights = [matcher.book.words.weight(w) for w in phrase]
    found = {m.phrase.id: m.score for m in matcher.find(words, floor=0.0)}
    assert found[matcher.phrases[row].id] == pytest.approx(
        slow_score(matcher.book, phrase, weights, words), abs=0.06
    )


WORDS_HEARD = (
    "номер временно на заблокирован заблокиро ван недоступен вне зоны внезоны абонента обанента "
    "не существует несуществует ваш алло занят э телефон выключен счастливой перезвоните"
).split()


@settings(max_examples=60, deadline=None)
@pytest.mark.property
@given(st.lists(st.sampled_from(WORDS_HEARD), max_size=14), st.sampled_from([20.0, 40.0, 72.0]))
def test_nothing_that_reaches_the_floor_is_left_out_unaligned(
    matcher: Matcher, words: list[str], floor: float
) -> None:
    everything = matcher.find(words, floor=0.0)
    reached = [m for m in everything if m.score > floor]
    assert [m for m in matcher.find(words, floor=floor) if m.score > floor] == reached


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("номер, на который вы звоните, не существует", CallOutcome.DOES_NOT_EXIST),
        ("номер на который вызваните не существует", CallOutcome.DOES_NOT_EXIST),
        ("номер, который вы набрали, не обслуживается", CallOutcome.NOT_IN_SERVICE),
        ("номер, по которому вы звоните, временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("номер на который вызваните временно заблокирован", CallOutcome.TEMPORARILY_BLOCKED),
        ("абонент, которому вы звоните, временно недоступен", CallOutcome.TEMPORARILY_UNAVAILABLE),
        ("номер, с которого вы звоните, заблокирован", CallOutcome.CALLER_RESTRICTED),
        ("телефон, с которого вы звоните, заблокирован", CallOutcome.CALLER_RESTRICTED),
    ],
)
def test_a_parenthetical_changes_nothing_but_our_own_number_is_none(
    matcher: Matcher, text: str, outcome: CallOutcome
) -> None:
    assert best(matcher, text) is outcome


@pytest.mark.parametrize(
    "clause", ["с которого вы звоните", "с которова вы звоните", "скоторого вызваните"]
)
@pytest.mark.parametrize("state", ["заблокирован", "отключен", "не обслуживается"])
def test_our_own_number_never_marks_the_contact(matcher: Matcher, clause: str, state: str) -> None:
    judge = UtteranceClassifier(matcher, load_calibration())
    verdict = judge.judge_text(f"номер {clause} {state}")
    assert phrase_list_of(verdict.outcome) is not PhraseListName.INVALID_NUMBER


def test_a_match_covers_the_parenthetical_inside_it(book: PhraseBook) -> None:
    spoken = "извините номер на который вы звоните не существует".split()
    heard = TranscriptWords.of(spoken, book.words)
    assert heard.words == ("извините", "номер", "не", "существует")
    assert heard.parentheticals == (range(2, 6),)
    match = next(m for m in Matcher(book).find(spoken) if m.phrase.text == "номер не существует")
    assert (match.first_word, match.end_word) == (1, 8)
    assert heard.n_parenthetical(match) == 4
    whole = heard.with_parentheticals("Набранный номер заблокирован", match, spoken)
    assert whole == "Набранный номер на который вы звоните заблокирован"


def test_a_parenthetical_at_either_end_stays() -> None:
    lists = shipped_book().words
    spoken = "проверьте номер который вы набрали".split()
    assert TranscriptWords.of(spoken, lists).words == tuple(spoken)
