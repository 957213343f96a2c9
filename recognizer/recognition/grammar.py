"""Read a sentence by the grammar of announcements: who is spoken of, and what is said of it.

`GrammarReader.read` takes the words of a transcript apart into a subject, predicates, conditions
and what was not understood. Listed wordings stay the surest evidence; a reading takes the mark away
from a wording said of something else (`Reading.refusals`), and stands in for a wording that no list
has (`Reading.outcome`).

Conventions
-----------
Words are normalised. A word that the grammar lacks is read as the word of the carriers' lists that
sounds most like it, from 80 of 100 on (`transcript_words.KNOWN_WORD_RATIO`): recognisers mishear.
Words in Latin letters, or in letters that Russian lacks, are another language's and read as
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from recognizer.base import similarity
from recognizer.model import CallOutcome
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.grammar_file import Pattern, Predicate, SubjectKind
from recognizer.phrases.normalization import sound_alike_word
from recognizer.recognition.agreement import Agreement
from recognizer.recognition.clauses import Clauses
from recognizer.recognition.patterns import DENIALS, Part, Patterns
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.split_words import SplitWords
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO, SAME_WORD_RATIO

__all__ = ["GrammarReader", "Reading"]

# Longer texts are no single announcement, and are not read to their end: the longest listed one has
# 25 words, two announcements in two languages 60.
_MAX_WORDS = 150
_RUSSIAN = re.compile(r"[а-я]+")
_MISHEARD_NOT = "ни"  # «ни существует»
_REMAINS = frozenset({"в", "во", "на", "до", "с", "за", "по", "при", "от", "из", "к", "о"})
# What has to go on: «номер не обслуживается в» may be «в роуминге».
_OR = "или"  # before what is said of the number: who else it may be said of was not understood
_GO_ON = _REMAINS | {_OR}
# «И номер не существует»: of «добавочный» a cut leaves «и».
_LOST_STARTS = frozenset({"и", "а", "или", "т", "больше", "более", "навсегда"})
_ADJECTIVES = ("ий", "ого", "ему", "им")  # «на несуществующий номер»


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
    remains : tuple of str
        Little words right before what is said, which may be what is left of «временно», or at the
        end, where more was to come.
    foreign, another, mistaken : tuple of str
        Words of another subject, of another number, and such as look like what is said.
    unclear : tuple of str
        Words of what is said that were misrecognized beyond what spelling does to them.
    unknown : tuple of str
        Words of which nothing is known, in order.
    n_words : int
        Words read.
    agrees : bool
        What would mark is said of what was dialled, in a form that goes with it.
    said_at : int or None
        Place, among the words given, at which the predicate read first begins.
    ordinals : tuple of str
        Numerals beside a number that are too few for a subscriber's.
    """

    subjects: frozenset[SubjectKind]
    predicates: tuple[Predicate, ...]
    is_negated: bool
    conditions: tuple[str, ...]
    remains: tuple[str, ...]
    foreign: tuple[str, ...]
    another: tuple[str, ...]
    mistaken: tuple[str, ...]
    unclear: tuple[str, ...]
    unknown: tuple[str, ...]
    n_words: int
    agrees: bool = True
    said_at: int | None = None
    ordinals: tuple[str, ...] = ()

    @property
    def refusals(self) -> dict[str, str]:
        """Vetoes of the mark by id, each with the words it rests on; empty: all is understood."""
        reasons: dict[str, tuple[bool, tuple[str, ...]]] = {
            "subject-not-dialled": (SubjectKind.DIALLED not in self.subjects, ()),
            "wrong-form": (not self.agrees, ()),
            "own-line": (SubjectKind.OWN in self.subjects, ()),
            "said-of-the-call": (SubjectKind.CALL in self.subjects, ()),
            "foreign-subject": (bool(self.foreign), self.foreign),
            "another-number": (
                bool(self.another or self.ordinals),
                self.another or self.ordinals,
            ),
            "mistaken-word": (bool(self.mistaken), self.mistaken),
            "conditional": (bool(self.conditions), self.conditions),
            "remains-in-wording": (bool(self.remains), self.remains),
            "another-word": (bool(self.unclear), self.unclear),
            "negated": (self.is_negated, ()),
            "something-else-said": (any(not is_mark(p.outcome) for p in self.predicates), ()),
            "unknown-words": (bool(self.unknown), self.unknown),
        }
        return {name: " ".join(words) for name, (holds, words) in reasons.items() if holds}

    @property
    def outcome(self) -> CallOutcome | None:
        """What it comes to, by the predicate read first; None where that is not understood."""
        if self.is_menu:
            return self.predicates[0].outcome
        is_other = self.foreign or self.another or self.mistaken
        if not self.predicates or self.is_negated or is_other:
            return None
        read = self.predicates[0]
        if SubjectKind.OWN in self.subjects:
            return read.own
        if SubjectKind.CALL in self.subjects:
            return read.call if read.call is not None else self._retry(read)
        if self.conditions and SubjectKind.DIALLED in self.subjects:
            return read.conditional
        is_retry = SubjectKind.DIALLED in self.subjects and not is_mark(read.outcome)
        return read.outcome if is_retry or not self.refusals else None

    @property
    def is_menu(self) -> bool:
        """Whether what is said needs no subject: only a machine says it."""
        return any(each.any_subject for each in self.predicates[:1])

    def _retry(self, read: Predicate) -> CallOutcome | None:
        """Return an outcome that holds whoever is spoken of: never the mark."""
        return None if is_mark(read.outcome) else read.outcome


_HEAD, _LONG, _VERY_LONG = 2, 6, 9  # letters


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
        plain = (*grammar.plain, *grammar.advice, *grammar.clause.dialling)
        parts: list[tuple[Part, Iterable[Pattern]]] = [
            *grammar.subjects.items(),
            ("condition", grammar.conditions),
            ("now", grammar.now),
            ("plain", plain),
            ("place", grammar.places),
            ("before place", grammar.before_places),
            *((each, each.patterns) for each in grammar.predicates),
        ]
        self._agreement = Agreement(grammar)
        self._clauses = Clauses(grammar)
        self._dialled_nouns = frozenset(
            pattern[0].text
            for pattern in grammar.subjects.get(SubjectKind.DIALLED, ())
            if not pattern[0].text.endswith(("ый", "ого"))
        )
        self._patterns = Patterns(parts)
        self._plain = Patterns([("plain", plain)])
        self._split = SplitWords(
            [
                sound_alike_word(pattern[0].text)
                for pattern in plain
                if len(pattern) == 1 and not pattern[0].is_stem and len(pattern[0].text) >= _LONG
                if pattern not in grammar.now  # «с ейч ас» turns some wordings round
            ]
        )
        # Also the words that have a meaning together only.
        self._lexicon = Patterns(
            (part, [(token,) for pattern in patterns for token in pattern])
            for part, patterns in parts
        )
        self._vocabulary = sorted(word for word in vocabulary if self._lexicon.has(word))
        self._sounds = [sound_alike_word(word) for word in self._vocabulary]
        self._denied = frozenset(
            pattern[1].text
            for each in grammar.predicates
            for pattern in each.patterns
            if len(pattern) > 1 and pattern[0].text == "не"
        )
        self._understood = lru_cache(maxsize=similarity.N_WORDS_REMEMBERED)(self._nearest)

    def read(
        self,
        words: Sequence[str],
        *,
        matched: Collection[int] = (),
        listed: Collection[str] = (),
        left_out: Collection[int] = (),
        may_be_misrecognized: bool = True,
        is_spelt: bool = False,
    ) -> Reading:
        """Return what some words say.

        Parameters
        ----------
        words : sequence of str
            Normalised.
        matched : collection of int
            Places of words that a listed wording explains.
        listed : collection of str
            Words of that wording, normalised: heard as they are listed, they mean what it means.
        left_out : collection of int
            Places right before which a hesitation was left out.
        may_be_misrecognized : bool
            Words at those places that are not known are the wording's, misrecognized: the sound was
            asked.
        is_spelt : bool
            By a recogniser that writes the letters it hears: what is no word of ours by its sound
            is none, also beside the wording.
        """
        kept = [
            (place, *self._understood(word))
            for place, word in enumerate(words[:_MAX_WORDS])
            if _RUSSIAN.fullmatch(word)
        ]
        read = [word for _, word, _ in kept]
        for place, after in enumerate(read[1:]):
            if read[place] == _MISHEARD_NOT and after in self._denied:
                read[place] = "не"
        found = self._patterns.places(read)
        subjects = {kind: found.get(kind, set()) for kind in SubjectKind}
        predicates = [each for each in self._predicates if found[each]]
        said, plain = set().union(*(found[each] for each in predicates)), found["plain"]
        places = self._clauses.places(read, found["place"], found["before place"])
        plain = plain | places
        subjects[SubjectKind.CALL] -= plain  # «повторите вызов» is advice
        subjects[SubjectKind.OTHER] -= plain | said  # «в салоне связи», «услуги приостановлены»
        subjects[SubjectKind.MISTAKEN] -= said  # «не существующий»
        subjects[SubjectKind.ANOTHER] -= places  # «справка по телефону»
        spoken_of = set().union(*subjects.values())
        denied = {p for p, word in enumerate(read) if word in DENIALS}
        known = said | found["condition"] | found["now"] | plain | spoken_of | denied
        explained = {p for p, (place, _, _) in enumerate(kept) if place in matched}
        own = {p for p in explained if read[p] in listed}
        misrecognized = explained if may_be_misrecognized else set()
        conditions = found["condition"]
        if any(each.conditional for each in predicates):
            conditions = conditions | found["now"]
        remains = {
            p
            for p in range(len(read) - 1)
            if read[p] in _REMAINS
            and p not in said
            and p + 1 in said - spoken_of
            and not read[p + 1].endswith(_ADJECTIVES)
        }
        if read and read[-1] in _GO_ON:
            remains |= {len(read) - 1} - said
        remains |= {p for p in range(min(said, default=0)) if read[p] == _OR} - own
        told = min(subjects[SubjectKind.DIALLED] | said, default=0)
        if told and read[0] in _LOST_STARTS and {*range(1, told)} <= known:
            remains.add(0)
        unknown = {
            p
            for p, word in enumerate(read)
            if p not in known | own
            and not (p in misrecognized and self._is_misrecognized(word, listed))
        }
        if may_be_misrecognized:
            spoken = [words[place] for place, _, _ in kept]
            unknown -= self._split.of_wording(spoken, misrecognized - (known - plain), listed)
            short = {p for p in plain if len(spoken[p]) <= _HEAD}
            unknown -= self._split.of_plain(spoken, {*range(len(read))} - known, starts=short)
        # Of a bare text no word may be guessed; sound was asked for the words that decide.
        exact = said if may_be_misrecognized and not is_spelt else set(range(len(read)))
        unclear = {p for p in exact - misrecognized if not kept[p][2]}

        dialled = subjects[SubjectKind.DIALLED]
        # Here what nobody understands may only have been misheard.
        may_end = set().union(*(found[each] for each in predicates if each.may_end)) - dialled
        torn = self._clauses.torn(
            read,
            may_end,
            said | dialled,
            dialled,
            left_out={p for p, (place, _, _) in enumerate(kept) if place in left_out},
            explained=own | conditions | (misrecognized - known),
        )

        # «Неправильно на обратном номер» was asked of the sound: «на» is a part of «набран».
        in_form = ["" if p in misrecognized - own - dialled else w for p, w in enumerate(read)]
        agrees = all(
            self._agreement.holds(in_form, each, dialled)
            for each in predicates
            if is_mark(each.outcome)
        )

        def at(places: set[int]) -> tuple[str, ...]:
            return tuple(read[p] for p in sorted(places))

        return Reading(
            frozenset(kind for kind, places in subjects.items() if places),
            tuple(predicates),
            bool(denied - said),
            at(conditions - own),
            at(remains - own) + torn,
            at((subjects[SubjectKind.OTHER] | subjects[SubjectKind.EXTENSION]) - own),
            at(subjects[SubjectKind.ANOTHER] - own),
            at(subjects[SubjectKind.MISTAKEN] - own),
            at(unclear),
            at(unknown) + (("…",) if len(words) > _MAX_WORDS else ()),
            len(read),
            agrees,
            kept[min(found[predicates[0]] - spoken_of, default=0)][0] if predicates else None,
            self._clauses.ordinals(read, dialled),
        )

    def _is_misrecognized(self, word: str, listed: Collection[str]) -> bool:
        """Return whether a word is nothing but what a listed wording's may have become."""
        return word in listed or not self._lexicon.begun_by(word)

    def dialled_nouns(self, words: Iterable[str]) -> list[str]:
        """Return the words that name the number, subscriber or set dialled."""
        return [word for word in words if word in self._dialled_nouns]

    def is_guessed(self, word: str) -> bool:
        """Return whether a word is read as another one, which it may have been misheard for."""
        return self._understood(word)[0] != word

    def is_plain(self, word: str) -> bool:
        """Return whether an announcement says a word, too, that only people are listed to say."""
        return self._plain.has(word)

    def _nearest(self, word: str) -> tuple[str, bool]:
        """Return the likeliest word that one was misrecognized from, and whether it sounds so."""
        if self._lexicon.has(word) or word in DENIALS:
            return word, True
        sound = sound_alike_word(word)
        near = similarity.nearest(sound, self._sounds, score_cutoff=KNOWN_WORD_RATIO)
        if not near:
            return word, True
        likely = self._vocabulary[near[0].place]
        # A prefix turns a word round: «правильно», «неправильно». Of a long word it is enough that
        # it sounds so: «абслуживается».
        is_long = len(word) >= _VERY_LONG
        heads = (sound, self._sounds[near[0].place]) if is_long else (word, likely)
        if heads[0][:_HEAD] != heads[1][:_HEAD] or self._is_glued(word, likely):
            return word, True
        return likely, near[0].ratio >= SAME_WORD_RATIO

    def _is_glued(self, word: str, likely: str) -> bool:
        """Return whether a word is another and one more that has a meaning: «извинитемой»."""
        rest = word.removeprefix(likely)
        return rest != word and (rest in DENIALS or self._lexicon.has(rest))
