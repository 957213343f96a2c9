"""What learned announcements say of an utterance, as the other stages read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recognizer.model import AnnouncementHeard, Audio, Phrase, PhraseMatch, Segment, SegmentKind
from recognizer.recognition.announcements.library import AnnouncementLibrary, Match, Recognized
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import raised
from recognizer.signals.scanner import Scan
from recognizer.signals.segments import dbfs

__all__ = [
    "KNOWN_WHOLE_RATE",
    "MAX_KNOWN_WHOLE_S",
    "checked_against",
    "heard_in",
    "known_whole",
    "verdict_of",
]

KNOWN_WHOLE_RATE = 8000
"""Hz; announcements are compared up to 3400 Hz, and most recordings have no more."""


MAX_KNOWN_WHOLE_S = 60.0
"""A longer recording is no announcement alone."""

# What else was taken for a known announcement: benchmarks/README.md, `benchmarks.announcements`.
_CONFIDENCE = 0.99


def heard_in(recognized: Recognized) -> tuple[AnnouncementHeard, ...]:
    """Return what was found, for the report."""
    return tuple(_heard(match, recognized) for match in recognized.matches)


def _heard(match: Match, recognized: Recognized) -> AnnouncementHeard:
    return match.announcement.heard(
        match.start_s,
        match.end_s,
        similarity=match.similarity,
        worst_part=match.worst_part,
        coverage=recognized.coverage,
        decides=match.is_known and recognized.is_whole,
    )


def verdict_of(heard: AnnouncementHeard) -> SpokenVerdict:
    """Return the verdict of an announcement that is known for certain."""
    phrase = Phrase(heard.id, heard.text, heard.outcome, "ru", "learned announcement")
    match = PhraseMatch(
        phrase, round(100 * max(0.0, heard.similarity), 1), 0, 0, heard.start_s, heard.end_s
    )
    return SpokenVerdict(
        heard.outcome,
        _CONFIDENCE,
        match,
        None,
        reason=f"the known announcement '{heard.id}' (similarity {heard.similarity:.2f})",
        announcement=heard,
    )


def checked_against(
    verdicts: Sequence[SpokenVerdict], heard: Sequence[AnnouncementHeard]
) -> list[SpokenVerdict]:
    """Return what speech says, without a mark that an announcement heard there speaks against.

    What sounds much like an announcement that says another thing may be that announcement,
    misheard. The first verdict carries what was likely, for the report.
    """
    checked = []
    for number, verdict in enumerate(verdicts):
        likely = heard[0] if number == 0 and heard else None
        against = next((a for a in heard if a.outcome is not verdict.outcome), None)
        vetoes = []
        if against is not None:
            said = against.text or against.id
            vetoes = [raised("differs-from-announcement", words=said, kind=against.outcome)]
        checked.append(replace(verdict.vetoed(vetoes), announcement=likely))
    return checked


def known_whole(
    library: AnnouncementLibrary, audio: Audio
) -> tuple[Scan, list[SpokenVerdict]] | None:
    """Return what a recording holds if that is announcements that are known, and nothing else.

    Looking for tones and speech takes longer than this does.
    """
    announced = heard_in(library.recognize(audio))
    if not announced or not all(a.decides for a in announced):
        return None
    return _scan_of(audio, announced), [verdict_of(a) for a in announced]


def _scan_of(audio: Audio, heard: Sequence[AnnouncementHeard]) -> Scan:
    """Return what a scan would find in a recording that holds announcements and silence alone."""
    segments: list[Segment] = []
    at_s = audio.start_s
    end_s = audio.start_s + audio.duration_s
    for announcement in heard:
        first_s, last_s = max(at_s, announcement.start_s), min(end_s, announcement.end_s)
        if first_s > at_s:
            segments.append(_segment(SegmentKind.SILENCE, audio, at_s, first_s))
        if last_s > first_s:
            segments.append(_segment(SegmentKind.SPEECH, audio, first_s, last_s))
            at_s = last_s
    if end_s > at_s:
        segments.append(_segment(SegmentKind.SILENCE, audio, at_s, end_s))
    return Scan((), tuple(segments), audio.duration_s)


def _segment(kind: SegmentKind, audio: Audio, start_s: float, end_s: float) -> Segment:
    samples = audio.slice(start_s, end_s).samples
    power = float(np.mean(samples.astype(np.float64) ** 2)) if len(samples) else 0.0
    return Segment(kind, start_s, end_s, round(dbfs(power), 1))
