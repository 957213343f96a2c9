"""The WebSocket port: one for every dialect, which the first message tells apart.

``GET /calls/UUID`` on the same port answers with the latest event of a call.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from recognizer.base.errors import FrameError, RecognizerError
from recognizer.live.access import Access
from recognizer.live.calls import LiveCall, LiveCalls
from recognizer.live.chan_websocket import ChanWebSocket
from recognizer.live.dialects import Dialect, Digit, Ended, Facts, LiveInput, Sound, read_rate
from recognizer.live.live_facts import LiveFacts
from recognizer.live.mod_audio_stream import ModAudioStream
from recognizer.live.vosk_server import VoskServer

__all__ = ["WebSocketListener", "dialect_of"]

_log = logging.getLogger(__name__)
_MEDIA = Subprotocol("media")
"""What Asterisk's websocket_client.conf asks for."""
_CALLS = "/calls/"
_N_UNREAD = 32  # events kept for a client that does not read; then it is given up


def dialect_of(message: str | bytes, *, sample_rate: int = 8_000) -> Dialect:
    """Return the dialect of a client by its first message.

    Parameters
    ----------
    sample_rate : int
        Hz, where the client does not say.
    """
    if ChanWebSocket.begins(message):
        return ChanWebSocket()
    if VoskServer.begins(message):
        return VoskServer(sample_rate)
    return ModAudioStream(sample_rate)


class WebSocketListener:
    """A server of all dialects.

    Parameters
    ----------
    calls : LiveCalls
    access : Access
    hangs_up : bool
        End a call at the client as soon as its verdict is final.
    """

    def __init__(
        self, calls: LiveCalls, *, access: Access | None = None, hangs_up: bool = False
    ) -> None:
        self._calls = calls
        self._access = access or Access()
        self._hangs_up = hangs_up
        self._server: Server | None = None
        # The library's log has addresses of calls, and they hold numbers.
        self._quiet = logging.getLogger(f"{__name__}.library")
        self._quiet.setLevel(logging.CRITICAL)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        limits = self._calls.limits
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._admit,
            select_subprotocol=_chosen,
            compression=None,
            max_size=limits.max_frame_bytes,
            max_queue=16,
            ping_interval=limits.idle_s,
            ping_timeout=limits.idle_s,
            open_timeout=limits.idle_s,
            close_timeout=2,
            logger=self._quiet,
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Take no more calls, and end those there are."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse who may not connect; answer who only asks."""
        peer = connection.remote_address
        if not self._access.may_connect(str(peer[0]) if peer else None, shows_token=True):
            return connection.respond(HTTPStatus.FORBIDDEN, "this address may not connect\n")
        if not self._access.knows(dict(request.headers.raw_items()), request.path):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "expected a token\n")
        if "Upgrade" not in request.headers:
            return self._answer(connection, urlsplit(request.path).path)
        if self._calls.is_full:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "all channels are taken\n")
        return None

    def _answer(self, connection: ServerConnection, path: str) -> Response:
        call = path.removeprefix(_CALLS) if path.startswith(_CALLS) else ""
        event = self._calls.last_event(call.lower())
        if event is None:
            return connection.respond(HTTPStatus.NOT_FOUND, f"expected {_CALLS}UUID of a call\n")
        response = connection.respond(HTTPStatus.OK, json.dumps(event, ensure_ascii=False) + "\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    async def _serve(self, connection: ServerConnection) -> None:
        self._calls.n_connections += 1
        try:
            await _Connection(self._calls, connection, hangs_up=self._hangs_up).run()
        finally:
            self._calls.n_connections -= 1


def _chosen(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return _MEDIA if _MEDIA in offered else None


class _Connection:
    """One WebSocket client."""

    def __init__(self, calls: LiveCalls, connection: ServerConnection, *, hangs_up: bool) -> None:
        self._calls, self._connection, self._hangs_up = calls, connection, hangs_up
        self._dialect: Dialect | None = None
        self._call: LiveCall | None = None
        self._unsent: asyncio.Queue[str] = asyncio.Queue(_N_UNREAD)
        request = connection.request
        assert request is not None  # there is one once the handshake is done
        self._given = dict(parse_qsl(urlsplit(request.path).query))

    async def run(self) -> None:
        sender = asyncio.create_task(self._send())
        why, problem_text = "cut_off", ""
        try:
            why = await self._read()
        except FrameError as problem:
            why, problem_text = "frame", str(problem)
        except RecognizerError as problem:
            why, problem_text = problem.kind, str(problem)
        except TimeoutError:
            why = "idle"
        except ConnectionClosed as closed:
            why = "hangup" if closed.rcvd is not None else "cut_off"
        except asyncio.CancelledError:
            why = "stopped"
        if problem_text:
            _log.warning("%s", problem_text)
        if self._call is not None:
            await self._call.end(why)
        await self._close(sender, problem_text)

    async def _close(self, sender: asyncio.Task[None], problem: str) -> None:
        """Send what is left, as far as somebody reads it, and close."""
        try:
            async with asyncio.timeout(5):
                await self._unsent.join()
                # 1008: what was sent is not what the protocol allows (RFC 6455).
                await self._connection.close(1008 if problem else 1000, problem[:120])
        except (TimeoutError, ConnectionClosed):
            self._connection.transport.abort()
        sender.cancel()

    async def _send(self) -> None:
        while True:
            message = await self._unsent.get()
            try:
                await self._connection.send(message)
            except ConnectionClosed:  # the rest goes nowhere, and nothing waits for it
                pass
            finally:
                self._unsent.task_done()

    async def _read(self) -> str:
        """Take messages until the call ends; return why it did."""
        while True:
            async with asyncio.timeout(self._calls.limits.idle_s):
                message = await self._connection.recv()
            if self._dialect is None:
                rate = self._given.get("sample_rate")
                self._dialect = dialect_of(message, sample_rate=read_rate(rate or 8_000))
            for said in self._dialect.take(message):
                why = self._take(said)
                if isinstance(said, Sound):
                    await self._answer()
                if why is not None:
                    return why

    async def _answer(self) -> None:
        """Answer a chunk of sound; a client that does not read is not read either."""
        assert self._dialect is not None  # it said so
        assert self._call is not None
        answer = self._dialect.answer(self._call.transcript)
        if answer is not None:
            async with asyncio.timeout(self._calls.limits.idle_s):
                await self._unsent.put(answer)

    def _take(self, said: LiveInput) -> str | None:
        """Take what was said; return why the call ends, if it does."""
        if isinstance(said, Ended):
            self._started(LiveFacts())
            return said.why
        call = self._started(said.facts if isinstance(said, Facts) else LiveFacts())
        if isinstance(said, Facts):
            call.learn(said.facts)
        elif isinstance(said, Digit):
            call.press(said.digit)
        elif isinstance(said, Sound):
            call.push(said.samples, said.sample_rate)
            if call.is_too_long:
                return "too_long"
        return None

    def _started(self, facts: LiveFacts) -> LiveCall:
        """Return the call, begun with what is known now."""
        if self._call is None:
            given = LiveFacts.read(self._given)
            call = facts.call or given.call or str(uuid.uuid4())
            self._call = self._calls.start(facts.joined(given), call, self._tell)
        return self._call

    def _tell(self, event: Mapping[str, Any]) -> None:
        assert self._dialect is not None  # calls begin with a message
        messages = [*self._dialect.tell(event)]
        if event["event"] == "final" and self._hangs_up:
            messages += filter(None, [self._dialect.hang_up()])
        for message in messages:
            try:
                self._unsent.put_nowait(message)
            except asyncio.QueueFull:  # it does not read; its call ends as one that was cut off
                self._connection.transport.abort()
