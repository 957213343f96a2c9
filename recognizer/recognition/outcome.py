"""From what was heard to the one outcome of the call.

Everything in the recording is weighed together: a live person anywhere outranks every announcement,
an announcement outranks the tones around it, and where two lists of the regulation contradict each
other, or more was said than the announcement that would mark the contact, nothing is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from recognizer.model import (
    CallOutcome,
    Outcome,
    Segment,
    SegmentKind,
    ToneEvent,
    ToneKind,
    Veto,
    total_duration_s,
)
from recognizer.recognition.limits import load_limits
from recognizer.recognition.precedence import MACHINES, PRECEDENCE
from recognizer.recognition.signal_confidence import load_signal_confidence, periods_of
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import may_be_misheard, raised
from recognizer.signals.segments import UnknownSound

__all__ = ["decide_call", "on_one_scale", "unread", "without_unread"]

_DISCONNECTED_MAX_S = 3.0  # a recording of nothing, this short: the call was dropped at once
_ABSTAINED = 0.5
_SURE = 0.9  # of a person or a machine among people who speak another language
_MUCH = 0.3  # share of the recording from which music or noise is what it is about
# The ringing of any country sounds for 3 s at most (ITU-T E.180): what goes on longer is music.
_MIN_MUSIC_S = 4.0
# Of the sound, that is a tone or two at a time: sirens and steady tones 0.98 and more, generated
# hold music up to 0.67 (36 pieces of five timbres), a melody on a simple synthesizer up to 0.86.
_MAX_LONE_PART = 0.95
_MAX_UNEXPLAINED_S = 1.0  # of noise or music in a call that is called silent
# Of sound in a call that was dropped at once, or of a tone in a silent one: a relay clicks, a word
# or a signal is longer.
_MAX_CLICKS_S = 0.2
_MIN_PERIODS = 4
_COVERED = 0.9
_SAME_TONE_HZ = 60.0  # a ring cut by lost packets smears so far
_PAUSE_AFTER_TONE_S = 5.0  # a ring is followed by 4 s of line noise, not by more
_RINGS_BEFORE_BUSY = 3  # so many rings before short beeps: it rang and nobody answered


def decide_call(
    duration_s: float,
    tones: Sequence[ToneEvent],
    segments: Sequence[Segment],
    verdicts: Sequence[SpokenVerdict],
    *,
    unknown: UnknownSound = UnknownSound(),
) -> tuple[Outcome, SpokenVerdict | None]:
    """Return the outcome of the call, and the utterance that decided it, if one did.

    Parameters
    ----------
    duration_s : float
    tones : sequence of ToneEvent
    segments : sequence of Segment
    verdicts : sequence of SpokenVerdict
    unknown : UnknownSound
        What is heard besides speech and tones: bursts too short to be a segment count there.
    """
    if _is_foreign(verdicts):
        return _spoken(next(v for v in verdicts if v.is_foreign))
    people = [v for v in verdicts if v.outcome is CallOutcome.LIVE_PERSON]
    if people:
        return _spoken(max(people, key=lambda v: v.confidence))
    announced = [v for v in verdicts if v.outcome in PRECEDENCE]
    if announced:
        deciding = _reconciled(announced)
        return _spoken(_with_doubt(deciding, verdicts))
    if verdicts and not _is_all_tone(tones, segments, verdicts):
        return _spoken(max(verdicts, key=lambda v: v.confidence))
    return _without_speech(duration_s, tones, segments, unknown), None


def unread() -> Veto:
    """Return why a recording of which a part was not read decides nothing."""
    return raised("part-not-read")


def without_unread(
    outcome: Outcome, deciding: SpokenVerdict | None
) -> tuple[Outcome, SpokenVerdict | None]:
    """Return what a recording comes to of which a part was not read: a person, or nothing."""
    if outcome.kind in {CallOutcome.LIVE_PERSON, CallOutcome.UNDETERMINED}:
        return outcome, deciding
    reason = f"{outcome.reason}, but {unread().reason}"
    doubtful = None if deciding is None else deciding.vetoed([unread()])
    return Outcome(CallOutcome.UNDETERMINED, _ABSTAINED, outcome.match, reason), doubtful


def _is_foreign(verdicts: Sequence[SpokenVerdict]) -> bool:
    """Return whether most of what is said is in another language, and no carrier says anything.

    Of a long talk some utterance always sounds a little like Russian.
    """
    n_foreign = sum(v.is_foreign for v in verdicts)
    sure = (
        (v.outcome in PRECEDENCE and v.outcome not in MACHINES)
        or (v.match is not None and v.confidence >= _SURE)
        for v in verdicts
        if v.outcome is not CallOutcome.UNDETERMINED
    )
    return 2 * n_foreign > len(verdicts) and not any(sure)


def _is_all_tone(
    tones: Sequence[ToneEvent], segments: Sequence[Segment], verdicts: Sequence[SpokenVerdict]
) -> bool:
    """Return whether what was taken for speech, and not understood, is short beeps in noise.

    Words heard clearly are a person's who speaks while it beeps.
    """
    if any(v.outcome is not CallOutcome.UNDETERMINED or v.match is not None for v in verdicts):
        return False
    clear = load_limits().min_live_confidence
    heard = (v.transcript for v in verdicts if v.transcript is not None)
    if any(t.text and (t.confidence or 0.0) >= clear for t in heard):
        return False
    beeps = [
        t
        for t in tones
        if t.kind in {ToneKind.BUSY, ToneKind.CONGESTION} and t.n_periods >= _MIN_PERIODS
    ]
    speech = [s for s in segments if s.kind is SegmentKind.SPEECH]
    return bool(speech) and all(
        any(
            min(s.end_s, t.end_s) - max(s.start_s, t.start_s) >= _COVERED * s.duration_s
            for t in beeps
        )
        for s in speech
    )


def _spoken(verdict: SpokenVerdict) -> tuple[Outcome, SpokenVerdict]:
    confidence = round(verdict.confidence, 4)
    if verdict.outcome is CallOutcome.UNDETERMINED:  # what is likelier than not is no outcome
        confidence = max(_ABSTAINED, confidence)
    return Outcome(verdict.outcome, confidence, verdict.match, verdict.reason), verdict


def on_one_scale(
    outcome: Outcome, considered: Sequence[tuple[CallOutcome, float]]
) -> tuple[tuple[CallOutcome, float], ...]:
    """Return the other outcomes considered, on the scale of the outcome's confidence, best first.

    Candidates were judged one by one, or before a veto; together they have what the outcome leaves,
    and none has more than the outcome.

    Parameters
    ----------
    outcome : Outcome
    considered : sequence of (CallOutcome, float)
        With the probability each had by itself.
    """
    best: dict[CallOutcome, float] = {}
    for kind, probability in considered:
        if kind is not outcome.kind:
            best[kind] = max(probability, best.get(kind, 0.0))
    room = 1.0 - outcome.confidence
    share = min(1.0, room / sum(best.values())) if any(best.values()) else 0.0
    scaled = ((kind, min(p * share, outcome.confidence)) for kind, p in best.items())
    return tuple(
        (kind, round(p, 4))
        for kind, p in sorted(scaled, key=lambda each: each[1], reverse=True)
        if round(p, 4) > 0.0
    )


def _with_doubt(deciding: SpokenVerdict, verdicts: Sequence[SpokenVerdict]) -> SpokenVerdict:
    """Return the verdict, undetermined if it would mark a call in which more was said.

    What was not understood beside the announcement may be a person.
    """
    return deciding.vetoed(_doubts(deciding, verdicts))


def _doubts(deciding: SpokenVerdict, verdicts: Sequence[SpokenVerdict]) -> Iterator[Veto]:
    """Yield what the rest of the call says against a mark."""
    for other in verdicts:
        if other.outcome in MACHINES and other.match is not None:
            yield raised("answered", words=f"«{other.match.phrase.text}»")
        agrees = other.match is not None and other.match.outcome is deciding.outcome
        agrees = agrees and all(may_be_misheard(veto) for veto in other.vetoes)
        is_neutral = agrees or (other.is_foreign and not other.vetoes)
        if other.outcome is CallOutcome.UNDETERMINED and not is_neutral:
            yield raised("more-not-understood")


def _reconciled(announced: Sequence[SpokenVerdict]) -> SpokenVerdict:
    """Return the announcement that decides: of two lists that contradict, the one without mark."""
    first = min(announced, key=lambda v: (PRECEDENCE.index(v.outcome), -v.confidence))
    agreeing = [v for v in announced if v.outcome is first.outcome]
    return max(agreeing, key=lambda v: v.confidence)


def _without_speech(
    duration_s: float,
    tones: Sequence[ToneEvent],
    segments: Sequence[Segment],
    unknown: UnknownSound,
) -> Outcome:
    if tones and _noise_after(tones, segments) > _PAUSE_AFTER_TONE_S:
        return Outcome(
            CallOutcome.UNDETERMINED,
            _ABSTAINED,
            reason="something is heard after the tones, not understood",
        )
    return _from_tones(tones, unknown) or _from_sounds(duration_s, segments, unknown)


def _noise_after(tones: Sequence[ToneEvent], segments: Sequence[Segment]) -> float:
    """Return how many seconds of noise or music follow the last tone."""
    last_s = max(t.end_s for t in tones)
    unexplained = (SegmentKind.NOISE, SegmentKind.MUSIC)
    return math.fsum(
        s.end_s - max(s.start_s, last_s)
        for s in segments
        if s.kind in unexplained and s.end_s > last_s
    )


def _from_tones(tones: Sequence[ToneEvent], unknown: UnknownSound) -> Outcome | None:
    by_kind = {kind: [t for t in tones if t.kind is kind] for kind in ToneKind}
    rings = by_kind[ToneKind.RINGBACK]
    n_rings = sum(t.n_periods for t in rings)
    busy = by_kind[ToneKind.BUSY] + by_kind[ToneKind.CONGESTION]
    if by_kind[ToneKind.FAX]:
        return _as_counted(CallOutcome.FAX, "a fax or modem answers", tones)
    if busy and n_rings < _RINGS_BEFORE_BUSY:
        return _by_periods(CallOutcome.BUSY_TONE, busy, "short beeps")
    # An announcement begins with it: what rang was no telephone that nobody answers.
    if rings and not by_kind[ToneKind.SIT]:
        found = _beside_rings(rings, by_kind[ToneKind.BEEP], unknown)
        if found is not None:
            return Outcome(CallOutcome.UNDETERMINED, _ABSTAINED, reason=f"it rings, and {found}")
        return _by_periods(CallOutcome.RINGBACK_ONLY, rings, "it rings")
    if tones:  # special information tone, beep, keys, dial tone: none of them ends a call
        return Outcome(
            CallOutcome.UNDETERMINED, _ABSTAINED, reason="a signal without an announcement"
        )
    return None


def _beside_rings(
    rings: Sequence[ToneEvent], beeps: Sequence[ToneEvent], unknown: UnknownSound
) -> str | None:
    """Return what is heard beside ringing and is no ring: half a signal, a beep."""
    if unknown.lone_s > _MAX_CLICKS_S:
        return f"{unknown.lone_s:.1f} s of a tone that no tone plan knows"
    own_hz = [hz for ring in rings for hz in ring.frequencies_hz]
    others = (
        hz
        for beep in beeps
        for hz in beep.frequencies_hz
        if all(abs(hz - own) > _SAME_TONE_HZ for own in own_hz)
    )
    other_hz = next(others, None)
    return None if other_hz is None else f"a beep of {other_hz:.0f} Hz, as something that answers"


def _from_sounds(duration_s: float, segments: Sequence[Segment], unknown: UnknownSound) -> Outcome:
    music_s = total_duration_s(segments, SegmentKind.MUSIC)
    longest_s = max((s.duration_s for s in segments if s.kind is SegmentKind.MUSIC), default=0.0)
    noise_s = total_duration_s(segments, SegmentKind.NOISE)
    if longest_s >= _MIN_MUSIC_S and music_s > _MUCH * duration_s:
        tones_s = unknown.lone_s + unknown.low_s
        if tones_s > _MAX_LONE_PART * unknown.sound_s:
            reason = f"{tones_s:.0f} s of tones that no tone plan knows, no speech"
            return Outcome(CallOutcome.UNDETERMINED, _ABSTAINED, reason=reason)
        return _as_counted(CallOutcome.MUSIC, f"{music_s:.0f} s of music, no speech")
    if max(noise_s + music_s, unknown.sound_s) > _MUCH * duration_s:
        return Outcome(CallOutcome.UNDETERMINED, _ABSTAINED, reason="noise, no speech")
    found = _unexplained(duration_s, noise_s + music_s, unknown)
    if found is not None:
        return Outcome(CallOutcome.UNDETERMINED, _ABSTAINED, reason=found)
    if duration_s < _DISCONNECTED_MAX_S:
        return _as_counted(CallOutcome.DISCONNECTED, f"ends after {duration_s:.1f} s of nothing")
    return _as_counted(CallOutcome.SILENCE, "nothing is heard")


def _unexplained(duration_s: float, segments_s: float, unknown: UnknownSound) -> str | None:
    """Return what is heard in a recording that is nearly silent; None where that is nothing."""
    if segments_s > _MAX_UNEXPLAINED_S:
        return f"{segments_s:.0f} s of sound that no tone plan knows, no speech"
    if unknown.low_s > _MAX_UNEXPLAINED_S:
        return f"{unknown.low_s:.0f} s of loud hum or a low tone, no speech"
    if unknown.tonal_s > _MAX_CLICKS_S:  # neither a click nor a rustle is a tone: half a signal is
        return f"{unknown.tonal_s:.1f} s of a tone that no tone plan knows, no speech"
    if duration_s < _DISCONNECTED_MAX_S and max(segments_s, unknown.sound_s) > _MAX_CLICKS_S:
        return "a short sound, no speech, then the end"
    return None


def _by_periods(kind: CallOutcome, tones: Sequence[ToneEvent], what: str) -> Outcome:
    """Return an outcome that is surer when the cadence was heard to repeat."""
    n_periods = sum(t.n_periods for t in tones)
    return _as_counted(kind, f"{what} ({n_periods} periods)", tones)


def _as_counted(kind: CallOutcome, reason: str, tones: Sequence[ToneEvent] = ()) -> Outcome:
    """Return an outcome with the confidence that was counted of its like."""
    confidence = load_signal_confidence().of(kind, periods_of(kind, tones))
    return Outcome(kind, confidence, reason=reason)
