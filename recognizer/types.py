"""Central types: what passes between the stages.

Conventions: seconds count from the start of the recording; intervals are half-open
``[start_s, end_s)``; a *score* is 0-100 (RapidFuzz), a *confidence* is a probability 0-1, and
the two never share a field; ``None`` means "not measured", never zero; collections are tuples.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NewType, TypeAlias

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    import numpy.typing as npt

    from recognizer.audio import AudioSource

__all__ = [
    "AcousticScore",
    "Audio",
    "Cadence",
    "CallError",
    "CallOutcome",
    "CallReport",
    "Decision",
    "Evidence",
    "NextStep",
    "NormalizedText",
    "Outcome",
    "Phrase",
    "PhraseListName",
    "PhraseMatch",
    "RecordedCall",
    "Samples",
    "Segment",
    "SegmentKind",
    "SignallingEvidence",
    "ToneEvent",
    "ToneKind",
    "Transcript",
    "Word",
    "phrase_list_of",
]

Samples: TypeAlias = "npt.NDArray[np.float32]"
"""Mono samples, float32, shape (n_samples,), nominally in [-1, 1]."""

NormalizedText = NewType("NormalizedText", str)
"""Text that went through `recognizer.normalization.normalize`: the only text a scorer accepts."""


class PhraseListName(enum.StrEnum):
    """The two lists of the regulation."""

    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    INVALID_NUMBER = "invalid_number"


class CallOutcome(enum.StrEnum):
    """What was heard, one name a call. The string values are a contract."""

    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    TEMPORARILY_BLOCKED = "temporarily_blocked"
    SERVICE_SUSPENDED = "service_suspended"
    NOT_REGISTERED = "not_registered"
    SERVICE_TYPE_UNAVAILABLE = "service_type_unavailable"
    SWITCHED_OFF_OR_OUT_OF_COVERAGE = "switched_off_or_out_of_coverage"
    CONNECTION_IMPOSSIBLE = "connection_impossible"
    LINE_BUSY = "line_busy"

    NOT_IN_SERVICE = "not_in_service"
    BLOCKED = "blocked"
    MISDIALLED = "misdialled"
    DOES_NOT_EXIST = "does_not_exist"
    AVAILABLE_FOR_PURCHASE = "available_for_purchase"

    NO_ANSWER = "no_answer"
    VOICEMAIL = "voicemail"
    CALL_ASSISTANT = "call_assistant"
    COMPANY_IVR = "company_ivr"
    CALL_PROGRESS = "call_progress"
    CALLER_RESTRICTED = "caller_restricted"
    NETWORK_CONGESTION = "network_congestion"

    BUSY_TONE = "busy_tone"
    RINGBACK_ONLY = "ringback_only"
    SILENCE = "silence"
    DISCONNECTED = "disconnected"
    FAX = "fax"
    MUSIC = "music"

    LIVE_PERSON = "live_person"
    UNDETERMINED = "undetermined"


_LISTS: Mapping[CallOutcome, PhraseListName] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                CallOutcome.TEMPORARILY_UNAVAILABLE,
                CallOutcome.TEMPORARILY_BLOCKED,
                CallOutcome.SERVICE_SUSPENDED,
                CallOutcome.NOT_REGISTERED,
                CallOutcome.SERVICE_TYPE_UNAVAILABLE,
                CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
                CallOutcome.CONNECTION_IMPOSSIBLE,
                CallOutcome.LINE_BUSY,
            ),
            PhraseListName.TEMPORARILY_UNAVAILABLE,
        ),
        **dict.fromkeys(
            (
                CallOutcome.NOT_IN_SERVICE,
                CallOutcome.BLOCKED,
                CallOutcome.MISDIALLED,
                CallOutcome.DOES_NOT_EXIST,
                CallOutcome.AVAILABLE_FOR_PURCHASE,
            ),
            PhraseListName.INVALID_NUMBER,
        ),
    }
)


def phrase_list_of(outcome: CallOutcome | None) -> PhraseListName | None:
    """Return the regulation's list that `outcome` belongs to, None for all other outcomes."""
    return None if outcome is None else _LISTS.get(outcome)


class ToneKind(enum.StrEnum):
    """Call-progress and in-band signals."""

    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SIT = "sit"
    DIAL = "dial"
    FAX = "fax"
    BEEP = "beep"
    DTMF = "dtmf"


class SegmentKind(enum.StrEnum):
    """What fills a stretch of the recording."""

    SPEECH = "speech"
    TONE = "tone"
    MUSIC = "music"
    NOISE = "noise"
    SILENCE = "silence"


class NextStep(enum.StrEnum):
    """What to do after this attempt."""

    SET_STATUS = "set_status"
    RETRY = "retry"
    OPERATOR = "operator"
    CHECK_LINE = "check_line"


def _check_interval(owner: str, start_s: float, end_s: float) -> None:
    if not (math.isfinite(start_s) and math.isfinite(end_s)) or end_s <= start_s:
        raise ValueError(f"{owner}: expected start_s < end_s, got [{start_s}, {end_s})")


def _check_range(owner: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{owner}: expected {low}..{high}, got {value}")


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Sound at a known rate.

    Attributes
    ----------
    samples : float32, shape (n_samples,)
        Mono, nominally in [-1, 1]; made read-only.
    sample_rate : int
        Hz.
    source : str
        Where it came from, for messages.
    start_s : float
        Where in that source the first sample lies, seconds.
    """

    samples: Samples
    sample_rate: int
    source: str = "<samples>"
    start_s: float = 0.0

    def __post_init__(self) -> None:
        import numpy as np  # noqa: PLC0415  (commands that read no sound start without it)

        samples = np.asarray(self.samples, dtype=np.float32)
        if samples.ndim != 1:
            raise ValueError(f"{self.source}: expected mono samples, got shape {samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"{self.source}: expected a sample rate in Hz, got {self.sample_rate}")
        view = samples.view()
        view.flags.writeable = False
        object.__setattr__(self, "samples", view)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def slice(self, start_s: float, end_s: float) -> Audio:
        """Return the part between two moments of the *source*, clipped to what is here."""
        first = max(0, round((start_s - self.start_s) * self.sample_rate))
        last = max(first, round((end_s - self.start_s) * self.sample_rate))
        return Audio(
            self.samples[first:last],
            self.sample_rate,
            self.source,
            self.start_s + first / self.sample_rate,
        )


@dataclass(frozen=True, slots=True)
class Cadence:
    """Alternating on and off times in milliseconds, beginning with on; empty: continuous."""

    on_off_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ToneEvent:
    """One call-progress signal: a whole ringing or busy stretch, not a single beep of it.

    Attributes
    ----------
    start_s, end_s : float
        From the first beep's start to the last beep's end.
    frequencies_hz : tuple of float
        As measured.
    cadence : Cadence or None
        As measured (medians); None for a signal without periods.
    n_periods : int
        How many beeps were heard.
    level_dbfs : float
        RMS of the beeps.
    """

    kind: ToneKind
    start_s: float
    end_s: float
    frequencies_hz: tuple[float, ...]
    cadence: Cadence | None
    n_periods: int
    level_dbfs: float

    def __post_init__(self) -> None:
        _check_interval(f"tone {self.kind}", self.start_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one kind of sound; `level_dbfs` is its RMS."""

    kind: SegmentKind
    start_s: float
    end_s: float
    level_dbfs: float

    def __post_init__(self) -> None:
        _check_interval(f"segment {self.kind}", self.start_s, self.end_s)

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word; `confidence` 0-1 from the engine."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.end_s < self.start_s:
            raise ValueError(f"word {self.text!r}: ends at {self.end_s} before {self.start_s}")
        _check_range(f"confidence of word {self.text!r}", self.confidence, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What an engine heard; `confidence` is the mean probability of a token, 0-1."""

    text: str
    words: tuple[Word, ...]
    language: str
    engine: str
    model: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class AcousticScore:
    """How well one wording explains the sound.

    Attributes
    ----------
    text : str
        The wording scored.
    total_logprob : float
        Natural logarithm of the probability of the whole wording, given the sound. Totals of
        different wordings over the same sound can be compared where they say all of it; what
        follows a wording that does not is `Utterance.rest_after`.
    token_logprobs : tuple of float
        Of its tokens in order; empty where an engine has no such thing.
    word_logprobs : tuple of float
        Of its words in order, each the sum over its tokens; empty where an engine has no such
        thing.
    """

    text: str
    total_logprob: float
    token_logprobs: tuple[float, ...] = ()
    word_logprobs: tuple[float, ...] = ()

    @property
    def mean_logprob(self) -> float:
        """Mean over the tokens; the total where there are none."""
        return self.total_logprob / max(1, len(self.token_logprobs))


@dataclass(frozen=True, slots=True)
class Phrase:
    """One listed wording.

    Attributes
    ----------
    id : str
        Unique over all lists, lower-case kebab-case Latin.
    text : str
        As written in the list.
    outcome : CallOutcome
    language : str
        ISO 639-1.
    seen_in : str
        Where the wording was seen.
    score_cutoff : float or None
        0-100, the list's own where None.
    whole : bool
        Counts only where nothing else was said: for single words that mean little inside a
        sentence («занят», «да»).
    place : str
        File and line, for messages.
    """

    id: str
    text: str
    outcome: CallOutcome
    language: str
    seen_in: str
    score_cutoff: float | None = None
    place: str = ""
    whole: bool = False

    def __post_init__(self) -> None:
        _check_range(f"score_cutoff of phrase {self.id}", self.score_cutoff, 0.0, 100.0)


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A listed wording found in a transcript.

    Attributes
    ----------
    phrase : Phrase
    score : float
        0-100.
    first_word, end_word : int
        Half-open range of words of the transcript it covers.
    start_s, end_s : float or None
        In the recording; None for a bare text.
    """

    phrase: Phrase
    score: float
    first_word: int
    end_word: int
    start_s: float | None = None
    end_s: float | None = None

    def __post_init__(self) -> None:
        _check_range(f"score of {self.phrase.id}", self.score, 0.0, 100.0)

    @property
    def outcome(self) -> CallOutcome:
        """Outcome of the phrase."""
        return self.phrase.outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was heard in one recording, whatever it led to.

    `alternatives` holds the other outcomes considered with their confidence, best first;
    `notes` says in plain English what a stage refused or could not do.
    """

    duration_s: float
    tones: tuple[ToneEvent, ...] = ()
    segments: tuple[Segment, ...] = ()
    transcript: Transcript | None = None
    matches: tuple[PhraseMatch, ...] = ()
    acoustic_scores: tuple[AcousticScore, ...] = ()
    alternatives: tuple[tuple[CallOutcome, float], ...] = ()
    notes: tuple[str, ...] = ()


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
        _check_range(f"confidence of {self.kind}", self.confidence, 0.0, 1.0)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One recording to classify, and what is known of the call.

    Attributes
    ----------
    source : path, bytes or binary file object
    attempt : int
        Number of this attempt among those that count, from 1.
    channel : `auto`, `mix`, number from 0, or None for the default
    called_on : date or None
        Day of the call, for the comment line; None: today.
    name : str or None
        What to call the recording in the report; None: its path.
    """

    source: AudioSource
    attempt: int = 1
    channel: str | int | None = None
    called_on: dt.date | None = None
    name: str | None = None


def total_duration_s(segments: Iterable[Segment], kind: SegmentKind) -> float:
    """Return how many seconds of `segments` are of `kind`."""
    return math.fsum(s.duration_s for s in segments if s.kind is kind)
