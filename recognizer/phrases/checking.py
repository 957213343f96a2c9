"""What may stand in a phrase list, and how a mistake in one is worded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from recognizer.base.data_files import TomlFile, convert_toml
from recognizer.base.errors import PhraseListError
from recognizer.model import SIGNAL_OUTCOMES, CallOutcome, NormalizedText, Phrase
from recognizer.phrases.normalization import normalize

__all__ = [
    "SPOKEN_OUTCOMES",
    "check_cutoff",
    "check_distinct",
    "convert_list_file",
    "phrase_problems",
]

SPOKEN_OUTCOMES = tuple(outcome for outcome in CallOutcome if outcome not in SIGNAL_OUTCOMES)
"""Outcomes that may have phrases; those of `undetermined` win and decide nothing."""

_FileT = TypeVar("_FileT", bound=msgspec.Struct)
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LATIN = re.compile(r"[A-Za-z]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


_WORDS = (
    ("Object contains unknown field", "unknown key"),
    ("Object missing required field", "missing key"),
    ("Invalid enum value", "unknown value"),
    ("`object`", "a table"),
    ("`array`", "a list"),
    ("`str`", "text in quotes"),
    ("`float | null`", "a number"),
    ("`float`", "a number"),
)


def _in_plain_words(message: str, key: str | None) -> str:
    """Return what msgspec finds wrong in a list as somebody reads it who is no programmer."""
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    if key in {"outcome", "never"}:
        message += f"; expected one of: {', '.join(SPOKEN_OUTCOMES)}"
    return message


def convert_list_file(file: TomlFile, kind: type[_FileT]) -> _FileT:
    """Return a list file's values as a struct, or say in plain words what is wrong and where."""
    return convert_toml(file, kind, PhraseListError, reworded=_in_plain_words)


def check_cutoff(place: str, cutoff: float | None) -> None:
    """Refuse a score cutoff that is no score."""
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


def check_distinct(phrases: Sequence[Phrase]) -> tuple[Phrase, ...]:
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
