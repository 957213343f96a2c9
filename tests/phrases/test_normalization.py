"""Normalisation: both sides of every comparison come out in one spelling."""

import doctest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recognizer.model import NormalizedText
from recognizer.phrases import normalization
from recognizer.phrases.normalization import (
    normalize,
    normalize_words,
    sound_alike,
    sound_alike_word,
)

RUSSIAN_WORDS = (
    "абонент временно не доступен заблокирован за блокирован номер ваш э эм ну как бы на 22 8-800 "
    "Ё ёлка обслуживается необслуживается так сказать забло НОМЕР aбонент д-да алло-о вне внезоны"
).split()
russian = st.lists(st.sampled_from(RUSSIAN_WORDS), max_size=12).map(" ".join)
russian_like = st.text(
    alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя -,.!?0123456789aceopxy", max_size=60
)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(normalization).failed == 0


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("Абонент, временно ЗАБЛОКИРОВАН!", "абонент временно заблокирован"),
        ("счёт", "счет"),
        ("за́нят", "занят"),
        ("№ 5", "номер пять"),
        ("нажмите 1", "нажмите один"),
        ("нажмите 22", "нажмите двадцать два"),
        ("105 рублей", "сто пять рублей"),
        ("0", "ноль"),
        ("0611", "ноль шесть один"),  # the doubled digit is dropped like any doubled word
        ("4951", "четыре девять пять один"),
        # c, o and a of the Latin alphabet
        ("aбoнент", "абонент"),
        ("эм... ну, номер номер", "номер"),
        ("это как бы номер", "это номер"),
        ("алло-о-о", "алло"),
        ("даааа", "да"),
        ("за-заблокирован", "заблокирован"),
        ("забло заблокирован", "заблокирован"),
        ("до-ре-ми", "до ре ми"),
        ("", ""),
        ("?!…", ""),
    ],
)
def test_spelling_is_made_one(heard: str, expected: str) -> None:
    assert normalize(heard) == expected


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("не доступен", "недоступен"),
        ("на доступен", "недоступен"),
        ("за блокирован", "заблокирован"),
        ("при остановлено", "приостановлено"),
        ("от ключен", "отключен"),
        ("необслуживается", "не обслуживается"),
        ("ни существует", "не существует"),
        ("внезоны", "вне зоны"),
    ],
)
def test_wrongly_split_and_glued_words_are_mended(heard: str, expected: str) -> None:
    assert normalize(heard) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "номер не обслуживается",
        "номер временно не обслуживается",
        "ваш номер заблокирован",
        "абонент временно заблокирован",
        "данный вид связи недоступен для абонента",
        "вы выключили телефон",
        "за задолженность",
        "не нет",
        "на номер",
        "мы мылись",
    ],
)
def test_words_that_decide_are_never_dropped(sentence: str) -> None:
    assert normalize(sentence) == sentence


@pytest.mark.property
@given(st.one_of(st.text(max_size=60), russian, russian_like))
@example("xxх")  # two Latin letters and a Russian one
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@pytest.mark.property
@given(st.one_of(st.text(max_size=60), russian, russian_like))
def test_only_lower_case_letters_and_single_spaces_remain(text: str) -> None:
    words = normalize(text).split(" ")
    assert words == [""] or all(word.isalpha() and word == word.lower() for word in words)


@pytest.mark.property
@given(st.lists(st.one_of(st.sampled_from(RUSSIAN_WORDS), russian_like), max_size=12))
def test_word_by_word_is_the_same_as_the_whole_text(words: list[str]) -> None:
    pairs = normalize_words(words)
    assert " ".join(word for word, _ in pairs) == normalize(" ".join(words))


@pytest.mark.property
@given(st.lists(st.sampled_from(RUSSIAN_WORDS), max_size=12))
def test_every_normalised_word_knows_where_it_came_from(words: list[str]) -> None:
    indices = [index for _, index in normalize_words(words)]
    assert indices == sorted(indices)
    assert all(0 <= index < len(words) for index in indices)


def test_mended_words_point_to_the_first_of_their_parts() -> None:
    assert normalize_words(["Э,", "номер", "не", "доступен.", "22"]) == (
        ("номер", 1),
        ("недоступен", 2),
        ("двадцать", 4),
        ("два", 4),
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("абонент", "обонент"),
        ("абонент", "абанент"),
        ("набранный", "набраный"),
        ("обслуживается", "обслуживаеться"),
        ("обслуживается", "абслужеваица"),
        ("находится", "находиться"),
        ("набранного", "набраннова"),
        ("вашего", "вашево"),
        ("счете", "щете"),
        ("здравствуйте", "здраствуйте"),
        ("недоступен", "нидоступен"),
        ("что", "што"),
        ("сеть", "сет"),
        ("отдел", "аддел"),
        ("код", "кот"),
        ("почта", "пошта"),
    ],
)
def test_what_sounds_alike_gets_one_form(one: str, other: str) -> None:
    assert sound_alike_word(one) == sound_alike_word(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("временно", "времени"),
        ("не", "на"),
        ("ваш", "наш"),
        ("доступен", "недоступен"),
        ("обслуживается", "используется"),
        ("я", "и"),
        ("много", "мнова"),
    ],
)
def test_what_sounds_different_stays_different(one: str, other: str) -> None:
    assert sound_alike_word(one) != sound_alike_word(other)


@pytest.mark.property
@given(st.one_of(russian, russian_like))
def test_the_sound_has_as_many_words_as_the_text(text: str) -> None:
    normalized = normalize(text)
    assert len(sound_alike(normalized).split(" ")) == len(normalized.split(" "))


@pytest.mark.property
@given(russian_like)
def test_no_word_loses_its_sound(text: str) -> None:
    assert all(sound_alike_word(word) for word in normalize(text).split())


def test_latin_words_keep_their_letters() -> None:
    assert sound_alike(NormalizedText("the number")) == "the number"
