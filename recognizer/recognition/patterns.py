"""Find the patterns of the grammar among the words of a transcript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from recognizer.base.similarity import N_WORDS_REMEMBERED
from recognizer.phrases.grammar_file import Pattern, Predicate, SubjectKind

__all__ = ["DENIALS", "Part", "Patterns", "places_of"]

DENIALS = frozenset({"не", "ни", "нет"})
_ENCLITIC = "ли"
_MAX_GAP = 2  # words between neighbours of a pattern

Part: TypeAlias = (
    SubjectKind | Literal["condition", "now", "plain", "place", "before place"] | Predicate
)
"""What a pattern of the grammar belongs to."""


class Patterns:
    """Patterns, found by the word they begin with."""

    def __init__(self, parts: Iterable[tuple[Part, Iterable[Pattern]]]) -> None:
        self._exact: dict[str, list[tuple[int, Pattern]]] = {}
        self._stems: dict[str, list[tuple[int, Pattern]]] = {}
        self._parts: list[Part] = []
        for number, (part, patterns) in enumerate(parts):
            self._parts.append(part)
            for pattern in patterns:
                index = self._stems if pattern[0].is_stem else self._exact
                index.setdefault(pattern[0].text, []).append((number, pattern))
        self.begun_by = lru_cache(maxsize=N_WORDS_REMEMBERED)(self._begun_by)

    def _begun_by(self, word: str) -> tuple[tuple[int, Pattern], ...]:
        stems = (self._stems.get(word[:n], ()) for n in range(1, len(word) + 1))
        return (*self._exact.get(word, ()), *(each for found in stems for each in found))

    def has(self, word: str) -> bool:
        """Return whether a word is a pattern by itself."""
        return any(len(pattern) == 1 for _, pattern in self.begun_by(word))

    def places(self, words: Sequence[str]) -> dict[Part, set[int]]:
        """Return the places of every word that belongs to a pattern, by part."""
        found: list[set[int]] = [set() for _ in self._parts]
        for first, word in enumerate(words):
            for number, pattern in self.begun_by(word):
                found[number].update(places_of(pattern, words, first))
        return dict(zip(self._parts, found, strict=True))


def places_of(pattern: Pattern, words: Sequence[str], first: int) -> tuple[int, ...]:
    """Return the places of a pattern's words that begins at `first`; empty if it does not."""
    places = [first]
    for token in pattern[1:]:
        window = range(places[-1] + 1, min(len(words), places[-1] + 2 + _MAX_GAP))
        if places[-1] in window or not window:
            return ()
        # «Не» denies the very next word, and «ли» asks about the one before it.
        is_next = token.is_next or words[places[-1]] in DENIALS or token.text == _ENCLITIC
        window = window[:1] if is_next else window
        place = next((p for p in window if token.fits(words[p])), None)
        if place is None:
            return ()
        places.append(place)
    return tuple(places)
