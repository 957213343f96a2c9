"""Read and check the phrase lists: the wordings we know, what each means, which words decide.

Conventions
-----------
A folder of lists holds TOML files at any depth (``phrases/ru/blocked.toml``). Three names are
special, all others are lists:

* ``words.toml``: which words decide, which are padding, which betray a machine or a person;
* ``forbidden_pairs.toml``: what must never be confused, and words that no phrase of an outcome may
  have;
* ``grammar.toml``: who is spoken of and what is said of it, see `grammar_file`.

A list says its ``outcome`` and ``language`` at the top, then one ``[[phrase]]`` after the other. An
office's own folder is read after ours. It may add phrases, or (``replace``) stand instead of our
lists; our words and forbidden pairs hold in either case, its own are added to them.

Every error names the file and line. Nothing is matched here, and nothing is guessed: a list with a
mistake is not loaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec

from recognizer.base.data_files import TomlFile, data_folder, read_toml
from recognizer.base.errors import PhraseListError
from recognizer.base.settings import PhraseSettings
from recognizer.model import CallOutcome, NormalizedText, Phrase
from recognizer.phrases.grammar_file import GRAMMAR_FILE, Grammar, GrammarContent, read_grammar
from recognizer.phrases.normalization import normalize, sound_alike

__all__ = [
    "SPOKEN_OUTCOMES",
    "DecidingWords",
    "ForbiddenPair",
    "ForbiddenWords",
    "OfficePhrases",
    "PhraseBook",
    "WordLists",
    "WordSet",
    "load_phrases",
    "phrase_problems",
]

_log = logging.getLogger(__name__)

WORDS_FILE = "words.toml"
PAIRS_FILE = "forbidden_pairs.toml"

# Outcomes that can be spoken; `undetermined` is for counter-phrases, which win and decide nothing.
_NOT_SPOKEN = frozenset(
    {
        CallOutcome.BUSY_TONE,
        CallOutcome.RINGBACK_ONLY,
        CallOutcome.SILENCE,
        CallOutcome.DISCONNECTED,
        CallOutcome.FAX,
        CallOutcome.MUSIC,
    }
)
SPOKEN_OUTCOMES = tuple(outcome for outcome in CallOutcome if outcome not in _NOT_SPOKEN)
"""Outcomes that may have phrases."""

_MIN_ASIDE_WORDS = 3  # anything shorter may be part of a wording
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LATIN = re.compile(r"[A-Za-z]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


# ---- what the rest of the program holds ------------------------------------------------------


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
class DecidingWords:
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
    deciding : tuple of DecidingWords
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

    deciding: tuple[DecidingWords, ...]
    filler: WordSet
    announcement: WordSet
    live: WordSet
    parentheticals: tuple[str, ...] = ()
    hallucinations: tuple[str, ...] = ()
    parenthetical_sounds: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        sounds = tuple(sound_alike(NormalizedText(aside)) for aside in self.parentheticals)
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
        for entry in self.deciding:
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
        for entry in book.words.deciding
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


# ---- what the files say ----------------------------------------------------------------------


class _PhraseEntry(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    text: str
    seen_in: str
    score_cutoff: float | None = None
    whole: bool = False


class _ListFile(msgspec.Struct, forbid_unknown_fields=True):
    outcome: CallOutcome
    language: str
    phrase: list[_PhraseEntry]
    score_cutoff: float | None = None


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


class _PairEntry(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    outcome: CallOutcome
    never: list[CallOutcome]
    why: str


class _ForbiddenWordEntry(msgspec.Struct, forbid_unknown_fields=True):
    words: list[str]
    outcomes: list[CallOutcome]
    why: str


class _PairsFile(msgspec.Struct, forbid_unknown_fields=True):
    forbidden_pair: list[_PairEntry] = []
    forbidden_word: list[_ForbiddenWordEntry] = []


_FileT = TypeVar("_FileT", bound=msgspec.Struct)


def load_phrases(
    settings: PhraseSettings | None = None, *, folder: Path | str | None = None
) -> PhraseBook:
    """Return all phrase lists in force, checked.

    Parameters
    ----------
    settings : PhraseSettings or None
        Which folders are read besides, or instead of, the shipped lists; None: shipped only.
    folder : path or None
        One more folder, read last (``--phrases DIR``).

    Raises
    ------
    PhraseListError
        Naming file and line: unknown outcome or key, wrong type, an id used twice, a text listed
        under two outcomes, empty text, Latin letters in Russian text, a word that the outcome may
        not have; or a folder without lists.
    """
    shipped = data_folder("phrases").resolve()
    office: list[Path] = []
    if settings is None:
        settings = PhraseSettings()
    elif any(settings.office_folder.rglob("*.toml")):
        office.append(settings.office_folder)
    own = [*settings.folders, *office, *([] if folder is None else [Path(folder)])]
    folders = dict.fromkeys(each.resolve() for each in (shipped, *own))
    files = [file for each in folders for file in _toml_files(each)]
    lists = [
        file
        for file in files
        if file.path.name not in (WORDS_FILE, PAIRS_FILE, GRAMMAR_FILE)
        and not (settings.replace and file.path.is_relative_to(shipped))
    ]
    if not lists:
        raise PhraseListError(
            "no phrase list at all: settings say to replace the shipped lists, but name no folder "
            "with other ones (phrases.folders)"
        )
    phrases = _distinct([phrase for file in lists for phrase in _read_list(file)])
    pair_files = [file for file in files if file.path.name == PAIRS_FILE]
    forbidden = tuple(words for file in pair_files for words in _read_forbidden_words(file))
    for words in forbidden:
        for phrase in phrases:
            words.check(phrase)
    return PhraseBook(
        phrases,
        _read_words([file for file in files if file.path.name == WORDS_FILE]),
        tuple(pair for file in pair_files for pair in _read_pairs(file)),
        forbidden,
        read_grammar(
            (file, _convert(file, GrammarContent))
            for file in files
            if file.path.name == GRAMMAR_FILE
        ),
    )


class OfficePhrases:
    """Notices when the office's own phrases change, so that running programs follow the page.

    Parameters
    ----------
    settings : PhraseSettings
    """

    def __init__(self, settings: PhraseSettings) -> None:
        self._settings = settings
        self._seen = self._state()

    def changed(self) -> PhraseBook | None:
        """Return the lists anew if the office's have changed since the last time, else None.

        Lists with a mistake are not taken over: the old ones stay, with a warning.
        """
        state = self._state()
        if state == self._seen:
            return None
        self._seen = state
        try:
            return load_phrases(self._settings)
        except PhraseListError as problem:
            _log.warning("the changed phrase lists are not used: %s", problem)
            return None

    def _state(self) -> frozenset[tuple[str, int, int]]:
        found = set()
        for path in self._settings.office_folder.rglob("*.toml"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found.add((str(path), facts.st_mtime_ns, facts.st_size))
        return frozenset(found)


def _toml_files(folder: Path) -> list[TomlFile]:
    if not folder.is_dir():
        raise PhraseListError(f"{folder}: expected a folder of phrase lists, found none there")
    paths = sorted(folder.rglob("*.toml"))
    if not paths:
        raise PhraseListError(f"{folder}: expected phrase lists (*.toml), found none in it")
    return [read_toml(path, PhraseListError) for path in paths]


# msgspec says «... - at `$.phrase[3].text`»; that is the key we look up the line of.
_WHERE = re.compile(r"\$(?:\.(?P<table>\w+)(?:\[(?P<index>\d+)\])?(?:\.(?P<key>\w+))?)?")
_UNKNOWN_KEY = re.compile(r"unknown field `(?P<key>[^`]+)`")


def _convert(file: TomlFile, kind: type[_FileT]) -> _FileT:
    try:
        return msgspec.convert(file.values, kind)
    except msgspec.ValidationError as problem:
        raise PhraseListError(_explain(file, str(problem))) from problem


def _explain(file: TomlFile, problem: str) -> str:
    message, _, where = problem.partition(" - at `")
    found = _WHERE.match(where)
    table, index, key = found.group("table", "index", "key") if found else (None, None, None)
    unknown = _UNKNOWN_KEY.search(message)
    if unknown:
        key = unknown["key"]
    if table is not None and index is None and key is None:
        table, key = None, table
    place = file.place(table, int(index or 0), key)
    for theirs, ours in (
        ("Object contains unknown field", "unknown key"),
        ("Object missing required field", "missing key"),
        ("Invalid enum value", "unknown value"),
        ("`object`", "a table"),
        ("`array`", "a list"),
        ("`str`", "text in quotes"),
        ("`float | null`", "a number"),
        ("`float`", "a number"),
    ):
        message = message.replace(theirs, ours)
    if key in ("outcome", "never"):
        message += f"; expected one of: {', '.join(SPOKEN_OUTCOMES)}"
    return f"{place}: {message}"


def _read_list(file: TomlFile) -> list[Phrase]:
    """Return the phrases of one list, each checked by itself."""
    listed = _convert(file, _ListFile)
    if listed.outcome in _NOT_SPOKEN:
        raise PhraseListError(
            f"{file.place(key='outcome')}: '{listed.outcome}' is never spoken, it has no phrases"
        )
    _check_cutoff(file.place(key="score_cutoff"), listed.score_cutoff)
    if not listed.phrase:
        raise PhraseListError(f"{file.path}: expected at least one [[phrase]], found none")
    lines = file.header_lines("phrase")
    phrases = []
    for number, entry in enumerate(listed.phrase):
        # `phrase = [{...}]` is TOML too, but has no headers to count.
        place = f"{file.path}, line {lines[number]}" if number < len(lines) else str(file.path)
        for problem in phrase_problems(entry.id, entry.text, entry.seen_in, listed.language):
            raise PhraseListError(f"{place}: {problem}")
        _check_cutoff(place, entry.score_cutoff)
        cutoff = listed.score_cutoff if entry.score_cutoff is None else entry.score_cutoff
        phrases.append(
            Phrase(
                entry.id,
                entry.text,
                listed.outcome,
                listed.language,
                entry.seen_in,
                cutoff,
                place,
                entry.whole,
            )
        )
    return phrases


def _check_cutoff(place: str, cutoff: float | None) -> None:
    if cutoff is not None and not 0 <= cutoff <= 100:
        raise PhraseListError(f"{place}: expected a score_cutoff of 0 to 100, found {cutoff:g}")


def phrase_problems(phrase_id: str, text: str, seen_in: str, language: str) -> list[str]:
    """Return what is wrong with one entry by itself, in words; empty if nothing is.

    Examples
    --------
    >>> phrase_problems("blocked-1", "номер заблокирован", "an example", "ru")
    []
    """
    problems = []
    if not _ID.fullmatch(phrase_id):
        problems.append(
            f"id {phrase_id!r}: expected small Latin letters, digits and single hyphens, "
            "like 'blocked-number'"
        )
    if not normalize(text):
        problems.append(f"text of '{phrase_id}': expected words, found {text!r}")
    latin, cyrillic = _LATIN.search(text), _CYRILLIC.search(text)
    if language == "ru" and latin:
        problems.append(
            f"text of '{phrase_id}': Latin letter {latin.group()!r} at position "
            f"{latin.start() + 1} of {text!r}; type it with the Russian keyboard"
        )
    if language == "en" and cyrillic:
        problems.append(f"text of '{phrase_id}': Russian letter {cyrillic.group()!r} in {text!r}")
    if not seen_in.strip():
        problems.append(f"seen_in of '{phrase_id}': say where the wording was heard or read")
    return problems


def _distinct(phrases: Sequence[Phrase]) -> tuple[Phrase, ...]:
    """Return `phrases` without repetitions, after checking ids and texts against each other.

    The same text under the same outcome may come twice (an office listed what we list by now): the
    first stays.
    """
    by_id: dict[str, Phrase] = {}
    by_text: dict[NormalizedText, Phrase] = {}
    for phrase in phrases:
        text = normalize(phrase.text)
        same = by_text.setdefault(text, phrase)
        if same.outcome is not phrase.outcome:
            raise PhraseListError(
                f"{phrase.place}: {phrase.text!r} is listed as '{phrase.outcome}', but "
                f"{same.place} lists it as '{same.outcome}'; keep one of the two"
            )
        if same is not phrase and same.id == phrase.id:
            continue
        other = by_id.setdefault(phrase.id, phrase)
        if other is not phrase:
            raise PhraseListError(
                f"{phrase.place}: id '{phrase.id}' already used at {other.place}; choose another"
            )
    return tuple(by_text.values())


def _read_words(files: Iterable[TomlFile]) -> WordLists:
    deciding: list[DecidingWords] = []
    parentheticals: list[str] = []
    hallucinations: list[str] = []
    groups: dict[str, list[WordSet]] = {"filler": [], "announcement": [], "live": []}
    for file in files:
        found = _convert(file, _WordsFile)
        for number, entry in enumerate(found.deciding):
            place = file.place("deciding", number)
            if not 1 <= entry.weight <= 10:
                raise PhraseListError(
                    f"{place}: expected a weight of 1 to 10, found {entry.weight:g}"
                )
            deciding.append(DecidingWords(_word_set(entry.words, place), entry.weight, entry.why))
        for name, sets in groups.items():
            group: _WordGroup = getattr(found, name)
            sets.append(_word_set(group.words, file.place(name)))
        parentheticals += _parentheticals(found.aside.phrases, file.place("aside"))
        hallucinations += _clauses(found.invented.phrases, file.place("invented"), 1, "words")
    return WordLists(
        tuple(deciding),
        **{name: _union(sets) for name, sets in groups.items()},
        parentheticals=tuple(dict.fromkeys(parentheticals)),
        hallucinations=tuple(dict.fromkeys(hallucinations)),
    )


def _parentheticals(phrases: Sequence[str], place: str) -> list[str]:
    expected = f"clauses of {_MIN_ASIDE_WORDS} words or more"
    return _clauses(phrases, place, _MIN_ASIDE_WORDS, expected)


def _clauses(phrases: Sequence[str], place: str, min_words: int, expected: str) -> list[str]:
    """Return what a file lists, normalised; `expected` says what it should be."""
    clauses = []
    for phrase in phrases:
        clause = str(normalize(phrase))
        if len(clause.split()) < min_words:
            raise PhraseListError(f"{place}: expected {expected}, found {phrase!r}")
        clauses.append(clause)
    return clauses


def _word_set(words: Sequence[str], place: str) -> WordSet:
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


def _read_pairs(file: TomlFile) -> list[ForbiddenPair]:
    pairs = []
    for number, entry in enumerate(_convert(file, _PairsFile).forbidden_pair):
        place = file.place("forbidden_pair", number)
        if not normalize(entry.text):
            raise PhraseListError(f"{place}: expected words in text, found {entry.text!r}")
        if entry.outcome in entry.never or not entry.never:
            raise PhraseListError(
                f"{place}: expected 'never' to list other outcomes than '{entry.outcome}'"
            )
        pairs.append(
            ForbiddenPair(entry.text, entry.outcome, frozenset(entry.never), entry.why, place)
        )
    return pairs


def _read_forbidden_words(file: TomlFile) -> list[ForbiddenWords]:
    words = []
    for number, entry in enumerate(_convert(file, _PairsFile).forbidden_word):
        place = file.place("forbidden_word", number)
        words.append(
            ForbiddenWords(
                _word_set(entry.words, place), frozenset(entry.outcomes), entry.why, place
            )
        )
    return words
