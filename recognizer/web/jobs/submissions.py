"""What clients hand in and get back: a recording's submission, the state and result of its job."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import time
from dataclasses import dataclass, field
from typing import Any, Self

from recognizer.base.errors import RecognizerError
from recognizer.model import CallRequest, SignallingCode

__all__ = ["JobRecord", "JobState", "QueueFullError", "Submission", "UploadError"]


class JobState(enum.StrEnum):
    """Where a job is; a recording that cannot be read is `done` with an error in its result."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class QueueFullError(RecognizerError):
    """Too much is waiting already; ask again in `retry_after_s` seconds."""

    kind = "busy"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UploadError(RecognizerError):
    """An upload that cannot be taken.

    `kind` is `too_large`, `empty`, `bad_form` or `upload_timeout`.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A recording handed in: what is asked of it, and what is to be kept of it.

    Attributes
    ----------
    call : CallRequest
        Its `name` is what the client calls the recording; text, never a path.
    contact : str or None
        Id of a contact card; with it the journal counts the attempts and records this one.
    number : str or None
        Number called, any spelling; the journal counts the attempts of a number without a card.
    in_journal : bool
        Record the call even where nobody knows whose it is (the operators' page).
    keep_recording : bool
        Keep the file as long as the result, so that it can be played.
    record_later : bool
        Where the journal cannot be written, keep the file and do it once it can.
    handed_in_at_s : float
        When it was, seconds since 1970: the moment of the call, as nobody says another. However
        late it is recorded, it is this one.
    """

    call: CallRequest
    contact: str | None = None
    number: str | None = None
    in_journal: bool = False
    keep_recording: bool = False
    record_later: bool = True
    handed_in_at_s: float = field(default_factory=time.time, compare=False)

    @property
    def is_recorded(self) -> bool:
        """Whether the journal is to hold the call: it is known whose it was, or it is asked for."""
        return self.in_journal or self.contact is not None or self.number is not None

    @property
    def handed_in_at(self) -> dt.datetime:
        """When it was handed in, aware."""
        return dt.datetime.fromtimestamp(self.handed_in_at_s, dt.UTC)

    @property
    def name(self) -> str:
        """What the client calls the recording."""
        return self.call.name or ""

    def to_json(self) -> str:
        """Return the submission as the queue's file keeps it; when it was stands beside it."""
        values = dataclasses.asdict(self)
        del values["handed_in_at_s"]
        return json.dumps({**values.pop("call"), **values}, default=str)

    @classmethod
    def from_json(cls, text: str, handed_in_at_s: float) -> Self:
        """Return the submission that `to_json` wrote, of a later version too."""
        values = json.loads(text)
        day = values.pop("called_on")
        call = CallRequest(
            name=values.pop("name"),
            attempt=values.pop("attempt"),
            channel=values.pop("channel"),
            called_on=None if day is None else dt.date.fromisoformat(day),
            codes=tuple(SignallingCode(**code) for code in values.pop("codes")),
        )
        known = {one.name for one in dataclasses.fields(cls)}
        values = {name: value for name, value in values.items() if name in known}
        return cls(call=call, handed_in_at_s=handed_in_at_s, **values)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as a client sees it.

    Attributes
    ----------
    position : int or None
        How many wait before it; None once it runs.
    result : dict or None
        The JSON object of a classification, once `done`.
    """

    id: str
    state: JobState
    owner: str
    submission: Submission
    submitted_at_s: float
    started_at_s: float | None
    finished_at_s: float | None
    position: int | None
    result: dict[str, Any] | None
