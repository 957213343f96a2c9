"""Words that a recogniser wrote in pieces: «но мир», «и вы нитя».

Pieces are one word only if nothing of them is left over. In the place of a listed wording, for
which the sound was asked, they have to sound letter by letter like a word of it; beside it they may
only be a word that changes nothing, and have to be more like it together than any fewer of them. A
word that has a meaning («не», «временно», «этот») is no piece of another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from recognizer.base import similarity
from recognizer.phrases.normalization import sound_alike_word
from recognizer.recognition.transcript_words import SAME_WORD_RATIO

__all__ = ["SplitWords"]

_MAX_PIECES = 3


class SplitWords:
    """The words that change nothing, laid out for finding them in pieces.

    Parameters
    ----------
    plain_sounds : sequence of str
        As they sound.
    """

    def __init__(self, plain_sounds: Sequence[str]) -> None:
        self._plain_sounds = plain_sounds

    def of_wording(
        self, words: Sequence[str], places: Collection[int], listed: Collection[str]
    ) -> set[int]:
        """Return the places at which words of a wording stand in pieces.

        Parameters
        ----------
        words : sequence of str
            As they were heard.
        places : collection of int
            Those of words without a meaning that the wording stands for.
        listed : collection of str
            Words of the wording, normalised.
        """
        # A word that was heard whole is not there in pieces once more.
        wanted = Counter(map(sound_alike_word, listed)) - Counter(map(sound_alike_word, words))
        return {
            place
            for group in _runs(places)
            if sound_alike_word("".join(words[p] for p in group)) in wanted
            for place in group
        }

    def of_plain(
        self, words: Sequence[str], places: Collection[int], starts: Collection[int]
    ) -> set[int]:
        """Return the places at which words that change nothing stand in pieces.

        Parameters
        ----------
        words : sequence of str
            As they were heard.
        places : collection of int
            Those of words without a meaning.
        starts : collection of int
            Those of short words that change nothing, which a first syllable may be written as; at
            the end of a word they are words of their own.
        """
        return {
            place
            for group in _runs({*places, *starts})
            if all(p in places for p in group[1:])
            if self._is_one([words[p] for p in group])
            for place in group
        }

    def _is_one(self, pieces: Sequence[str]) -> bool:
        """Return whether pieces are a plain word, and no fewer of them are it as well."""
        sound = sound_alike_word("".join(pieces))
        near = similarity.nearest(sound, self._plain_sounds, score_cutoff=SAME_WORD_RATIO)
        fewer = [sound_alike_word("".join(part)) for part in (pieces[1:], pieces[:-1])]
        return any(
            all(
                similarity.ratio(part, self._plain_sounds[each.place]) < each.ratio
                for part in fewer
            )
            for each in near
        )


def _runs(places: Collection[int]) -> Iterator[range]:
    """Yield every run of two or three neighbours."""
    for first in places:
        for n_pieces in range(2, _MAX_PIECES + 1):
            run = range(first, first + n_pieces)
            if all(place in places for place in run):
                yield run
