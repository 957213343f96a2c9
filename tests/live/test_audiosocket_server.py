from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from live_sounds import SAMPLES, beeps, clip, pieces

from recognizer import Recognizer
from recognizer.live.audiosocket_server import AudioSocketListener
from recognizer.live.calls import LiveCalls, LiveLimits

pytestmark = pytest.mark.system

Scenario = Callable[[int, LiveCalls], Awaitable[None]]
OPENING = b"\x01\x00\x10" + uuid.UUID(int=7).bytes


def run(whisper: Recognizer, scenario: Scenario, **limits: Any) -> list[dict[str, Any]]:
    """Run a listener for one scenario; return the events."""
    events: list[dict[str, Any]] = []

    async def serve() -> None:
        calls = LiveCalls(whisper, events.append, limits=LiveLimits(**limits))
        listener = AudioSocketListener(calls)
        port = await listener.start("127.0.0.1", 0)
        await scenario(port, calls)
        async with asyncio.timeout(60):
            while calls.n_connections:  # noqa: ASYNC110  (an attribute, not an event)
                await asyncio.sleep(0.02)
        assert calls.running == {}
        await listener.stop()
        calls.close()

    asyncio.run(serve())
    return events


def framed(sound: bytes) -> list[bytes]:
    return [b"\x10" + len(piece).to_bytes(2, "big") + piece for piece in pieces(sound)]


def sending(*parts: bytes, then: float = 0.0, pause_s: float = 0.001) -> Scenario:
    async def scenario(port: int, calls: LiveCalls) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):  # the listener may end a call first
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause_s)
        await asyncio.sleep(then + 0.1)
        writer.transport.abort() if then else writer.close()

    return scenario


@pytest.mark.slow
def test_short_beeps_are_final_before_the_call_ends(whisper: Recognizer) -> None:
    parts = (OPENING, *framed(beeps(8.0)), b"\x00\x00\x00")
    *before, final, end = run(whisper, sending(*parts, pause_s=0.005))
    assert [before[0]["event"], final["event"], end["event"]] == ["start", "final", "end"]
    assert {event["event"] for event in before[1:]} <= {"provisional"}
    assert final["outcome"] == end["outcome"] == "busy_tone"
    assert final["recording"] == f"live:{uuid.UUID(int=7)}"
    assert final["at_s"] < 8.0
    assert end["agrees"]
    assert end["why"] == "hangup"


def test_a_stream_that_just_ends_is_a_whole_call(whisper: Recognizer) -> None:
    events = run(whisper, sending(OPENING, *framed(bytes(16000 * 4))))
    assert (events[-1]["why"], events[-1]["outcome"]) == ("eof", "silence")


@pytest.mark.model
@pytest.mark.parametrize(
    "name", ["1-does-not-exist-human.wav", "2-temporarily-blocked.alaw", "7-busy.ulaw"]
)
def test_a_live_call_comes_to_what_its_recording_does(whisper: Recognizer, name: str) -> None:
    report = whisper.recognize(SAMPLES / name)
    assert report.outcome is not None
    events = run(whisper, sending(OPENING, *framed(clip(name))))
    assert events[-1]["outcome"] == report.outcome.kind
    assert events[-1]["agrees"]


@pytest.mark.parametrize(
    ("sent", "why"),
    [(b"GET / HTTP/1.1\r\n", "frame"), (b"\x10\x00\x03abc", "frame"), (OPENING, "frame")],
)
def test_a_call_with_a_wrong_frame_ends_and_says_so(
    whisper: Recognizer, sent: bytes, why: str
) -> None:
    events = run(whisper, sending(OPENING, *framed(beeps(1.0)), sent))
    assert events[-1]["event"] == "end"
    assert events[-1]["why"] == why


def test_a_client_that_is_gone_is_sent_nothing_more(
    whisper: Recognizer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(port: int, calls: LiveCalls) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(OPENING + b"".join(framed(bytes(16000 * 30))))
        await asyncio.sleep(0.01)
        writer.transport.abort()

    events = run(whisper, scenario)
    assert events[-1]["event"] == "end"
    # asyncio says of each writing to a lost connection that it failed.
    assert [record for record in caplog.records if record.name == "asyncio"] == []


def test_sound_before_the_uuid_begins_no_call(whisper: Recognizer) -> None:
    assert run(whisper, sending(*framed(bytes(640)))) == []


def test_a_stalled_client_is_ended(whisper: Recognizer) -> None:
    events = run(whisper, sending(OPENING, b"\x10\x01", then=0.6), idle_s=0.3)
    assert events[-1]["why"] == "idle"


def test_who_names_no_call_holds_a_place_no_longer_than_who_says_nothing(
    whisper: Recognizer,
) -> None:
    async def scenario(port: int, calls: LiveCalls) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError):
            for n in range(len(OPENING) - 1):
                writer.write(OPENING[n : n + 1])
                await writer.drain()
                await asyncio.sleep(0.1)
        assert calls.n_connections == 0
        writer.close()

    assert run(whisper, scenario, idle_s=0.4) == []


def test_no_more_of_a_call_is_heard_than_allowed(whisper: Recognizer) -> None:
    events = run(whisper, sending(OPENING, *framed(bytes(16000 * 3))), max_call_s=1.0)
    assert events[-1]["why"] == "too_long"
    assert events[-1]["at_s"] == 1.0


def test_connections_over_the_limit_are_dropped_and_those_within_are_heard(
    whisper: Recognizer,
) -> None:
    async def scenario(port: int, calls: LiveCalls) -> None:
        _, first = await asyncio.open_connection("127.0.0.1", port)
        first.write(OPENING)
        await asyncio.sleep(0.1)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        assert calls.n_connections == 1
        second.transport.abort()
        first.close()

    events = run(whisper, scenario, max_channels=1)
    assert [e["event"] for e in events][0::2] == ["start", "end"]


@pytest.mark.slow
def test_ten_thousand_connections_opened_and_dropped_leave_nothing(whisper: Recognizer) -> None:
    async def scenario(port: int, calls: LiveCalls) -> None:
        for _ in range(100):
            opened = await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", port) for _ in range(100)),
                return_exceptions=True,
            )
            for one in opened:
                if not isinstance(one, BaseException):
                    one[1].transport.abort()
            await asyncio.sleep(0)

    assert run(whisper, scenario) == []
