"""The announcement wins; a code alone never marks a contact."""

from pathlib import Path

import pytest

from recognizer.base.errors import DataFileError, RecognizerError
from recognizer.model import (
    CallError,
    CallOutcome,
    CallReport,
    Evidence,
    NextStep,
    Outcome,
    PhraseListName,
    Segment,
    SegmentKind,
    SignallingCode,
    phrase_list_of,
)
from recognizer.regulation.loading import load_regulation
from recognizer.regulation.signalling import load_signalling, parse_code

REGULATION = load_regulation()
# issue: the codes the table must know
REQUIRED = [("sip", c) for c in (404, 410, 480, 486, 487, 503, 603, 604)] + [
    ("q850", c) for c in (1, 16, 17, 18, 19, 20, 21, 22, 27, 28, 34)
]


def heard(kind: CallOutcome, *, speech: bool = False) -> CallReport:
    segments = (Segment(SegmentKind.SPEECH, 0.0, 1.0, -20.0),) if speech else ()
    return CallReport(
        recording="a.wav",
        evidence=Evidence(duration_s=2.0, segments=segments),
        outcome=Outcome(kind, 0.9),
        decision=REGULATION.decide_outcome(kind, attempt=1),
        elapsed_s=0.1,
    )


def join(report: CallReport, *codes: tuple[str, int], attempt: int = 1) -> CallReport:
    sent = [SignallingCode(protocol, code) for protocol, code in codes]  # type: ignore[arg-type]
    return load_signalling().join(report, sent, REGULATION, attempt=attempt)


def outcome(report: CallReport) -> CallOutcome:
    assert report.outcome is not None
    return report.outcome.kind


def agreement(report: CallReport) -> str:
    assert report.signalling is not None
    return report.signalling.agreement


@pytest.mark.parametrize(("protocol", "code"), REQUIRED)
def test_the_table_knows_every_required_code(protocol: str, code: int) -> None:
    assert load_signalling().entry(SignallingCode(protocol, code)) is not None  # type: ignore[arg-type]


def test_the_announcement_wins_over_a_code_and_the_disagreement_is_recorded() -> None:
    report = join(heard(CallOutcome.TEMPORARILY_BLOCKED), ("sip", 404))
    assert outcome(report) is CallOutcome.TEMPORARILY_BLOCKED
    assert agreement(report) == "disagrees"
    assert report.decision is not None
    assert report.decision.incorrect_contact is False
    assert "SIP 404" in report.decision.explanation[-1]
    assert "номер не найден" in report.decision.explanation[-1]


def test_a_code_that_fits_agrees() -> None:
    report = join(heard(CallOutcome.DOES_NOT_EXIST), ("sip", 404), ("q850", 1))
    assert outcome(report) is CallOutcome.DOES_NOT_EXIST
    assert agreement(report) == "agrees"


@pytest.mark.parametrize(("protocol", "code"), REQUIRED)
@pytest.mark.parametrize(
    "kind", [CallOutcome.SILENCE, CallOutcome.DISCONNECTED, CallOutcome.UNDETERMINED]
)
def test_no_shipped_code_alone_sets_the_mark(protocol: str, code: int, kind: CallOutcome) -> None:
    report = join(heard(kind), (protocol, code), attempt=3)
    assert phrase_list_of(outcome(report)) is not PhraseListName.INVALID_NUMBER
    assert report.decision is not None
    assert not report.decision.incorrect_contact


@pytest.mark.parametrize("code", [("sip", 404), ("sip", 410), ("sip", 604), ("q850", 1)])
def test_a_dead_number_code_without_an_announcement_goes_to_a_person(
    code: tuple[str, int],
) -> None:
    report = join(heard(CallOutcome.SILENCE), code)
    assert outcome(report) is CallOutcome.UNDETERMINED
    assert report.decision is not None
    assert report.decision.next is NextStep.OPERATOR
    assert report.signalling is not None
    assert report.signalling.heard is CallOutcome.SILENCE
    assert "a person should look" in report.signalling.note


def test_a_busy_code_stands_in_where_nothing_was_heard() -> None:
    report = join(heard(CallOutcome.SILENCE), ("q850", 17), attempt=3)
    assert outcome(report) is CallOutcome.BUSY_TONE
    assert agreement(report) == "decides"
    assert report.decision is not None
    assert report.decision.rule_id == "busy-tone"
    assert report.decision.final


def test_a_code_does_not_speak_over_words_that_were_not_understood() -> None:
    report = join(heard(CallOutcome.UNDETERMINED, speech=True), ("q850", 17))
    assert outcome(report) is CallOutcome.UNDETERMINED
    assert agreement(report) == "says_nothing"


def test_codes_that_contradict_each_other_go_to_a_person() -> None:
    report = join(heard(CallOutcome.SILENCE), ("sip", 486), ("q850", 20))
    assert outcome(report) is CallOutcome.UNDETERMINED


def test_our_own_hanging_up_says_nothing() -> None:
    report = join(heard(CallOutcome.RINGBACK_ONLY), ("sip", 487), ("q850", 16))
    assert agreement(report) == "says_nothing"


def test_an_unknown_code_is_kept_and_says_nothing() -> None:
    report = join(heard(CallOutcome.RINGBACK_ONLY), ("sip", 499))
    assert agreement(report) == "says_nothing"
    assert report.signalling is not None
    assert report.signalling.codes == (("sip", 499, ""),)


def test_a_live_person_outranks_every_code() -> None:
    for protocol, code in REQUIRED:
        assert outcome(join(heard(CallOutcome.LIVE_PERSON), (protocol, code))) is (
            CallOutcome.LIVE_PERSON
        )


def test_an_unreadable_recording_is_left_as_it_is() -> None:
    report = CallReport("a.wav", None, None, None, 0.0, CallError("empty", "a.wav: empty"))
    assert join(report, ("sip", 404)) is report


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("404", 404),
        (" SIP 404 Not Found", 404),
        ("SIP/2.0 404 Not Found", 404),
        ("sip404", 404),
        ("", None),
        ("0", None),
    ],
)
def test_sip_codes_are_read_as_systems_write_them(text: str, code: int | None) -> None:
    assert parse_code("sip", text) == (None if code is None else SignallingCode("sip", code))


@pytest.mark.parametrize("text", ["17", "Q.850;cause=17", "Q.850 17", "q850;cause = 17"])
def test_causes_are_read_as_systems_write_them(text: str) -> None:
    assert parse_code("q850", text) == SignallingCode("q850", 17)


@pytest.mark.parametrize("text", ["nine", "4040", "99", "700", "-404"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(RecognizerError, match="sip code"):
        parse_code("sip", text)


HEAD = 'bare_outcomes = ["silence"]\n[[code]]\nprotocol = "sip"\ncode = 404\nmeaning = "x"\n'


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ('russian = "y"\nagrees = []\nalone = "does_not_exist"', "line 8: SIP 404 alone would set"),
        ('russian = "y"\nagrees = ["nobody"]', "line 7: Invalid enum value 'nobody'"),
        ("agrees = []", "missing required field `russian`"),
        (
            (
                'russian = "y"\nagrees = []\n[[code]]\nprotocol = "sip"\n'
                'code = 404\nmeaning = "x"\nrussian = "y"\nagrees = []'
            ),
            "line 10: SIP 404 is listed twice",
        ),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, rest: str, words: str) -> None:
    path = tmp_path / "signalling.toml"
    path.write_text(HEAD + rest)
    with pytest.raises(DataFileError, match=words):
        load_signalling(path)


def test_an_office_that_trusts_a_code_says_why_and_gets_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "signalling.toml"
    path.write_text(
        HEAD + 'russian = "y"\nagrees = []\nalone = "does_not_exist"\n'
        'mark_reason = "our trunk maps the exchange\'s own cause"'
    )
    report = load_signalling(path).join(
        heard(CallOutcome.SILENCE), [SignallingCode("sip", 404)], REGULATION
    )
    assert outcome(report) is CallOutcome.DOES_NOT_EXIST
    assert report.outcome is not None
    assert "our trunk maps" in report.outcome.reason
