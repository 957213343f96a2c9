"""The one declaration of a classification as other programs read it.

The JSON of the command line, of the journal and of HTTP is a `Classification` written out
(`report_json`); docs/classification.schema.json and the OpenAPI document are generated from it;
the page reads stored ones back into it. Reading is lenient (a field that an older version did not
write has its default), what is written has every field.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from recognizer.model.outcomes import CallOutcome, NextStep, PhraseListName, phrase_list_of
from recognizer.model.reports import Basis, Party, VetoEffect
from recognizer.model.signals import ToneKind

__all__ = ["Classification", "json_schema", "schema_components"]

_Share = Annotated[float, Meta(ge=0, le=1)]
_Seconds = Annotated[float, Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a classification."""


class ErrorDetail(_Part, frozen=True, kw_only=True):
    """Why there is no outcome."""

    kind: Annotated[str, Meta(description="Stable name of the problem.", examples=["too_large"])]
    message: Annotated[str, Meta(description="What was expected, what was found, what to do.")]


class PhraseFound(_Part, frozen=True, kw_only=True):
    """The listed wording that decided."""

    id: str
    text: str
    score: Annotated[float, Meta(ge=0, le=100)]
    start_s: float | None = None
    end_s: float | None = None


class WordHeard(_Part, frozen=True, kw_only=True):
    """A word of the transcript."""

    text: str
    start_s: float
    end_s: float
    confidence: _Share | None = None


class TranscriptHeard(_Part, frozen=True, kw_only=True):
    """What the speech engine wrote."""

    text: str
    engine: str
    model: str
    language: str = ""
    words: tuple[WordHeard, ...] = ()


class ToneHeard(_Part, frozen=True, kw_only=True):
    """A call-progress signal, from its first beep to its last."""

    kind: ToneKind
    start_s: float
    end_s: float
    frequencies_hz: tuple[float, ...] = ()
    n_periods: int = 0


class Interval(_Part, frozen=True, kw_only=True):
    """A part of the recording with one kind of sound."""

    kind: str
    start_s: float
    end_s: float


class Considered(_Part, frozen=True, kw_only=True):
    """Another outcome that was considered."""

    outcome: CallOutcome
    probability: float


class VetoRaised(_Part, frozen=True, kw_only=True):
    """A reason that took something away from what was recognised."""

    id: str
    effect: VetoEffect
    reason: str
    reason_ru: str


class ChannelHeard(_Part, frozen=True, kw_only=True):
    """One channel of several, and whose it is."""

    channel: Annotated[int, Meta(ge=0)]
    party: Annotated[Party, Meta(description="An agent's words never decide.")]
    reason: Annotated[str, Meta(description="Why it is that party's.")]
    text: Annotated[str, Meta(description="What is said in it.")] = ""


class LearnedAnnouncement(_Part, frozen=True, kw_only=True):
    """A learned announcement that was heard again, or is likely."""

    id: str
    outcome: CallOutcome
    text: str
    carrier: str
    similarity: Annotated[float, Meta(ge=-1, le=1, description="Of the whole announcement.")]
    worst_part: Annotated[float, Meta(ge=-1, le=1, description="Of its least similar 0.2 s.")]
    coverage: Annotated[
        float, Meta(ge=0, le=1, description="Share of the utterance's sound that is explained.")
    ]
    start_s: float
    end_s: float
    confirmed_by: Annotated[str, Meta(description="Who said what this recording is.")]
    confirmed_at: Annotated[str, Meta(description="When, ISO 8601.")]
    decides: Annotated[
        bool, Meta(description="False: only likely, and the speech engine heard the utterance.")
    ]


class SignallingCodeRead(_Part, frozen=True, kw_only=True):
    """A code of the network."""

    protocol: str
    code: int
    meaning: str


class SignallingWeighed(_Part, frozen=True, kw_only=True):
    """What the network's codes add to the sound."""

    agreement: Literal["agrees", "disagrees", "says_nothing", "decides"]
    codes: tuple[SignallingCodeRead, ...] = ()
    heard: Annotated[CallOutcome | None, Meta(description="Outcome of the sound alone.")] = None
    note: str = ""


class DecisionTaken(_Part, frozen=True, kw_only=True):
    """What the regulation says of the attempt."""

    status: Annotated[str | None, Meta(description="Call status, null where no rule applies.")]
    incorrect_contact: Annotated[bool | None, Meta(description="The mark «Некорректный контакт».")]
    rule: str | None
    by_analogy: bool
    attempt: Annotated[int, Meta(ge=1)]
    after_attempt: int | None
    final: Annotated[bool, Meta(description="True if the status is set now.")]
    next: NextStep
    comment: Annotated[str | None, Meta(description="The line to append to the card's comments.")]
    explanation: tuple[str, ...] = ()


class Classification(_Part, frozen=True, kw_only=True):
    """What was heard in one recording and what follows; `error` if it could not be read."""

    recording: Annotated[str, Meta(min_length=1)]
    duration_s: _Seconds | None = None
    outcome: CallOutcome | None = None
    phrase_list: PhraseListName | None = None
    confidence: _Share | None = None
    phrase: PhraseFound | None = None
    transcript: TranscriptHeard | None = None
    tones: tuple[ToneHeard, ...] = ()
    segments: tuple[Interval, ...] = ()
    decision: DecisionTaken | None = None
    elapsed_s: _Seconds = 0.0
    error: ErrorDetail | None = None
    reason: str = ""
    alternatives: tuple[Considered, ...] = ()
    signalling: SignallingWeighed | None = None
    basis: Annotated[Basis | None, Meta(description="What the outcome rests on.")] = None
    announcements: tuple[LearnedAnnouncement, ...] = ()
    vetoes: tuple[VetoRaised, ...] = ()
    gaps: Annotated[tuple[Interval, ...], Meta(description="Where sound was lost on the way.")] = ()
    parties: Annotated[
        tuple[ChannelHeard, ...], Meta(description="Channels of a recording with several.")
    ] = ()


# msgspec learns a type when it is first used, and crashes if two threads do that at once: so it
# learns this one here, before any request.
msgspec.json.Decoder(Classification)


def schema_components(ref_template: str) -> dict[str, Any]:
    """Return the JSON Schema of every part by name; what is written has every field.

    Parameters
    ----------
    ref_template : str
        Where a part is found, with ``{name}`` in it.
    """
    _, components = msgspec.json.schema_components([Classification], ref_template=ref_template)
    for component in components.values():
        if "properties" in component:
            component["required"] = list(component["properties"])
            for field in component["properties"].values():
                field.pop("default", None)  # of reading; what is written has no need of it
    return components


def json_schema() -> dict[str, Any]:
    """Return what docs/classification.schema.json holds."""
    components = schema_components("#/$defs/{name}")
    whole = components.pop(Classification.__name__)
    marking = [o.value for o in _of_list(CallOutcome, PhraseListName.INVALID_NUMBER)]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "One classified recording",
        "allOf": [
            {
                "if": {"properties": {"phrase_list": {"const": "invalid_number"}}},
                "then": {"properties": {"outcome": {"enum": marking}}},
            },
            {
                "if": {"properties": {"error": {"type": "object"}}},
                "then": {"properties": {"outcome": {"const": None}}},
            },
        ],
        "$defs": components,
    }


def _of_list(outcomes: Iterable[CallOutcome], name: PhraseListName) -> list[CallOutcome]:
    return [outcome for outcome in outcomes if phrase_list_of(outcome) is name]
