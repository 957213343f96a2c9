"""What the journal gives back: plain frozen records, free of any database session."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recognizer.crm.contacts import ContactCard
from recognizer.model import CallError, CallOutcome, Decision, NextStep

__all__ = [
    "REHEARING",
    "AssignmentRecord",
    "AttemptFilter",
    "AttemptPage",
    "AttemptRecord",
    "CardChange",
    "ContactRecord",
    "CorrectionRecord",
    "DecisionRecord",
    "Overview",
    "PurgeCounts",
]


REHEARING = "recognizer"
"""Who made a correction that no person made: the same recording was heard again."""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision as it was made; a newer one on the same attempt names it in `supersedes_id`.

    Attributes
    ----------
    source : str
        `call`, `card`, `operator` (a correction or a statement), `recount` (an earlier attempt
        came late or was corrected, which changed the number of this one), `replaced` (the
        recording of the call is another now: this one decides and counts nothing).
    outcome : CallOutcome or None
        What it was decided for: as heard, or as corrected.
    stated : str or None
        The operator's reason, where there is one.
    counts, resets : bool
        What the attempt means for counting.
    counted_after : int
        Counted attempts of the contact once this one is over.
    """

    id: int
    attempt_id: int | None
    contact_id: int | None
    correction_id: int | None
    supersedes_id: int | None
    made_at: dt.datetime
    source: str
    outcome: CallOutcome | None
    stated: str | None
    decision: Decision
    counts: bool
    resets: bool
    counted_after: int
    regulation_version: str


@dataclass(frozen=True, slots=True)
class CorrectionRecord:
    """What a person said was heard instead.

    Attributes
    ----------
    withdraws_id : int or None
        The correction this row takes back; it then says nothing else.
    is_withdrawn : bool
        Whether a later row takes this one back.
    """

    id: int
    attempt_id: int
    made_at: dt.datetime
    made_by: str
    outcome: CallOutcome | None
    stated: str | None
    name: str
    words: str
    note: str
    withdraws_id: int | None = None
    is_withdrawn: bool = False

    @property
    def is_by_person(self) -> bool:
        """Whether a person says so; else the program, which heard the recording again."""
        return self.made_by != REHEARING


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """Whose call a person said it is; refs are None where it was, or became, nobody's.

    Attributes
    ----------
    kind : str
        `assign`, `change`, `detach` or `merge`.
    """

    id: int
    attempt_id: int
    from_ref: str | None
    ref: str | None
    kind: str
    made_at: dt.datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One call attempt with the decision in force.

    Attributes
    ----------
    is_new : bool
        False where `record_attempt` found the same recording already there.
    outcome : CallOutcome or None
        As heard by the program, whatever was corrected since; None for an unreadable recording
        or a call without one.
    report : dict or None
        The classification without its decision (JSON contract); None once purged.
    decision : DecisionRecord or None
        In force now; None only for an unreadable recording.
    n_corrections : int
        By people: the program hearing a recording again is none.
    """

    id: int
    contact_id: int | None
    contact_ref: str | None
    number: str | None
    recording: str | None
    digest: str | None
    called_at: dt.datetime
    recorded_at: dt.datetime
    outcome: CallOutcome | None
    confidence: float | None
    phrase_id: str | None
    transcript: str | None
    duration_s: float | None
    error: CallError | None
    report: Mapping[str, Any] | None
    software_version: str
    phrases_version: str | None
    engine: str | None
    model: str | None
    purged_at: dt.datetime | None
    decision: DecisionRecord | None
    n_corrections: int = 0
    is_new: bool = False

    @property
    def version(self) -> str:
        """What changes whenever somebody decides this call or gives it another card."""
        decided = 0 if self.decision is None else self.decision.id
        return f"{decided}-{self.contact_id or 0}"

    @property
    def is_corrected(self) -> bool:
        """Whether a person corrected what the program heard; a bare statement corrects nothing."""
        return self.n_corrections > 0 and (self.outcome is not None or self.error is not None)


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A card and what stands for it now.

    Attributes
    ----------
    card : ContactCard
        `result` and `incorrect_contact` as the CRM gave them, `comments` with every line added.
    status : str
        Call result in force: the deciding decision's, else the CRM's.
    incorrect_contact : bool
        Mark in force.
    deciding : DecisionRecord or None
        The decision that set them; None: they are the CRM's.
    n_counted : int
        Attempts that count now («after attempt 3»).
    merged_into : str or None
        `ref` of the card this one was merged into; its calls go there.
    """

    id: int
    card: ContactCard
    status: str
    incorrect_contact: bool
    deciding: DecisionRecord | None
    n_counted: int
    updated_at: dt.datetime
    merged_into: str | None = None


@dataclass(frozen=True, slots=True)
class CardChange:
    """What an import changed, or would change: {field: (old, new)}; all of it for a new card.

    `card` is the whole card after the change, `previous` the one before; None where there was
    none, or nothing changes. `refused`: what the card would change of whose it is,
    {field: (old, new)}; then nothing of it is taken over.
    """

    ref: str
    is_new: bool
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    card: ContactCard | None = field(default=None, repr=False, compare=False)
    previous: ContactCard | None = field(default=None, repr=False, compare=False)
    refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Which attempts to return; every field given must hold, on the decision in force.

    Attributes
    ----------
    contact : str or None
        `ref` of the card.
    number : str or None
        Any spelling of a number called, or of one of the card.
    outcomes : tuple of CallOutcome
        Any of them (corrected where corrected); empty: all.
    rule_id, status : str or None
    next : NextStep or None
    final, incorrect_contact : bool or None
    has_error : bool or None
        Recordings that could not be read.
    is_corrected : bool or None
    since, until : datetime or None
        Moment of the call, `since` <= called_at < `until`, aware.
    text : str or None
        Part of the recording's name, of the transcript, of the card (its ref, owner, plate …), or
        the last four digits or more of a number.
    digest : str or None
    """

    contact: str | None = None
    number: str | None = None
    outcomes: tuple[CallOutcome, ...] = ()
    rule_id: str | None = None
    status: str | None = None
    next: NextStep | None = None
    final: bool | None = None
    incorrect_contact: bool | None = None
    has_error: bool | None = None
    is_corrected: bool | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    text: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """Attempts, the last recorded first; `next_before_id` asks for the following page."""

    items: tuple[AttemptRecord, ...]
    next_before_id: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of a period, of decisions in force.

    Attributes
    ----------
    n_attempts, n_errors, n_corrected, n_final, n_marked, n_waiting : int
        Attempts; unreadable recordings; corrected by a person; status set; mark set; waiting
        for an operator.
    by_outcome, by_rule, by_next, by_day, by_model : dict
        Days are days of the office, ISO 8601.
    """

    n_attempts: int
    n_errors: int
    n_corrected: int
    n_final: int
    n_marked: int
    n_waiting: int
    by_outcome: Mapping[str, int]
    by_rule: Mapping[str, int]
    by_next: Mapping[str, int]
    by_day: Mapping[str, int]
    by_model: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PurgeCounts:
    """What a purge emptied."""

    attempts: int
    corrections: int
