"""From a recording to an announcement that may be kept, or why it may not.

Only announcements are kept: one utterance, whole and clear, in which nobody was recognised as a
person, and which the program does not hear to say another thing than its teacher does.

Conventions: seconds are those of the recording.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from recognizer.base.errors import AnnouncementError
from recognizer.model import (
    Audio,
    CallOutcome,
    CallReport,
    SegmentKind,
)
from recognizer.model.signals import LONGEST_PAUSE_S
from recognizer.phrases.book import WordLists
from recognizer.phrases.normalization import normalize
from recognizer.recognition.announcements.announcement import (
    LEARNABLE,
    LONGEST_S,
    SHORTEST_S,
    Announcement,
)
from recognizer.recognition.announcements.features import HOP_S, Floats, log_mel, noise_floor
from recognizer.recognition.announcements.library import AnnouncementLibrary, contradicts
from recognizer.recognition.announcements.sounds import Levels
from recognizer.recognition.precedence import MACHINES
from recognizer.signals.gaps import find_gaps

__all__ = [
    "NotLearnedError",
    "check_report",
    "check_unlike",
    "heard_text",
    "keywords_of",
    "learn",
    "tones_of",
]


class NotLearnedError(AnnouncementError):
    """A recording may not be kept as an announcement.

    Its reason is `outcome`, `machine`, `nothing`, `duration`, `pause`, `noise`, `gap`, `unread`,
    `person`, `differs`, `known` or `near`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, reason=reason)


_MIN_SNR_DB = 15.0
_EDGE_FRAMES = 3
_WORD_EDGE_S = 0.1  # word times are no better


def learn(
    audio: Audio,
    *,
    announcement_id: str,
    outcome: CallOutcome,
    text: str,
    carrier: str,
    confirmed_by: str,
    keywords: Sequence[tuple[float, float]] = (),
    tones: Sequence[tuple[float, float]] = (),
    overrule: bool = False,
) -> Announcement:
    """Return what is to be kept of a recording that holds an announcement and nothing else.

    Parameters
    ----------
    audio : Audio
        16 kHz.
    keywords : sequence of (start_s, end_s)
        Where its keywords lie in the recording; none: not known.
    tones : sequence of (start_s, end_s)
        Signals in the recording, which are no part of it.
    overrule : bool
        Its teacher has heard that no sound is missing, whatever the program takes for a gap.

    Raises
    ------
    NotLearnedError
        If it may not be kept, saying why and what to do.
    """
    if outcome not in LEARNABLE:
        raise NotLearnedError(
            "outcome",
            f"outcome of an announcement: expected one of {', '.join(LEARNABLE)}, "
            f"found '{outcome}'",
        )
    if outcome in MACHINES and not carrier:
        raise NotLearnedError(
            "machine",
            f"'{outcome}' is often a greeting of one person, which is not kept; if the carrier "
            "plays it to everybody, name the carrier",
        )
    bands = log_mel(audio)
    beside = [(a - audio.start_s, b - audio.start_s) for a, b in tones]
    heard = np.flatnonzero(Levels(bands).sounds(beside)) if len(bands) else np.zeros(0, np.intp)
    if not len(heard):
        raise NotLearnedError("nothing", f"{audio.source}: nothing is heard in it")
    first = max(0, int(heard[0]) - _EDGE_FRAMES)
    end = min(len(bands), int(heard[-1]) + 1 + _EDGE_FRAMES)
    _check_form(audio, (end - first) * HOP_S, float(np.diff(heard).max(initial=0)) * HOP_S)
    start_s = audio.start_s + first * HOP_S
    _check_noise(audio, bands[first:end])
    if not overrule:
        _check_whole(audio.slice(start_s, audio.start_s + end * HOP_S), keywords)
    inside = ((max(0.0, a - start_s), b - start_s) for a, b in keywords)
    return Announcement(
        id=announcement_id,
        outcome=outcome,
        text=" ".join(text.split()),
        carrier=" ".join(carrier.split()),
        confirmed_by=confirmed_by,
        confirmed_at=dt.datetime.now(dt.UTC).replace(microsecond=0),
        bands=bands[first:end].astype(np.float16),
        keywords=tuple((round(a, 2), round(b, 2)) for a, b in inside if b > a),
    )


def _check_form(audio: Audio, duration_s: float, pause_s: float) -> None:
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise NotLearnedError(
            "duration",
            f"{audio.source}: expected an announcement of {SHORTEST_S:g} to {LONGEST_S:g} s, found "
            f"{duration_s:.1f} s of sound; choose the part with --from and --to",
        )
    if pause_s > LONGEST_PAUSE_S:
        raise NotLearnedError(
            "pause",
            f"{audio.source}: there is a pause of {pause_s:.1f} s in it, and what follows may be a "
            "person or a signal; choose the announcement alone with --from and --to",
        )


def _check_noise(audio: Audio, announcement: Floats) -> None:
    loud = np.percentile(announcement, 90, axis=0)
    clear_db = float(np.median(loud - noise_floor(log_mel(audio))))
    if clear_db < _MIN_SNR_DB:
        raise NotLearnedError(
            "noise",
            f"{audio.source}: the announcement is only {clear_db:.0f} dB above the noise, expected "
            f"{_MIN_SNR_DB:.0f} dB; learn it from a clearer recording",
        )


def _check_whole(announcement: Audio, keywords: Sequence[tuple[float, float]]) -> None:
    for gap in find_gaps(announcement):
        decides = not keywords or any(a < gap.end_s and gap.start_s < b for a, b in keywords)
        if decides:
            raise NotLearnedError(
                "gap",
                f"{announcement.source}: sound may be lost between {gap.start_s:.2f} and "
                f"{gap.end_s:.2f} s; learn it from a whole recording, or add --overrule if you "
                "have listened to it and it is whole",
            )


def check_report(report: CallReport, outcome: CallOutcome, *, overrule: bool = False) -> None:
    """Refuse a recording in which a person may speak, or that is heard to say another thing.

    Parameters
    ----------
    report : CallReport
        What the speech engine makes of it.
    outcome : CallOutcome
        What its teacher says it is.
    overrule : bool
        The teacher has heard it and knows better than the speech engine.

    Raises
    ------
    NotLearnedError
    """
    if report.error is not None:
        raise NotLearnedError("unread", report.error.message)
    assert report.outcome is not None
    assert report.evidence is not None
    heard = report.outcome.kind
    is_answered = any(veto.id == "answered" for veto in report.evidence.vetoes)
    has_person = any(m.outcome is CallOutcome.LIVE_PERSON for m in report.evidence.matches)
    if heard is CallOutcome.LIVE_PERSON or has_person or is_answered:
        raise NotLearnedError(
            "person",
            f"{report.recording}: a person seems to speak in it, and what people say is not kept; "
            "choose the announcement alone with --from and --to",
        )
    if heard not in {outcome, CallOutcome.UNDETERMINED} and not overrule:
        raise NotLearnedError(
            "differs",
            f"{report.recording}: it is heard to say '{heard}' "
            f"(«{'' if report.evidence.transcript is None else report.evidence.transcript.text}»), "
            f"not '{outcome}'; if you have listened to it and know better, add --overrule",
        )


def tones_of(report: CallReport) -> tuple[tuple[float, float], ...]:
    """Return where signals lie in a recording."""
    segments = () if report.evidence is None else report.evidence.segments
    return tuple((s.start_s, s.end_s) for s in segments if s.kind is SegmentKind.TONE)


def heard_text(report: CallReport) -> str:
    """Return what the speech engine heard; empty if nothing."""
    heard = None if report.evidence is None else report.evidence.transcript
    return "" if heard is None else heard.text


def keywords_of(
    report: CallReport, outcome: CallOutcome, words: WordLists
) -> tuple[tuple[float, float], ...]:
    """Return where the keywords lie, if the engine heard what the teacher says.

    They are those of the phrase lists (`WordLists.keywords`) inside the wording that was found;
    all of the wording where it has none.
    """
    if report.evidence is None or report.evidence.transcript is None:
        return ()
    heard = report.evidence.transcript.words
    found = []
    for match in report.evidence.matches:
        if match.outcome is not outcome or match.start_s is None or match.end_s is None:
            continue
        inside = [w for w in heard if match.start_s <= w.start_s < match.end_s]
        deciding = [w for w in inside if _decides(w.text, words)]
        first_s = min((w.start_s for w in deciding), default=match.start_s)
        last_s = max((w.end_s for w in deciding), default=match.end_s)
        found.append((max(0.0, first_s - _WORD_EDGE_S), last_s + _WORD_EDGE_S))
    return tuple(found)


def _decides(text: str, words: WordLists) -> bool:
    return any(w in group.words for w in normalize(text).split() for group in words.keywords)


def check_unlike(library: AnnouncementLibrary, audio: Audio, outcome: CallOutcome) -> None:
    """Refuse a recording that is known already, or too much like another outcome's.

    Raises
    ------
    NotLearnedError
        Naming the announcement.
    """
    for match in library.recognize(audio).matches:
        known = match.announcement
        if match.is_known and known.outcome is outcome:
            raise NotLearnedError("known", f"{audio.source}: known already, as '{known.id}'")
        if contradicts(match, outcome):
            raise NotLearnedError(
                "near",
                f"{audio.source}: sounds too much like '{known.id}', which is "
                f"'{known.outcome}' (least similar part {match.worst_part:.2f}); forget that one "
                "first if it is wrong",
            )
