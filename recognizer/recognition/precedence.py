"""Which announcement decides where several are heard, and who announces what."""

from __future__ import annotations

from recognizer.model import CallOutcome, PhraseListName, phrase_list_of

__all__ = ["CARRIERS", "GREETS_AS_A_PERSON", "MACHINES", "PRECEDENCE", "is_mark"]

PRECEDENCE = (
    CallOutcome.CALLER_RESTRICTED,
    CallOutcome.CALL_ASSISTANT,
    CallOutcome.TEMPORARILY_BLOCKED,
    CallOutcome.SERVICE_SUSPENDED,
    CallOutcome.NOT_REGISTERED,
    CallOutcome.SERVICE_TYPE_UNAVAILABLE,
    CallOutcome.SWITCHED_OFF_OR_OUT_OF_COVERAGE,
    CallOutcome.TEMPORARILY_UNAVAILABLE,
    CallOutcome.LINE_BUSY,
    CallOutcome.NOT_IN_SERVICE,
    CallOutcome.DOES_NOT_EXIST,
    CallOutcome.BLOCKED,
    CallOutcome.AVAILABLE_FOR_PURCHASE,
    CallOutcome.MISDIALLED,
    CallOutcome.VOICEMAIL,
    CallOutcome.COMPANY_IVR,
    CallOutcome.CONNECTION_IMPOSSIBLE,
    CallOutcome.NO_ANSWER,
    CallOutcome.NETWORK_CONGESTION,
    CallOutcome.CALL_PROGRESS,
)
"""Earlier wins."""
GREETS_AS_A_PERSON = frozenset({CallOutcome.CALL_ASSISTANT, CallOutcome.VOICEMAIL})
"""Outcomes of machines that speak as a person does."""
MACHINES = GREETS_AS_A_PERSON | {CallOutcome.COMPANY_IVR}
"""Recordings whose words are a person's."""
CARRIERS = frozenset(PRECEDENCE) - MACHINES
"""Outcomes that a carrier announces."""


def is_mark(outcome: CallOutcome | None) -> bool:
    """Return whether an outcome marks the contact."""
    return outcome is not None and phrase_list_of(outcome) is PhraseListName.INVALID_NUMBER
