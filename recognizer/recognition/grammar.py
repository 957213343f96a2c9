"""Read a sentence by the grammar of announcements: who is spoken of, and what is said of it.

`GrammarReader.read` takes the words of a transcript apart into a subject, predicates, conditions
and what was not understood. Listed wordings stay the surest evidence; a reading takes the mark away
from a wording said of something else (`Reading.refusals`), and stands in for a wording that no list
has (`Reading.outcome`).

Conventions
-----------
Words are normalised. A word that the grammar lacks is read as the nearest word of the carriers'
lists from 80 of 100 on (`alignment.KNOWN_WORD_RATIO`): recognisers garble. Words in Latin letters,
or in letters that Russian lacks, are another language's and read as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from recognizer.base import similarity
from recognizer.model import CallOutcome, PhraseListName, phrase_list_of
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.grammar_file import Pattern, Predicate, SubjectKind
from recognizer.recognition.alignment import KNOWN_WORD_RATIO

__all__ = ["GrammarReader", "Reading"]

_MAX_GAP = 2  # words between neighbours of a pattern
# Longer texts are no single announcement, and are not read to their end: the longest listed one has
# 25 words, two announcements in two languages 60.
_MAX_WORDS = 150
_RUSSIAN = re.compile(r"[а-я]+")
_NOT = frozenset({"не", "ни", "нет"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sentence says, as far as it is understood.

    Attributes
    ----------
    subjects : frozenset of SubjectKind
    predicates : tuple of Predicate
    is_negated : bool
        Something is denied that no predicate denies («временно не заблокирован»).
    conditions : tuple of str
        Words that restrict it to a time, a place or a service.
    foreign : tuple of str
        Words of another subject.
    unknown : tuple of str
        Words of which nothing is known, in order.
    n_words : int
        Words read.
    """

    subjects: frozenset[SubjectKind]
    predicates: tuple[Predicate, ...]
    is_negated: bool
    conditions: tuple[str, ...]
    foreign: tuple[str, ...]
    unknown: tuple[str, ...]
    n_words: int

    @property
    def refusals(self) -> tuple[str, ...]:
        """Ids of the reasons why this must not mark the contact; empty where all is understood."""
        reasons = {
            "subject-not-dialled": SubjectKind.DIALLED not in self.subjects,
            "own-line": SubjectKind.OWN in self.subjects,
            "said-of-the-call": SubjectKind.CALL in self.subjects,
            "foreign-subject": bool(self.foreign),
            "conditional": bool(self.conditions),
            "negated": self.is_negated,
            "something-else-said": any(not _marks(each.outcome) for each in self.predicates),
            "unknown-words": bool(self.unknown),
        }
        return tuple(name for name, holds in reasons.items() if holds)

    @property
    def outcome(self) -> CallOutcome | None:
        """What it comes to, by the predicate read first; None where that is not understood."""
        if self.is_menu:
            return self.predicates[0].outcome
        if not self.predicates or self.is_negated or self.foreign:
            return None
        read = self.predicates[0]
        if SubjectKind.OWN in self.subjects:
            return read.own
        if SubjectKind.CALL in self.subjects:
            return read.call if read.call is not None else self._retry(read)
        if self.conditions and SubjectKind.DIALLED in self.subjects:
            return read.conditional
        is_retry = SubjectKind.DIALLED in self.subjects and not _marks(read.outcome)
        return read.outcome if is_retry or not self.refusals else None

    @property
    def is_menu(self) -> bool:
        """Whether what is said needs no subject: only a machine says it."""
        return any(each.any_subject for each in self.predicates[:1])

    def _retry(self, read: Predicate) -> CallOutcome | None:
        """Return an outcome that holds whoever is spoken of: never the mark."""
        return None if _marks(read.outcome) else read.outcome


_HEAD = 2  # letters


class _Group:
    """Patterns of one kind: single words at hand, longer ones tried in turn."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        given = tuple(patterns)
        single = [p[0] for p in given if len(p) == 1]
        self.words = frozenset(t.text for t in single if not t.is_stem)
        self.stems = tuple(t.text for t in single if t.is_stem)
        self.longer = tuple(p for p in given if len(p) > 1)

    def has(self, word: str) -> bool:
        return word in self.words or word.startswith(self.stems)

    def places(self, words: Sequence[str]) -> set[int]:
        """Return the places of every word that belongs to one of the patterns."""
        found = {place for place, word in enumerate(words) if self.has(word)}
        for pattern in self.longer:
            for first, word in enumerate(words):
                if pattern[0].fits(word):
                    found.update(_follow(pattern, words, first))
        return found


class GrammarReader:
    """The grammar of a book, laid out for reading many transcripts.

    Parameters
    ----------
    book : PhraseBook
    vocabulary : collection of str
        Words of the carriers' listed announcements, normalised.
    """

    def __init__(self, book: PhraseBook, vocabulary: Collection[str]) -> None:
        grammar = book.grammar
        self.is_empty = not grammar.predicates
        self._subjects = {kind: _Group(found) for kind, found in grammar.subjects.items()}
        self._conditions = _Group(grammar.conditions)
        self._plain = _Group((*grammar.plain, *grammar.advice))
        self._predicates = [(each, _Group(each.patterns)) for each in grammar.predicates]
        self._lexicon = self._all_words(grammar.predicates)
        self._vocabulary = sorted(word for word in vocabulary if self._lexicon.has(word))
        self._read_as: dict[str, str] = {}

    def read(
        self,
        words: Sequence[str],
        *,
        matched: Collection[int] = (),
        listed: Collection[str] = (),
    ) -> Reading:
        """Return what some words say.

        Parameters
        ----------
        words : sequence of str
            Normalised.
        matched : collection of int
            Places of words that a listed wording explains: not known, they are garbled.
        listed : collection of str
            Words of that wording, normalised: heard as they are listed, they mean what it means.
        """
        kept = [
            (self._understood(word), place in matched)
            for place, word in enumerate(words[:_MAX_WORDS])
            if _RUSSIAN.fullmatch(word)
        ]
        read = [word for word, _ in kept]
        subjects = {kind: group.places(read) for kind, group in self._subjects.items()}
        predicates = {each.id: group.places(read) for each, group in self._predicates}
        conditions = self._conditions.places(read)
        plain = self._plain.places(read)
        said = set().union(*predicates.values())
        subjects[SubjectKind.CALL] -= plain  # «повторите вызов» is advice
        known = said | conditions | plain | set().union(*subjects.values())
        denied = {p for p, word in enumerate(read) if word in _NOT}
        own = {p for p, (word, match) in enumerate(kept) if match and word in listed}
        foreign = (subjects[SubjectKind.OTHER] | subjects[SubjectKind.EXTENSION]) - own
        conditions -= own
        unknown = [
            w for p, (w, match) in enumerate(kept) if not (p in known or p in denied or match)
        ]
        if len(words) > _MAX_WORDS:
            unknown.append("…")
        return Reading(
            frozenset(kind for kind, found in subjects.items() if found),
            tuple(each for each, _ in self._predicates if predicates[each.id]),
            bool(denied - said),
            tuple(read[p] for p in sorted(conditions)),
            tuple(read[p] for p in sorted(foreign)),
            tuple(unknown),
            len(read),
        )

    def is_plain(self, word: str) -> bool:
        """Return whether an announcement says a word, too, that only people are listed to say."""
        return self._plain.has(word)

    def _understood(self, word: str) -> str:
        """Return the word that one was most likely garbled from, or the word itself."""
        if self._lexicon.has(word) or word in _NOT:
            return word
        if word not in self._read_as:
            near = similarity.nearest(word, self._vocabulary, score_cutoff=KNOWN_WORD_RATIO)
            likely = self._vocabulary[near[0].place] if near else word
            # A prefix turns a word round: «правильно», «неправильно».
            self._read_as[word] = likely if likely[:_HEAD] == word[:_HEAD] else word
        return self._read_as[word]

    def _all_words(self, predicates: Iterable[Predicate]) -> _Group:
        """Return every word of the grammar, also those that have a meaning together only."""
        patterns = [p for each in predicates for p in each.patterns]
        groups = [*self._subjects.values(), self._conditions, self._plain]
        patterns += [p for group in groups for p in group.longer]
        everything = _Group((token,) for pattern in patterns for token in pattern)
        everything.words |= frozenset().union(*(group.words for group in groups))
        everything.stems += tuple(stem for group in groups for stem in group.stems)
        return everything


def _follow(pattern: Pattern, words: Sequence[str], first: int) -> tuple[int, ...]:
    """Return the places of a pattern's words that begins at `first`; empty if it does not."""
    places = [first]
    for token in pattern[1:]:
        window = range(places[-1] + 1, min(len(words), places[-1] + 2 + _MAX_GAP))
        if places[-1] in window or not window:
            return ()
        is_denial = words[places[-1]] in _NOT  # «не» denies the very next word
        window = window[:1] if is_denial else window
        place = next((p for p in window if token.fits(words[p])), None)
        if place is None:
            return ()
        places.append(place)
    return tuple(places)


def _marks(outcome: CallOutcome) -> bool:
    return phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER
