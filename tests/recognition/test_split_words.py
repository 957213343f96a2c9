"""Words heard in pieces are explained, and never one that turns the meaning round."""

from itertools import product

import pytest
from phrase_lists import shipped_book

from recognizer.phrases.normalization import normalize
from recognizer.recognition.matching import Matcher
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.split_words import SplitWords

MATCHER = Matcher(shipped_book())
GRAMMAR = MATCHER.grammar
SPLIT = SplitWords([])
WORDINGS = [normalize(p.text).split() for p in MATCHER.phrases if is_mark(p.outcome)]
SOME_WORDINGS = WORDINGS[::25]
NEIGHBOURS = ("", "извините", "пожалуйста", "данный", "набранный", "и", "но", "вы", "на")
# What turns a wording that marks into one that does not.
REVERSING = (
    "временно", "времена", "времено", "не", "нет", "ни", "ваш", "вашего", "этот", "тот", "наш",
    "прежний", "старый", "другой", "добавочный", "внутренний", "роуминге", "сегодня", "пока",
    "автомобиль", "заказ", "входящие", "исходящие", "счёт", "карта", "частично", "недавно",
    "сейчас",
)  # fmt: skip
WORDING = "извините набранный вами номер не существует"


def unknown_of(heard: str, listed: str = WORDING, n_covered: int | None = None) -> tuple[str, ...]:
    """Return what is not understood of words, all (or the first) of which a wording stands for."""
    words = normalize(heard).split()
    covered = range(len(words) if n_covered is None else n_covered)
    return GRAMMAR.read(words, matched=covered, listed=listed.split()).unknown


def cuts_of(word: str) -> list[str]:
    """Return a word whole, cut in two at every place, and without its beginning or end."""
    cut = [f"{word[:n]} {word[n:]}" for n in range(1, len(word))]
    shorter = [word[1:], word[:-1]] if len(word) > 3 else []
    return [word, *cut, *shorter]


@pytest.mark.parametrize(
    ("heard", "n_covered"),
    [
        ("извините набранный вами но мир не существует", None),
        ("и вы нитя набранный вами номер не существует", None),
        ("из ви ните набранный вами номер не существует", None),
    ],
)
def test_word_of_a_wording_heard_in_pieces_is_understood(heard: str, n_covered: int | None) -> None:
    assert unknown_of(heard, n_covered=n_covered) == ()


@pytest.mark.parametrize(
    "heard",
    [
        "извините набранный вами номер но мир не существует",  # «номер» is there already
        "извините набранный вами но не существует",
        "извините набранный вами но марь не существует",
    ],
)
def test_pieces_that_leave_something_over_are_not_understood(heard: str) -> None:
    assert "но" in unknown_of(heard)


@pytest.mark.parametrize("cut", [c for word in REVERSING for c in cuts_of(word)])
def test_what_turns_a_wording_round_is_no_piece_of_it(cut: str) -> None:
    # At every place of wordings that mark, all of it covered as if it were the wording's own.
    inserted = cut.split()
    for words in SOME_WORDINGS:
        for place in range(len(words) + 1):
            heard = [*words[:place], *inserted, *words[place:]]
            pieces = SPLIT.of_wording(heard, range(len(heard)), words)
            assert not pieces & {*range(place, place + len(inserted))}, (words, place)


@pytest.mark.parametrize("cut", [c for word in REVERSING for c in cuts_of(word)])
def test_what_turns_a_wording_round_is_no_word_that_changes_nothing(cut: str) -> None:
    for before, after in product(NEIGHBOURS, repeat=2):
        words = normalize(f"{before} {cut} {after} номер не существует").split()
        as_written = GRAMMAR.read(words, may_be_misrecognized=False).unknown
        assert GRAMMAR.read(words).unknown == as_written, (before, after)
