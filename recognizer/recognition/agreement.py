"""Whether a sentence says its predicate of the number dialled: its form, and its clause.

«Номеру заблокирован», «с номером не существует» and «номер, который заблокирован» hold the words of
an announcement, and say nothing of the number: its form does not go with what is said, or the rest
of the sentence was not heard. What goes with what stands in the grammar (`subjects` of a predicate,
`clause`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from recognizer.phrases.grammar_file import Grammar, Pattern, Predicate
from recognizer.recognition.patterns import Patterns, places_of

__all__ = ["Agreement"]

# What stands between a preposition and its noun: «на набранный вами номер».
_MODIFIER_ENDINGS = (
    "ый", "ий", "ой", "ая", "яя", "ое", "ее", "ого", "его", "ому", "ему", "ым", "им", "ом", "ем",
    "ую", "юю", "ей", "этот",
)  # fmt: skip
_MODIFIERS = frozenset({"вами"})
_ADDRESSED = ("уважаем", "дорог")  # «уважаемый абонент, справка не используется»: we are spoken to


class Agreement:
    """The forms that a grammar asks for.

    Parameters
    ----------
    grammar : Grammar
    """

    def __init__(self, grammar: Grammar) -> None:
        clause = grammar.clause
        self._prepositions = Patterns([("plain", clause.prepositions)])
        self._relatives = Patterns([("plain", clause.relative)])
        self._dialling = Patterns([("plain", clause.dialling)])
        self._devices = Patterns([("plain", clause.devices)])

    def holds(self, words: Sequence[str], predicate: Predicate, spoken_of: Collection[int]) -> bool:
        """Return whether what is said may be said of what was dialled.

        Parameters
        ----------
        words : sequence of str
            As they were read.
        predicate : Predicate
        spoken_of : collection of int
            Places of the words for what was dialled, in any form; none: they were not made out,
            and nothing can be said of their form.
        """
        if not predicate.subjects or not spoken_of:
            return True
        if self._places(self._relatives, words) and not self._places(self._dialling, words):
            return False
        devices = self._places(self._devices, words)
        return any(
            not self._is_governed(words, first)
            and not words[max(0, first - 1)].startswith(_ADDRESSED)
            and not places & devices
            for pattern in predicate.subjects
            for first, places in _found(pattern, words)
        )

    def _places(self, patterns: Patterns, words: Sequence[str]) -> set[int]:
        return patterns.places(words)["plain"]

    def _is_governed(self, words: Sequence[str], place: int) -> bool:
        """Return whether a preposition stands before a noun and its adjectives.

        «На несуществующий номер» says by its adjective that it does not exist.
        """
        if words[place].endswith(_MODIFIER_ENDINGS):
            return False
        before = place - 1
        while before >= 0 and (
            words[before].endswith(_MODIFIER_ENDINGS) or words[before] in _MODIFIERS
        ):
            before -= 1
        return before >= 0 and self._prepositions.has(words[before])


def _found(pattern: Pattern, words: Sequence[str]) -> list[tuple[int, set[int]]]:
    """Return every place at which a pattern begins, with the places of all its words."""
    begun = (first for first, word in enumerate(words) if pattern[0].fits(word))
    found = ((first, set(places_of(pattern, words, first))) for first in begun)
    return [(first, places) for first, places in found if places]
