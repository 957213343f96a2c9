"""The phrase lists as the program holds them: wordings, what each means, which words decide.

Nothing is matched here; `loading` reads the files, `checking` says what may stand in them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec

from recognizer.base.errors import PhraseListError
from recognizer.model import CallOutcome, NormalizedText, Phrase
from recognizer.phrases.grammar_file import Grammar
from recognizer.phrases.normalization import normalize, sound_alike

__all__ = ["ForbiddenPair", "ForbiddenWords", "Keywords", "PhraseBook", "WordLists", "WordSet"]


@dataclass(frozen=True, slots=True)
class WordSet:
    """Normalised words, some of them standing for every ending («временн*»).

    Examples
    --------
    >>> "временного" in WordSet(frozenset({"не"}), ("временн",))
    True
    """

    words: frozenset[str]
    stems: tuple[str, ...] = ()

    def __contains__(self, word: str) -> bool:
        return word in self.words or word.startswith(self.stems)


@dataclass(frozen=True, slots=True)
class Keywords:
    """Words that turn one outcome into another.

    Attributes
    ----------
    words : WordSet
    weight : float
        How many ordinary words it counts for, 1 or more.
    why : str
        What it tells apart.
    """

    words: WordSet
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class WordLists:
    """What single words tell the matcher.

    Attributes
    ----------
    keywords : tuple of Keywords
        In the order of the file; the first that has a word gives its weight.
    filler : WordSet
        May be missing or added without changing the meaning («пожалуйста»).
    announcement : WordSet
        What machines on the line talk of («абонент», «номер»).
    live : WordSet
        What only a person says («алло», «мне», «муж»).
    parentheticals : tuple of str
        Clauses that may follow any noun and change nothing («на который вы звоните»), normalised.
    parenthetical_sounds : tuple of str
        The same as they sound.
    hallucinations : tuple of str
        What recognisers write of what they do not understand («субтитры сделал»), normalised.
    """

    keywords: tuple[Keywords, ...]
    filler: WordSet
    announcement: WordSet
    live: WordSet
    parentheticals: tuple[str, ...] = ()
    hallucinations: tuple[str, ...] = ()
    parenthetical_sounds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        sounds = tuple(sound_alike(NormalizedText(clause)) for clause in self.parentheticals)
        object.__setattr__(self, "parenthetical_sounds", sounds)

    def is_hallucinated(self, words: Sequence[str]) -> bool:
        """Return whether a transcript, normalised, is what a recogniser made up.

        One word is so only if it is all there is: «музыка» may be a person's.
        """
        text = " ".join(words)
        return any(
            phrase == text or (" " in phrase and f" {phrase} " in f" {text} ")
            for phrase in self.hallucinations
        )

    def weight(self, word: str) -> float:
        """Return how many ordinary words `word` counts for; 1 if it is an ordinary word."""
        for entry in self.keywords:
            # Asked of every word of every list: without a call each.
            if word in entry.words.words or word.startswith(entry.words.stems):
                return entry.weight
        return 1.0


@dataclass(frozen=True, slots=True)
class ForbiddenPair:
    """A confusion the regulation cannot afford (its section G).

    Attributes
    ----------
    text : str
        A sentence.
    outcome : CallOutcome
        What it is.
    never : frozenset of CallOutcome
        What it must never be taken for.
    why : str
    place : str
        File and line.
    """

    text: str
    outcome: CallOutcome
    never: frozenset[CallOutcome]
    why: str
    place: str


@dataclass(frozen=True, slots=True)
class ForbiddenWords:
    """Words that no phrase of certain outcomes may have: each would make it another outcome.

    Attributes
    ----------
    words : WordSet
    outcomes : frozenset of CallOutcome
    why : str
    place : str
        File and line.
    """

    words: WordSet
    outcomes: frozenset[CallOutcome]
    why: str
    place: str

    def check(self, phrase: Phrase) -> None:
        """Refuse a phrase that has such a word.

        Raises
        ------
        PhraseListError
            Naming the phrase's file and line, the word and the reason.
        """
        if phrase.outcome not in self.outcomes:
            return
        for word in normalize(phrase.text).split():
            if word in self.words:
                raise PhraseListError(
                    f"{phrase.place}: {phrase.text!r} cannot be '{phrase.outcome}' because of "
                    f"{word!r}: {self.why} ({self.place})"
                )


@dataclass(frozen=True, slots=True)
class PhraseBook:
    """Every list that was loaded.

    Attributes
    ----------
    phrases : tuple of Phrase
        In the order of folders, files and lines. `score_cutoff` is the phrase's own, or else its
        list's, or else None.
    words : WordLists
    forbidden_pairs : tuple of ForbiddenPair
    forbidden_words : tuple of ForbiddenWords
    grammar : Grammar
        Empty if no folder has one: then it judges nothing.
    version : str
        Twelve hex digits that change whenever anything above changes; for journals and reports.
    by_id : mapping of str to Phrase
    by_outcome : mapping of CallOutcome to tuple of Phrase
        Outcomes without phrases are absent.
    """

    phrases: tuple[Phrase, ...]
    words: WordLists
    forbidden_pairs: tuple[ForbiddenPair, ...]
    forbidden_words: tuple[ForbiddenWords, ...] = ()
    grammar: Grammar = field(default_factory=lambda: Grammar({}))
    version: str = field(init=False)
    by_id: Mapping[str, Phrase] = field(init=False)
    by_outcome: Mapping[CallOutcome, tuple[Phrase, ...]] = field(init=False)

    def __post_init__(self) -> None:
        by_outcome: dict[CallOutcome, list[Phrase]] = {}
        for phrase in self.phrases:
            by_outcome.setdefault(phrase.outcome, []).append(phrase)
        object.__setattr__(self, "version", _digest(self))
        object.__setattr__(self, "by_id", MappingProxyType({p.id: p for p in self.phrases}))
        object.__setattr__(
            self, "by_outcome", MappingProxyType({k: tuple(v) for k, v in by_outcome.items()})
        )

    def forbidden_confusions(self) -> frozenset[frozenset[CallOutcome]]:
        """Return the pairs of outcomes that must not be confused, in either direction."""
        return frozenset(
            frozenset({pair.outcome, other})
            for pair in self.forbidden_pairs
            for other in pair.never
        )


def _digest(book: PhraseBook) -> str:
    """Return a digest of the content: not of places, origins or the order of files."""
    phrases = [
        (p.id, p.text, p.outcome, p.language, p.score_cutoff, p.whole)
        for p in sorted(book.phrases, key=lambda p: p.id)
    ]
    words = [
        (sorted(entry.words.words), sorted(entry.words.stems), entry.weight)
        for entry in book.words.keywords
    ]
    others = [
        (sorted(group.words), sorted(group.stems))
        for group in (book.words.filler, book.words.announcement, book.words.live)
    ]
    pairs = sorted((p.text, p.outcome, sorted(p.never)) for p in book.forbidden_pairs)
    clauses = [sorted(book.words.parentheticals), sorted(book.words.hallucinations)]
    grammar = repr(book.grammar)
    content = msgspec.json.encode([phrases, words, others, clauses, pairs, grammar])
    return hashlib.sha256(content).hexdigest()[:12]
