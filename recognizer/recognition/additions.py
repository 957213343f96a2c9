"""What adding wordings to the lists changes: the lists before and after, judging the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recognizer.model import CallOutcome, Phrase
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.normalization import normalize
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier

__all__ = ["ChangedWording", "ListComparison"]

_FAINT = 40.0
"""Score from which a new phrase may change what a text is taken for (floor of `Matcher.find`)."""


@dataclass(frozen=True, slots=True)
class ChangedWording:
    """A listed wording that is taken for something else from now on.

    Attributes
    ----------
    phrase : Phrase
    was, will_be : CallOutcome
    """

    phrase: Phrase
    was: CallOutcome
    will_be: CallOutcome


class ListComparison:
    """The lists before and after a change, ready to judge texts by the whole text side.

    Where none of the new phrases is found even faintly in a text, its verdict stays as it is:
    judging hundreds of phrases again would take a minute.

    Parameters
    ----------
    before, after : PhraseBook
    """

    def __init__(self, before: PhraseBook, after: PhraseBook) -> None:
        self.before = before
        self.after = after
        self.listed = Matcher(before)
        calibration = load_calibration()
        self._old = UtteranceClassifier(self.listed, calibration)
        self._new = UtteranceClassifier(Matcher(after), calibration)
        new = tuple(phrase for phrase in after.phrases if phrase.id not in before.by_id)
        self._only_new = Matcher(replace(after, phrases=new))
        self._phrases = [frozenset(normalize(phrase.text).split()) for phrase in new]

    def was(self, text: str) -> CallOutcome:
        """Return what a text is taken for before the change."""
        return self._old.judge_text(text).outcome

    def will_be(self, text: str) -> CallOutcome:
        """Return what a text is taken for after the change."""
        return self._new.judge_text(text).outcome

    def touches(self, transcript: str) -> bool:
        """Return whether a transcript, possibly misrecognized, faintly holds a new phrase."""
        return bool(self._only_new.find(transcript.split(), floor=_FAINT))

    def has_words_of(self, listed: Phrase) -> bool:
        """Tell whether a listed wording does; it is spelt right, so equal words are enough."""
        weigh, words = self.after.words.weight, set(normalize(listed.text).split())
        return any(
            100 * sum(map(weigh, phrase & words)) >= _FAINT * sum(map(weigh, phrase))
            for phrase in self._phrases
        )

    def changed_wordings(self) -> Iterator[ChangedWording]:
        """Yield the wordings listed before that are taken for something else afterwards."""
        for phrase in self.before.phrases:
            if phrase.language == "ru" and self.has_words_of(phrase):
                was, will_be = self.was(phrase.text), self.will_be(phrase.text)
                if was is not will_be:
                    yield ChangedWording(phrase, was, will_be)
