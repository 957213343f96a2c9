"""The words of a transcript as they are compared: normalised, by their sound, no parentheticals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recognizer.base import similarity
from recognizer.model import PhraseMatch
from recognizer.phrases.book import WordLists
from recognizer.phrases.normalization import (
    hesitations,
    normalize,
    normalize_words,
    sound_alike_word,
)

__all__ = [
    "HEARD_RATIO",
    "KNOWN_WORD_RATIO",
    "SAME_WORD_RATIO",
    "TranscriptWords",
    "are_all_heard",
]

KNOWN_WORD_RATIO = 80.0
"""Similarity from which a word heard counts as one that is listed, 0-100 (RapidFuzz ratio)."""
SAME_WORD_RATIO = 88.0
"""Similarity from which two words sound as one, 0-100: «обслуживаеца» is «обслуживается»,
«используем» is not «используется»."""
HEARD_RATIO = 60.0
"""Similarity (0-100) below which a word heard and a listed one are not the same word."""
# «На который вызваните» reaches 95; «с которого вы звоните», our own number, 86 of «которому вы
# звоните».
_PARENTHETICAL_RATIO = 90.0


@dataclass(frozen=True, slots=True)
class TranscriptWords:
    """A transcript as the matcher sees it.

    Attributes
    ----------
    words : normalised words, without parentheticals.
    sounds : as they sound.
    places : for each, the index of the word of the transcript it came from.
    parentheticals : places of the words of each parenthetical («на который вы звоните»), which no
    wording has.
    left_out : places in `words` right before which a hesitation was left out.
    """

    words: tuple[str, ...]
    sounds: tuple[str, ...]
    places: tuple[int, ...]
    parentheticals: tuple[range, ...] = ()
    left_out: frozenset[int] = frozenset()

    @classmethod
    def of(cls, words: Iterable[str], lists: WordLists | None = None) -> TranscriptWords:
        """Normalise the words of a transcript; set apart what `lists` has as parenthetical."""
        transcript = list(words)
        pairs = normalize_words(transcript)
        sounds = [sound_alike_word(word) for word, _ in pairs]
        spoken = [word for word, _ in pairs]
        left_out = [] if lists is None else list(_parentheticals_in(spoken, sounds, lists))
        kept = [
            i
            for i in range(len(pairs))
            if not any(i in parenthetical for parenthetical in left_out)
        ]
        places = [place for _, place in pairs]
        silent = list(hesitations(transcript, frozenset(places)))
        return cls(
            tuple(pairs[i][0] for i in kept),
            tuple(sounds[i] for i in kept),
            tuple(places[i] for i in kept),
            tuple(
                range(places[parenthetical.start], places[parenthetical.stop])
                for parenthetical in left_out
            ),
            frozenset(sum(places[i] < index for i in kept) for index in silent),
        )

    def has_every_word(self, match: PhraseMatch) -> bool:
        """Return whether every word of a wording was heard inside its match, fillers included."""
        spoken = [
            sound
            for sound, place in zip(self.sounds, self.places, strict=True)
            if match.first_word <= place < match.end_word
        ]
        listed = (sound_alike_word(word) for word, _ in normalize_words([match.phrase.text]))
        return are_all_heard(listed, spoken)

    def has_as_listed(self, match: PhraseMatch) -> bool:
        """Return whether a wording was heard word by word as it is listed."""
        spoken = [
            word
            for word, place in zip(self.words, self.places, strict=True)
            if match.first_word <= place < match.end_word
        ]
        return spoken == normalize(match.phrase.text).split()

    def n_parenthetical(self, match: PhraseMatch) -> int:
        """Return how many words of parentheticals were heard inside a match."""
        return sum(len(parenthetical) for parenthetical in self._parentheticals_inside(match))

    def with_parentheticals(self, text: str, match: PhraseMatch, transcript: Sequence[str]) -> str:
        """Return a wording with the parentheticals heard in it, each after the noun it followed."""
        words = text.split()
        for parenthetical in self._parentheticals_inside(match):
            spoken = transcript[parenthetical.start - 1]
            noun = _sound_of(spoken)
            near = max(range(len(words)), key=lambda i: similarity.ratio(_sound_of(words[i]), noun))
            words[near] = words[near].rstrip(",") + ("," if spoken.endswith(",") else "")
            words[near + 1 : near + 1] = transcript[parenthetical.start : parenthetical.stop]
        return " ".join(words)

    def _parentheticals_inside(self, match: PhraseMatch) -> list[range]:
        return [
            a for a in self.parentheticals if match.first_word < a.start and a.stop < match.end_word
        ]

    def beside(self, match: PhraseMatch) -> list[str]:
        """Return the words heard outside a match."""
        return [word for word, _ in self.placed_beside(match)]

    def placed_beside(self, match: PhraseMatch) -> list[tuple[str, int]]:
        """Return the words heard outside a match, each with its place in the transcript."""
        return [
            (word, place)
            for word, place in zip(self.words, self.places, strict=True)
            if not match.first_word <= place < match.end_word
        ]


def are_all_heard(wanted: Iterable[str], spoken: Sequence[str]) -> bool:
    """Return whether every sound of `wanted` is in `spoken`, alone or run into the next one."""
    heard = [*spoken, *(a + b for a, b in pairwise(spoken))]
    return all(similarity.best_ratio(sound, heard) >= HEARD_RATIO for sound in wanted)


def _sound_of(text: str) -> str:
    return "".join(sound_alike_word(word) for word, _ in normalize_words([text]))


def _parentheticals_in(
    words: Sequence[str], sounds: Sequence[str], lists: WordLists
) -> Iterator[range]:
    """Yield where parentheticals are, by their sound; each between two other words.

    Two words of a parenthetical may have been written as one, but no word more is taken for it,
    and none that decides, unless it is heard just so: it must never hide a «временно».
    """
    decides = [lists.weight(word) > 1.0 for word in words]

    def best(first: int) -> tuple[float, int]:
        """Return how like a parenthetical the words from `first` on are, and how many they are."""
        return max(
            (
                (
                    similarity.ratio(
                        "".join(sounds[first : first + n]), parenthetical.replace(" ", "")
                    ),
                    n,
                )
                for parenthetical in lists.parenthetical_sounds
                for n in (parenthetical.count(" "), parenthetical.count(" ") + 1)
                if first + n < len(sounds)
                and (
                    not any(decides[first : first + n])
                    or " ".join(sounds[first : first + n]) == parenthetical
                )
            ),
            default=(0.0, 1),
        )

    first = 1
    while first < len(sounds) - 1:
        ratio, n_words = best(first)
        # «(Абонентский) номер, который вы набрали» is like «номер которого вы набрали», but begins
        # a word later.
        if ratio >= _PARENTHETICAL_RATIO and ratio >= best(first + 1)[0]:
            yield range(first, first + n_words)
            first += n_words
        else:
            first += 1
