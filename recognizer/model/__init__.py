"""The types that pass between the stages, split by subject.

Not here: computing, and any import of a stage; every stage imports this.

Conventions: seconds count from the start of the recording; intervals are half-open
``[start_s, end_s)``; a *score* is 0-100 (RapidFuzz), a *confidence* is a probability 0-1, and
the two never share a field; ``None`` means "not measured", never zero; collections are tuples.
"""

from recognizer.model.announcements import AnnouncementHeard
from recognizer.model.outcomes import (
    SIGNAL_OUTCOMES,
    CallOutcome,
    NextStep,
    PhraseListName,
    phrase_list_of,
)
from recognizer.model.reports import (
    Basis,
    CallError,
    CallReport,
    Decision,
    Evidence,
    Outcome,
    Party,
    PartyHeard,
    SignallingEvidence,
    Veto,
    VetoEffect,
)
from recognizer.model.requests import (
    AudioSource,
    CallDetails,
    CallRequest,
    RecordedCall,
    SignallingCode,
    SignallingProtocol,
    check_attempt,
)
from recognizer.model.signals import (
    Cadence,
    GapKind,
    Segment,
    SegmentKind,
    SoundGap,
    ToneEvent,
    ToneKind,
    total_duration_s,
)
from recognizer.model.sound import Audio, Samples
from recognizer.model.text import (
    AcousticScore,
    NormalizedText,
    Phrase,
    PhraseMatch,
    Transcript,
    Word,
)

__all__ = [
    "SIGNAL_OUTCOMES",
    "AcousticScore",
    "AnnouncementHeard",
    "Audio",
    "AudioSource",
    "Basis",
    "Cadence",
    "CallDetails",
    "CallError",
    "CallOutcome",
    "CallReport",
    "CallRequest",
    "Decision",
    "Evidence",
    "GapKind",
    "NextStep",
    "NormalizedText",
    "Outcome",
    "Party",
    "PartyHeard",
    "Phrase",
    "PhraseListName",
    "PhraseMatch",
    "RecordedCall",
    "Samples",
    "Segment",
    "SegmentKind",
    "SignallingCode",
    "SignallingEvidence",
    "SignallingProtocol",
    "SoundGap",
    "ToneEvent",
    "ToneKind",
    "Transcript",
    "Veto",
    "VetoEffect",
    "Word",
    "check_attempt",
    "phrase_list_of",
    "total_duration_s",
]
