"""The number of an attempt is a whole number from 1; nothing that only looks like one is taken."""

from typing import Any

import pytest

from recognizer.model import CallOutcome, RecordedCall
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.rules import Statement

REGULATION = load_regulation()
NO_NUMBERS = ["2", True, False, 2.0, None, b"2", "abc"]


@pytest.mark.parametrize("attempt", NO_NUMBERS)
@pytest.mark.parametrize("outcome", [CallOutcome.BUSY_TONE, CallOutcome.FAX, CallOutcome.VOICEMAIL])
def test_a_decision_for_no_number_is_a_type_error_that_says_so(
    attempt: Any, outcome: CallOutcome
) -> None:
    with pytest.raises(TypeError, match="attempt: expected a whole number from 1, found"):
        REGULATION.decide_outcome(outcome, attempt=attempt)


@pytest.mark.parametrize("attempt", NO_NUMBERS)
def test_a_recording_of_no_numbered_attempt_is_refused_before_it_is_heard(attempt: Any) -> None:
    with pytest.raises(TypeError, match="attempt: expected a whole number from 1, found"):
        RecordedCall(source=b"", attempt=attempt)


@pytest.mark.parametrize("attempt", NO_NUMBERS)
def test_a_statement_of_no_number_is_refused(attempt: Any) -> None:
    with pytest.raises(TypeError, match="expected a whole number"):
        REGULATION.rule_on_statement(
            Statement(reason="no-dialogue"), facts=frozenset(), attempt=attempt
        )


@pytest.mark.parametrize("attempt", [0, -1])
def test_below_one_is_a_value_error(attempt: int) -> None:
    with pytest.raises(ValueError, match="attempt: expected 1 or more"):
        REGULATION.decide_outcome(CallOutcome.BUSY_TONE, attempt=attempt)
    with pytest.raises(ValueError, match="attempt: expected 1 or more"):
        RecordedCall(source=b"", attempt=attempt)


@pytest.mark.parametrize("attempt", [1, 2, 3, 1000])
def test_whole_numbers_are_taken(attempt: int) -> None:
    assert REGULATION.decide_outcome(CallOutcome.BUSY_TONE, attempt=attempt).attempt == attempt
