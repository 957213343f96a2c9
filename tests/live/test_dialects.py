"""What messages mean, without sockets."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.errors import FrameError
from recognizer.live.dialects import Digit, Encoding, Ended, Facts, Sound
from recognizer.live.live_facts import LiveFacts
from recognizer.live.websocket_server import dialect_of

UUID = "9f1c0a52-5f4e-4d5c-8a43-0c6f0f3a9d11"
START = "MEDIA_START connection_id:media channel:WebSocket/media/0x1 channel_id:1764.7 format:slin"


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (START, "chan_websocket"),
        (json.dumps({"event": "MEDIA_START", "format": "ulaw"}), "chan_websocket"),
        (json.dumps({"config": {"sample_rate": 8000}}), "vosk-server"),
        (json.dumps({"eof": 1}), "vosk-server"),
        (json.dumps({"number": "79990000000"}), "mod_audio_stream"),
        ("{}", "mod_audio_stream"),
        (b"\0\0", "mod_audio_stream"),
        ("hello", "mod_audio_stream"),
    ],
)
def test_the_first_message_tells_the_dialect(first: str | bytes, name: str) -> None:
    assert dialect_of(first).name == name


@pytest.mark.parametrize(
    ("name", "rate", "companding"),
    [
        ("slin", 8000, None),
        ("slin16", 16000, None),
        ("slin44", 44100, None),
        ("slin192", 192000, None),
        ("ulaw", 8000, "ulaw"),
        ("alaw", 8000, "alaw"),
    ],
)
def test_asterisks_names_of_formats(name: str, rate: int, companding: str | None) -> None:
    assert Encoding.of_asterisk(name) == Encoding(rate, companding)


@pytest.mark.parametrize("name", ["", "opus", "slin17", "slinear", "ULAW2", "gsm"])
def test_other_formats_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(FrameError, match=r"c\(slin\)"):
        Encoding.of_asterisk(name)


def test_companded_sound_is_what_g711_says() -> None:
    # G.711: mu-law 0xff is +0, 0x80 the largest positive; A-law 0xd5 the smallest positive.
    loud, zero = Encoding(8000, "ulaw").samples(b"\x80\xff")
    assert zero == 0.0
    assert loud == pytest.approx(32124 / 32768)
    assert Encoding(8000, "alaw").samples(b"\xd5")[0] == pytest.approx(8 / 32768)


def test_a_torn_sample_is_refused() -> None:
    with pytest.raises(FrameError, match="16-bit"):
        Encoding(8000).samples(b"\0\0\0")


@pytest.mark.parametrize(
    "start",
    [
        START,
        json.dumps(
            {
                "event": "MEDIA_START",
                "connection_id": "media",
                "channel_id": "1764.7",
                "format": "slin",
            }
        ),
    ],
)
def test_a_channel_of_asterisk_is_known_by_its_id_and_ended_in_its_own_words(start: str) -> None:
    dialect = dialect_of(start)
    (facts,) = dialect.take(start)
    assert facts == Facts(LiveFacts(channel="1764.7"))
    (sound,) = dialect.take(b"\x00\x40")
    assert isinstance(sound, Sound)
    assert (sound.samples.tolist(), sound.sample_rate) == ([0.5], 8000)
    assert dialect.take("MEDIA_XOFF") == []
    assert dialect.take("DTMF_END digit:5") == [Digit("5")]
    assert dialect.answer("") is None
    expected = "HANGUP" if start is START else '{"command": "HANGUP"}'
    assert dialect.hang_up() == expected


def test_channel_variables_of_asterisk_are_facts() -> None:
    variables = {"RECOGNIZER_CALL": UUID, "RECOGNIZER_ATTEMPT": "2", "RECOGNIZER_NUMBER": ""}
    start = json.dumps(
        {"event": "MEDIA_START", "format": "alaw", "channel_variables": {**variables, "X": "1"}}
    )
    (facts,) = dialect_of(start).take(start)
    assert facts == Facts(LiveFacts(call=UUID, attempt=2))


def test_asterisk_sends_no_sound_before_its_start() -> None:
    dialect = dialect_of(START)
    with pytest.raises(FrameError, match="MEDIA_START first"):
        dialect.take(b"\0\0")


def test_metadata_of_freeswitch_names_rate_and_call() -> None:
    metadata = json.dumps({"sample_rate": "16000", "number": "79990000000", "other": [1]})
    dialect = dialect_of(metadata)
    assert dialect.take(metadata) == [Facts(LiveFacts(number="79990000000"))]
    (sound,) = dialect.take(b"\0\0")
    assert isinstance(sound, Sound)
    assert sound.sample_rate == 16000
    assert dialect.take('{"sip_code": "SIP 486"}') == [Facts(LiveFacts(sip_code=486))]
    assert dialect.take('{"dtmf": "12"}')[1:] == [Digit("1"), Digit("2")]
    assert json.loads(dialect.tell({"event": "final"})[0]) == {"event": "final"}
    with pytest.raises(FrameError, match="before the first sound"):
        dialect.take('{"sample_rate": 8000}')


@pytest.mark.parametrize(
    "message", ["hello", "[1]", '{"sample_rate": 1}', '{"channels": 2}', "{" * 20_000]
)
def test_other_texts_are_refused(message: str) -> None:
    with pytest.raises(FrameError):
        dialect_of(message).take(message)


def test_a_client_of_vosk_server_gets_an_answer_a_piece_and_the_verdict_beside_it() -> None:
    config = '{"config": {"sample_rate": 16000.0, "attempt": 3}}'
    dialect = dialect_of(config)
    assert dialect.take(config) == [Facts(LiveFacts(attempt=3))]
    (sound,) = dialect.take(np.zeros(8, "<i2").tobytes())
    assert isinstance(sound, Sound)
    assert sound.sample_rate == 16000
    assert dialect.tell({"event": "provisional", "outcome": "silence"}) == []
    assert json.loads(dialect.answer("номер") or "") == {
        "partial": "номер",
        "recognizer": {"event": "provisional", "outcome": "silence"},
    }
    assert json.loads(dialect.answer("номер") or "") == {"partial": "номер"}
    assert dialect.take('{"eof" : 1}')[-1] == Ended("hangup")
    word = {"text": "номер", "start_s": 0.5, "end_s": 1.0, "confidence": 0.75}
    end = {"event": "end", "transcript": {"text": "номер", "words": [word]}}
    (said,) = dialect.tell(end)
    assert json.loads(said) == {
        "result": [{"word": "номер", "start": 0.5, "end": 1.0, "conf": 0.75}],
        "text": "номер",
        "recognizer": end,
    }


@pytest.mark.parametrize(
    "given",
    [
        {"call": "7"},
        {"attempt": 0},
        {"attempt": "second"},
        {"attempt": True},
        {"number": "x" * 65},
        {"number": "79\n99"},
        {"number": ["7999"]},
        {"sip_code": "busy"},
        {"hangup_cause": 900},
    ],
)
def test_a_fact_that_is_none_is_refused(given: dict[str, object]) -> None:
    (name,) = given
    with pytest.raises(FrameError, match=name):
        LiveFacts.read(given)


def test_facts_join_and_the_call_keeps_its_id() -> None:
    first = LiveFacts(call=UUID, number="79990000000", sip_code=183)
    later = LiveFacts(call="other", sip_code=404)
    assert first.joined(later) == LiveFacts(call=UUID, number="79990000000", sip_code=404)


@pytest.mark.property
@given(st.lists(st.one_of(st.binary(max_size=64), st.text(max_size=200)), min_size=1, max_size=8))
def test_no_message_does_more_than_be_refused(messages: list[str | bytes]) -> None:
    dialect = dialect_of(messages[0])
    for message in messages:
        with suppress(FrameError):
            for said in dialect.take(message):
                assert isinstance(said, Sound | Facts | Digit | Ended)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
names = st.sampled_from(
    "event config eof format channel_variables sample_rate channels dtmf digit "
    "call number contact attempt sip_code hangup_cause channel_id".split()
)


@pytest.mark.property
@given(st.lists(st.dictionaries(names, json_values, max_size=4), min_size=1, max_size=4))
def test_no_object_does_more_than_be_refused(objects: list[dict[str, object]]) -> None:
    messages = [json.dumps(fields) for fields in objects]
    dialect = dialect_of(messages[0])
    for message in messages:
        with suppress(FrameError):
            dialect.take(message)
