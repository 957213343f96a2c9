"""When a verdict on a call that is going on is final."""

from __future__ import annotations

from dataclasses import dataclass

from recognizer.model import (
    CallOutcome,
    CallReport,
    PhraseListName,
    PhraseMatch,
    ToneKind,
    Word,
    phrase_list_of,
)
from recognizer.recognition.continuations import Continuations
from recognizer.signals.scanner import Scan

__all__ = ["SettleRules", "Settling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRules:
    """When a verdict is final before the call has ended.

    An announcement is *settled* when no wording of the lists that begins with the last words heard
    can lead to another outcome (`Continuations`).

    Attributes
    ----------
    min_confidence : float
        0-1; nothing less sure is final early.
    n_agreeing : int
        So many looks in a row, each with more sound, must come to the same (the comparison of live
        prefixes, arXiv 2605.18222). What is said in an utterance that is over is heard once, as
        of a recording.
    sure_after_s : float
        Nor need they where so much was heard after the words it rests on: what recognisers make up
        stands at the end of the sound.
    pause_s : float
        So much without speech ends an utterance. A mark that is settled is final then; before, a
        sentence may still go on to what reverses it. Segments end a quarter of a second after
        their last word, and this counts from there.
    quiet_s : float
        The same where an announcement is not settled. Longer than any pause over which utterances
        are joined: what comes later is another one.
    n_busy_periods : int
        Short beeps that are busy for certain.
    """

    min_confidence: float = 0.9
    n_agreeing: int = 2
    sure_after_s: float = 0.4
    pause_s: float = 0.3
    quiet_s: float = 1.6
    n_busy_periods: int = 2


class Settling:
    """Follows the looks at one call, and says when what they come to is final.

    Parameters
    ----------
    rules : SettleRules
    """

    def __init__(self, rules: SettleRules) -> None:
        self._rules = rules
        self._kind: CallOutcome | None = None
        self._n_same = 0
        self._said: CallOutcome | None = None
        self._n_said = 0

    def is_certain(self, said: CallOutcome | None, *, heard_after_s: float) -> bool:
        """Return whether an unfinished utterance comes to a retry for certain.

        A mark waits for the end of the utterance.

        Parameters
        ----------
        said : CallOutcome or None
            What it is settled to come to, at this look.
        heard_after_s : float
            Seconds of sound after the words that rests on.
        """
        self._n_said = self._n_said + 1 if said is self._said else 1
        self._said = said
        is_steady = self._n_said >= self._rules.n_agreeing
        is_steady |= heard_after_s >= self._rules.sure_after_s
        return is_steady and phrase_list_of(said) is PhraseListName.TEMPORARILY_UNAVAILABLE

    def is_sure(self, report: CallReport | None, kind: CallOutcome | None) -> bool:
        """Return whether a report comes to an outcome, and is sure of it."""
        outcome = None if report is None else report.outcome
        return (
            outcome is not None
            and outcome.kind is kind
            and outcome.confidence >= self._rules.min_confidence
        )

    def is_final(
        self, report: CallReport, scan: Scan, continuations: Continuations, *, since_s: float
    ) -> bool:
        """Take the report of a look in which nobody is speaking; return whether it is final.

        Parameters
        ----------
        report : CallReport
        scan : Scan
        continuations : Continuations
        since_s : float
            When the last utterance began, seconds.
        """
        kind = None if report.outcome is None else report.outcome.kind
        self._n_same = self._n_same + 1 if kind is self._kind else 1
        self._kind = kind
        if kind is None or not self.is_sure(report, kind):
            return False
        if phrase_list_of(kind) is not None:
            quiet_s = scan.duration_s - scan.speech_end_s
            is_said = quiet_s >= self._rules.pause_s
            settled = continuations.settled(_words(report, since_s)) if is_said else None
            is_settled = settled is not None and settled.outcome is kind
            return is_settled or quiet_s >= self._rules.quiet_s
        if self._n_same < self._rules.n_agreeing:
            return False
        if kind is CallOutcome.BUSY_TONE:
            return _n_short_beeps(scan) >= self._rules.n_busy_periods
        return kind in {CallOutcome.FAX, CallOutcome.LIVE_PERSON}


def _n_short_beeps(scan: Scan) -> int:
    busy = {ToneKind.BUSY, ToneKind.CONGESTION}
    return sum(tone.n_periods for tone in scan.tones if tone.kind in busy)


def _words(report: CallReport, since_s: float) -> list[str]:
    """Return what was heard since a moment, the wording that decides as it is listed."""
    transcript = None if report.evidence is None else report.evidence.transcript
    if transcript is None:
        return []
    match = None if report.outcome is None else report.outcome.match
    words: list[str] = []
    for word in transcript.words:
        if word.start_s < since_s:
            continue
        if match is None or not _is_within(word, match):
            words.append(word.text)
        elif word.start_s == match.start_s:
            words += match.phrase.text.split()
    return words


def _is_within(word: Word, match: PhraseMatch) -> bool:
    if match.start_s is None or match.end_s is None:
        return False
    return match.start_s <= word.start_s < match.end_s
