"""All listeners of one process with what they share, as the settings say."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from recognizer.base.errors import JournalError, RecognizerError, SettingsError
from recognizer.base.settings import LiveSettings, Settings
from recognizer.base.threads import compute_in_one_thread
from recognizer.crm.attempts import Attempts
from recognizer.crm.connectors import Webhook
from recognizer.live.access import Access, parse_address
from recognizer.live.audiosocket_server import AudioSocketListener
from recognizer.live.calls import Emit, LiveCalls, LiveLimits
from recognizer.live.spools import CallbackSpool, CallSpool
from recognizer.pipeline import Recognizer

if TYPE_CHECKING:
    from recognizer.crm.journal.recorders import RecorderClock

__all__ = ["LiveService", "check_settings", "notes_recorder"]

_log = logging.getLogger(__name__)


class _Listener(Protocol):
    async def start(self, host: str, port: int) -> int: ...

    async def stop(self) -> None: ...


class LiveService:
    """Listens for live calls from `start` to `stop`.

    Parameters
    ----------
    settings : Settings
    recognizer : Recognizer
    emit : Emit
        Takes every event, in the event loop's thread.
    journal : Attempts or None
        Where attempts are written; None: nowhere.

    Raises
    ------
    SettingsError
        If others could connect and nothing says who may, or a file or an address is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        recognizer: Recognizer,
        emit: Emit,
        *,
        journal: Attempts | None = None,
    ) -> None:
        live = settings.live
        self._addresses, self._access, target = check_settings(settings)
        self._hangs_up = live.hang_up
        self._emit = emit
        folder = settings.server.state_folder / "live"
        self._callbacks = None if target is None else CallbackSpool(folder / "callbacks", target)
        self._spool = None if journal is None else CallSpool(folder / "calls", journal)
        self._listeners: list[_Listener] = []
        self._closing = contextlib.ExitStack()
        self.calls = LiveCalls(
            recognizer,
            self._tell,
            limits=LiveLimits(
                max_channels=live.max_channels, idle_s=live.idle_s, max_call_s=live.max_call_s
            ),
            keeper=self._spool,
        )

    async def start(self) -> dict[str, tuple[str, int]]:
        """Recover what was left, and listen; return host and port of each protocol.

        Raises
        ------
        RecognizerError
            If an address cannot be listened on.
        """
        self._closing.enter_context(compute_in_one_thread())  # one is what weighs all calls
        if self._spool is not None:
            self._closing.callback(self._spool.close)
            await asyncio.to_thread(_recover, self._spool)
        if self._callbacks is not None:
            self._callbacks.start()
            self._closing.callback(self._callbacks.close)
        bound: dict[str, tuple[str, int]] = {}
        for protocol, (host, port) in self._addresses.items():
            listener = self._listener(protocol)
            try:
                bound[protocol] = (host, await listener.start(host, port))
            except OSError as problem:
                await self.stop()
                raise RecognizerError(f"cannot listen on {host}:{port}: {problem}") from problem
            self._listeners.append(listener)
        return bound

    def _listener(self, protocol: str) -> _Listener:
        if protocol == "audiosocket":
            return AudioSocketListener(self.calls, access=self._access)
        try:
            from recognizer.live.websocket_server import WebSocketListener  # noqa: PLC0415 - extra
        except ModuleNotFoundError as problem:
            raise RecognizerError(
                "a WebSocket listener needs the package websockets; pip install 'recognizer[live]'"
            ) from problem
        return WebSocketListener(self.calls, access=self._access, hangs_up=self._hangs_up)

    async def stop(self) -> None:
        """Take no more calls, end those there are, and write them down."""
        for listener in self._listeners:
            await listener.stop()
        self._listeners.clear()
        await asyncio.to_thread(self.calls.close)
        await asyncio.to_thread(self._closing.close)

    def _tell(self, event: dict[str, Any]) -> None:
        self._emit(event)
        if self._callbacks is not None:
            self._callbacks.put(event)


def notes_recorder(clock: RecorderClock) -> Emit:
    """Return what notes in the journal, beside the event loop, that the telephone system calls."""

    def note(event: dict[str, Any]) -> None:
        if event["event"] == "start":
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, clock.hear, "live", socket.gethostname())

    return note


def _recover(spool: CallSpool) -> None:
    try:
        n_recovered = spool.recover()
    except JournalError as problem:
        _log.error("calls of an earlier listener stay to be written: %s", problem)
        return
    if n_recovered:
        _log.warning("%d calls of an earlier listener are in the journal now", n_recovered)


def check_settings(
    settings: Settings,
) -> tuple[dict[str, tuple[str, int]], Access, Webhook | None]:
    """Return where to listen by protocol, who may connect, and who is told.

    Raises
    ------
    SettingsError
        If others could connect and nothing says who may, or a file or an address is wrong.
    """
    live = settings.live
    given = {"audiosocket": live.audiosocket, "websocket": live.websocket}
    addresses = {protocol: parse_address(text) for protocol, text in given.items() if text}
    access = Access(peers=tuple(live.peers.split()), token=_secret(live.token_file))
    for protocol, (host, _) in addresses.items():
        access.check_exposure(host, can_show_token=protocol == "websocket")
    return addresses, access, _target(live)


def _target(live: LiveSettings) -> Webhook | None:
    if not live.callback:
        return None
    if urlsplit(live.callback).scheme not in {"http", "https"}:
        raise SettingsError(f"callback: expected http:// or https://, found {live.callback[:60]!r}")
    secret = _secret(live.callback_secret_file)
    if secret is None:
        raise SettingsError(
            "a callback is signed: name a file with a secret (--callback-secret-file), which the "
            "other side knows too"
        )
    return Webhook("live", live.callback, secret)


def _secret(path: Path | None) -> str | None:
    """Return the first line of a file.

    Raises
    ------
    SettingsError
        If it is not there, or empty.
    """
    if path is None:
        return None
    try:
        first = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path}: cannot be read: {problem}") from problem
    if not first:
        raise SettingsError(f"{path}: expected a secret on the first line, found none")
    return first
