"""What stands beside a wording, or in its place: vetoes of words.

Conventions: a *wording* is the listed text of a match; what was *heard* are the normalised words of
the transcript (`TranscriptWords`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from recognizer.base import similarity
from recognizer.model import CallOutcome, PhraseMatch, Transcript, Veto
from recognizer.recognition.calibration import Calibration, Features, scores_as_heard
from recognizer.recognition.matching import Matcher, cutoff_of
from recognizer.recognition.patterns import Patterns
from recognizer.recognition.precedence import CARRIERS, MACHINES, is_mark
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO, TranscriptWords, are_all_heard
from recognizer.recognition.vetoes import limit_of, raised

__all__ = ["PERSON_STARTS", "Neighbours"]

PERSON_STARTS = frozenset({"нет", "алло", "ну", "вот", "ага", "угу", "слушаю"})
"""What people begin with; of the listed and shared wordings of carriers none begins so."""
_NOT = "не"
_EXPLAINED_RATIO = 70.0  # a word heard that is less like every word of the phrase is unexplained
_CLEAR_WORD = 0.7  # what is misrecognized is less probable
# By the meaning of the figures: every word of the wording, as it is listed, more probable than not;
# of an engine that nobody fitted also the next outcome twenty times less so.
_PROBABLE_WORD_NATS, _CLEAR_MARGIN_NATS = math.log(0.5), math.log(20.0)


class Neighbours:
    """The lists, laid out for looking at what stands beside a wording.

    Parameters
    ----------
    matcher : Matcher
    """

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._lists = matcher.book.words
        self._known = matcher.vocabulary(set(CallOutcome) - {CallOutcome.LIVE_PERSON})
        self.carriers = matcher.vocabulary(CARRIERS)
        grammar = matcher.book.grammar
        plain = (pattern[0] for pattern in (*grammar.plain, *grammar.advice) if len(pattern) == 1)
        self._plain = frozenset(word.text for word in plain)
        # «Сегодня вечером» says when; who speaks it does not say.
        self._conditions = Patterns([("condition", grammar.conditions)])
        self._said_by_carriers = {*self.carriers, *self._plain}
        self._denied = matcher.words_after(_NOT, CARRIERS)

    def vetoes_of_text(self, heard: TranscriptWords, match: PhraseMatch) -> Iterator[Veto]:
        """Yield every veto of a wording in a bare text."""
        yield from self._person_words(heard, match, None)
        if not is_mark(match.outcome):
            return
        yield from self._reversed(heard, match)
        yield from self._holes(heard, match)
        yield from self._unknown_words(heard, match)

    def vetoes_of_sound(
        self,
        heard: TranscriptWords,
        match: PhraseMatch,
        transcript: Transcript,
        *,
        features: Features,
        calibration: Calibration,
    ) -> Iterator[Veto]:
        """Yield every veto of a wording that was compared with the sound."""
        yield from self._person_words(heard, match, transcript)
        clear = [
            word
            for word, place in self._unknown_beside(heard, match)
            if (transcript.words[place].confidence or 0.0) >= _CLEAR_WORD
        ]
        if len(clear) >= limit_of("clear-words-beside"):
            yield raised("clear-words-beside", words=" ".join(clear))
        if not is_mark(match.outcome):
            return
        yield from self._reversed(heard, match)
        yield from self._unknown_words(heard, match)
        if not calibration.weighs_sound(transcript.engine):
            yield from self._holes(heard, match)
        if not calibration.may_mark(features):
            yield raised("letters-unlike")
        # What a fit learned of misspelt words is no reason to believe that another word was said.
        if not scores_as_heard(transcript.engine) and not _is_probable(features):
            yield raised("listed-word-improbable", words=match.phrase.text)
        is_fitted = calibration.is_fitted_for_marks(transcript.engine, transcript.model)
        if not is_fitted and not _is_heard_clearly(match, features, transcript):
            yield raised("not-clear-unfitted", words=transcript.engine)
        yield from self._far_end(heard, match)

    def veto_of_start(self, words: Sequence[str]) -> Iterator[Veto]:
        """Yield whether a text begins as a person does, with a word that is no part of a wording.

        Parameters
        ----------
        words : sequence of str
            As they were written: normalised text has no «ну».
        """
        first = "".join(c for c in words[0].casefold() if c.isalpha()) if words else ""
        if first in PERSON_STARTS:
            yield raised("starts-as-a-person", words=first)

    def has_more(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        """Return whether words that no carrier uses were heard beside a wording."""
        return len(self._unknown_beside(heard, match)) >= limit_of("unknown-words-beside")

    def person_words(self, words: Sequence[str]) -> list[str]:
        """Return the words that only a person says."""
        return [word for word in words if word in self._lists.live and word not in self._plain]

    def signs_of_a_person(self, words: Sequence[str]) -> list[str]:
        """Return the distinct words that only a person says and that say more than when."""
        said = dict.fromkeys(self.person_words(words))
        return [word for word in said if not self._conditions.has(word)]

    def unknown_share(self, words: Sequence[str]) -> float:
        """Return the share, 0-1, of Russian words that no machine uses."""
        russian = [word for word in words if not word.isascii()]
        unknown = [word for word in russian if self._is_unknown(word, self._known)]
        return len(unknown) / len(russian) if russian else 0.0

    # ---- single vetoes ----------------------------------------------------------------------

    def _person_words(
        self, heard: TranscriptWords, match: PhraseMatch, transcript: Transcript | None
    ) -> Iterator[Veto]:
        """Yield what is said beside the wording that only a person says.

        Where it would mark the contact one word is enough; elsewhere it must be clearly heard, and
        be none that a carrier uses too.
        """
        if match.outcome in MACHINES:
            return
        placed = [(w, p) for w, p in heard.placed_beside(match) if self.person_words([w])]
        if len(placed) >= limit_of("person-words"):
            yield raised("person-words", words=" ".join(word for word, _ in placed))
            return
        for word, place in placed:
            is_clear = (
                transcript is None or (transcript.words[place].confidence or 0.0) >= _CLEAR_WORD
            )
            # «Повторите вызов завтра» says when: where nothing marks, no person is heard by that.
            says_more = word not in self._said_by_carriers and not self._conditions.has(word)
            if is_mark(match.outcome) or (is_clear and says_more):
                yield raised("person-word", words=word)

    def _unknown_words(self, heard: TranscriptWords, match: PhraseMatch) -> Iterator[Veto]:
        unknown = self._unknown_beside(heard, match)
        if len(unknown) >= limit_of("unknown-words-beside"):
            yield raised("unknown-words-beside", words=" ".join(word for word, _ in unknown))

    def _reversed(self, heard: TranscriptWords, match: PhraseMatch) -> Iterator[Veto]:
        """Yield whether what is beside a wording may turn it into something else."""
        if self._matcher.has_reversing_neighbour(heard, match):
            yield raised("reversing-neighbour")
        beside = [word for word in heard.beside(match) if not word.isascii()]
        if any(
            word == _NOT and similarity.best_ratio(after, self._denied) < KNOWN_WORD_RATIO
            for word, after in pairwise(beside)
        ):
            yield raised("denied-beside")

    def _far_end(self, heard: TranscriptWords, match: PhraseMatch) -> Iterator[Veto]:
        """Yield why a wording does not mark although it was heard: the far end is no carrier."""
        for other in self._matcher.find(heard):
            apart = other.first_word >= match.end_word or other.end_word <= match.first_word
            found = other.score >= cutoff_of(other.phrase)
            if found and apart and other.outcome in MACHINES:
                yield raised("answered", words=f"«{other.phrase.text}»")
                break

    def _holes(self, heard: TranscriptWords, match: PhraseMatch) -> Iterator[Veto]:
        """Yield whether a word of the phrase was not heard, or a word heard is not explained.

        «номер дременно заблокирован» may be «временно» after all; «записей не существует» is not
        «номер не существует».
        """
        if match.score < cutoff_of(match.phrase) or self._has_hole(heard, match):
            yield raised("word-not-heard", words=match.phrase.text)

    def _has_hole(self, heard: TranscriptWords, match: PhraseMatch) -> bool:
        inside = [
            (word, sound)
            for word, sound, place in zip(heard.words, heard.sounds, heard.places, strict=True)
            if match.first_word <= place < match.end_word
        ]
        listed = TranscriptWords.of(match.phrase.text.split())
        spoken = [sound for _, sound in inside]
        telling = [s for word, s in inside if word not in self._lists.filler]
        wanted = [
            s
            for word, s in zip(listed.words, listed.sounds, strict=True)
            if word not in self._lists.filler
        ]
        if not telling or not wanted:
            return False
        return not are_all_heard(wanted, spoken) or any(
            similarity.best_partial_ratio(sound, listed.sounds) < _EXPLAINED_RATIO
            for sound in telling
        )

    # ---- words ------------------------------------------------------------------------------

    def _unknown_beside(self, heard: TranscriptWords, match: PhraseMatch) -> list[tuple[str, int]]:
        """Return the words beside a wording that no carrier's announcement uses, with places."""
        return [
            (word, place)
            for word, place in heard.placed_beside(match)
            if not word.isascii()
            and word not in self._said_by_carriers
            and self._is_unknown(word, self.carriers)
        ]

    def _is_unknown(self, word: str, vocabulary: Sequence[str]) -> bool:
        """Return whether a word is none of the vocabulary, however spelt, nor a filler."""
        return (
            word not in self._lists.filler
            and word not in self._lists.announcement
            and similarity.best_ratio(word, vocabulary) < KNOWN_WORD_RATIO
        )


def _is_heard_clearly(match: PhraseMatch, features: Features, transcript: Transcript) -> bool:
    """Return whether the sound leaves no doubt of a wording, whatever engine scored it."""
    words = transcript.words[match.first_word : match.end_word]
    return (
        all((word.confidence or 0.0) >= _CLEAR_WORD for word in words)
        and features.margin >= _CLEAR_MARGIN_NATS
        and _is_probable(features)
    )


def _is_probable(features: Features) -> bool:
    """Return whether every word of a wording, as it is listed too, is more probable than not."""
    return min(features.worst_word_logprob, features.listed_word_logprob) >= _PROBABLE_WORD_NATS
