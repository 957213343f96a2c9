"""Look for every listed wording in the sound itself, whatever the transcript says.

Only engines that sum over all the ways to say a wording can tell (`Utterance.find`): CTC models,
from one pass over the sound. The likeliest text may lose a word of which each letter is doubtful;
the sum over its letters does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from recognizer.model import CallOutcome, Phrase
from recognizer.phrases.normalization import normalize
from recognizer.recognition.matching import Matcher
from recognizer.recognition.precedence import is_mark

if TYPE_CHECKING:  # a transcript alone is judged without what listens
    from recognizer.engines.base import Utterance

__all__ = ["MAY_BE_THERE_NATS", "TEMPORARILY", "FoundInSound", "SoundSearch"]

TEMPORARILY = "временно"
"""What turns a mark into a retry."""

MAY_BE_THERE_NATS = math.log(0.1)
"""A wording whose expected count has this logarithm may have been said."""


class FoundInSound(NamedTuple):
    """What may have been said.

    Attributes
    ----------
    phrases : tuple of Phrase
        Of each outcome the longest wording that may be there.
    rival : (str, float)
        Of the wordings that a mark must not be confused with, and of the word that turns a mark
        into a retry, the likeliest, and the logarithm of how often it is expected.
    """

    phrases: tuple[Phrase, ...]
    rival: tuple[str, float]


class SoundSearch:
    """Looks for wordings in sound.

    Parameters
    ----------
    matcher : Matcher
        Phrases of the language spoken.
    partners : mapping
        Outcomes that each must not be confused with.
    """

    def __init__(
        self, matcher: Matcher, partners: Mapping[CallOutcome, Sequence[CallOutcome]]
    ) -> None:
        self._phrases = tuple(
            phrase for phrase in matcher.phrases if phrase.outcome is not CallOutcome.LIVE_PERSON
        )
        self._texts = (*(phrase.text for phrase in self._phrases), TEMPORARILY)
        self._words = tuple(dict.fromkeys(word for text in self._texts for word in _words(text)))
        rivals = {other for one in partners if is_mark(one) for other in partners[one]}
        self._is_rival = (*(phrase.outcome in rivals for phrase in self._phrases), True)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Texts that take a mark away where they may be in the sound."""
        pairs = zip(self._texts, self._is_rival, strict=True)
        return tuple(text for text, is_rival in pairs if is_rival)

    def search(self, utterance: Utterance) -> FoundInSound | None:
        """Return what may be in the sound, None where the engine cannot tell.

        Raises
        ------
        EngineError
            If the engine failed.
        """
        found = self._found(utterance)
        if found is None:
            return None
        longest: dict[CallOutcome, Phrase] = {}
        # The last text is no wording but a word.
        for phrase, logarithm in zip(self._phrases, found, strict=False):
            before = longest.get(phrase.outcome)
            is_longer = before is None or _length(phrase) > _length(before)
            if logarithm >= MAY_BE_THERE_NATS and is_longer:
                longest[phrase.outcome] = phrase
        logarithm, rival = max(
            (logarithm, text)
            for logarithm, text, is_rival in zip(found, self._texts, self._is_rival, strict=True)
            if is_rival
        )
        return FoundInSound(tuple(longest.values()), (rival, logarithm))

    def _found(self, utterance: Utterance) -> Sequence[float] | None:
        """Return how often each text is expected (logarithm), at most so below `MAY_BE_THERE_NATS`.

        A wording is there no more often than any of its words, so those are looked for first: they
        are a fifth of the letters.
        """
        told = utterance.find(self._words)
        if told is None:
            return None
        of_words = dict(zip(self._words, told, strict=True))
        most = [min(of_words[word] for word in _words(text)) for text in self._texts]
        there = [n for n, logarithm in enumerate(most) if logarithm >= MAY_BE_THERE_NATS]
        sure = utterance.find([self._texts[n] for n in there]) if there else ()
        for n, logarithm in zip(there, sure or (), strict=True):
            most[n] = logarithm
        return most


def _words(text: str) -> list[str]:
    return text.lower().split()


def _length(phrase: Phrase) -> int:
    return len(normalize(phrase.text))
