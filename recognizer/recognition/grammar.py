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
from functools import lru_cache
from typing import Literal, TypeAlias

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
_N_REMEMBERED = 4096  # words: announcements repeat theirs

_Part: TypeAlias = SubjectKind | Literal["condition", "plain"] | Predicate
"""What a pattern of the grammar belongs to."""


class _Patterns:
    """Patterns, found by the word they begin with."""

    def __init__(self, parts: Iterable[tuple[_Part, Iterable[Pattern]]]) -> None:
        self._exact: dict[str, list[tuple[int, Pattern]]] = {}
        self._stems: dict[str, list[tuple[int, Pattern]]] = {}
        self._parts: list[_Part] = []
        for number, (part, patterns) in enumerate(parts):
            self._parts.append(part)
            for pattern in patterns:
                index = self._stems if pattern[0].is_stem else self._exact
                index.setdefault(pattern[0].text, []).append((number, pattern))
        self.begun_by = lru_cache(maxsize=_N_REMEMBERED)(self._begun_by)

    def _begun_by(self, word: str) -> tuple[tuple[int, Pattern], ...]:
        stems = (self._stems.get(word[:n], ()) for n in range(1, len(word) + 1))
        return (*self._exact.get(word, ()), *(each for found in stems for each in found))

    def has(self, word: str) -> bool:
        """Return whether a word is a pattern by itself."""
        return any(len(pattern) == 1 for _, pattern in self.begun_by(word))

    def places(self, words: Sequence[str]) -> dict[_Part, set[int]]:
        """Return the places of every word that belongs to a pattern, by part."""
        found: list[set[int]] = [set() for _ in self._parts]
        for first, word in enumerate(words):
            for number, pattern in self.begun_by(word):
                found[number].update(_follow(pattern, words, first))
        return dict(zip(self._parts, found, strict=True))


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
        self._predicates = grammar.predicates
        plain = (*grammar.plain, *grammar.advice)
        parts: list[tuple[_Part, Iterable[Pattern]]] = [
            *grammar.subjects.items(),
            ("condition", grammar.conditions),
            ("plain", plain),
            *((each, each.patterns) for each in grammar.predicates),
        ]
        self._patterns = _Patterns(parts)
        self._plain = _Patterns([("plain", plain)])
        # Also the words that have a meaning together only.
        self._lexicon = _Patterns(
            (part, [(token,) for pattern in patterns for token in pattern])
            for part, patterns in parts
        )
        self._vocabulary = sorted(word for word in vocabulary if self._lexicon.has(word))
        self._understood = lru_cache(maxsize=_N_REMEMBERED)(self._nearest)

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
        found = self._patterns.places(read)
        subjects = {kind: found.get(kind, set()) for kind in SubjectKind}
        conditions, plain = found["condition"], found["plain"]
        predicates = [each for each in self._predicates if found[each]]
        said = set().union(*(found[each] for each in predicates))
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
            tuple(predicates),
            bool(denied - said),
            tuple(read[p] for p in sorted(conditions)),
            tuple(read[p] for p in sorted(foreign)),
            tuple(unknown),
            len(read),
        )

    def is_plain(self, word: str) -> bool:
        """Return whether an announcement says a word, too, that only people are listed to say."""
        return self._plain.has(word)

    def _nearest(self, word: str) -> str:
        """Return the word that one was most likely garbled from, or the word itself."""
        if self._lexicon.has(word) or word in _NOT:
            return word
        near = similarity.nearest(word, self._vocabulary, score_cutoff=KNOWN_WORD_RATIO)
        likely = self._vocabulary[near[0].place] if near else word
        # A prefix turns a word round: «правильно», «неправильно».
        return likely if likely[:_HEAD] == word[:_HEAD] else word


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
