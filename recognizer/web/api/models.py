"""What goes over the wire, for the OpenAPI document and for checking what is sent.

A classification and a decision are declared in `model.classification` alone; `_is` makes
pydantic check against that declaration, and `with_parts` puts its schema into the document.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from recognizer.base.moments import FIRST_DAY, LAST_DAY, is_countable
from recognizer.model import CallOutcome
from recognizer.model import classification as parts
from recognizer.web.jobs.submissions import JobState

__all__ = [
    "Ask",
    "AttemptList",
    "AttemptOut",
    "Classification",
    "ContactList",
    "ContactOut",
    "CorrectionIn",
    "ErrorDetail",
    "ErrorOut",
    "Health",
    "JobList",
    "JobOut",
    "LiveCallOut",
    "LiveCallsOut",
    "LiveFactsIn",
    "Moment",
    "OverviewOut",
    "with_parts",
]

_PART = "x-part"


class _Open(BaseModel):
    """An answer; fields may be added to it."""

    model_config = ConfigDict(extra="allow")


# `isoformat` as everywhere else in the JSON: pydantic would write a Z for UTC.
_Written = Annotated[
    dt.datetime,
    PlainSerializer(dt.datetime.isoformat),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _is(part: type[msgspec.Struct]) -> AfterValidator:
    """Return a check that a JSON object is a `part`; fields may be added to it."""

    def check(value: dict[str, Any]) -> dict[str, Any]:
        try:
            msgspec.convert(value, part)
        except msgspec.ValidationError as problem:
            raise ValueError(str(problem)) from problem
        return value

    return AfterValidator(check)


Classification = Annotated[
    dict[str, Any], _is(parts.Classification), WithJsonSchema({_PART: "Classification"})
]
DecisionOut = Annotated[
    dict[str, Any], _is(parts.DecisionTaken), WithJsonSchema({_PART: "DecisionTaken"})
]


def _example() -> dict[str, Any]:
    """Return the example with the fields it leaves to their defaults."""
    whole = msgspec.convert(_EXAMPLE, parts.Classification)
    example: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(whole))
    return example


def with_parts(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with the parts of a classification in its components."""
    template = "#/components/schemas/{name}"

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(item) for item in node]
        if not isinstance(node, dict):
            return node
        if _PART in node:
            return {"$ref": template.format(name=node[_PART])}
        return {key: resolved(value) for key, value in node.items()}

    done: dict[str, Any] = resolved(document)
    done["components"]["schemas"] |= parts.schema_components(template)
    # FastAPI drops the nulls of an example, and with them fields that are always there.
    done["components"]["schemas"]["Classification"]["examples"] = [_example()]
    return done


class ErrorDetail(_Open):
    """What went wrong."""

    kind: str = Field(description="Stable name of the problem.", examples=["too_large"])
    message: str = Field(
        description="What was expected, what was found, what to do.",
        examples=["the recording is larger than 67108864 bytes, the most this server takes"],
    )


class ErrorOut(_Open):
    """A request that was not carried out."""

    error: ErrorDetail


_EXAMPLE: dict[str, Any] = {
    "recording": "call-0001.wav",
    "duration_s": 5.96,
    "outcome": "temporarily_blocked",
    "phrase_list": "temporarily_unavailable",
    "confidence": 0.98,
    "phrase": {
        "id": "nomer-vremenno-zablokirovan",
        "text": "номер временно заблокирован",
        "score": 100.0,
        "start_s": 1.2,
        "end_s": 3.9,
    },
    "transcript": {
        "text": "номер временно заблокирован",
        "engine": "whisper",
        "model": "whisper-base",
        "words": [{"text": "номер", "start_s": 1.2, "end_s": 1.6, "confidence": 0.97}],
    },
    "tones": [{"kind": "ringback", "start_s": 0.0, "end_s": 1.0}],
    "segments": [{"kind": "speech", "start_s": 1.1, "end_s": 4.0}],
    "decision": {
        "status": "Недоступен",
        "incorrect_contact": False,
        "rule": "temporarily-blocked",
        "by_analogy": False,
        "attempt": 1,
        "after_attempt": 3,
        "final": False,
        "next": "retry",
        "comment": "22/11 Номер временно заблокирован (автоответчик)",
    },
    "elapsed_s": 0.4,
    "error": None,
}


class JobOut(_Open):
    """A recording on its way."""

    id: str = Field(examples=["k3nZ0v8Jq1yM2l4Fh6Tt9A"])
    state: JobState
    recording: str
    submitted_at: _Written
    started_at: _Written | None
    finished_at: _Written | None
    position: int | None = Field(description="How many wait before it; null once it runs.")
    result: Classification | None = Field(description="Once the state is `done`.")


class JobList(_Open):
    """Jobs, newest first."""

    jobs: list[JobOut]


def _iso_only(value: Any) -> Any:
    """Refuse what pydantic would take for seconds since 1970."""
    if isinstance(value, str) and not re.match(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("expected ISO 8601, such as 2026-11-22 or 2026-11-22T09:30:15+03:00")
    return value


def _countable(value: dt.date) -> dt.date:
    if not is_countable(value):
        raise ValueError(f"expected a day from {FIRST_DAY} to {LAST_DAY}")
    return value


_COUNTABLE = AfterValidator(_countable)
Day = Annotated[dt.date, BeforeValidator(_iso_only), _COUNTABLE]
Moment = Annotated[dt.datetime, BeforeValidator(_iso_only), _COUNTABLE]

_LINE = r"^[^\x00-\x1f\x7f]*$"


class Ask(BaseModel):
    """What may be said about a recording: form fields beside `file`, or query parameters."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[
        str | None,
        Field(
            max_length=300,
            pattern=_LINE,
            description="What to call the recording in the answer; the file's name if left out.",
        ),
    ] = None
    contact: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=64,
            pattern=_LINE,
            description="Number of a contact card: the journal then counts its attempts and "
            "records this one. Needs an API key.",
        ),
    ] = None
    number: Annotated[
        str | None,
        Field(
            min_length=2,
            max_length=40,
            pattern=r"^\+?[0-9][0-9 ()\-]*$",
            description="Number called, any spelling, where the card is not known. Needs an API "
            "key.",
        ),
    ] = None
    journal: Annotated[
        Literal["later", "required"],
        Field(
            description="What to do where `contact` or `number` is given and the journal cannot "
            "be written: answer with `journal_error` and record it later, or answer 503 and "
            "record nothing (send it again)."
        ),
    ] = "later"
    attempt: Annotated[
        int,
        Field(ge=1, le=1000, description="Which attempt this was, where the journal is not asked."),
    ] = 1
    channel: Annotated[
        str | None,
        Field(pattern=r"^(auto|mix|[0-9]{1,2})$", description="`auto`, `mix`, or a number from 0."),
    ] = None
    called_on: Annotated[
        Day | None, Field(description="Day of the call, for the comment; today if left out.")
    ] = None
    sip_code: Annotated[
        int | None, Field(ge=100, le=699, description="Final SIP status of the call.")
    ] = None
    q850: Annotated[int | None, Field(ge=1, le=127, description="Q.850 cause of the call.")] = None


class AttemptOut(_Open):
    """One attempt of the journal, with the decision in force."""

    id: int
    contact: str | None
    number: str | None
    recording: str | None
    called_at: _Written
    recorded_at: _Written
    outcome: CallOutcome | None
    confidence: float | None
    transcript: str | None
    duration_s: float | None
    decision: DecisionOut | None
    n_corrections: int
    version: str = Field(
        description="Changes with every decision and card; send it back as `If-Match`."
    )
    error: ErrorDetail | None


class CorrectionIn(BaseModel):
    """What somebody heard instead."""

    model_config = ConfigDict(extra="forbid")

    outcome: CallOutcome
    made_by: str = Field(min_length=1, max_length=100, description="Who says so.")


class AttemptList(_Open):
    """Attempts, the last recorded first."""

    attempts: list[AttemptOut]
    next_before_id: int | None = Field(
        description="Ask with `before_id` for the following page; null on the last."
    )


class ContactOut(_Open):
    """A contact card and what stands for it now."""

    ref: str
    phones: list[str]
    owner: str
    comments: str
    status: str
    incorrect_contact: bool
    n_counted: int = Field(description="Attempts that count towards «after attempt 3».")
    updated_at: _Written


class ContactList(_Open):
    """Contact cards."""

    contacts: list[ContactOut]


class OverviewOut(_Open):
    """Counts of the calls of a period."""

    n_attempts: int
    n_errors: int
    n_corrected: int
    n_final: int
    n_marked: int
    n_waiting: int
    by_outcome: dict[str, int]
    by_rule: dict[str, int]
    by_next: dict[str, int]
    by_day: dict[str, int]


class LiveCallOut(_Open):
    """A call that is heard while it lasts."""

    call: str = Field(description="Its UUID.")
    started_at: _Written | None
    duration_s: float = Field(ge=0, description="Seconds of sound received.")
    event: dict[str, Any] = Field(description="The latest event, as `recognizer listen` prints it.")


class LiveCallsOut(_Open):
    """Calls that go on now."""

    calls: list[LiveCallOut]


class LiveFactsIn(BaseModel):
    """What is known of a live call besides its sound."""

    model_config = ConfigDict(extra="forbid")

    number: str | None = Field(None, max_length=64, description="Number called.")
    contact: str | None = Field(None, max_length=64, description="Card in the CRM.")
    attempt: int | None = Field(None, ge=1, le=99)
    sip_code: int | None = Field(None, ge=100, le=699)
    hangup_cause: int | None = Field(None, ge=1, le=127, description="Q.850 cause.")


class Health(_Open):
    """How the server is."""

    status: Literal["ok", "unavailable"]
    n_owed: int = Field(0, description="Finished recordings that the journal is still owed.")
    n_lost: int = Field(
        0, description="Of the last day: those it will never get, for their sound is gone."
    )
