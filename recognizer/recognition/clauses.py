"""What stands between a subject and what is said of it, and numbers too short to be a subscriber's.

«Номер но заблокирован» and «номер ну заблокирован» hold every word of an announcement; what stands
between may be what was left of «временно». Only the words of the grammar's `between` are none of
that. «Номер один заблокирован» counts numbers; a subscriber's has more digits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from recognizer.phrases.grammar_file import Grammar
from recognizer.recognition.patterns import Patterns

__all__ = ["Clauses"]

_JOINS = frozenset({"и", "или"})  # «не обслуживается и не используется»
_NAMES = frozenset({"номер", "телефон", "абонент"})
_MAX_TO_PLACE = 5  # words: «приобрести его можно в любом салоне»
_MIN_WORDS_OF_NUMBER = 5  # the shortest city numbers; in groups a full one has as many words


class Clauses:
    """What a grammar knows of the build of a clause.

    Parameters
    ----------
    grammar : Grammar
    """

    def __init__(self, grammar: Grammar) -> None:
        clause = grammar.clause
        self._between = Patterns([("plain", clause.between)])
        self._numerals = Patterns([("plain", clause.numerals)])
        self._brands = Patterns([("plain", clause.brands)])

    def torn(
        self,
        words: Sequence[str],
        said: Collection[int],
        anchors: Collection[int],
        dialled: Collection[int],
        *,
        left_out: Collection[int] = (),
        explained: Collection[int] = (),
    ) -> tuple[str, ...]:
        """Return the words between subject and predicate that may be left of «временно».

        Parameters
        ----------
        words : sequence of str
            As they were read.
        said : collection of int
            Places of what is said, where it may be said for a time only.
        anchors : collection of int
            Places of the words for what was dialled, and of all that is said.
        dialled : collection of int
            Of these, the words for what was dialled.
        left_out : collection of int
            Places right before which a hesitation was left out.
        explained : collection of int
            Places of words that are accounted for otherwise.
        """
        if not said:
            return ()
        numerals = self._numerals.places(words)["plain"]
        allowed = self._between.places(words)["plain"] | numerals | set(explained)
        found: set[int] = set()
        holes: set[int] = set()
        for place in said:
            left = max((a for a in anchors if a < place), default=-1)
            inner = set(range(left + 1, place))
            if left < 0:
                right = min((d for d in dialled if d > place), default=place)
                inner = {p for p in range(place + 1, right) if p not in anchors}
                found |= {place - 1} & numerals  # «два заблокирован номер»
            elif left not in dialled:
                inner = {p for p in inner if words[p] not in _JOINS}
            found |= inner - allowed
            holes |= {p for p in left_out if left < p <= place or p in inner}
            holes |= {p for p in left_out if left < 0 and p - 1 in {place, *inner}}
        return (*(words[p] for p in sorted(found)), *("…" for _ in holes))

    def places(
        self, words: Sequence[str], places: Collection[int], after: Collection[int]
    ) -> set[int]:
        """Return the places at which something is had or learnt, of which nothing is said.

        One stands a few words after a word that leads there, or after another; «номер справочной»
        is what is spoken of.
        """
        found: set[int] = set()
        for place in sorted(places):
            before = place - 1
            while before in places and before not in found:
                before -= 1
            is_named = before >= 0 and words[before] in _NAMES
            if not is_named and any(0 < place - p <= _MAX_TO_PLACE for p in (*after, *found)):
                found.add(place)
        return found

    def ordinals(self, words: Sequence[str], dialled: Collection[int]) -> tuple[str, ...]:
        """Return numerals beside the words for what was dialled that are no whole number.

        «Теле два» is a company.
        """
        numerals = self._numerals.places(words)["plain"]
        brands = self._brands.places(words)["plain"]
        found: list[str] = []
        first = 0
        while first < len(words):
            end = first
            while end in numerals:
                end += 1
            beside = first - 1 in dialled or end in dialled
            if end > first and beside and first - 1 not in brands:
                found += words[first:end] if end - first < _MIN_WORDS_OF_NUMBER else ()
            first = max(end, first + 1)
        return tuple(found)
