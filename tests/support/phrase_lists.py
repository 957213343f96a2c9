"""Lists of wordings: a short one of the regulation's own, checked in no time; and what ships."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

from recognizer.base.settings import PhraseSettings
from recognizer.phrases.book import PhraseBook
from recognizer.phrases.loading import load_phrases
from recognizer.recognition.calibration import load_calibration
from recognizer.recognition.matching import Matcher
from recognizer.recognition.utterance_classifier import UtteranceClassifier
from recognizer.recognition.verification import Verifier

__all__ = [
    "REGULATION",
    "shipped_book",
    "shipped_judge",
    "shipped_matcher",
    "shipped_verifier",
    "write_lists",
]

REGULATION = {
    "temporarily_blocked": ["абонент временно заблокирован", "номер временно заблокирован"],
    "blocked": ["абонент заблокирован", "номер заблокирован"],
    "service_suspended": ["обслуживание номера временно приостановлено"],
    "not_in_service": ["номер не обслуживается", "номер не используется"],
    "temporarily_unavailable": ["номер временно недоступен"],
    "does_not_exist": ["номер не существует"],
    "not_registered": ["абонент не зарегистрирован в сети", "номер не зарегистрирован в сети"],
    "available_for_purchase": ["номер телефона доступен для приобретения"],
    "service_type_unavailable": ["данный вид связи недоступен для абонента"],
    "caller_restricted": ["ваш номер заблокирован", "ваш номер временно заблокирован"],
    "live_person": ["карту временно заблокировали", "этот номер больше не используется мужем"],
}
"""Texts by outcome."""


def write_lists(folder: Path, lists: Mapping[str, Sequence[str]]) -> None:
    """Write ``<outcome>.toml`` for each; the ids are the outcome's name and a number from 0."""
    for outcome, texts in lists.items():
        entries = "".join(
            f'\n[[phrase]]\nid = "{outcome.replace("_", "-")}-{n}"\n'
            f'text = "{text}"\nseen_in = "test"\n'
            for n, text in enumerate(texts)
        )
        head = f'outcome = "{outcome}"\nlanguage = "ru"\n'
        (folder / f"{outcome}.toml").write_text(head + entries, "utf-8")


@functools.cache
def shipped_book() -> PhraseBook:
    """The lists that ship, read once for all tests of a process; nothing changes a book."""
    return load_phrases(PhraseSettings())


@functools.cache
def shipped_matcher() -> Matcher:
    """The same, laid out for matching."""
    return Matcher(shipped_book())


@functools.cache
def shipped_judge() -> UtteranceClassifier:
    """What says what an utterance means by them."""
    return UtteranceClassifier(shipped_matcher(), load_calibration())


@functools.cache
def shipped_verifier() -> Verifier:
    """What holds them against the sound."""
    return Verifier(shipped_matcher())
