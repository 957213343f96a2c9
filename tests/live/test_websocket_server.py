"""Real WebSocket clients of each dialect against the listener."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from live_sounds import SAMPLES, beeps, clip, pieces
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from recognizer import Recognizer
from recognizer.live.access import Access
from recognizer.live.calls import LiveCalls, LiveLimits
from recognizer.live.websocket_server import WebSocketListener

pytestmark = pytest.mark.system

Scenario = Callable[[str, LiveCalls], Awaitable[None]]
CALL = str(uuid.UUID(int=9))
START = json.dumps(
    {
        "event": "MEDIA_START",
        "channel_id": "1.7",
        "format": "slin",
        "channel_variables": {"RECOGNIZER_CALL": CALL},
    }
)


def run(
    whisper: Recognizer,
    scenario: Scenario,
    *,
    hangs_up: bool = False,
    access: Access | None = None,
    **limits: Any,
) -> list[dict[str, Any]]:
    """Run a listener for one scenario; return the events."""
    events: list[dict[str, Any]] = []

    async def serve() -> None:
        calls = LiveCalls(whisper, events.append, limits=LiveLimits(**limits))
        listener = WebSocketListener(calls, access=access, hangs_up=hangs_up)
        port = await listener.start("127.0.0.1", 0)
        await scenario(f"ws://127.0.0.1:{port}", calls)
        async with asyncio.timeout(60):
            while calls.n_connections:  # noqa: ASYNC110  (an attribute, not an event)
                await asyncio.sleep(0.02)
        assert calls.running == {}
        await listener.stop()
        calls.close()

    asyncio.run(serve())
    return events


async def send_all(client: ClientConnection, sound: bytes, *, pause_s: float = 0.002) -> None:
    for piece in pieces(sound):
        await client.send(piece)
        await asyncio.sleep(pause_s)


async def rest_of(client: ClientConnection) -> list[Any]:
    said = []
    try:
        async with asyncio.timeout(60):
            while True:
                said.append(await client.recv())
    except ConnectionClosed:
        return said


def test_a_channel_of_asterisk_is_heard_and_hung_up_once_its_verdict_is_final(
    whisper: Recognizer,
) -> None:
    said: list[Any] = []

    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url, subprotocols=[Subprotocol("media")]) as client:
            assert client.subprotocol == "media"
            await client.send(START)
            await send_all(client, beeps(6.0), pause_s=0.005)
            async with asyncio.timeout(30):
                said.append(await client.recv())
        assert calls.n_connections <= 1

    events = run(whisper, scenario, hangs_up=True)
    assert said == ['{"command": "HANGUP"}']
    assert (events[0]["call"], events[0]["channel"]) == (CALL, "1.7")
    assert events[-1]["outcome"] == "busy_tone"
    assert events[-1]["why"] == "hangup"


@pytest.mark.model
def test_freeswitch_gets_every_event_of_a_call_as_json(whisper: Recognizer) -> None:
    name = "1-does-not-exist-human.wav"
    said: list[Any] = []

    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(f"{url}/?call={CALL}&attempt=2") as client:
            await client.send('{"sample_rate": 8000}')
            await send_all(client, clip(name))
            await client.send('{"eof": true, "sip_code": 404}')
            said.extend(await rest_of(client))

    events = run(whisper, scenario)
    told = [json.loads(text) for text in said]
    assert told == events
    report = whisper.recognize(SAMPLES / name)
    assert report.outcome is not None
    assert told[-1]["event"] == "end"
    assert told[-1]["outcome"] == report.outcome.kind == "does_not_exist"
    assert told[-1]["call"] == CALL
    assert told[-1]["decision"]["attempt"] == 2
    assert told[-1]["signalling"]["agreement"] == "agrees"


@pytest.mark.model
def test_a_client_of_vosk_server_stays_in_step_and_gets_the_whole_text(
    whisper: Recognizer,
) -> None:
    said: list[Any] = []

    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url) as client:
            await client.send('{"config": {"sample_rate": 8000}}')
            for piece in pieces(clip("1-does-not-exist-human.wav"), 8000):
                await client.send(piece)
                async with asyncio.timeout(30):
                    said.append(json.loads(await client.recv()))
            await client.send('{"eof" : 1}')
            async with asyncio.timeout(30):
                said.append(json.loads(await client.recv()))

    run(whisper, scenario)
    assert all("partial" in one for one in said[:-1])
    assert "не существует" in said[-1]["text"].lower()
    assert said[-1]["result"][0]["word"]
    assert said[-1]["recognizer"]["outcome"] == "does_not_exist"


def test_a_call_can_be_asked_for_by_its_uuid_while_it_lasts_and_after(
    whisper: Recognizer,
) -> None:
    answers: list[tuple[int, dict[str, Any]]] = []

    async def ask(url: str, path: str) -> tuple[int, str]:
        host, port = url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        whole = (await reader.read()).decode()
        writer.close()
        head, _, body = whole.partition("\r\n\r\n")
        return int(head.split()[1]), body

    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(f"{url}/?call={CALL}") as client:
            await client.send("{}")
            await asyncio.sleep(0.2)
            status, body = await ask(url, f"/calls/{CALL}")
            answers.append((status, json.loads(body)))
            await send_all(client, beeps(1.0))
        async with asyncio.timeout(30):
            while calls.running:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        status, body = await ask(url, f"/calls/{CALL.upper()}")
        answers.append((status, json.loads(body)))
        assert (await ask(url, f"/calls/{uuid.UUID(int=3)}"))[0] == 404
        assert (await ask(url, "/"))[0] == 404

    events = run(whisper, scenario)
    assert answers == [(200, events[0]), (200, events[-1])]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (["{}", "hello"], "frame"),
        (["{}", b"\0\0\0"], "frame"),
        ([START, START], "frame"),
        (["{}", b"x" * 70_000], "cut_off"),
    ],
)
def test_a_call_with_a_wrong_message_ends_and_says_so(
    whisper: Recognizer, messages: list[str | bytes], why: str
) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url) as client:
            for message in messages:
                await client.send(message)
            await rest_of(client)

    events = run(whisper, scenario)
    assert [e["event"] for e in events][0::2] == ["start", "end"]
    assert events[-1]["why"] == why


@pytest.mark.parametrize("first", ["hello", b"\0", '{"event": "MEDIA_START", "format": "opus"}'])
def test_a_client_that_speaks_no_dialect_begins_no_call(
    whisper: Recognizer, first: str | bytes
) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url) as client:
            await client.send(first)
            await rest_of(client)
            assert client.close_code == 1008

    assert run(whisper, scenario) == []


def test_a_client_that_vanishes_is_told_from_one_that_hangs_up(whisper: Recognizer) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url) as client:
            await client.send("{}")
            await send_all(client, beeps(0.5))
            client.transport.abort()
        async with connect(url) as client:
            await client.send("{}")
            await send_all(client, beeps(0.5))

    events = run(whisper, scenario)
    assert sorted(e["why"] for e in events if e["event"] == "end") == ["cut_off", "hangup"]


def test_a_stalled_client_is_ended(whisper: Recognizer) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url) as client:
            await client.send("{}")
            await rest_of(client)

    assert run(whisper, scenario, idle_s=0.3)[-1]["why"] == "idle"


def test_one_call_is_heard_once_whoever_names_it(whisper: Recognizer) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(f"{url}/?call={CALL}") as first:
            await first.send("{}")
            await asyncio.sleep(0.1)
            async with connect(f"{url}/?call={CALL}") as second:
                await second.send("{}")
                await rest_of(second)

    events = run(whisper, scenario)
    assert [e["event"] for e in events].count("start") == 1


def test_a_token_is_asked_for_also_on_this_machine(whisper: Recognizer) -> None:
    token = "a-token-of-enough-length"

    async def scenario(url: str, calls: LiveCalls) -> None:
        with pytest.raises(InvalidStatus, match="401"):
            await connect(url)
        async with connect(f"{url}/?token={token}") as client:
            await client.send("{}")

    events = run(whisper, scenario, access=Access(token=token))
    assert [e["event"] for e in events][0::2] == ["start", "end"]


def test_connections_over_the_limit_are_told_so(whisper: Recognizer) -> None:
    async def scenario(url: str, calls: LiveCalls) -> None:
        async with connect(url):
            await asyncio.sleep(0.1)
            with pytest.raises(InvalidStatus, match="503"):
                await connect(url)

    run(whisper, scenario, max_channels=1)
