"""Everything about one recording, as other stages and programs read it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from recognizer.model._checks import check_range
from recognizer.model.announcements import AnnouncementHeard
from recognizer.model.outcomes import CallOutcome, NextStep
from recognizer.model.signals import Segment, SoundGap, ToneEvent
from recognizer.model.text import AcousticScore, PhraseMatch, Transcript

__all__ = [
    "Basis",
    "CallError",
    "CallReport",
    "Decision",
    "Evidence",
    "Outcome",
    "Party",
    "PartyHeard",
    "SignallingEvidence",
    "Veto",
    "VetoEffect",
]

Basis: TypeAlias = Literal["announcement", "speech", "signals"]
"""What an outcome rests on: a learned recording, recognised speech, or tones and silence."""


class VetoEffect(enum.StrEnum):
    """What a veto does; it only ever lowers."""

    NO_MARK = "no_mark"
    UNDETERMINED = "undetermined"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Veto:
    """A reason that took something away from what was recognised.

    Attributes
    ----------
    id : str
        Lower-case kebab-case Latin.
    effect : VetoEffect
    reason : str
        One English sentence.
    reason_ru : str
        The same for operators.
    """

    id: str
    effect: VetoEffect
    reason: str
    reason_ru: str


class Party(enum.StrEnum):
    """Who is heard in a channel."""

    REMOTE = "remote"
    AGENT = "agent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PartyHeard:
    """One channel of several that was recognised alone.

    Attributes
    ----------
    channel : int
        From 0.
    party : Party
        An agent's words never decide.
    reason : str
        Why it is that party's, in English.
    text : str
        What is said in it.
    """

    channel: int
    party: Party
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was heard in one recording, whatever it led to.

    `transcript` is the remote party's where that is known, and `parties` says what was heard in
    each channel of several. `alternatives` holds the other outcomes considered with their
    confidence, best first; `notes` says in plain English what a stage refused or could not do;
    `vetoes` lowered the verdict; `gaps` are places where sound was lost; `basis` is what the
    outcome rests on; `announcements` are the learned ones that were heard or are likely.
    """

    duration_s: float
    tones: tuple[ToneEvent, ...] = ()
    segments: tuple[Segment, ...] = ()
    transcript: Transcript | None = None
    matches: tuple[PhraseMatch, ...] = ()
    acoustic_scores: tuple[AcousticScore, ...] = ()
    alternatives: tuple[tuple[CallOutcome, float], ...] = ()
    notes: tuple[str, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    gaps: tuple[SoundGap, ...] = ()
    basis: Basis | None = None
    parties: tuple[PartyHeard, ...] = ()
    announcements: tuple[AnnouncementHeard, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the call came to.

    Attributes
    ----------
    kind : CallOutcome
    confidence : float
        Probability that `kind` is right, 0-1.
    match : PhraseMatch or None
        The phrase that decided, for spoken outcomes.
    reason : str
        One English sentence.
    """

    kind: CallOutcome
    confidence: float
    match: PhraseMatch | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        check_range(f"confidence of {self.kind}", self.confidence, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the regulation says of one attempt (`decision` of the JSON contract).

    Attributes
    ----------
    status : str or None
        «Недоступен», or None where no rule gives a status (yet).
    incorrect_contact : bool or None
        The mark «Некорректный контакт»; None where no rule applies.
    rule_id : str or None
        Id of regulation.md.
    by_analogy : bool
        True where the regulation is silent and a line of data says "as ...".
    attempt : int
        Which counted attempt this was, from 1.
    after_attempt : int or None
        After which attempt the status is set: 1 or 3.
    final : bool
        True if the status is set now.
    next : NextStep
    comment : str or None
        The line to append, «22/11 ...».
    explanation : tuple of str
        Russian sentences: what was heard, which rule, what counted, what would change it.
    """

    status: str | None
    incorrect_contact: bool | None
    rule_id: str | None
    by_analogy: bool
    attempt: int
    after_attempt: int | None
    final: bool
    next: NextStep
    comment: str | None
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a recording has no outcome."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SignallingEvidence:
    """What the network's codes add to the sound (`signalling` of the JSON contract).

    Attributes
    ----------
    codes : tuple of (str, int, str)
        Protocol (`sip`, `q850`), number, the standard's name of it (empty if not in the table).
    agreement : str
        `agrees`, `disagrees` (the sound decided), `says_nothing`, or `decides` (nothing was
        heard, so the code stood in).
    heard : CallOutcome
        Outcome of the sound alone.
    note : str
        One English sentence.
    """

    codes: tuple[tuple[str, int, str], ...]
    agreement: Literal["agrees", "disagrees", "says_nothing", "decides"]
    heard: CallOutcome
    note: str


@dataclass(frozen=True, slots=True)
class CallReport:
    """Everything about one recording: the object behind a line of `--format jsonl`.

    `phrases_version` is the `PhraseBook.version` it was recognised with.
    """

    recording: str
    evidence: Evidence | None
    outcome: Outcome | None
    decision: Decision | None
    elapsed_s: float
    error: CallError | None = None
    stage_s: Mapping[str, float] = field(default_factory=dict)
    signalling: SignallingEvidence | None = None
    phrases_version: str | None = None
