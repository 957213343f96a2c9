"""When an utterance that is being said is heard again: often where that may settle something."""

from __future__ import annotations

from recognizer.model import PhraseListName, phrase_list_of
from recognizer.recognition.continuations import Settled

__all__ = ["FIRST_SPEECH_S", "MORE_SPEECH_S", "next_length_s"]

FIRST_SPEECH_S = 1.5
"""A subject and what is said of it may have been said."""
MORE_SPEECH_S = 0.5
"""What is added before the next hearing, where a wording that leads to a retry may go on."""
_CONFIRMING_S = 0.2
# Each hearing costs as much as all before it: where nothing is expected, they thin out.
_GROWTH, _GROWTH_UNPROMISING = 1.5, 2.0
_FEW_WORDS = 6


def next_length_s(
    length_s: float, n_words: int, settled: Settled | None, *, may_retry: bool, is_sure: bool
) -> float:
    """Return how long an unfinished utterance must be before it is heard again, seconds.

    Only another attempt may be final before the end of an utterance; for anything else, hearing it
    while it is said only shows what it looks like.

    Parameters
    ----------
    length_s : float
        How long it is now.
    n_words : int
        Words heard.
    settled : Settled or None
        What they come to, however they go on.
    may_retry : bool
        The last of them may begin a wording that leads to another attempt.
    is_sure : bool
        Enough was heard after the words that settle it.
    """
    if settled is not None:
        if phrase_list_of(settled.outcome) is not PhraseListName.TEMPORARILY_UNAVAILABLE:
            return length_s * _GROWTH_UNPROMISING
        return length_s + (MORE_SPEECH_S if is_sure else _CONFIRMING_S)
    if may_retry:
        return length_s + MORE_SPEECH_S
    return length_s * (_GROWTH if n_words < _FEW_WORDS else _GROWTH_UNPROMISING)
