"""What may still be said after words that were heard, by the lists.

An announcement that is being said is a wording of which the beginning was heard. Its outcome is
settled while it is said if every listed wording that begins with the last words heard, said to its
end, leaves it as it is. What was settled once stays so, whatever follows, while the words heard
come to the same.

Not looked at: another announcement, or a person, after this one. Nothing that was said excludes
them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from recognizer.base import similarity
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.phrases.normalization import normalize, sound_alike_word
from recognizer.recognition.matching import Matcher
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verdicts import SpokenVerdict

__all__ = ["Continuations", "Settled"]


class Settled(NamedTuple):
    """What an announcement comes to, and after how many of the words heard that was settled."""

    outcome: CallOutcome
    n_words: int


class Continuations:
    """The listed wordings, laid out by the words that may stand at the end of what was heard.

    Parameters
    ----------
    matcher : Matcher
    classifier : UtteranceClassifier
        Judges what was heard with what may follow.
    """

    def __init__(self, matcher: Matcher, classifier: UtteranceClassifier) -> None:
        self._matcher = matcher
        self._classifier = classifier
        self._wordings = [(p.outcome, normalize(p.text).split()) for p in matcher.phrases]
        self._sounds = [[sound_alike_word(w) for w in words] for _, words in self._wordings]
        places: dict[str, list[tuple[int, int]]] = {}
        for row, sounds in enumerate(self._sounds):
            for n_said in range(1, len(sounds)):
                places.setdefault(sounds[n_said - 1], []).append((row, n_said))
        self._places = places
        self._last_sounds = list(places)

    def settled(self, words: Sequence[str]) -> Settled | None:
        """Return the outcome that no listed continuation changes, None if there is none.

        Parameters
        ----------
        words : sequence of str
            Words of a transcript, in any spelling; the last one is whole.
        """
        now = self._classifier.judge_text(" ".join(words))
        if now.outcome is CallOutcome.UNDETERMINED or now.match is None:
            return None
        for n_words in range(now.match.first_word + 1, len(words) + 1):
            if self._stays(words[:n_words], now.outcome):
                return Settled(now.outcome, n_words)
        return None

    def may_lead_to(self, words: Sequence[str], phrase_list: PhraseListName) -> bool:
        """Return whether the last words heard, or all but the last, begin a wording of a list."""
        sounds = self._matcher.heard(words).sounds
        begun = (row for said in (sounds, sounds[:-1]) for row, _ in self._begun(said))
        return any(phrase_list_of(self._wordings[row][0]) is phrase_list for row in begun)

    def _stays(self, words: Sequence[str], outcome: CallOutcome) -> bool:
        """Return whether words come to an outcome, however they go on."""
        text = " ".join(words)
        now = self._classifier.judge_text(text)
        return now.outcome is outcome and all(
            self._classifier.judge_text(f"{text} {rest}").outcome is outcome
            for rest in self._following(words, now)
        )

    def _following(self, words: Sequence[str], now: SpokenVerdict) -> list[str]:
        """Return how wordings of other outcomes go on: the shortest and the longest of each."""
        heard = self._matcher.heard(words)
        # What begins amid the wording that decides is no other one: its words are explained.
        amid = range(0)
        if now.match is not None:
            first, end = now.match.first_word, now.match.end_word
            amid = range(bisect_left(heard.places, first) + 1, bisect_left(heard.places, end))
        rests: dict[CallOutcome, list[str]] = {}
        for row, n_said in self._begun(heard.sounds):
            outcome, wording = self._wordings[row]
            if outcome is not now.outcome and len(heard.sounds) - n_said not in amid:
                rests.setdefault(outcome, []).append(" ".join(wording[n_said:]))
        chosen = ({min(each, key=len), max(each, key=len)} for each in rests.values())
        return sorted(set().union(*chosen))

    def _begun(self, heard: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield each wording whose beginning are the last words heard, and how many words it is."""
        if not heard:
            return
        near = similarity.nearest(heard[-1], self._last_sounds, score_cutoff=KNOWN_WORD_RATIO)
        for one in near:
            for row, n_said in self._places[self._last_sounds[one.place]]:
                said = self._sounds[row][:n_said]
                if n_said <= len(heard) and all(
                    similarity.ratio(a, b) >= KNOWN_WORD_RATIO
                    for a, b in zip(said[:-1], heard[-n_said:-1], strict=True)
                ):
                    yield row, n_said
