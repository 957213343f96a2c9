"""The forward sum, the decodings and the alignment, against every path there is on small cases."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.base.errors import EngineError
from recognizer.engines.ctc import Alphabet, LogProbs, PrefixTree, normalized
from recognizer.engines.ctc_decoding import align, best_text, decode_by_beam, decode_greedily

SMALL = Alphabet(("а", "б", " ", "_"), blank=3, space=2)
RUSSIAN = Alphabet(tuple("абвгдеёжзийклмнопрстуфхцчшщъыьэюя _"), blank=34, space=33)

pytestmark = pytest.mark.property


@st.composite
def small_logprobs(draw: st.DrawFn, max_frames: int = 5) -> LogProbs:
    n_frames = draw(st.integers(0, max_frames))
    seed = draw(st.integers(0, 2**32 - 1))
    sharpness = draw(st.sampled_from([0.5, 3.0, 12.0]))
    logits = np.random.default_rng(seed).normal(size=(n_frames, 4)) * sharpness
    return normalized(logits, "made up")


def text_of(path: tuple[int, ...]) -> str:
    """The slow twin: merge repeats, drop blanks, forget spaces that are not between words."""
    merged = [token for token, _ in itertools.groupby(path)]
    return " ".join("".join(SMALL.tokens[t] for t in merged if t != SMALL.blank).split())


def every_text(logprobs: LogProbs) -> dict[str, float]:
    probabilities: dict[str, float] = defaultdict(float)
    for path in itertools.product(range(4), repeat=len(logprobs)):
        probability = math.exp(sum(logprobs[frame, token] for frame, token in enumerate(path)))
        probabilities[text_of(path)] += probability
    return probabilities


def tree_of(*texts: str, alphabet: Alphabet = SMALL) -> PrefixTree:
    return PrefixTree([alphabet.encode(text)[0] for text in texts], alphabet)


@settings(deadline=None, max_examples=40)
@given(small_logprobs())
def test_each_text_has_the_probability_of_all_its_paths(logprobs: LogProbs) -> None:
    expected = every_text(logprobs)
    scores = tree_of(*expected).score(logprobs)
    found = [math.exp(score.total) for score in scores]
    assert found == pytest.approx(list(expected.values()), rel=1e-9, abs=1e-12)
    assert math.fsum(found) == pytest.approx(1.0)


@settings(deadline=None, max_examples=40)
@given(small_logprobs(), st.lists(st.text("аб ", max_size=6), min_size=1, max_size=6))
def test_sharing_beginnings_changes_nothing(logprobs: LogProbs, texts: list[str]) -> None:
    together = tree_of(*texts).score(logprobs)
    alone = [tree_of(text).score(logprobs)[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one.total == pytest.approx(other.total, rel=1e-12)
        assert one.tokens == pytest.approx(other.tokens, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(small_logprobs(), st.text("аб ", min_size=1, max_size=5))
def test_its_letters_say_how_probable_a_text_is_as_a_beginning(
    logprobs: LogProbs, text: str
) -> None:
    text = " ".join(text.split())
    begun = math.fsum(p for each, p in every_text(logprobs).items() if each.startswith(text))
    (score,) = tree_of(text).score(logprobs)
    assert math.exp(math.fsum(score.tokens)) == pytest.approx(begun, rel=1e-9, abs=1e-12)
    assert score.total <= math.fsum(score.tokens) + 1e-9
    assert all(logprob <= 0.0 for logprob in score.tokens)


@settings(deadline=None, max_examples=40)
@given(small_logprobs(), st.lists(st.sampled_from(["а", "б", "аб", "а б", "б б"]), max_size=4))
def test_in_place_a_text_is_expected_as_often_as_all_texts_hold_it(
    logprobs: LogProbs, wanted: list[str]
) -> None:
    found = tree_of(*wanted).find(logprobs)
    for text, logarithm in zip(wanted, found, strict=True):
        words = text.split()
        expected = math.fsum(
            probability * n_times(words, whole.split())
            for whole, probability in every_text(logprobs).items()
        )
        assert math.exp(logarithm) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def n_times(words: list[str], whole: list[str]) -> int:
    n = len(words)
    return Counter(tuple(whole[i : i + n]) for i in range(len(whole) - n + 1))[tuple(words)]


@settings(deadline=None, max_examples=40)
@given(small_logprobs())
def test_a_wide_beam_finds_the_likeliest_text_of_all(logprobs: LogProbs) -> None:
    expected = every_text(logprobs)
    found = SMALL.decode(decode_by_beam(logprobs, SMALL, width=500))
    assert expected[found] == pytest.approx(max(expected.values()), rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(small_logprobs())
def test_the_text_chosen_is_no_worse_than_the_one_most_probable_path(logprobs: LogProbs) -> None:
    chosen, greedy = best_text(logprobs, SMALL), decode_greedily(logprobs, SMALL)
    best, plain = PrefixTree([chosen, greedy], SMALL).score(logprobs)
    assert best.total >= plain.total
    path = tuple(logprobs.argmax(axis=1).tolist())
    assert SMALL.decode(greedy) == text_of(path)


@settings(deadline=None, max_examples=40)
@given(small_logprobs(), st.text("аб ", max_size=4))
def test_letters_lie_on_the_most_probable_path_of_the_text(logprobs: LogProbs, text: str) -> None:
    tokens, _ = SMALL.encode(text)
    spelt = SMALL.decode(tokens)
    paths = [
        path for path in itertools.product(range(4), repeat=len(logprobs)) if text_of(path) == spelt
    ]
    if not paths:
        with pytest.raises(EngineError, match="frames"):
            align(logprobs, tokens, SMALL)
        return
    spans = align(logprobs, tokens, SMALL)
    assert [path for path in paths if _follows(path, tokens, spans)]
    best = max(
        paths, key=lambda path: sum(logprobs[frame, token] for frame, token in enumerate(path))
    )
    for letter, (first, last) in zip(tokens, spans, strict=True):
        if letter != SMALL.space:
            assert set(best[first:last]) == {letter}


def _follows(
    path: tuple[int, ...], tokens: tuple[int, ...], spans: tuple[tuple[int, int], ...]
) -> bool:
    return all(
        set(path[first:last]) <= {letter, SMALL.space}
        for letter, (first, last) in zip(tokens, spans, strict=True)
    )


def spelling(sentence: str, *, doubt: float, n_frames_a_letter: int = 2) -> LogProbs:
    """Frames that spell a sentence, each letter and a blank in turn; all else at `doubt` nats."""
    logits = []
    for letter in RUSSIAN.encode(sentence)[0]:
        for frame in range(n_frames_a_letter):
            row = np.full(len(RUSSIAN.tokens), doubt)
            row[letter if frame == 0 else RUSSIAN.blank] = 0.0
            logits.append(row)
    return normalized(np.array(logits), "made up")


@pytest.mark.parametrize("doubt", [-5.0, -100.0, -1e4, -np.inf])
def test_wordings_part_where_they_differ_however_sure_the_model_is(doubt: float) -> None:
    logprobs = spelling("номер временно заблокирован", doubt=doubt)
    blocked, temporarily, other = tree_of(
        "номер заблокирован", "номер временно заблокирован", "абонент занят", alphabet=RUSSIAN
    ).score(logprobs)
    assert np.isfinite([blocked.total, temporarily.total, other.total]).all()
    doubtful = len(logprobs) * len(RUSSIAN.tokens) * math.exp(doubt)
    assert -doubtful <= temporarily.total <= 0.0
    assert temporarily.total - blocked.total > min(-doubt, 1e3)
    assert blocked.total > other.total


def test_sound_too_short_for_a_text_is_no_proof_of_it() -> None:
    (score,) = tree_of("абонент", alphabet=RUSSIAN).score(spelling("аб", doubt=-3.0))
    assert score.total < -1e20


def test_yo_and_ye_are_one_letter() -> None:
    logprobs = RUSSIAN.folded(spelling("ещё", doubt=-9.0))
    dotted, plain, other = tree_of("ещё", "еще", "ещу", alphabet=RUSSIAN).score(logprobs)
    assert dotted.total == plain.total > other.total
    assert np.exp(logprobs).sum(axis=1) == pytest.approx(1.0)


def test_words_that_cannot_be_spelt_are_named() -> None:
    tokens, missing = RUSSIAN.encode("Номер MTS — не существует!")
    assert RUSSIAN.decode(tokens) == "номер не существует"
    assert missing == ("mts",)


@pytest.mark.parametrize(
    "figures",
    [
        pytest.param([[0.0, np.nan]], id="no number"),
        pytest.param([[0.0, np.inf]], id="infinite"),
        pytest.param([[-np.inf, -np.inf]], id="nothing is possible"),
        pytest.param([0.0, 1.0], id="one row"),
    ],
)
def test_figures_that_are_no_log_probabilities_are_refused(figures: list[object]) -> None:
    with pytest.raises(EngineError, match=r"a\.wav: the model put out"):
        normalized(np.array(figures, np.float64), "a.wav")


@pytest.mark.parametrize(("blank", "space"), [(4, 0), (0, -1), (1, 1)])
def test_an_alphabet_without_a_place_for_blank_and_space_is_refused(blank: int, space: int) -> None:
    with pytest.raises(EngineError, match="expected"):
        Alphabet(("а", "б", " ", "_"), blank=blank, space=space)
