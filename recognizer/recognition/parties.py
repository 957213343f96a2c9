"""Whose channel is whose: evidence over a whole call in which several channels sound.

Levels and tones have been asked already (`recognizer.audio.channels`). Here every channel was
recognised alone, and what is said in it speaks:

1. Call-progress tones in one channel alone: the network plays them towards us.
2. Words of the office's own script in all channels but one: those are our agents'.
3. One channel speaks, and the others are silent or hold a steady noise: that one. Short words that
   an agent may say into a dead line («номер не существует») mark nothing there.

Where none of these tells, or they contradict each other, nobody knows whose a channel is: an
outcome stands only where every channel comes to the same one, at different moments, or where it
cannot mark and the channel that speaks first says it. Everything else is undetermined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from recognizer.model import (
    CallOutcome,
    Outcome,
    Party,
    PartyHeard,
    PhraseListName,
    SegmentKind,
    ToneKind,
    Veto,
    phrase_list_of,
    total_duration_s,
)
from recognizer.model.signals import CROSSTALK_DB
from recognizer.recognition.outcome import decide_call
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.recognition.vetoes import raised
from recognizer.signals.scanner import Scan

__all__ = ["ChannelHeard", "Remote", "decide_parties", "find_remote", "parties_heard"]

_NETWORK = frozenset(
    {ToneKind.RINGBACK, ToneKind.BUSY, ToneKind.CONGESTION, ToneKind.SIT, ToneKind.FAX}
)
_STEADY = 0.9  # share of a channel from which noise is its own, not somebody
_CLICK_S = 0.5
_HIDING_DBFS = -40.0  # a noise as loud as this may hide a quiet voice
_SHORT = 3  # words: what an agent may say of a dead line
_EARLIER_S = 0.3  # one speaks first only if the other does so much later


@dataclass(frozen=True, slots=True)
class ChannelHeard:
    """One channel, recognised alone.

    Attributes
    ----------
    channel : int
        From 0.
    scan : Scan
    verdicts : tuple of SpokenVerdict
    script : str or None
        A phrase of the office's own script that was heard in it.
    """

    channel: int
    scan: Scan
    verdicts: tuple[SpokenVerdict, ...]
    script: str | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody and nothing but a steady noise is in it."""
        segments, whole_s = self.scan.segments, self.scan.duration_s
        if self.scan.tones or any(
            s.kind in {SegmentKind.SPEECH, SegmentKind.MUSIC}
            or (s.kind is SegmentKind.NOISE and s.level_dbfs > _HIDING_DBFS)
            for s in segments
        ):
            return False
        noise_s = total_duration_s(segments, SegmentKind.NOISE)
        return noise_s <= _CLICK_S or noise_s >= _STEADY * whole_s

    @property
    def first_speech_s(self) -> float:
        """When the first word is said; infinity if none is."""
        starts = (s.start_s for s in self.scan.segments if s.kind is SegmentKind.SPEECH)
        return min(starts, default=float("inf"))

    def decide(self) -> tuple[Outcome, SpokenVerdict | None]:
        """Return what this channel alone comes to."""
        scan = self.scan
        return decide_call(
            scan.duration_s,
            scan.tones,
            scan.segments,
            self.verdicts,
            unknown=scan.unknown,
        )


@dataclass(frozen=True, slots=True)
class Remote:
    """Which channel is the other party's.

    Attributes
    ----------
    channel : int or None
        None: it cannot be told.
    reason : str
        Why, in English, without a capital.
    is_alone : bool
        It is the only one in which anything is said.
    """

    channel: int | None
    reason: str
    is_alone: bool = False

    def note(self, n_channels: int) -> str:
        """Return which of so many channels it is, and why, for the report."""
        if self.channel is None:
            return f"it cannot be told which channel: {self.reason}"
        return f"channel {self.channel} of {n_channels}: {self.reason}"


def find_remote(channels: Sequence[ChannelHeard]) -> Remote:
    """Return which of several channels is the other party's, by what is heard in them."""
    found_by_reason = {
        reason: found
        for reason, found in (
            ("call-progress tones are heard in it alone", _with_tones(channels)),
            ("words of our own agents are heard in every other channel", _without_script(channels)),
        )
        if found is not None
    }
    if len(set(found_by_reason.values())) > 1:
        return Remote(None, "tones and the words of our own agents contradict each other")
    for reason, found in found_by_reason.items():
        return Remote(found, reason)
    speaking = [c for c in channels if not c.is_quiet]
    if len(speaking) == 1 and speaking[0].script is None:
        return Remote(
            speaking[0].channel,
            "the other channels are silent or hold a steady noise",
            is_alone=True,
        )
    return Remote(None, "nothing tells the parties apart")


def decide_parties(
    channels: Sequence[ChannelHeard], remote: Remote
) -> tuple[Outcome, SpokenVerdict | None]:
    """Return the outcome of the call, and the utterance that decided it, if one did."""
    by_channel = {c.channel: c for c in channels}
    if remote.channel is not None:
        outcome, deciding = by_channel[remote.channel].decide()
        if remote.is_alone and _is_short(by_channel[remote.channel], deciding):
            return _without_mark(outcome, deciding, raised("party-unknown"))
        return outcome, deciding
    heard = [c for c in channels if not c.is_quiet] or list(channels)
    decided = [(c, *c.decide()) for c in heard]
    kinds = {outcome.kind for _, outcome, _ in decided}
    _, outcome, deciding = max(decided, key=lambda each: each[1].confidence)
    if len(kinds) == 1:
        if _marks(outcome.kind) and _overlap([d for *_, d in decided if d is not None]):
            return _without_mark(outcome, deciding, raised("parties-mixed"))
        return outcome, deciding
    known = kinds - {CallOutcome.UNDETERMINED}
    if len(known) == 1 and not _marks(*known):
        first, *others = sorted(decided, key=lambda each: each[0].first_speech_s)
        lead_s = others[0][0].first_speech_s - first[0].first_speech_s
        if first[1].kind in known and lead_s >= _EARLIER_S:
            return first[1], first[2]
    return _disagreeing(outcome, deciding, [each for _, each, _ in decided])


def parties_heard(channels: Sequence[ChannelHeard], remote: Remote) -> tuple[PartyHeard, ...]:
    """Return what is said in each channel, and whose it is."""

    def party(channel: int) -> Party:
        if remote.channel is None:
            return Party.UNKNOWN
        return Party.REMOTE if channel == remote.channel else Party.AGENT

    return tuple(
        PartyHeard(
            c.channel,
            party(c.channel),
            remote.reason
            if c.script is None
            else f"{remote.reason}; «{c.script}» is of the office's own script",
            " ".join(v.transcript.text for v in c.verdicts if v.transcript is not None),
        )
        for c in channels
    )


def _with_tones(channels: Sequence[ChannelHeard]) -> int | None:
    """Return the one channel in which the network plays tones, echoes of them left out."""
    loudest = {
        c.channel: max((t.level_dbfs for t in c.scan.tones if t.kind in _NETWORK), default=None)
        for c in channels
    }
    levels = sorted(
        ((level, channel) for channel, level in loudest.items() if level is not None), reverse=True
    )
    if not levels or (len(levels) > 1 and levels[0][0] - levels[1][0] < CROSSTALK_DB):
        return None
    return levels[0][1]


def _without_script(channels: Sequence[ChannelHeard]) -> int | None:
    """Return the one channel in which nobody speaks as our agents do."""
    others = [c.channel for c in channels if c.script is None]
    return others[0] if len(others) == 1 and len(channels) > 1 else None


def _is_short(channel: ChannelHeard, deciding: SpokenVerdict | None) -> bool:
    """Return whether all that marks is a few words, said once."""
    if deciding is None or deciding.match is None or not _marks(deciding.outcome):
        return False
    n_said = sum(v.outcome is deciding.outcome for v in channel.verdicts)
    n_words = len(deciding.match.phrase.text.split())
    return n_words <= _SHORT and n_said == 1 and not any(v.is_foreign for v in channel.verdicts)


def _marks(*kinds: CallOutcome) -> bool:
    return any(phrase_list_of(kind) is PhraseListName.INVALID_NUMBER for kind in kinds)


def _overlap(verdicts: Sequence[SpokenVerdict]) -> bool:
    """Return whether two channels say a wording at one moment: one may be the other's leak."""
    spans = sorted(
        (v.match.start_s, v.match.end_s)
        for v in verdicts
        if v.match is not None and v.match.start_s is not None and v.match.end_s is not None
    )
    return any(second[0] < first[1] for first, second in pairwise(spans))


def _without_mark(
    outcome: Outcome, deciding: SpokenVerdict | None, veto: Veto
) -> tuple[Outcome, SpokenVerdict | None]:
    if deciding is None:
        return outcome, None
    vetoed = deciding.vetoed([veto])
    return Outcome(vetoed.outcome, vetoed.confidence, vetoed.match, vetoed.reason), vetoed


def _disagreeing(
    outcome: Outcome, deciding: SpokenVerdict | None, outcomes: Sequence[Outcome]
) -> tuple[Outcome, SpokenVerdict | None]:
    heard = ", ".join(dict.fromkeys(each.kind.value for each in outcomes))
    reason = f"the channels say different things ({heard}), and whose each is cannot be told"
    if deciding is None:
        return Outcome(CallOutcome.UNDETERMINED, 0.5, reason=reason), None
    verdict = deciding.vetoed([raised("parties-disagree")])
    verdict = replace(verdict, reason=reason)
    return Outcome(CallOutcome.UNDETERMINED, verdict.confidence, outcome.match, reason), verdict
