"""Read the phrase lists.

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

Every error names the file and line. Nothing is guessed: a list with a mistake is not loaded.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import msgspec

from recognizer.base.data_files import TomlFile, data_folder, read_toml
from recognizer.base.errors import PhraseListError
from recognizer.base.settings import PhraseSettings
from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, Phrase
from recognizer.phrases.book import ForbiddenPair, ForbiddenWords, PhraseBook
from recognizer.phrases.checking import (
    check_cutoff,
    check_distinct,
    convert_list_file,
    phrase_problems,
)
from recognizer.phrases.grammar_file import GRAMMAR_FILE, GrammarContent, read_grammar
from recognizer.phrases.normalization import normalize
from recognizer.phrases.words_file import read_word_set, read_words

__all__ = ["PAIRS_FILE", "WORDS_FILE", "OfficePhrases", "load_phrases"]

_log = logging.getLogger(__name__)

WORDS_FILE = "words.toml"
PAIRS_FILE = "forbidden_pairs.toml"


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
    phrases = check_distinct([phrase for file in lists for phrase in _read_list(file)])
    pair_files = [file for file in files if file.path.name == PAIRS_FILE]
    forbidden = tuple(words for file in pair_files for words in _read_forbidden_words(file))
    for words in forbidden:
        for phrase in phrases:
            words.check(phrase)
    return PhraseBook(
        phrases,
        read_words([file for file in files if file.path.name == WORDS_FILE]),
        tuple(pair for file in pair_files for pair in _read_pairs(file)),
        forbidden,
        read_grammar(
            (file, convert_list_file(file, GrammarContent))
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


def _read_list(file: TomlFile) -> list[Phrase]:
    """Return the phrases of one list, each checked by itself."""
    listed = convert_list_file(file, _ListFile)
    if listed.outcome in SIGNAL_OUTCOMES:
        raise PhraseListError(
            f"{file.place(key='outcome')}: '{listed.outcome}' is never spoken, it has no phrases"
        )
    check_cutoff(file.place(key="score_cutoff"), listed.score_cutoff)
    if not listed.phrase:
        raise PhraseListError(f"{file.path}: expected at least one [[phrase]], found none")
    lines = file.header_lines("phrase")
    phrases = []
    for number, entry in enumerate(listed.phrase):
        # `phrase = [{...}]` is TOML too, but has no headers to count.
        place = f"{file.path}, line {lines[number]}" if number < len(lines) else str(file.path)
        for problem in phrase_problems(entry.id, entry.text, entry.seen_in, listed.language):
            raise PhraseListError(f"{place}: {problem}")
        check_cutoff(place, entry.score_cutoff)
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


def _read_pairs(file: TomlFile) -> list[ForbiddenPair]:
    pairs = []
    for number, entry in enumerate(convert_list_file(file, _PairsFile).forbidden_pair):
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
    for number, entry in enumerate(convert_list_file(file, _PairsFile).forbidden_word):
        place = file.place("forbidden_word", number)
        words.append(
            ForbiddenWords(
                read_word_set(entry.words, place), frozenset(entry.outcomes), entry.why, place
            )
        )
    return words
