"""An announcement said twice in one utterance, and its halves heard alone.

Carriers say an announcement twice, and a recogniser misreads now and then one of two in a row.
Both have to come to the same mark by themselves.
"""

from __future__ import annotations

from recognizer.base import similarity
from recognizer.model import Audio, Transcript
from recognizer.recognition.transcript_words import KNOWN_WORD_RATIO
from recognizer.signals.gaps import quietest_moment

__all__ = ["halves_of", "is_said_twice"]

_MIN_WORDS_OF_HALF = 2
_MIN_HALF_S = 1.2  # no announcement that marks is shorter


def is_said_twice(transcript: Transcript) -> bool:
    """Return whether the second half of the words is much like the first."""
    words = [word.text.lower() for word in transcript.words]
    middle = len(words) // 2
    halves = " ".join(words[:middle]), " ".join(words[-middle:])
    return middle >= _MIN_WORDS_OF_HALF and similarity.ratio(*halves) >= KNOWN_WORD_RATIO


def halves_of(utterance: Audio) -> tuple[Audio, Audio] | None:
    """Return the halves of an utterance, parted where it is quietest.

    None where one is too short for an announcement that marks.
    """
    middle_s = quietest_moment(utterance, 0.4, 0.6)
    first = utterance.slice(utterance.start_s, middle_s)
    second = utterance.slice(middle_s, utterance.start_s + utterance.duration_s)
    is_long = min(first.duration_s, second.duration_s) >= _MIN_HALF_S
    return (first, second) if is_long else None
