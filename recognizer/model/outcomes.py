"""The names of what can be heard, their lists, and the next steps: values that are contracts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SIGNAL_OUTCOMES", "CallOutcome", "NextStep", "PhraseListName", "phrase_list_of"]


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


SIGNAL_OUTCOMES = frozenset(
    {
        CallOutcome.BUSY_TONE,
        CallOutcome.RINGBACK_ONLY,
        CallOutcome.SILENCE,
        CallOutcome.DISCONNECTED,
        CallOutcome.FAX,
        CallOutcome.MUSIC,
    }
)
"""Outcomes that are sounds, or none: nobody says them."""


def phrase_list_of(outcome: CallOutcome | None) -> PhraseListName | None:
    """Return the regulation's list that `outcome` belongs to, None for all other outcomes."""
    return None if outcome is None else _LISTS.get(outcome)


class NextStep(enum.StrEnum):
    """What to do after this attempt."""

    SET_STATUS = "set_status"
    RETRY = "retry"
    OPERATOR = "operator"
    CHECK_LINE = "check_line"
