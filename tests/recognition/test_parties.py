"""Whose channel is whose, and what a call with two speaking channels comes to."""

import pytest

from recognizer.model import (
    Cadence,
    CallOutcome,
    Party,
    Phrase,
    PhraseMatch,
    Segment,
    SegmentKind,
    ToneEvent,
    ToneKind,
    Transcript,
)
from recognizer.recognition.parties import (
    ChannelHeard,
    decide_parties,
    find_remote,
    parties_heard,
)
from recognizer.recognition.verdicts import SpokenVerdict
from recognizer.signals.scanner import Scan

MARK, RETRY, PERSON = (
    CallOutcome.DOES_NOT_EXIST,
    CallOutcome.TEMPORARILY_BLOCKED,
    CallOutcome.LIVE_PERSON,
)
WORDINGS = {
    MARK: "набранный вами номер не существует",
    RETRY: "абонент временно заблокирован",
    PERSON: "алло",
}


def said(outcome: CallOutcome, start_s: float, text: str | None = None) -> SpokenVerdict:
    wording = text or WORDINGS[outcome]
    phrase = Phrase("p", wording, outcome, "ru", "test")
    match = PhraseMatch(phrase, 95.0, 0, len(wording.split()), start_s, start_s + 2.0)
    return SpokenVerdict(outcome, 0.95, match, Transcript(wording, (), "ru", "whisper", "base"))


def channel(
    number: int,
    *verdicts: SpokenVerdict,
    script: str | None = None,
    tones: tuple[ToneEvent, ...] = (),
    noise_dbfs: float | None = None,
) -> ChannelHeard:
    spans = sorted((v.match.start_s or 0.0) for v in verdicts if v.match is not None)
    segments = [Segment(SegmentKind.SPEECH, s, s + 2.0, -20.0) for s in spans]
    if noise_dbfs is not None:
        segments = [Segment(SegmentKind.NOISE, 0.0, 10.0, noise_dbfs)]
    return ChannelHeard(number, Scan(tones, tuple(segments), 10.0), verdicts, script)


def ringback(level_dbfs: float = -20.0) -> ToneEvent:
    return ToneEvent(ToneKind.RINGBACK, 0.0, 6.0, (425.0,), Cadence((1000, 4000)), 2, level_dbfs)


def outcome_of(*channels: ChannelHeard) -> CallOutcome:
    """Return what the call comes to, after checking that the order of channels plays no part."""
    kinds = {
        decide_parties(some, find_remote(some))[0].kind
        for some in (list(channels), list(channels)[::-1])
    }
    assert len(kinds) == 1
    return kinds.pop()


@pytest.mark.parametrize("other", [PERSON, RETRY])
@pytest.mark.parametrize("start_s", [0.5, 1.5, 6.0])
def test_words_that_mark_in_one_channel_and_others_in_the_other_mark_nothing(
    other: CallOutcome, start_s: float
) -> None:
    call = channel(0, said(MARK, 1.0)), channel(1, said(other, start_s))
    outcome, deciding = decide_parties(call, find_remote(call))
    assert outcome.kind is CallOutcome.UNDETERMINED
    assert deciding is not None
    assert [veto.id for veto in deciding.vetoes] == ["parties-disagree"]
    assert outcome_of(*call) is CallOutcome.UNDETERMINED


def test_tones_in_one_channel_tell_whose_it_is_and_the_agent_decides_nothing() -> None:
    agent, remote = channel(0, said(MARK, 6.0)), channel(1, said(RETRY, 7.0), tones=(ringback(),))
    assert find_remote([agent, remote]).channel == 1
    assert outcome_of(agent, remote) is RETRY
    parties = parties_heard([agent, remote], find_remote([agent, remote]))
    assert [heard.party for heard in parties] == [Party.AGENT, Party.REMOTE]
    assert parties[0].text == WORDINGS[MARK]


def test_a_mark_stands_in_the_channel_that_tones_tell() -> None:
    agent, remote = channel(0, said(PERSON, 6.0)), channel(1, said(MARK, 7.0), tones=(ringback(),))
    assert outcome_of(agent, remote) is MARK


def test_a_weak_echo_of_a_tone_does_not_hide_whose_channel_it_is() -> None:
    call = channel(0, tones=(ringback(-45.0),)), channel(1, tones=(ringback(),))
    assert find_remote(call).channel == 1
    alike = channel(0, tones=(ringback(-25.0),)), channel(1, tones=(ringback(),))
    assert find_remote(alike).channel is None


def test_the_words_of_our_own_script_tell_the_agents_channel() -> None:
    agent = channel(0, said(MARK, 1.0), script="поставлю отметку")
    assert find_remote([agent, channel(1, said(PERSON, 4.0))]).channel == 1
    assert outcome_of(agent, channel(1, said(PERSON, 4.0))) is PERSON
    assert outcome_of(agent, channel(1)) is CallOutcome.SILENCE


def test_tones_and_script_that_contradict_each_other_tell_nothing() -> None:
    call = (
        channel(0, said(RETRY, 1.0)),
        channel(1, said(MARK, 4.0), script="s", tones=(ringback(),)),
    )
    assert find_remote(call).channel is None
    assert outcome_of(*call) is CallOutcome.UNDETERMINED


def test_a_mark_that_both_channels_say_one_after_the_other_stands() -> None:
    assert outcome_of(channel(0, said(MARK, 4.0)), channel(1, said(MARK, 1.0))) is MARK


def test_a_mark_that_both_channels_say_at_once_may_be_a_leak() -> None:
    call = channel(0, said(MARK, 1.2)), channel(1, said(MARK, 1.0))
    assert outcome_of(*call) is CallOutcome.UNDETERMINED


def test_the_only_channel_that_speaks_is_the_other_partys() -> None:
    assert outcome_of(channel(0), channel(1, said(MARK, 1.0))) is MARK
    assert outcome_of(channel(0, noise_dbfs=-55.0), channel(1, said(MARK, 1.0))) is MARK


def test_a_loud_noise_may_hide_a_quiet_voice() -> None:
    call = channel(0, noise_dbfs=-30.0), channel(1, said(MARK, 1.0))
    assert outcome_of(*call) is CallOutcome.UNDETERMINED


def test_a_few_words_into_a_dead_line_may_be_our_agents() -> None:
    short = said(MARK, 1.0, "номер не существует")
    assert outcome_of(channel(0, short), channel(1)) is CallOutcome.UNDETERMINED
    twice = channel(0, short, said(MARK, 4.0, "номер не существует"))
    assert outcome_of(twice, channel(1)) is MARK


def test_who_speaks_first_decides_only_what_marks_nobody() -> None:
    murmur = SpokenVerdict(CallOutcome.UNDETERMINED, 0.5, said(RETRY, 5.0).match, None)
    assert outcome_of(channel(0, murmur), channel(1, said(PERSON, 1.0))) is PERSON
    assert outcome_of(channel(0, murmur), channel(1, said(MARK, 1.0))) is CallOutcome.UNDETERMINED
    late = channel(0, said(RETRY, 1.0)), channel(1, said(PERSON, 5.0))
    assert outcome_of(*late) is CallOutcome.UNDETERMINED


def test_two_people_who_talk_are_a_person() -> None:
    assert outcome_of(channel(0, said(PERSON, 1.0)), channel(1, said(PERSON, 1.5))) is PERSON
