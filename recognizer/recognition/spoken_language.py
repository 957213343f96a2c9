"""Another language than Russian is not understood: it is nobody and nothing that is known.

A recogniser that expects Russian writes Russian-looking words for any language, and among those are
a person's. Conventions: probabilities are the engine's, 0-1, of the whole utterance.
"""

from __future__ import annotations

from dataclasses import replace

from recognizer.engines.base import Utterance
from recognizer.model import CallOutcome
from recognizer.recognition.precedence import MACHINES
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import raised

__all__ = ["judge_language"]

_MIN_SPEECH_S = 2.0  # of an «алло» no language can be told
# Whisper base, of 103 utterances of 2 s and more by natural Russian voices: 0.06 and more, 98 of
# them over 0.5. Of 32 in nine other languages (eSpeak NG): 0.04 and less. Russian formant voices
# look as foreign as those.
_RUSSIAN = 0.05
_UNSURE = 0.75  # a carrier's wording so doubtful may be another language's by chance
_WORDS_ONLY = MACHINES | {CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED}
"""Outcomes that rest on words alone; a carrier's wording was held against the sound."""


def judge_language(
    verdict: SpokenVerdict, utterance: Utterance, *, speech_s: float
) -> SpokenVerdict:
    """Return the verdict on an utterance, undetermined if another language was spoken.

    Parameters
    ----------
    verdict : SpokenVerdict
    utterance : Utterance
    speech_s : float
        How long somebody speaks in it, seconds.

    Raises
    ------
    EngineError
        If the engine failed.
    """
    is_doubtful = verdict.outcome in _WORDS_ONLY or verdict.confidence < _UNSURE
    is_known = verdict.match is not None and verdict.match.phrase.language != "ru"
    if is_known or not is_doubtful or speech_s < _MIN_SPEECH_S:
        return verdict
    russian = utterance.language_probability("ru")
    if russian is None or russian >= _RUSSIAN:
        return verdict
    foreign = raised("foreign-language")
    if verdict.outcome is CallOutcome.UNDETERMINED:
        return replace(verdict, is_foreign=True, reason=f"{foreign.reason} ({verdict.reason})")
    return replace(verdict.vetoed([foreign]), is_foreign=True)
