"""Which parts of a recording are heard, each as one utterance.

Conventions: seconds are those of the recording; an interval is ``(start_s, end_s)``.
"""

from __future__ import annotations

from collections.abc import Sequence

from recognizer.engines.base import MAX_UTTERANCE_S
from recognizer.model import Audio, Segment, SegmentKind, Transcript
from recognizer.model.signals import LONGEST_PAUSE_S

__all__ = ["PAD_S", "speech_without_words", "utterance_intervals"]

PAD_S = 0.25
"""What is heard before and after an utterance along with it."""
# So much speech in which nobody is recognised as a person and nothing as an announcement is heard
# before we stop and hand the call to an operator.
_MAX_UTTERANCES = 40
_MIN_WITHOUT_WORDS_S = 0.4  # shorter speech without a word is a breath or a click
_WORD_EARLY_S = 0.15  # a word may be placed a little before its segment


def utterance_intervals(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """Return the utterances worth hearing, with a little around them.

    Segments with short pauses between them are joined, as long as an engine can hear them at once.
    """
    longest_s = MAX_UTTERANCE_S - 2 * PAD_S
    joined: list[tuple[float, float]] = []
    for segment in segments:
        if segment.kind is not SegmentKind.SPEECH:
            continue
        if joined:
            start_s, end_s = joined[-1]
            if segment.start_s - end_s <= LONGEST_PAUSE_S and segment.end_s - start_s <= longest_s:
                joined[-1] = (start_s, segment.end_s)
                continue
        start_s = segment.start_s
        while segment.end_s - start_s > longest_s:
            joined.append((start_s, start_s + longest_s))
            start_s += longest_s
        joined.append((start_s, segment.end_s))
    return [
        (max(0.0, start_s - PAD_S), end_s + PAD_S) for start_s, end_s in joined[:_MAX_UTTERANCES]
    ]


def speech_without_words(
    segments: Sequence[Segment], utterance: Audio, transcript: Transcript
) -> list[Segment]:
    """Return the segments of an utterance that a recogniser passed over while it heard others.

    Whisper leaves out what is said twice, and now and then a short answer after an announcement.
    Where it heard nothing at all, hearing a part would tell no more.
    """
    begins_s = [word.start_s for word in transcript.words]
    if not begins_s:
        return []
    utterance_end_s = utterance.start_s + utterance.duration_s
    return [
        segment
        for segment in segments
        if segment.kind is SegmentKind.SPEECH
        and utterance.start_s <= segment.start_s
        and segment.end_s <= utterance_end_s
        and segment.end_s - segment.start_s >= _MIN_WITHOUT_WORDS_S
        and not any(
            segment.start_s - _WORD_EARLY_S <= begin_s <= segment.end_s for begin_s in begins_s
        )
    ]
