"""What an outcome rests on, gathered for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recognizer.audio import AudioInfo
from recognizer.model import Basis, CallOutcome, Evidence, Outcome, Transcript
from recognizer.recognition.listening import JudgedUtterance
from recognizer.recognition.outcome import on_one_scale, unread
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.signals.scanner import Scan

__all__ = ["Reading", "gather_evidence"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a recording was read.

    Attributes
    ----------
    notes : tuple of str
        What was mended in reading, and which of several channels was taken.
    has_unread : bool
        More is in it than was read.
    """

    notes: tuple[str, ...] = ()
    has_unread: bool = False

    @classmethod
    def of(
        cls, info: AudioInfo, notes: Sequence[str] = (), *, names_channel: bool = False
    ) -> Reading:
        """Return what an open recording says of itself, and, if so asked, which channel it is."""
        channel = f"channel {info.channel} of {info.n_channels}: {info.channel_reason}"
        return cls((*notes, *([channel] if names_channel else ())), info.has_unread)


def gather_evidence(
    scan: Scan,
    judged: Sequence[JudgedUtterance],
    decided: tuple[Outcome, SpokenVerdict | None],
    reading: Reading,
) -> Evidence:
    """Return what was heard, and what of it the outcome rests on.

    Parameters
    ----------
    scan : Scan
    judged : sequence of JudgedUtterance
    decided : (Outcome, SpokenVerdict or None)
        The outcome, and the utterance that decided it, if one did.
    reading : Reading
    """
    outcome, deciding = decided
    transcripts = [v.transcript for v, _ in judged if v.transcript is not None]
    verdicts = [v for v, _ in judged] + ([] if deciding is None else [deciding])
    vetoes = [veto for v in verdicts for veto in v.vetoes]
    if reading.has_unread:
        vetoes.append(unread())
    return Evidence(
        duration_s=round(scan.duration_s, 3),
        tones=scan.tones,
        segments=scan.segments,
        transcript=_joined(transcripts),
        matches=tuple(v.match for v, _ in judged if v.match is not None),
        acoustic_scores=tuple(c.score for _, h in judged for c in h.candidates),
        alternatives=() if deciding is None else on_one_scale(outcome, deciding.alternatives),
        notes=reading.notes + tuple(v.reason for v, _ in judged if v.reason),
        vetoes=tuple(dict.fromkeys(vetoes)),
        gaps=tuple(gap for v, _ in judged for gap in v.gaps),
        announcements=tuple(v.announcement for v, _ in judged if v.announcement is not None),
        basis=_basis(outcome, deciding),
    )


def _basis(outcome: Outcome, deciding: SpokenVerdict | None) -> Basis | None:
    """Return what the outcome rests on, None where there is none."""
    if outcome.kind is CallOutcome.UNDETERMINED:
        return None
    if deciding is None:
        return "signals"
    heard = deciding.announcement
    return "announcement" if heard is not None and heard.decides else "speech"


def _joined(transcripts: Sequence[Transcript]) -> Transcript | None:
    if not transcripts:
        return None
    known = [t.confidence for t in transcripts if t.confidence is not None]
    return replace(
        transcripts[0],
        text=" ".join(t.text for t in transcripts if t.text),
        words=tuple(word for t in transcripts for word in t.words),
        confidence=sum(known) / len(known) if known else None,
    )
