from __future__ import annotations

from pathlib import Path

import pytest

from recognizer.base.errors import DataFileError
from recognizer.crm.journal.states import CONFIDENT
from recognizer.model import CallOutcome, ToneEvent, ToneKind
from recognizer.recognition.outcome import decide_call
from recognizer.recognition.signal_confidence import load_signal_confidence, periods_of

LINES = "".join(
    f'[[claim]]\noutcome = "{name}"\nfrom_periods = 0\nn_claimed = 8\nn_right = 8\n'
    for name in ("busy_tone", "ringback_only", "fax", "music", "silence", "disconnected")
)


def tone(kind: ToneKind, n_periods: int) -> ToneEvent:
    return ToneEvent(kind, 0.0, 10.0, (425.0,), None, n_periods, -20.0)


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    path = tmp_path / "counts.toml"
    path.write_text(LINES, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _anew() -> None:
    """Every test reads its file, and leaves none behind."""
    load_signal_confidence.cache_clear()


@pytest.mark.parametrize(
    ("n_right", "n_claimed", "confidence"),
    [(5, 5, 0.649), (29, 29, 0.915), (92, 92, 0.971), (24, 26, 0.792), (0, 5, 0.0), (0, 0, 0.0)],
)
def test_confidence_is_the_share_that_the_counts_vouch_for(
    counted: Path, n_right: int, n_claimed: int, confidence: float
) -> None:
    old = "n_claimed = 8\nn_right = 8\n"
    new = f"n_claimed = {n_claimed}\nn_right = {n_right}\n"
    counted.write_text(LINES.replace(old, new), encoding="utf-8")
    assert load_signal_confidence(counted).of(CallOutcome.FAX) == confidence


def test_more_periods_take_the_line_that_counts_them(counted: Path) -> None:
    more = '[[claim]]\noutcome = "busy_tone"\nfrom_periods = 3\nn_claimed = 98\nn_right = 98\n'
    counted.write_text(LINES + more, encoding="utf-8")
    found = load_signal_confidence(counted)
    sure = [found.of(CallOutcome.BUSY_TONE, n) for n in (1, 2, 3, 4)]
    assert sure == [0.747, 0.747, 0.973, 0.973]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n_right = 8", "n_right = 9", r"line 5: expected 0 to n_claimed, found 9"),
        ("from_periods = 0", "from_periods = 2", r"no \[\[claim\]\] of busy_tone from 1 period"),
        ('"fax"', '"silence"', r"no \[\[claim\]\] of fax"),
        ('"fax"', '"telex"', r"telex"),
    ],
)
def test_counts_that_cannot_be_are_refused(counted: Path, old: str, new: str, message: str) -> None:
    counted.write_text(LINES.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataFileError, match=message):
        load_signal_confidence(counted)


def test_periods_are_those_of_the_signal_the_outcome_rests_on() -> None:
    tones = [tone(ToneKind.RINGBACK, 2), tone(ToneKind.BUSY, 1), tone(ToneKind.CONGESTION, 9)]
    assert periods_of(CallOutcome.RINGBACK_ONLY, tones) == 2
    assert periods_of(CallOutcome.BUSY_TONE, tones) == 4
    assert periods_of(CallOutcome.SILENCE, tones) == 0


def test_every_outcome_of_signals_has_a_confidence_that_is_likelier_than_not() -> None:
    found = load_signal_confidence()
    sounds = (CallOutcome.FAX, CallOutcome.MUSIC, CallOutcome.SILENCE, CallOutcome.DISCONNECTED)
    for outcome in sounds:
        assert 0.5 < found.of(outcome) < 1.0
    for outcome in (CallOutcome.BUSY_TONE, CallOutcome.RINGBACK_ONLY):
        sure = [found.of(outcome, n) for n in range(1, 5)]
        assert sure[0] > 0.5
        assert sure[-1] >= 0.9


def test_a_call_is_as_sure_as_what_was_counted() -> None:
    outcome, _ = decide_call(30.0, [tone(ToneKind.RINGBACK, 3)], [], [])
    assert outcome.confidence == load_signal_confidence().of(CallOutcome.RINGBACK_ONLY, 3)


def test_one_ring_is_left_to_a_person_and_a_cadence_is_not() -> None:
    found = load_signal_confidence()
    assert found.of(CallOutcome.RINGBACK_ONLY, 1) < CONFIDENT <= found.of(CallOutcome.BUSY_TONE, 2)
    assert found.of(CallOutcome.RINGBACK_ONLY, 2) >= CONFIDENT
