from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phrase_lists import shipped_matcher

from recognizer.model import CallOutcome
from recognizer.recognition.letter_search import NearestWordings, compare_letters, letters_ratio
from recognizer.recognition.transcript_words import TranscriptWords


@pytest.fixture(scope="module")
def nearest() -> NearestWordings:
    return NearestWordings(shipped_matcher())


def words(text: str) -> TranscriptWords:
    return TranscriptWords.of(text.split())


# As Whisper base wrote synthetic announcements down, through codecs at 15 dB.
@pytest.mark.parametrize(
    ("misrecognized", "outcome"),
    [
        ("Обанент везерегистрирован степени.", CallOutcome.NOT_REGISTERED),
        ("Дам мы висть влезли до сутим грабанненте.", CallOutcome.SERVICE_TYPE_UNAVAILABLE),
        ("Нунер-силетенад акцент для приобретения.", CallOutcome.AVAILABLE_FOR_PURCHASE),
        ("телефон обаньян, это заблочирован.", CallOutcome.BLOCKED),
        ("Ими не переврожены, стопрубывайте подвания с отже.", CallOutcome.NETWORK_CONGESTION),
    ],
)
def test_wording_is_found_where_no_word_was_understood(
    nearest: NearestWordings, misrecognized: str, outcome: CallOutcome
) -> None:
    assert nearest.find(words(misrecognized))[0].outcome is outcome


def test_wording_stands_for_the_words_it_resembles_only(nearest: NearestWordings) -> None:
    heard = words("приезжайте завтра утром номерница счастливой потом поговорим")
    found = nearest.find(heard)[0]
    assert (found.first_word, found.end_word) == (3, 5)


def test_what_a_person_says_is_never_looked_for(nearest: NearestWordings) -> None:
    found = nearest.find(words("алло да слушаю вас говорите"))
    assert all(m.outcome is not CallOutcome.LIVE_PERSON for m in found)


def test_long_wording_is_not_found_by_a_part_of_it() -> None:
    heard = words("номер")
    assert letters_ratio("номер", heard) == 100.0
    assert letters_ratio("набранный вами номер не существует", heard) < 50.0


def test_similarity_says_how_much_of_what_was_heard_a_wording_explains() -> None:
    alone = compare_letters("номер не существует", words("номер не существует"))
    followed = compare_letters(
        "номер не существует", words("номер не существует перезвоните позднее")
    )
    assert (alone.ratio, alone.share) == (100.0, 1.0)
    assert followed.ratio == 100.0
    assert followed.length == alone.length
    assert 0.4 < followed.share < 0.6
    assert compare_letters("номер не существует", words("")).share <= 1.0


def test_nothing_heard_is_near_nothing(nearest: NearestWordings) -> None:
    assert nearest.find(words("")) == ()


@settings(deadline=None, max_examples=50)
@pytest.mark.property
@given(st.lists(st.text(alphabet="абвгдежзиклмнопрстуфхцчшыэюя-", max_size=12), max_size=12))
def test_whatever_was_heard_a_wording_stands_for_words_that_are_there(
    nearest: NearestWordings, spoken: list[str]
) -> None:
    for match in nearest.find(TranscriptWords.of(spoken)):
        assert 0 <= match.first_word < match.end_word <= len(spoken)
        assert 0.0 <= match.score <= 100.0
