"""``words.toml``: which words decide, which are padding, which betray a machine or a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import PhraseListError
from recognizer.phrases.book import Keywords, WordLists, WordSet
from recognizer.phrases.checking import convert_list_file
from recognizer.phrases.normalization import normalize

__all__ = ["read_word_set", "read_words"]

_MIN_PARENTHETICAL_WORDS = 3  # anything shorter may be part of a wording


class _DecidingEntry(msgspec.Struct, forbid_unknown_fields=True):
    words: list[str]
    weight: float
    why: str


class _WordGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    words: tuple[str, ...] = ()


class _ClauseGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phrases: tuple[str, ...] = ()


class _WordsFile(msgspec.Struct, forbid_unknown_fields=True):
    language: str
    deciding: list[_DecidingEntry] = []
    filler: _WordGroup = _WordGroup()
    announcement: _WordGroup = _WordGroup()
    live: _WordGroup = _WordGroup()
    aside: _ClauseGroup = _ClauseGroup()
    invented: _ClauseGroup = _ClauseGroup()


def read_words(files: Iterable[TomlFile]) -> WordLists:
    """Return what all folders' files of words say together."""
    keywords: list[Keywords] = []
    parentheticals: list[str] = []
    hallucinations: list[str] = []
    groups: dict[str, list[WordSet]] = {"filler": [], "announcement": [], "live": []}
    for file in files:
        found = convert_list_file(file, _WordsFile)
        for number, entry in enumerate(found.deciding):
            place = file.place("deciding", number)
            if not 1 <= entry.weight <= 10:
                raise PhraseListError(
                    f"{place}: expected a weight of 1 to 10, found {entry.weight:g}"
                )
            keywords.append(Keywords(read_word_set(entry.words, place), entry.weight, entry.why))
        for name, sets in groups.items():
            group: _WordGroup = getattr(found, name)
            sets.append(read_word_set(group.words, file.place(name)))
        parentheticals += _parentheticals(found.aside.phrases, file.place("aside"))
        hallucinations += _clauses(found.invented.phrases, file.place("invented"), 1, "words")
    return WordLists(
        tuple(keywords),
        **{name: _union(sets) for name, sets in groups.items()},
        parentheticals=tuple(dict.fromkeys(parentheticals)),
        hallucinations=tuple(dict.fromkeys(hallucinations)),
    )


def _parentheticals(phrases: Sequence[str], place: str) -> list[str]:
    expected = f"clauses of {_MIN_PARENTHETICAL_WORDS} words or more"
    return _clauses(phrases, place, _MIN_PARENTHETICAL_WORDS, expected)


def _clauses(phrases: Sequence[str], place: str, min_words: int, expected: str) -> list[str]:
    """Return what a file lists, normalised; `expected` says what it should be."""
    clauses = []
    for phrase in phrases:
        clause = str(normalize(phrase))
        if len(clause.split()) < min_words:
            raise PhraseListError(f"{place}: expected {expected}, found {phrase!r}")
        clauses.append(clause)
    return clauses


def read_word_set(words: Sequence[str], place: str) -> WordSet:
    """Return a word set from what a file lists: words, or beginnings marked with a final ``*``."""
    plain, stems = set(), []
    for word in words:
        text = word.removesuffix("*")
        normal = normalize(text)
        if not normal or " " in normal:
            raise PhraseListError(f"{place}: expected single words, found {word!r}")
        if word.endswith("*"):
            stems.append(str(normal))
        else:
            plain.add(str(normal))
    return WordSet(frozenset(plain), tuple(stems))


def _union(sets: Sequence[WordSet]) -> WordSet:
    return WordSet(
        frozenset(word for each in sets for word in each.words),
        tuple(dict.fromkeys(stem for each in sets for stem in each.stems)),
    )
