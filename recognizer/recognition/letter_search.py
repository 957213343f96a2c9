"""Find the listed wordings that a misrecognized hypothesis sounds like, letter by letter.

Where a recogniser understood little, words are glued and split anew («номернице счастливой» for
«номер не существует»), so comparing word with word finds nothing. The letters as they sound,
written without spaces, still resemble the wording that was spoken. What is found here is only a
candidate: it is held against the sound before it is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from recognizer.base import similarity
from recognizer.model import CallOutcome, Phrase, PhraseMatch
from recognizer.phrases.normalization import normalize, sound_alike
from recognizer.recognition.matching import Matcher
from recognizer.recognition.transcript_words import TranscriptWords

__all__ = ["LettersCompared", "NearestWordings", "compare_letters", "letters_ratio"]

_CHANCE = 55.0  # partial ratio that unrelated Russian letters reach
_MIN_LETTERS = 12  # anything shorter is found in whatever was misrecognized
_MIN_EVIDENCE = 100.0  # ten letters, ten points above chance; less is no similarity
_MIN_SHARE_OF_BEST = (
    0.3  # share of the best one's evidence below which a wording is not worth comparing
)
_N_OUTCOMES = 4
_N_IN_DETAIL = 2  # of them with two wordings
_COVERS = 0.85  # of the letters heard: a wording this long stands for all of them


class NearestWordings:
    """Announcements, laid out for comparing letters.

    Parameters
    ----------
    matcher : Matcher
        Left out are what a person says, which is never looked for in what was not understood, and
        what counts only where it is plainly heard: phrases that ask for a score of their own, and
        those of a few letters.
    """

    def __init__(self, matcher: Matcher) -> None:
        spoken = [
            (phrase, _letters(sound_alike(normalize(phrase.text)).split()))
            for phrase in matcher.phrases
            if phrase.outcome is not CallOutcome.LIVE_PERSON and phrase.score_cutoff is None
        ]
        long = [pair for pair in spoken if len(pair[1]) >= _MIN_LETTERS]
        self._phrases = [phrase for phrase, _ in long]
        self._letters = [letters for _, letters in long]
        self._rows = {phrase.id: row for row, phrase in enumerate(self._phrases)}

    def find(self, heard: TranscriptWords) -> tuple[PhraseMatch, ...]:
        """Return the nearest wordings of the nearest outcomes, nearest first.

        A wording counts for more the longer it is: twenty letters do not agree by chance.

        Returns
        -------
        tuple of PhraseMatch
            Of each outcome the one with most letters in common, of the two nearest also the one
            that is most alike, which may be a part of it; `score` is RapidFuzz's partial ratio of
            the letters, 0-100.
        """
        letters = _letters(heard.sounds)
        if not letters or not self._phrases:
            return ()
        ratios = [_letters_ratio(listed, letters) for listed in self._letters]
        return tuple(
            self._placed(row, ratios[row], heard, letters)
            for row in self._nearest(ratios, len(letters))
        )

    def placed(self, phrases: Iterable[Phrase], heard: TranscriptWords) -> tuple[PhraseMatch, ...]:
        """Return where wordings stand among the words heard, those that `find` looks for."""
        letters = _letters(heard.sounds)
        if not letters:
            return ()
        rows = [self._rows[phrase.id] for phrase in phrases if phrase.id in self._rows]
        return tuple(
            self._placed(row, _letters_ratio(self._letters[row], letters), heard, letters)
            for row in rows
        )

    def _nearest(self, ratios: Sequence[float], n_letters: int) -> list[int]:
        """Return the numbers of the phrases worth comparing, nearest outcome first."""
        evidence = [
            (ratio - _CHANCE) * min(len(listed), n_letters)
            for ratio, listed in zip(ratios, self._letters, strict=True)
        ]
        least = max(_MIN_EVIDENCE, _MIN_SHARE_OF_BEST * max(evidence))
        near_enough = [row for row, value in enumerate(evidence) if value >= least]
        by_outcome: dict[CallOutcome, list[int]] = {}
        for row in sorted(near_enough, key=lambda row: -evidence[row]):
            by_outcome.setdefault(self._phrases[row].outcome, []).append(row)
        rows: list[int] = []
        for rank, near in enumerate(list(by_outcome.values())[:_N_OUTCOMES]):
            closest = max(near, key=lambda row: ratios[row])
            rows += dict.fromkeys((near[0], closest) if rank < _N_IN_DETAIL else near[:1])
        return rows

    def _placed(self, row: int, ratio: float, heard: TranscriptWords, letters: str) -> PhraseMatch:
        first, end = 0, len(heard.sounds)
        if len(self._letters[row]) < _COVERS * len(letters):
            first, end = _words_at(heard.sounds, *similarity.best_part(self._letters[row], letters))
        return PhraseMatch(
            self._phrases[row],
            round(ratio, 1),
            heard.places[first],
            heard.places[end - 1] + 1,
        )


class LettersCompared(NamedTuple):
    """How like what was heard a wording is, letter by letter.

    Attributes
    ----------
    ratio : 0-100, how much of the wording is among the letters heard (RapidFuzz partial ratio).
    length : letters of the wording.
    share : 0-1, how much of what was heard the wording is long enough to explain.
    """

    ratio: float
    length: int
    share: float


def compare_letters(text: str, heard: TranscriptWords) -> LettersCompared:
    """Compare the letters of a wording, as they sound, with those heard."""
    wanted, letters = _letters(sound_alike(normalize(text)).split()), _letters(heard.sounds)
    share = min(1.0, len(wanted) / max(1, len(letters)))
    return LettersCompared(_letters_ratio(wanted, letters), len(wanted), share)


def letters_ratio(text: str, heard: TranscriptWords) -> float:
    """Return how much of a wording is among the letters heard, 0-100."""
    return compare_letters(text, heard).ratio


def _letters_ratio(wanted: str, letters: str) -> float:
    # A wording longer than what was heard must not be found by a part of it.
    scorer = similarity.partial_ratio if len(wanted) <= len(letters) else similarity.ratio
    return scorer(wanted, letters)


def _letters(sounds: Sequence[str]) -> str:
    return "".join(sounds)


def _words_at(sounds: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """Return the half-open range of words that lie at least half in these letters."""
    ends = list(accumulate(len(sound) for sound in sounds))
    inside = [
        index
        for index, (word_end, sound) in enumerate(zip(ends, sounds, strict=True))
        if min(word_end, end) - max(word_end - len(sound), start) >= len(sound) / 2
    ]
    if not inside:
        nearest = next(index for index, word_end in enumerate(ends) if word_end > start)
        return nearest, nearest + 1
    return inside[0], inside[-1] + 1
