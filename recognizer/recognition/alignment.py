"""Align listed wordings with what was heard, word by word.

A local alignment, as Smith and Waterman's, over words instead of letters. Words are compared as
they sound (RapidFuzz ratio of `sound_alike` forms), two words may stand for one and one for two,
and each word weighs what it decides: «временно» lost, or standing where the wording has none, costs
more than a lost «пожалуйста».

Plain Python on purpose: few words of few wordings were ever heard, so the tables are sparse, and
what cannot reach a score is left out before any table is filled. It is as fast as arrays were, and
a command that only matches text starts without an array library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from recognizer.base import similarity
from recognizer.phrases.book import WordLists
from recognizer.phrases.normalization import sound_alike_word
from recognizer.recognition.transcript_words import TranscriptWords

__all__ = ["REVERSING_WEIGHT", "Alignment", "HeardWords", "ListedWords"]

_FILLER_WEIGHT = 0.3
_INSERTION_COST = 0.35  # an ordinary word where the wording has none
_FILLER_COST = 0.05
_PERSON_WORD_COST = 2.0  # a word that only a person says: «номер, он не обслуживается»
_KEYWORD_COST = 0.9  # of a keyword's weight, inside the wording
_NEIGHBOUR_COST = 0.6  # of a reversing word's weight, right beside the wording
REVERSING_WEIGHT = (
    4.0  # from this weight on («временно», «не», «ваш») a word reverses its neighbour
)
_EXPLAINED = 0.5  # similarity from which a word heard is one of the wording's
_SHORT = 2  # letters; «за», «на» between words are what is left of the words beside them
# RapidFuzz ratios of two words that share nothing but letters reach 50; from 95 it is one word.
_RATIO_NONE, _RATIO_SAME = 50.0, 95.0
_NEGATION_FACTOR = 0.6  # «доступен» for «недоступен»: alike, and the opposite
_ANY = 0.05  # similarity below which nothing is alike
_JOINED = 0.75  # two words stand for one only if together they sound like it
_KEYWORD_RATIO = 78.0  # «дременно» sounds enough like «временно» to count as it
_ROUNDING = 1e-6  # of sums in another order

Gains = dict[int, float]
"""What pairing a listed word with a word heard is worth, by the place of the word heard."""


class ListedWords:
    """The words of many wordings, laid out for finding the ones that sound like a word heard.

    Parameters
    ----------
    wordings : sequence of sequence of str
        Normalised words of each wording.
    lists : WordLists
        What each word weighs.

    Attributes
    ----------
    wordings : tuple of tuple of int
        Each wording as indices of distinct words.
    totals : tuple of float
        Weight of each wording.
    weights : tuple of float
        Of each distinct word.
    rows_with : list of list of int
        For each distinct word the numbers of the wordings that say it, as often as they do.
    """

    def __init__(self, wordings: Sequence[Sequence[str]], lists: WordLists) -> None:
        self.lists = lists
        words = tuple(dict.fromkeys(word for wording in wordings for word in wording))
        index = {word: i for i, word in enumerate(words)}
        decides = [lists.weight(word) for word in words]
        self.weights = tuple(
            _FILLER_WEIGHT if weight <= 1.0 and word in lists.filler else weight
            for word, weight in zip(words, decides, strict=True)
        )
        self.wordings = tuple(tuple(index[word] for word in wording) for wording in wordings)
        self.totals = tuple(
            max(sum(self.weights[i] for i in wording), 1e-9) for wording in self.wordings
        )
        self.rows_with: list[list[int]] = [[] for _ in words]
        for row, wording in enumerate(self.wordings):
            for i in wording:
                self.rows_with[i].append(row)
        sounds = [sound_alike_word(word) for word in words]
        self.one = _Sounds(words, sounds, least=_ANY)
        self.split = _Sounds(words, sounds, least=_JOINED)
        self.with_pair: dict[tuple[int, int], list[int]] = {}
        for row, wording in enumerate(self.wordings):
            for pair in dict.fromkeys(pairwise(wording)):
                self.with_pair.setdefault(pair, []).append(row)
        self.pairs = tuple(self.with_pair)
        self.glued = _Sounds(
            [words[a] + words[b] for a, b in self.pairs],
            [sounds[a] + sounds[b] for a, b in self.pairs],
            least=_JOINED,
        )
        deciding = [i for i, weight in enumerate(decides) if weight > 1.0]
        self._keyword_sounds = [sounds[i] for i in deciding]
        self._deciding_weights = [decides[i] for i in deciding]

    def deciding_weight(self, word: str, sound: str) -> float:
        """Return the weight of a word heard, 1 where it decides nothing.

        A misrecognized keyword counts as the one it sounds like.
        """
        weight = self.lists.weight(word)
        near = similarity.nearest(sound, self._keyword_sounds, score_cutoff=_KEYWORD_RATIO)
        return max(weight, self._deciding_weights[near[0].place]) if near else weight


class _Sounds:
    """Distinct words, or pairs of words written as one, found by their sound."""

    def __init__(self, words: Sequence[str], sounds: Sequence[str], *, least: float) -> None:
        self._sounds = sounds
        self._negated = [_is_negated(word) for word in words]
        self._least = least
        self.similar = lru_cache(maxsize=similarity.N_WORDS_REMEMBERED)(self._similar)

    def _similar(self, word: str, sound: str) -> tuple[tuple[int, float], ...]:
        """Return the indices of the words that sound like one heard, with similarity, least..1."""
        is_negated = _is_negated(word)
        cutoff = _RATIO_NONE + self._least * (_RATIO_SAME - _RATIO_NONE)
        found = []
        for index, ratio in similarity.nearest(sound, self._sounds, score_cutoff=cutoff):
            alike = min((ratio - _RATIO_NONE) / (_RATIO_SAME - _RATIO_NONE), 1.0)
            if self._negated[index] != is_negated:
                alike *= _NEGATION_FACTOR
            if alike >= self._least:
                found.append((index, alike))
        return tuple(found)


class HeardWords:
    """A transcript compared with every listed word: all that aligning a wording needs.

    Parameters
    ----------
    listed : ListedWords
    heard : TranscriptWords
    """

    def __init__(self, listed: ListedWords, heard: TranscriptWords) -> None:
        self.listed = listed
        self.n_words = len(heard.words)
        lists = listed.lists
        weights = [
            listed.deciding_weight(word, sound)
            for word, sound in zip(heard.words, heard.sounds, strict=True)
        ]
        self.insertions = [
            _insertion_cost(word, weight, lists)
            for word, weight in zip(heard.words, weights, strict=True)
        ]
        beside = [w * _NEIGHBOUR_COST if w >= REVERSING_WEIGHT else 0.0 for w in weights]
        self.before = [0.0, *beside]
        self.after = [*beside, 0.0]
        self.may_stand = [word in lists.filler or len(word) <= _SHORT for word in heard.words]
        # What a keyword heard is taken for, and is not, costs as if it had been left over:
        # «ваш» must not pass for «наш».
        missed = [w * _KEYWORD_COST if w > 1.0 else 0.0 for w in weights]
        self.alike: dict[int, Gains] = {}
        self.one: dict[int, Gains] = {}
        for place, (word, sound) in enumerate(zip(heard.words, heard.sounds, strict=True)):
            for index, alike in listed.one.similar(word, sound):
                gain = listed.weights[index] * alike - (1.0 - alike) * missed[place]
                self.alike.setdefault(index, {})[place] = alike
                self.one.setdefault(index, {})[place] = gain
        self.split = self._split(heard)
        self.glued = self._glued(heard)

    def _split(self, heard: TranscriptWords) -> dict[int, Gains]:
        """Return what two words heard, from each place on, are worth as one listed word.

        Two words are one only if together they are more alike than either alone; else «не» would
        vanish in «(не) отвечает», and «я» in «(я) занят».
        """
        split: dict[int, Gains] = {}
        for place, pair in enumerate(pairwise(heard.words)):
            word = "".join(pair)
            for index, alike in self.listed.split.similar(word, sound_alike_word(word)):
                alone = self.alike.get(index, {})
                if alike > max(alone.get(place, 0.0), alone.get(place + 1, 0.0)):
                    split.setdefault(index, {})[place] = self.listed.weights[index] * alike
        return split

    def _glued(self, heard: TranscriptWords) -> dict[tuple[int, int], Gains]:
        """Return what a word heard is worth as two listed words."""
        glued: dict[tuple[int, int], Gains] = {}
        weights = self.listed.weights
        for place, (word, sound) in enumerate(zip(heard.words, heard.sounds, strict=True)):
            for index, alike in self.listed.glued.similar(word, sound):
                first, second = pair = self.listed.pairs[index]
                alone = max(self.alike.get(i, {}).get(place, 0.0) for i in pair)
                if alike > alone:
                    gain = (weights[first] + weights[second]) * alike
                    glued.setdefault(pair, {})[place] = gain
        return glued

    def promising(self, floors: Iterable[float]) -> Iterator[int]:
        """Yield the numbers of the wordings that may reach their floor, 0-100, in `floors`.

        None that does is left out: the bound pays for nothing and takes the best of every word.
        """
        listed = self.listed
        best: dict[int, float] = {}
        for gains in (self.one, self.split):
            for index, places in gains.items():
                best[index] = max(best.get(index, 0.0), *places.values())
        bounds = [0.0] * len(listed.wordings)
        for index, gain in best.items():  # the words of most wordings were heard nowhere
            for row in listed.rows_with[index] if gain > 0.0 else ():
                bounds[row] += gain
        for pair, places in self.glued.items():
            more = max(places.values()) - best.get(pair[0], 0.0) - best.get(pair[1], 0.0)
            for row in listed.with_pair[pair] if more > 0.0 else ():
                # A wording may say the pair more than once.
                bounds[row] += more * (len(listed.wordings[row]) // 2)
        rows = zip(bounds, listed.totals, floors, strict=True)
        for row, (bound, total, floor) in enumerate(rows):
            if 100.0 * bound >= floor * total - _ROUNDING:
                yield row


class Alignment:
    """One wording aligned with a transcript at its best place.

    ``_rows[i][j]`` is the best weight found for the first i words of the wording by an alignment
    that ends before word j of the transcript.

    Attributes
    ----------
    score : float
        0-100.
    """

    def __init__(self, heard: HeardWords, row: int) -> None:
        self._heard = heard
        self._wording = heard.listed.wordings[row]
        self._rows = self._fill()
        last = [gain - cost for gain, cost in zip(self._rows[-1], heard.after, strict=True)]
        best = max(last)
        self._end = last.index(best)
        self.score = min(max(100.0 * best / heard.listed.totals[row], 0.0), 100.0)

    def _fill(self) -> list[list[float]]:
        heard, wording = self._heard, self._wording
        rows = [[-cost for cost in heard.before]]
        for i, word in enumerate(wording):
            left = rows[i]
            one, split = heard.one.get(word), heard.split.get(word)
            glued = heard.glued.get((wording[i - 1], word)) if i else None
            if i and not (one or split or glued):
                rows.append(left)  # the word was heard nowhere
                continue
            row = left.copy()
            for place, gain in one.items() if one else ():
                row[place + 1] = max(row[place + 1], left[place] + gain)
            for place, gain in split.items() if split else ():
                row[place + 2] = max(row[place + 2], left[place] + gain)
            for place, gain in glued.items() if glued else ():
                row[place + 1] = max(row[place + 1], rows[i - 1][place] + gain)
            for place, cost in enumerate(heard.insertions):  # words heard in between
                row[place + 1] = max(row[place + 1], row[place] - cost)
            rows.append(row)
        return rows

    def has_unexplained(self) -> bool:
        """Return whether a word heard between the words of the wording is none of them."""
        alike, may_stand = self._heard.alike, self._heard.may_stand
        own = [alike[word] for word in set(self._wording) if word in alike]
        return any(
            not may_stand[place] and all(similar.get(place, 0.0) < _EXPLAINED for similar in own)
            for place in range(*self.span())
        )

    def span(self) -> tuple[int, int]:
        """Return the half-open range of words heard that the wording covers at its best."""
        rows, heard, wording = self._rows, self._heard, self._wording
        i, j = len(wording), self._end
        first, end = j, 0
        while i > 0 and j > 0:
            here, word = rows[i][j], wording[i - 1]
            pair = (wording[i - 2], word) if i > 1 else None
            if _same(here, rows[i - 1][j]):  # this word of the wording was not heard
                i -= 1
                continue
            if _comes_from(here, rows[i - 1], heard.one.get(word), j - 1):
                used, step = 1, 1
            elif _comes_from(here, rows[i - 1], heard.split.get(word), j - 2):
                used, step = 1, 2
            elif pair and _comes_from(here, rows[i - 2], heard.glued.get(pair), j - 1):
                used, step = 2, 1
            else:  # a word heard that the wording does not have
                j -= 1
                continue
            first, end = j - step, max(end, j)
            i, j = i - used, j - step
        return (first, end) if end > first else (max(0, first - 1), max(first, 1))


def _comes_from(here: float, row: Sequence[float], gains: Gains | None, place: int) -> bool:
    """Return whether a cell was reached from `place` of a row by one of these gains."""
    return gains is not None and place in gains and _same(here, row[place] + gains[place])


def _same(a: float, b: float) -> bool:
    return abs(a - b) < 1e-9


def _is_negated(word: str) -> bool:
    return len(word) > 4 and word.startswith("не")


def _insertion_cost(word: str, weight: float, lists: WordLists) -> float:
    if weight > 1.0:
        return weight * _KEYWORD_COST
    if word in lists.live:
        return _PERSON_WORD_COST
    return _FILLER_COST if word in lists.filler else _INSERTION_COST
