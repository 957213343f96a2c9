"""Find listed phrases in a transcript, however the recogniser spelt them.

Every phrase is aligned word by word with the best stretch of the transcript (a local alignment,
as Smith and Waterman's, over words instead of letters). Words are compared as they sound
(RapidFuzz ratio of `sound_alike` forms), two words may stand for one and one for two, and each word
weighs what it decides: «временно» lost, or standing where the phrase has none, costs more than a
lost «пожалуйста».

Conventions
-----------
A *score* is 0-100: the weight of the phrase's words found in order, less what should not have been
there, as a share of the phrase's whole weight. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from recognizer.normalization import normalize, normalize_words, sound_alike_word
from recognizer.phrases import PhraseBook, WordLists
from recognizer.types import (
    CallOutcome,
    Phrase,
    PhraseListName,
    PhraseMatch,
    Transcript,
    phrase_list_of,
)

__all__ = [
    "DEFAULT_SCORE_CUTOFF",
    "Matcher",
    "TranscriptWords",
    "cutoff_of",
    "find_matches",
    "floor_of",
]

DEFAULT_SCORE_CUTOFF = 72.0
"""Score below which a phrase is not taken as found, where its list says nothing."""
SHORT_SCORE_CUTOFF = 88.0
"""The same for phrases of one or two words."""

_FILLER_WEIGHT = 0.3
_INSERTION_COST = 0.35  # an ordinary word where the phrase has none
_FILLER_COST = 0.05
_LIVE_COST = 2.0  # a word that only a person says: «номер, он не обслуживается»
_DECIDING_COST = 0.9  # of a deciding word's weight, inside the phrase
_NEIGHBOUR_COST = 0.6  # of a reversing word's weight, right beside the phrase
_REVERSING_WEIGHT = (
    4.0  # from this weight on («временно», «не», «ваш») a word reverses its neighbour
)
# No mark stands while a word between the phrase's words is unexplained: it may be what is left of
# «временно». This score is still a match, but not enough for the mark.
_UNEXPLAINED_SCORE = 75.0
_EXPLAINED = 0.5  # similarity from which a word heard is one of the phrase's
_SHORT = 2  # letters; «за», «на» between words are crumbs of their neighbours
# RapidFuzz ratios of two words that share nothing but letters reach 50; from 95 it is one word.
_RATIO_NONE, _RATIO_SAME = 50.0, 95.0
_NEGATION_FACTOR = 0.6  # «доступен» for «недоступен»: alike, and the opposite
_ANY = 0.05
_NEVER = -1e6
_JOINED = 0.75  # two words stand for one only if together they sound like it
_DECIDING_RATIO = 78.0  # «дременно» sounds enough like «временно» to count as it

_Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TranscriptWords:
    """A transcript as the matcher sees it.

    Attributes
    ----------
    words : normalised words.
    sounds : as they sound.
    places : for each, the index of the word of the transcript it came from.
    """

    words: tuple[str, ...]
    sounds: tuple[str, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> TranscriptWords:
        """Normalise the words of a transcript."""
        pairs = normalize_words(words)
        return cls(
            tuple(word for word, _ in pairs),
            tuple(sound_alike_word(word) for word, _ in pairs),
            tuple(place for _, place in pairs),
        )

    def beside(self, match: PhraseMatch) -> list[str]:
        """Return the words heard outside a match."""
        return [
            word
            for word, place in zip(self.words, self.places, strict=True)
            if not match.first_word <= place < match.end_word
        ]


class Matcher:
    """The phrases of a book, laid out for matching many transcripts.

    Parameters
    ----------
    book : PhraseBook
    language : str
        Only this language's phrases are looked for.
    """

    def __init__(self, book: PhraseBook, language: str = "ru") -> None:
        self.book = book
        # Longest first, so that the phrases that still have an i-th word are always the first ones.
        spoken = [(normalize(p.text).split(), p) for p in book.phrases if p.language == language]
        spoken.sort(key=lambda pair: -len(pair[0]))
        self.phrases = tuple(phrase for _, phrase in spoken)
        split = self._words = [words for words, _ in spoken]
        self._marks = np.array(
            [phrase_list_of(p.outcome) is PhraseListName.INVALID_NUMBER for p in self.phrases], bool
        )
        weigh = cache(lambda word: _weight(word, book.words))
        self._n_words = np.array([len(words) for words in split], np.intp)
        longest = int(self._n_words.max(initial=1))
        self._n_longer = [int((self._n_words > i).sum()) for i in range(longest)]
        vocabulary: dict[str, int] = {}
        pairs: dict[str, int] = {}
        parts: dict[str, tuple[int, int]] = {}
        shape = (len(split), longest)
        self._word_ids = np.zeros(shape, np.intp)
        self._pair_ids = np.zeros(shape, np.intp)
        weights = np.zeros(shape)
        for row, words in enumerate(split):
            for column, word in enumerate(words):
                self._word_ids[row, column] = vocabulary.setdefault(word, len(vocabulary))
                weights[row, column] = weigh(word)
                if column:
                    pair = words[column - 1] + word
                    self._pair_ids[row, column] = pairs.setdefault(pair, len(pairs))
                    parts[pair] = (vocabulary[words[column - 1]], vocabulary[word])
        self._totals = np.maximum(weights.sum(axis=1), 1e-9)
        self._vocabulary = _Vocabulary(tuple(vocabulary))
        self._vocabulary_weights = np.array([weigh(word) for word in vocabulary])
        sounds = self._vocabulary.sounds
        glued = [sounds[parts[pair][0]] + sounds[parts[pair][1]] for pair in pairs]
        self._pairs = _Vocabulary(tuple(pairs), glued)
        self._pair_parts = np.array([parts[pair] for pair in pairs] or [(0, 0)], np.intp)
        self._deciding = [w for w in vocabulary if book.words.weight(w) > 1.0]
        self._deciding_sounds = [sound_alike_word(w) for w in self._deciding]

    def vocabulary(self, outcomes: Collection[CallOutcome]) -> tuple[str, ...]:
        """Return the distinct normalised words of the phrases of some outcomes."""
        pairs = zip(self.phrases, self._words, strict=True)
        return tuple(
            {word for phrase, words in pairs if phrase.outcome in outcomes for word in words}
        )

    def find(
        self, words: Sequence[str] | TranscriptWords, *, floor: float = 40.0
    ) -> tuple[PhraseMatch, ...]:
        """Return the best place of every phrase that scores `floor` or more, best first.

        "Best" weighs the score with how much of the transcript the phrase explains, so that of
        two phrases found whole the longer stands first.

        Parameters
        ----------
        words : sequence of str
            Words of a transcript, in any spelling; `first_word` and `end_word` of the matches
            count these.
        floor : float
            0-100.
        """
        heard = words if isinstance(words, TranscriptWords) else TranscriptWords.of(words)
        if not heard.words or not self.phrases:
            return ()
        table = _Alignment(self, heard)
        scores = self._without_unexplained(table)
        length = 2.0 * np.minimum(self._totals, 10.0) + 0.01 * self._totals
        order = np.argsort(-(scores + length), kind="stable")
        found = []
        for row in order:
            if scores[row] >= floor:
                first, end = table.span(int(row))
                if self.phrases[row].whole and not self._is_all(heard, first, end):
                    continue
                found.append(
                    PhraseMatch(
                        self.phrases[row],
                        round(float(scores[row]), 1),
                        heard.places[first],
                        heard.places[end - 1] + 1,
                    )
                )
        return tuple(found)

    def _without_unexplained(self, table: _Alignment) -> npt.NDArray[np.float64]:
        """Return the scores, those of the invalid numbers lowered over an unexplained word."""
        scores: npt.NDArray[np.float64] = np.array(table.scores, np.float64)
        for row in np.flatnonzero(self._marks & (scores > _UNEXPLAINED_SCORE)):
            if table.has_unexplained(int(row)):
                scores[row] = _UNEXPLAINED_SCORE
        return scores

    def _is_all(self, heard: TranscriptWords, first: int, end: int) -> bool:
        """Return whether nothing but fillers was heard outside ``[first, end)``."""
        others = heard.words[:first] + heard.words[end:]
        return all(word in self.book.words.filler for word in others)

    def deciding_weights(self, heard: TranscriptWords) -> npt.NDArray[np.float64]:
        """Return, shape (n_words,), the weight of each word heard; 1 where it decides nothing.

        A garbled deciding word counts as the one it sounds like.
        """
        lists = self.book.words
        weights = np.array([lists.weight(word) for word in heard.words])
        if self._deciding and heard.sounds:
            ratios = process.cdist(
                heard.sounds, self._deciding_sounds, scorer=fuzz.ratio, dtype=np.float32
            )
            alike = ratios.max(axis=1) >= _DECIDING_RATIO
            nearest = [lists.weight(self._deciding[i]) for i in ratios.argmax(axis=1)]
            weights = np.where(alike, np.maximum(weights, nearest), weights)
        return weights


def find_matches(
    transcript: Transcript | str,
    matcher: Matcher,
    *,
    score_cutoff: float | None = None,
) -> tuple[PhraseMatch, ...]:
    """Return the best match of each outcome that reaches its cutoff, best first.

    Parameters
    ----------
    transcript : Transcript or str
        With a `Transcript`, matches carry times.
    matcher : Matcher
    score_cutoff : float or None
        0-100; None: the phrase's own, or `DEFAULT_SCORE_CUTOFF`.
    """
    timed = transcript.words if isinstance(transcript, Transcript) else None
    words = [w.text for w in timed] if timed is not None else str(transcript).split()
    best: dict[CallOutcome, PhraseMatch] = {}
    for match in matcher.find(words):
        cutoff = score_cutoff if score_cutoff is not None else cutoff_of(match.phrase)
        if match.score >= cutoff and match.outcome not in best:
            best[match.outcome] = match
    if timed is None:
        return tuple(best.values())
    return tuple(
        PhraseMatch(
            m.phrase,
            m.score,
            m.first_word,
            m.end_word,
            timed[m.first_word].start_s,
            timed[m.end_word - 1].end_s,
        )
        for m in best.values()
    )


def cutoff_of(phrase: Phrase) -> float:
    """Return the score from which `phrase` counts as found, 0-100.

    Its list's or its own; else 72, and 88 for one or two words, which are easily met by chance.
    """
    if phrase.score_cutoff is not None:
        return phrase.score_cutoff
    is_short = len(normalize(phrase.text).split()) <= 2
    return SHORT_SCORE_CUTOFF if is_short else DEFAULT_SCORE_CUTOFF


def floor_of(phrase: Phrase) -> float:
    """Return the score from which `phrase` is worth comparing with the sound, 0-100.

    As far below the cutoff as the cutoff is below 100.
    """
    return 2.0 * cutoff_of(phrase) - 100.0


def _weight(word: str, lists: WordLists) -> float:
    weight = lists.weight(word)
    return _FILLER_WEIGHT if weight <= 1.0 and word in lists.filler else weight


class _Vocabulary:
    """Distinct words with what comparing them needs."""

    def __init__(self, words: tuple[str, ...], sounds: list[str] | None = None) -> None:
        self.sounds = [sound_alike_word(w) for w in words] if sounds is None else sounds
        self.negated = np.array([_is_negated(w) for w in words], bool)

    def similarity(self, words: Sequence[str], sounds: Sequence[str]) -> _Matrix:
        """Return similarity 0-1, shape (n_vocabulary, n_words)."""
        if not self.sounds or not sounds:
            return np.zeros((max(len(self.sounds), 1), len(sounds)))
        ratios = process.cdist(self.sounds, sounds, scorer=fuzz.ratio, dtype=np.float32)
        same = np.clip((ratios - _RATIO_NONE) / (_RATIO_SAME - _RATIO_NONE), 0.0, 1.0)
        opposite = self.negated[:, None] != np.array([_is_negated(w) for w in words], bool)
        return np.where(opposite, same * _NEGATION_FACTOR, same).astype(np.float64)


def _is_negated(word: str) -> bool:
    return len(word) > 4 and word.startswith("не")


class _Alignment:
    """All phrases aligned with one transcript at once.

    ``_rows[i][p, j]`` is the best weight found for the first i words of phrase p by an alignment
    that ends before word j of the transcript.
    """

    def __init__(self, matcher: Matcher, heard: TranscriptWords) -> None:
        n_words = len(heard.words)
        lists = matcher.book.words
        weights = matcher.deciding_weights(heard)
        fillers = np.array([word in lists.filler for word in heard.words])
        live = np.array([word in lists.live for word in heard.words])
        self._insertions = np.select(
            [weights > 1.0, live, fillers],
            [weights * _DECIDING_COST, _LIVE_COST, _FILLER_COST],
            _INSERTION_COST,
        )
        beside = np.where(weights >= _REVERSING_WEIGHT, weights * _NEIGHBOUR_COST, 0.0)
        self._before = np.concatenate(([0.0], beside))
        self._after = np.concatenate((beside, [0.0]))

        joined = [a + b for a, b in zip(heard.words, heard.words[1:], strict=False)]
        joined_sounds = [sound_alike_word(word) for word in joined]
        words, pairs = matcher._vocabulary, matcher._pairs  # noqa: SLF001
        # Gains of one for one, one for two, two for one: shape (n_vocabulary or n_pairs, n_words).
        # What a deciding word heard is taken for, and is not, costs as if it had been left over:
        # «ваш» must not pass for «наш».
        self._ids, self._pair_ids = matcher._word_ids, matcher._pair_ids  # noqa: SLF001
        missed = np.where(weights > 1.0, weights * _DECIDING_COST, 0.0)
        own = matcher._vocabulary_weights  # noqa: SLF001
        alike = words.similarity(heard.words, heard.sounds)
        gains = own[:, None] * alike - (1.0 - alike) * missed
        self._alike = alike
        self._may_stand = fillers | np.array([len(word) <= _SHORT for word in heard.words])
        self._one = np.where(alike >= _ANY, gains, _NEVER)
        # Two words are one only if together they are more alike than either alone; else «не» would
        # vanish in «(не) отвечает», and «я» in «(я) занят».
        both = words.similarity(joined, joined_sounds)
        together = (both >= _JOINED) & (both > np.maximum(alike[:, :-1], alike[:, 1:]))
        self._split = np.where(together, own[:, None] * both, _NEVER)
        both = pairs.similarity(heard.words, heard.sounds)
        parts = matcher._pair_parts  # noqa: SLF001
        together = (both >= _JOINED) & (both > alike[parts].max(axis=1))
        self._glued = np.where(together, own[parts].sum(axis=1)[:, None] * both, _NEVER)
        self._n_longer = matcher._n_longer  # noqa: SLF001
        self._rows = self._fill(n_words)

        last = np.zeros((len(self._ids), n_words + 1))
        for row in self._rows:  # the last row that a phrase is in is that of its last word
            last[: len(row)] = row
        last -= self._after
        self.ends = last.argmax(axis=1)
        best = last[np.arange(len(last)), self.ends]
        self.scores = np.clip(100.0 * best / matcher._totals, 0.0, 100.0)  # noqa: SLF001
        self._lengths = matcher._n_words  # noqa: SLF001

    def _fill(self, n_words: int) -> list[_Matrix]:
        rows: list[_Matrix] = [np.tile(-self._before, (len(self._ids), 1))]
        cumulated = np.concatenate(([0.0], np.cumsum(self._insertions)))
        for i, n_phrases in enumerate(self._n_longer):
            left = rows[i][:n_phrases]
            ids = self._ids[:n_phrases, i]
            row = left.copy()  # the phrase's word is not there
            row[:, 1:] = np.maximum(row[:, 1:], left[:, :-1] + self._one[ids])
            if n_words > 1:
                row[:, 2:] = np.maximum(row[:, 2:], left[:, :-2] + self._split[ids])
            if i:
                pair_ids = self._pair_ids[:n_phrases, i]
                glued = rows[i - 1][:n_phrases, :-1] + self._glued[pair_ids]
                row[:, 1:] = np.maximum(row[:, 1:], glued)
            # Words heard in between: best of "end here" and "come from the left and pay".
            rows.append(np.maximum.accumulate(row + cumulated, axis=1) - cumulated)
        return rows

    def has_unexplained(self, phrase: int) -> bool:
        """Return whether a word heard between the words of `phrase` is none of them."""
        first, end = self.span(phrase)
        own = self._ids[phrase, : self._lengths[phrase]]
        explained = self._alike[own, first:end].max(axis=0) >= _EXPLAINED
        return not bool((explained | self._may_stand[first:end]).all())

    def span(self, phrase: int) -> tuple[int, int]:
        """Return the half-open range of words that `phrase` covers at its best."""
        i, j = int(self._lengths[phrase]), int(self.ends[phrase])
        first, end = j, 0
        rows = [row[phrase] for row in self._rows[: i + 1]]
        while i > 0 and j > 0:
            here, word = rows[i][j], self._ids[phrase, i - 1]
            if _same(here, rows[i - 1][j]):  # this word of the phrase was not heard
                i -= 1
                continue
            if _same(here, rows[i - 1][j - 1] + self._one[word, j - 1]):
                used, step = 1, 1
            elif j > 1 and _same(here, rows[i - 1][j - 2] + self._split[word, j - 2]):
                used, step = 1, 2
            elif i > 1 and _same(
                here, rows[i - 2][j - 1] + self._glued[self._pair_ids[phrase, i - 1], j - 1]
            ):
                used, step = 2, 1
            else:  # a word heard that the phrase does not have
                j -= 1
                continue
            first, end = j - step, max(end, j)
            i, j = i - used, j - step
        return (first, end) if end > first else (max(0, first - 1), max(first, 1))


def _same(a: float, b: float) -> bool:
    return abs(a - b) < 1e-9
