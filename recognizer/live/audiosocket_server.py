"""Asterisk's AudioSocket over TCP: connections in, calls out."""

from __future__ import annotations

import asyncio
import logging

from recognizer.base.errors import FrameError, RecognizerError
from recognizer.live.access import Access
from recognizer.live.audiosocket import Frame, FrameKind, FrameParser, samples_of, silence_like
from recognizer.live.calls import LiveCall, LiveCalls
from recognizer.live.live_facts import LiveFacts

__all__ = ["AudioSocketListener"]

_log = logging.getLogger(__name__)
_READ_BYTES = 65_536


class AudioSocketListener:
    """A server of Asterisk's AudioSocket.

    Parameters
    ----------
    calls : LiveCalls
    access : Access
        The protocol carries no token, so addresses decide.
    """

    def __init__(self, calls: LiveCalls, *, access: Access | None = None) -> None:
        self._calls = calls
        self._access = access or Access()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=_READ_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more calls, and end those there are."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _may_connect(self, writer: asyncio.StreamWriter) -> bool:
        peer = writer.get_extra_info("peername")
        address = None if peer is None else str(peer[0])
        return not self._calls.is_full and self._access.may_connect(address, shows_token=False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._may_connect(writer):
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None  # a server's callback runs in one
        self._tasks.add(task)
        self._calls.n_connections += 1
        try:
            await _Connection(self._calls, reader, writer).run()
        finally:
            self._calls.n_connections -= 1
            self._tasks.discard(task)
            writer.transport.abort()


class _Connection:
    """One AudioSocket client."""

    def __init__(
        self, calls: LiveCalls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._calls, self._reader, self._writer = calls, reader, writer
        self._parser = FrameParser(max_payload=calls.limits.max_frame_bytes)
        self._call: LiveCall | None = None

    async def run(self) -> None:
        why = "eof"
        try:
            why = await self._read()
        except FrameError as problem:
            why = "frame"
            _log.warning("%s", problem)
        except RecognizerError as problem:
            why = problem.kind
            _log.warning("%s", problem)
        except TimeoutError:
            why = "idle"
        except OSError:
            why = "eof"
        except asyncio.CancelledError:
            why = "stopped"
        if self._call is not None:
            await self._call.end(why)

    async def _read(self) -> str:
        """Take frames until the call ends; return why it did."""
        idle_s = self._calls.limits.idle_s
        named_until_s = asyncio.get_running_loop().time() + idle_s
        while True:
            # Whoever sends a byte now and then, and names no call, holds a place for no longer.
            until_s = asyncio.get_running_loop().time() + idle_s
            until_s = named_until_s if self._call is None else until_s
            async with asyncio.timeout_at(until_s):
                data = await self._reader.read(_READ_BYTES)
            if not data:
                return "eof"
            for frame in self._parser.feed(data):
                why = self._take(frame)
                if why is not None:
                    return why

    def _take(self, frame: Frame) -> str | None:
        """Take one frame; return why the call ends, if it does."""
        if frame.kind == FrameKind.HANGUP:
            return "hangup"
        if frame.kind == FrameKind.UUID:
            if self._call is not None:
                raise FrameError("AudioSocket: expected one UUID frame, found a second")
            self._call = self._calls.start(LiveFacts(), frame.call_id)
        elif frame.kind == FrameKind.DTMF and self._call is not None:
            self._call.press(frame.payload.decode("latin-1"))
        elif frame.sample_rate is not None:
            if self._call is None:
                raise FrameError("AudioSocket: expected a UUID frame first, found sound")
            self._call.push(samples_of(frame.payload), frame.sample_rate)
            self._answer(frame)
            if self._call.is_too_long:
                return "too_long"
        return None

    def _answer(self, frame: Frame) -> None:
        # A client that does not read, or is gone, gets no more: nothing piles up for it.
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < _READ_BYTES:
            self._writer.write(silence_like(frame))
