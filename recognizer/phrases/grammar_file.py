"""Read and check the grammar of announcements (``phrases/ru/grammar.toml``).

The file is one of the lists' folder: who is spoken of, what is said of it, under which condition,
and which words change nothing. Every error names file and line. Nothing is read of a transcript
here; that is `recognition.grammar`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from typing import NamedTuple, TypeAlias

import msgspec

from recognizer.base.data_files import TomlFile
from recognizer.base.errors import PhraseListError
from recognizer.model import CallOutcome
from recognizer.phrases.normalization import normalize

__all__ = [
    "GRAMMAR_FILE",
    "Clause",
    "Grammar",
    "Pattern",
    "Predicate",
    "SubjectKind",
    "read_grammar",
]

GRAMMAR_FILE = "grammar.toml"

_Place: TypeAlias = Callable[[], str]
"""Names file and line; looked up only where something is wrong there."""


class SubjectKind(enum.StrEnum):
    """Who or what a sentence speaks of."""

    DIALLED = "dialled"
    OWN = "own"
    CALL = "call"
    EXTENSION = "extension"
    OTHER = "other"
    ANOTHER = "another"
    MISTAKEN = "mistaken"


class _Token(NamedTuple):
    """One word of a pattern; `is_stem`: whatever its ending; `is_next`: right after the last."""

    text: str
    is_stem: bool
    is_next: bool = False

    def fits(self, word: str) -> bool:
        return word.startswith(self.text) if self.is_stem else word == self.text


Pattern = tuple[_Token, ...]
"""Words in this order, with at most two others between neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Predicate:
    """What may be said of a subject.

    Attributes
    ----------
    id : str
    patterns : tuple of Pattern
    outcome : CallOutcome
        Said of the number dialled.
    conditional, own, call : CallOutcome or None
        Said of it for a time or a place only, of our own line, of the call; None: not decided.
    any_subject : bool
        `outcome` holds whatever is spoken of.
    subjects : tuple of Pattern
        Forms of what was dialled that it is said of; a mark needs one. Empty: any.
    may_end : bool
        It may hold for a time only: no word between it and its subject may be left of «временно».
    over_person : bool
        Only a machine says it, even among words that a person says.
    """

    id: str
    patterns: tuple[Pattern, ...]
    outcome: CallOutcome
    conditional: CallOutcome | None = None
    own: CallOutcome | None = None
    call: CallOutcome | None = None
    any_subject: bool = False
    subjects: tuple[Pattern, ...] = ()
    may_end: bool = False
    over_person: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """What tells of whom a clause speaks.

    Attributes
    ----------
    prepositions : tuple of Pattern
        The noun after one is no subject.
    relative : tuple of Pattern
        Words that begin a relative clause.
    dialling : tuple of Pattern
        What we do; a sentence with a relative clause and none of them is not whole.
    devices : tuple of Pattern
        The set itself, which may be out of order.
    between : tuple of Pattern
        What may stand between the number and what is said of it.
    numerals, brands : tuple of Pattern
        Words of numbers, and names of companies that one belongs to.
    """

    prepositions: tuple[Pattern, ...] = ()
    relative: tuple[Pattern, ...] = ()
    dialling: tuple[Pattern, ...] = ()
    devices: tuple[Pattern, ...] = ()
    between: tuple[Pattern, ...] = ()
    numerals: tuple[Pattern, ...] = ()
    brands: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Grammar:
    """The grammar files of every folder, joined.

    Attributes
    ----------
    subjects : mapping of SubjectKind to tuple of Pattern
    conditions, now, plain, advice : tuple of Pattern
    places, before_places : tuple of Pattern
        Of places nothing is said after one of the latter.
    predicates : tuple of Predicate
    clause : Clause
    """

    subjects: Mapping[SubjectKind, tuple[Pattern, ...]]
    conditions: tuple[Pattern, ...] = ()
    now: tuple[Pattern, ...] = ()
    plain: tuple[Pattern, ...] = ()
    advice: tuple[Pattern, ...] = ()
    places: tuple[Pattern, ...] = ()
    before_places: tuple[Pattern, ...] = ()
    predicates: tuple[Predicate, ...] = ()
    clause: Clause = Clause()


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    words: list[str] = []


class _PredicateEntry(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    outcome: CallOutcome
    words: list[str]
    conditional: CallOutcome | None = None
    own: CallOutcome | None = None
    call: CallOutcome | None = None
    any_subject: bool = False
    subjects: list[str] = []
    may_end: bool = False
    over_person: bool = False


class _PlaceEntry(msgspec.Struct, forbid_unknown_fields=True):
    words: list[str] = []
    after: list[str] = []


class _ClauseEntry(msgspec.Struct, forbid_unknown_fields=True):
    prepositions: list[str] = []
    relative: list[str] = []
    dialling: list[str] = []
    devices: list[str] = []
    between: list[str] = []
    numerals: list[str] = []
    brands: list[str] = []


class GrammarContent(msgspec.Struct, forbid_unknown_fields=True):
    """What one grammar file says."""

    language: str
    subject: dict[SubjectKind, _Words] = {}
    condition: _Words = msgspec.field(default_factory=_Words)
    now: _Words = msgspec.field(default_factory=_Words)
    plain: _Words = msgspec.field(default_factory=_Words)
    advice: _Words = msgspec.field(default_factory=_Words)
    place: _PlaceEntry = msgspec.field(default_factory=_PlaceEntry)
    clause: _ClauseEntry = msgspec.field(default_factory=_ClauseEntry)
    predicate: list[_PredicateEntry] = []


def read_grammar(contents: Iterable[tuple[TomlFile, GrammarContent]]) -> Grammar:
    """Return the grammar of some files, checked.

    Raises
    ------
    PhraseListError
        Naming file and line: an entry without words, a star inside a word, an id used twice.
    """
    subjects: dict[SubjectKind, list[Pattern]] = {kind: [] for kind in SubjectKind}
    groups: dict[str, list[Pattern]] = {"condition": [], "now": [], "plain": [], "advice": []}
    clause: dict[str, list[Pattern]] = {name: [] for name in _ClauseEntry.__struct_fields__}
    places: list[Pattern] = []
    before_places: list[Pattern] = []
    predicates: dict[str, Predicate] = {}
    for file, content in contents:
        places += _patterns(content.place.words, partial(file.place, "place"))
        before_places += _patterns(content.place.after, partial(file.place, "place"))
        for name, collected in clause.items():
            words = getattr(content.clause, name)
            collected.extend(_patterns(words, partial(file.place, f"clause.{name}")))
        for kind, listed in content.subject.items():
            subjects[kind] += _patterns(listed.words, partial(file.place, f"subject.{kind}"))
        for name, collected in groups.items():
            collected.extend(_patterns(getattr(content, name).words, partial(file.place, name)))
        for number, entry in enumerate(content.predicate):
            place = partial(file.place, "predicate", number)
            if entry.id in predicates:
                raise PhraseListError(f"{place()}: predicate '{entry.id}' is already defined")
            predicates[entry.id] = _predicate(entry, place)
    return Grammar(
        {kind: tuple(patterns) for kind, patterns in subjects.items()},
        tuple(groups["condition"]),
        tuple(groups["now"]),
        tuple(groups["plain"]),
        tuple(groups["advice"]),
        tuple(places),
        tuple(before_places),
        tuple(predicates.values()),
        Clause(**{name: tuple(patterns) for name, patterns in clause.items()}),
    )


def _predicate(entry: _PredicateEntry, place: _Place) -> Predicate:
    if not entry.words:
        raise PhraseListError(f"{place()}: expected words of '{entry.id}', found none")
    return Predicate(
        entry.id,
        _patterns(entry.words, place),
        entry.outcome,
        entry.conditional,
        entry.own,
        entry.call,
        entry.any_subject,
        _patterns(entry.subjects, place),
        entry.may_end,
        entry.over_person,
    )


def _patterns(texts: Sequence[str], place: _Place) -> tuple[Pattern, ...]:
    return tuple(pattern for text in texts for pattern in _alternatives(text, place))


def _alternatives(text: str, place: _Place) -> Iterable[Pattern]:
    """Yield the patterns of a text: «с|из +мобильн*» are two."""
    words = text.split()
    if not words:
        raise PhraseListError(f"{place()}: expected words, found {text!r}")
    # Each word is normalized once, not once for each pattern it stands in.
    for chosen in product(*(list(_word_alternatives(word, text, place)) for word in words)):
        yield tuple(chain.from_iterable(chosen))


def _word_alternatives(written: str, text: str, place: _Place) -> Iterable[Pattern]:
    """Yield the tokens of each alternative of one word of a text."""
    for word in written.removeprefix("+").split("|"):
        stem = word.removesuffix("*")
        normal = normalize(stem)
        if not normal or "*" in stem or "+" in stem:
            raise PhraseListError(
                f"{place()}: expected words, a star at most at their end, found {text!r}"
            )
        is_next = written.startswith("+")
        yield tuple(_Token(part, word.endswith("*"), is_next) for part in normal.split())
