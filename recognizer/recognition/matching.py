"""Find listed phrases in a transcript, however the recogniser spelt them.

Every phrase is aligned with the best run of words of the transcript (see `alignment`); here the
places found are ranked and cut off.

Conventions
-----------
A *score* is 0-100: the weight of the phrase's words found in order, less what should not have been
there, as a share of the phrase's whole weight. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import pairwise

from recognizer.model import (
    CallOutcome,
    Phrase,
    PhraseListName,
    PhraseMatch,
    Transcript,
    phrase_list_of,
)
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.normalization import normalize
from recognizer.recognition.alignment import REVERSING_WEIGHT, Alignment, HeardWords, ListedWords
from recognizer.recognition.grammar import GrammarReader
from recognizer.recognition.precedence import CARRIERS
from recognizer.recognition.transcript_words import TranscriptWords

__all__ = [
    "AS_HEARD_SCORE",
    "DEFAULT_SCORE_CUTOFF",
    "Matcher",
    "cutoff_of",
    "find_matches",
    "floor_of",
]

DEFAULT_SCORE_CUTOFF = 72.0
"""Score below which a phrase is not taken as found, where its list says nothing."""
SHORT_SCORE_CUTOFF = 88.0
"""The same for phrases of one or two words."""
AS_HEARD_SCORE = 85.0
"""Score from which the words heard say what the phrase says."""

# No mark stands while a word between the phrase's words is unexplained: it may be what is left of
# «временно». This score is still a match, but not enough for the mark.
_UNEXPLAINED_SCORE = 75.0
_SCORE_DIGITS, _HALF_DIGIT = 1, 0.05
_RANK_DIGITS = 6  # sums in another order differ beyond; equals keep the order of the phrases


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
        spoken = [(normalize(p.text).split(), p) for p in book.phrases if p.language == language]
        # Longest first: of phrases found equally well the longer explains more.
        spoken.sort(key=lambda pair: -len(pair[0]))
        self.phrases = tuple(phrase for _, phrase in spoken)
        self._words = [words for words, _ in spoken]
        # Scores are rounded before they are compared with a cutoff.
        self._cutoffs = [cutoff_of(phrase) - _HALF_DIGIT for phrase in self.phrases]
        self._listed = ListedWords(self._words, book.words)

    @cached_property
    def grammar(self) -> GrammarReader:
        """The grammar of the same book, which reads a sentence by the carriers' words."""
        return GrammarReader(self.book, self.vocabulary(CARRIERS))

    def vocabulary(self, outcomes: Collection[CallOutcome]) -> tuple[str, ...]:
        """Return the distinct normalised words of the phrases of some outcomes."""
        pairs = zip(self.phrases, self._words, strict=True)
        return tuple(
            {word for phrase, words in pairs if phrase.outcome in outcomes for word in words}
        )

    def words_after(self, word: str, outcomes: Collection[CallOutcome]) -> tuple[str, ...]:
        """Return the distinct normalised words that follow one in the phrases of some outcomes."""
        pairs = zip(self.phrases, self._words, strict=True)
        spoken = (words for phrase, words in pairs if phrase.outcome in outcomes)
        return tuple({after for words in spoken for one, after in pairwise(words) if one == word})

    def heard(self, words: Iterable[str]) -> TranscriptWords:
        """Return the words of a transcript as `find` sees them."""
        return TranscriptWords.of(words, self.book.words)

    def has_reversing_neighbour(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether a word right beside a match sounds like one that reverses it.

        «вашу» before «номер заблокирован» may be «ваш»: then it is our own line.
        """
        return any(
            self._listed.deciding_weight(word, sound) >= REVERSING_WEIGHT
            for word, sound, place in zip(heard.words, heard.sounds, heard.places, strict=True)
            if place in {match.first_word - 1, match.end_word}
        )

    def find(
        self, words: Sequence[str] | TranscriptWords, *, floor: float | None = None
    ) -> tuple[PhraseMatch, ...]:
        """Return the best place of every phrase that scores its floor or more, best first.

        "Best" weighs the score with how much of the transcript the phrase explains, so that of
        two phrases found whole the longer stands first.

        Parameters
        ----------
        words : sequence of str
            Words of a transcript, in any spelling; `first_word` and `end_word` of the matches
            count these.
        floor : float or None
            0-100; None: the cutoff of each phrase (`cutoff_of`).
        """
        heard = words if isinstance(words, TranscriptWords) else self.heard(words)
        if not heard.words:
            return ()
        compared = HeardWords(self._listed, heard)
        floors = self._cutoffs if floor is None else [floor] * len(self.phrases)
        found: list[tuple[float, PhraseMatch]] = []
        for row in compared.promising(floors):
            alignment = Alignment(compared, row)
            score = self._score(row, alignment)
            if score < floors[row]:
                continue
            phrase, (first, end) = self.phrases[row], alignment.span()
            if phrase.whole and not self._is_all(heard, first, end):
                continue
            total = self._listed.totals[row]
            rank = round(score + 2.0 * min(total, 10.0) + 0.01 * total, _RANK_DIGITS)
            start, stop = heard.places[first], heard.places[end - 1] + 1
            found.append((rank, PhraseMatch(phrase, round(score, _SCORE_DIGITS), start, stop)))
        found.sort(key=lambda pair: -pair[0])
        return tuple(match for _, match in found)

    def _score(self, row: int, alignment: Alignment) -> float:
        """Return the score, that of an invalid number lowered over an unexplained word."""
        is_mark = phrase_list_of(self.phrases[row].outcome) is PhraseListName.INVALID_NUMBER
        if is_mark and alignment.score > _UNEXPLAINED_SCORE and alignment.has_unexplained():
            return _UNEXPLAINED_SCORE
        return alignment.score

    def _is_all(self, heard: TranscriptWords, first: int, end: int) -> bool:
        """Return whether nothing but fillers was heard outside ``[first, end)``."""
        others = heard.words[:first] + heard.words[end:]
        return all(word in self.book.words.filler for word in others)


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
    for match in matcher.find(words, floor=score_cutoff):
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
