"""Live calls beside the server: listeners in its event loop, a recogniser of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from recognizer.base.settings import Settings
from recognizer.crm.journal.journal import Journal
from recognizer.crm.journal.recorders import RecorderClock
from recognizer.live.calls import LiveCalls
from recognizer.live.service import LiveService, check_settings, notes_recorder
from recognizer.pipeline import Recognizer

__all__ = ["live_calls"]

_LOG = logging.getLogger(__name__)


@asynccontextmanager
async def live_calls(
    settings: Settings, journal: Journal, recognizer: object | None
) -> AsyncIterator[LiveCalls | None]:
    """Listen as section `[live]` of the settings says; None where it names no address.

    Parameters
    ----------
    recognizer : object or None
        The server's own, where it recognises in this process; else one is loaded here.
    """
    addresses, _, _ = check_settings(settings)
    if not addresses:
        yield None
        return
    if not isinstance(recognizer, Recognizer):
        recognizer = await asyncio.to_thread(Recognizer.load, settings)
    kept = journal if settings.live.journal else None
    note = notes_recorder(RecorderClock(journal.database))  # nobody reads this process's output
    service = LiveService(settings, recognizer, note, journal=kept)
    for protocol, (host, port) in (await service.start()).items():
        _LOG.warning("listening for %s on %s:%d", protocol, host, port)
    try:
        yield service.calls
    finally:
        await service.stop()
