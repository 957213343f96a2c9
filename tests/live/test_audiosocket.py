from __future__ import annotations

import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.base.errors import FrameError
from recognizer.live.audiosocket import Frame, FrameParser, samples_of, silence_like

# By hand from res_audiosocket.h: kind, length high, length low, payload.
CALL = uuid.UUID("40325ec2-5efd-4bd3-805f-53576e581d13")
OPENING = b"\x01\x00\x10" + CALL.bytes

sounds = st.builds(
    lambda kind, half: Frame(kind, half * 2),
    st.integers(0x10, 0x18),
    st.binary(max_size=400),
)
frames = st.one_of(
    sounds,
    st.builds(Frame, st.just(0x01), st.binary(min_size=16, max_size=16)),
    st.builds(Frame, st.just(0x03), st.binary(min_size=1, max_size=1)),
    st.just(Frame(0x00)),
    st.builds(Frame, st.just(0xFF), st.binary(max_size=4)),
)


def test_a_call_opens_with_its_uuid() -> None:
    (frame,) = FrameParser().feed(OPENING)
    assert frame.call_id == str(CALL)


@pytest.mark.parametrize(
    ("kind", "rate"), [(0x10, 8000), (0x11, 12000), (0x12, 16000), (0x15, 44100), (0x18, 192000)]
)
def test_the_kind_of_sound_says_its_rate(kind: int, rate: int) -> None:
    (frame,) = FrameParser().feed(bytes([kind, 0, 2, 0, 0x80]))
    assert frame.sample_rate == rate
    np.testing.assert_array_equal(samples_of(frame.payload), [-1.0])


@pytest.mark.parametrize("cut", range(len(OPENING) + 1))
def test_a_frame_torn_anywhere_is_the_same_frame(cut: int) -> None:
    parser = FrameParser()
    assert [*parser.feed(OPENING[:cut]), *parser.feed(OPENING[cut:])] == [Frame(1, CALL.bytes)]
    assert [*parser.feed(OPENING)] == [Frame(1, CALL.bytes)]  # nothing is left over


@pytest.mark.property
@given(st.lists(frames, max_size=8), st.integers(1, 50))
def test_frames_survive_any_tearing(sent: list[Frame], step: int) -> None:
    data = b"".join(map(bytes, sent))
    parser = FrameParser()
    read = [f for i in range(0, len(data), step) for f in parser.feed(data[i : i + step])]
    assert read == sent
    assert [*parser.feed(OPENING)] == [Frame(1, CALL.bytes)]  # nothing is left over


@pytest.mark.property
@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_a_named_error(data: bytes) -> None:
    parser = FrameParser()
    try:
        read = list(parser.feed(data))
    except FrameError:
        return
    whole = b"".join(map(bytes, read))
    assert data.startswith(whole)
    torn = data[len(whole) :]
    assert len(torn) < 3 or len(torn) < 3 + int.from_bytes(torn[1:3], "big")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET / HTTP/1.1\r\n", "found 0x47"),
        (b"\x01\x00\x04abcd", "expected 16 bytes, found 4"),
        (b"\x03\x00\x02", "expected 1 bytes, found 2"),
        (b"\x00\x00\x01", "expected 0 bytes, found 1"),
        (b"\x10\x00\x03", "16-bit samples, found 3"),
        (b"\x10\x10\x00", "at most 1024 bytes, found 4096"),
    ],
)
def test_what_the_protocol_forbids_is_refused_before_it_is_gathered(
    data: bytes, message: str
) -> None:
    with pytest.raises(FrameError, match=message):
        list(FrameParser(max_payload=1024).feed(data))


def test_frames_before_a_wrong_one_are_not_lost_with_it() -> None:
    read: list[Frame] = []
    with pytest.raises(FrameError):
        read.extend(FrameParser().feed(OPENING + b"\x10\x00\x02ab" + b"GET"))
    assert read == [Frame(1, CALL.bytes), Frame(0x10, b"ab")]


def test_silence_goes_back_as_long_as_what_came() -> None:
    assert silence_like(Frame(0x10, b"\x01\x02\x03\x04")) == b"\x10\x00\x04\x00\x00\x00\x00"
