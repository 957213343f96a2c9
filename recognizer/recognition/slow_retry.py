"""What was not understood is heard once more, slower, and believed where it confirms the first.

What a recogniser misses may come out right when the same sound is played a little slower and
lower, as a tape is; docs/decisions/0003 has the figures, and why the slow retry alone is not
believed.
"""

from __future__ import annotations

import math
from dataclasses import replace

from recognizer.model import CallOutcome, phrase_list_of
from recognizer.recognition.calibration import Calibration
from recognizer.recognition.precedence import CARRIERS, is_mark
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.verification import PLAIN_MEAN_LOGPROB, VerifiedTranscript

__all__ = ["SLOWER", "agrees", "confirms", "is_close", "is_doubtful", "rescale_times"]

SLOWER = 1.07
"""How much longer the slow retry is."""


def is_close(verdict: SpokenVerdict, calibration: Calibration) -> bool:
    """Return whether a carrier's wording passes by less than rounding may turn."""
    if verdict.outcome not in CARRIERS:
        return False
    margin = math.inf if verdict.features is None else verdict.features.margin
    marks = is_mark(verdict.outcome)
    return calibration.is_close(verdict.confidence, marks=marks, margin=margin)


def agrees(again: SpokenVerdict, first: SpokenVerdict) -> bool:
    """Return whether a slow retry comes to the same list, or without one to the same outcome.

    A verdict that just passes has to: another processor rounds otherwise, and what that would turn
    is no verdict.
    """
    listed = phrase_list_of(first.outcome)
    is_same_list = phrase_list_of(again.outcome) is listed
    return is_same_list and (listed is not None or again.outcome is first.outcome)


def is_doubtful(verdict: SpokenVerdict, verified: VerifiedTranscript) -> bool:
    """Return whether a slow retry may confirm what was not understood at first.

    Where nothing listed is near there is nothing to confirm, nor where what is nearest says nothing
    of the number («эта конференция закрыта»). What was taken for another language is asked again,
    too: misrecognized Russian often is.
    """
    if verdict.is_settled or not verified.candidates:
        return False
    nearest = verified.candidates[0].outcome
    return confirms(nearest, verified, has_more=verdict.has_more)


def confirms(again: CallOutcome, first: VerifiedTranscript, *, has_more: bool = False) -> bool:
    """Return whether a slow retry says what the first one held likeliest, only surer.

    The same outcome, or for a mark another one of the same list. So a person is never found by
    this: misrecognized speech is full of words that no announcement uses.

    Parameters
    ----------
    again : CallOutcome
        What the slow retry says.
    first : VerifiedTranscript
    has_more : bool
        The first verified had words beside the wording that no carrier uses. Where they were clear,
        they may be a person's, and no slow retry that missed them sets the mark.
    """
    if again is CallOutcome.UNDETERMINED or not first.candidates:
        return False
    nearest = first.candidates[0].outcome
    if is_mark(again):
        was_clear = first.baseline_score.mean_logprob >= PLAIN_MEAN_LOGPROB
        return is_mark(nearest) and not (has_more and was_clear)
    return nearest is again


def rescale_times(verified: VerifiedTranscript, start_s: float, times: float) -> VerifiedTranscript:
    """Tell of an utterance that was played slower when its words were spoken.

    Parameters
    ----------
    verified : VerifiedTranscript
        Of the slowed utterance.
    start_s : float
        Where the utterance begins in the recording.
    times : float
        How much longer it was made.
    """
    words = tuple(
        replace(
            word,
            start_s=round(start_s + (word.start_s - start_s) / times, 2),
            end_s=round(start_s + (word.end_s - start_s) / times, 2),
        )
        for word in verified.transcript.words
    )
    return replace(verified, transcript=replace(verified.transcript, words=words))
