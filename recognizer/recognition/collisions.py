"""Prove that the phrase lists say what they mean.

Every phrase goes through the matcher as if it had been heard. It must come out as itself; a
confusion that the regulation forbids must not even come near. What comes near another list
without being forbidden is reported, for a person to judge: «абонент не отвечает, оставьте
сообщение» holds a whole other announcement, and has to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from recognizer.model import CallOutcome, Phrase, PhraseMatch, phrase_list_of
from recognizer.phrases.book import PhraseBook
from recognizer.recognition.matching import Matcher, find_matches

__all__ = ["FORBIDDEN_MARGIN", "NEAR_MARGIN", "NearMiss", "PhraseCheck", "check_phrases"]

NEAR_MARGIN = 10.0
"""Points of score within which another list is reported as near."""

FORBIDDEN_MARGIN = 3.0
"""Points of score that must lie between a phrase and a list it must never be confused with.

Ours: the nearest pair of the shipped lists that is not one wording inside another has 4."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A phrase that another list nearly takes for its own.

    Attributes
    ----------
    phrase : Phrase
    other : PhraseMatch
        The other list's phrase, with its score on this one's text.
    margin : float
        Points of score between the two; 0 where the other is found whole inside this one.
    """

    phrase: Phrase
    other: PhraseMatch
    margin: float


@dataclass(frozen=True, slots=True)
class PhraseCheck:
    """What a check found.

    Attributes
    ----------
    n_phrases : int
    failures : tuple of str
        Sentences with file and line; the lists are sound if there are none.
    near : tuple of NearMiss
        Nearest first.
    """

    n_phrases: int
    failures: tuple[str, ...]
    near: tuple[NearMiss, ...]


def check_phrases(
    book: PhraseBook, *, margin: float = NEAR_MARGIN, only: Collection[str] | None = None
) -> PhraseCheck:
    """Return what is wrong with the lists, and what comes near another list.

    Parameters
    ----------
    book : PhraseBook
    margin : float
        Points of score, 0-100, within which another list is reported.
    only : collection of str or None
        Ids of the phrases to prove; None: all. Forbidden pairs are proved in either case.
    """
    failures: list[str] = []
    near: list[NearMiss] = []
    forbidden = book.forbidden_confusions()
    matchers = {
        language: Matcher(book, language)
        for language in dict.fromkeys(phrase.language for phrase in book.phrases)
    }
    for language, matcher in matchers.items():
        for phrase in matcher.phrases:
            if only is not None and phrase.id not in only:
                continue
            matches = find_matches(phrase.text, matcher)
            failures += _not_itself(phrase, matches)
            for miss in _near_misses(phrase, matches, margin):
                near.append(miss)
                pair = frozenset({phrase.outcome, miss.other.outcome})
                if pair in forbidden and _is_forbidden(miss):
                    failures.append(_forbidden_message(miss))
        if language == "ru":
            failures += _broken_pairs(book, matcher)
    near.sort(key=lambda miss: miss.margin)
    return PhraseCheck(len(book.phrases), tuple(failures), tuple(near))


def _not_itself(phrase: Phrase, matches: tuple[PhraseMatch, ...]) -> Iterator[str]:
    if not matches:
        yield f"{phrase.place}: {phrase.text!r} is not recognised at all"
    elif matches[0].outcome is not phrase.outcome:
        other = matches[0]
        yield (
            f"{phrase.place}: {phrase.text!r} is listed as '{phrase.outcome}' but recognised as "
            f"'{other.outcome}', by {other.phrase.text!r} at {other.phrase.place}"
        )


def _near_misses(
    phrase: Phrase, matches: tuple[PhraseMatch, ...], margin: float
) -> Iterator[NearMiss]:
    """Yield the matches of other *lists* (of the regulation, or none) within `margin`."""
    own = next((m.score for m in matches if m.outcome is phrase.outcome), 0.0)
    for match in matches:
        another_list = phrase_list_of(match.outcome) is not phrase_list_of(phrase.outcome)
        if another_list and own - match.score <= margin:
            yield NearMiss(phrase, match, max(0.0, own - match.score))


def _is_forbidden(miss: NearMiss) -> bool:
    """Tell whether a near miss is a confusion, and not just a wording inside a longer one.

    «Номер заблокирован, воспользуйтесь ...» holds «номер заблокирован» whole; the longer wording
    wins wherever it was said.
    """
    held_whole = len(miss.other.phrase.text.split()) < len(miss.phrase.text.split())
    return miss.margin < FORBIDDEN_MARGIN and not held_whole


def _forbidden_message(miss: NearMiss) -> str:
    return (
        f"{miss.phrase.place}: {miss.phrase.text!r} ('{miss.phrase.outcome}') could be taken for "
        f"{miss.other.phrase.text!r} ('{miss.other.outcome}', {miss.other.phrase.place}), "
        f"{miss.margin:.1f} points away; the regulation forbids this confusion"
    )


def _broken_pairs(book: PhraseBook, matcher: Matcher) -> Iterator[str]:
    for pair in book.forbidden_pairs:
        matches = find_matches(pair.text, matcher)
        heard = matches[0].outcome if matches else CallOutcome.UNDETERMINED
        if heard is not pair.outcome:
            verb = "must never be" if heard in pair.never else "is"
            yield (
                f"{pair.place}: {pair.text!r} is '{pair.outcome}' ({pair.why}) but recognised as "
                f"'{heard}'" + (f", which it {verb}" if heard in pair.never else "")
            )
