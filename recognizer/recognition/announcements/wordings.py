"""Whether what an announcement is written down to say leads to the mark by the phrase lists, too.

A known announcement marks by its sound alone, for ever and for every number. So its words have to
say what its outcome does, read as `recognizer match` reads a transcript; whoever wrote them down.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from recognizer.model import CallOutcome
from recognizer.recognition.announcements.announcement import Announcement
from recognizer.recognition.announcements.learning import NotLearnedError
from recognizer.recognition.matching import AS_HEARD_SCORE
from recognizer.recognition.precedence import is_mark
from recognizer.recognition.verdicts import SpokenVerdict

__all__ = ["JudgeText", "check_text"]

_LATIN = re.compile("[A-Za-z]")
# The lists have few English wordings, so that these words tell it of the others.
_FOR_NOW = re.compile(
    r"\b(?:temporar\w*|current(?:ly)?|moment(?:arily)?|now|yet|later|soon|until|till|"
    r"at this time|for the time being)\b",
    re.IGNORECASE,
)

JudgeText: TypeAlias = Callable[[str], SpokenVerdict]
"""`UtteranceClassifier.judge_text` of the lists in force."""


def check_text(
    announcement: Announcement, place: str | Path, judge: JudgeText, *, overrule: bool = False
) -> None:
    """Refuse an announcement that would mark, unless the lists read the same in its text.

    Parameters
    ----------
    announcement : Announcement
    place : str or Path
        Where it comes from.
    judge : JudgeText
    overrule : bool
        Whoever teaches it has heard that words the lists do not know, or another language, say so.
        Words that they read another thing in are refused all the same.

    Raises
    ------
    NotLearnedError
        With the reason `unwritten`, `unlisted` or `otherwise`.
    """
    outcome, text = announcement.outcome, announcement.text
    if not is_mark(outcome):
        return
    expected = f"{place}: expected a text that says '{outcome}', which marks the contact"
    if not text.strip():
        raise NotLearnedError(
            "unwritten", f"{expected}, found none; write down what the announcement says (--text)"
        )
    verdict = _verdict_on(text, outcome, judge)
    agrees = verdict.outcome is outcome
    if not agrees and not _is_unlisted(verdict):
        raise NotLearnedError(
            "otherwise",
            f"{expected}, found «{text}», which the phrase lists read as '{verdict.outcome}': "
            f"{verdict.reason}; correct the text or the outcome, whichever is wrong",
        )
    if passing := _FOR_NOW.search(unicodedata.normalize("NFKC", text)):
        raise NotLearnedError(
            "otherwise",
            f"{expected}, found «{text}», which is so for a while only («{passing.group()}»); "
            "correct the text or the outcome, whichever is wrong",
        )
    if not agrees and not overrule:
        raise NotLearnedError(
            "unlisted",
            f"{expected}, found «{text}», which the phrase lists do not know; add that wording "
            "first (`recognizer phrases add`), or learn the announcement from a recording that "
            "you have listened to, with --overrule",
        )


def _verdict_on(text: str, outcome: CallOutcome, judge: JudgeText) -> SpokenVerdict:
    """Return what a text says, or what its English half says word for word, if that differs."""
    russian = judge(text)
    english = judge(" ".join(word for word in text.split() if _LATIN.match(word)))
    is_sure = english.match is not None and english.match.score >= AS_HEARD_SCORE
    return english if is_sure and english.outcome is not outcome else russian


def _is_unlisted(verdict: SpokenVerdict) -> bool:
    """Return whether the lists find nothing at all in a text."""
    return (
        verdict.outcome is CallOutcome.UNDETERMINED
        and verdict.match is None
        and not verdict.vetoes
        and not verdict.alternatives
    )
