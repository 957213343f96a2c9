"""`recognizer listen`: live calls in, verdicts out while they last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from recognizer.base.settings import Settings
    from recognizer.pipeline import Recognizer

__all__ = ["listen"]


def listen(
    *,
    audiosocket: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Listen for Asterisk's AudioSocket here.",
            show_default="127.0.0.1:9092 unless --websocket is given",
        ),
    ] = None,
    websocket: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Listen for Asterisk's chan_websocket, FreeSWITCH's mod_audio_stream and clients "
            "of vosk-server here.",
            show_default=False,
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Another machine or network that may connect; needed off this machine.",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help="File with a token that WebSocket clients must show (16 characters or more).",
            show_default=False,
        ),
    ] = None,
    callback: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="POST `final` and `end` events here, signed.", show_default=False
        ),
    ] = None,
    callback_secret_file: Annotated[
        Path | None,
        typer.Option(help="File with the secret that signs them.", show_default=False),
    ] = None,
    journal: Annotated[
        bool | None,
        typer.Option(
            "--journal/--no-journal",
            help="Write attempts and decisions into the journal.",
            show_default="no",
        ),
    ] = None,
    hang_up: Annotated[
        bool | None,
        typer.Option(
            "--hang-up/--no-hang-up",
            help="Tell chan_websocket to hang up once a verdict is final.",
            show_default="no",
        ),
    ] = None,
    engine: options.Engine = None,
    phrases: options.Phrases = None,
    max_channels: Annotated[
        int | None, typer.Option(min=1, help="Calls at once.", show_default="100")
    ] = None,
    idle: Annotated[
        float | None,
        typer.Option(
            min=1.0, help="Seconds without a byte after which a call ends.", show_default="30"
        ),
    ] = None,
    max_call: Annotated[
        float | None,
        typer.Option(min=5.0, help="Seconds of a call that are heard.", show_default="180"),
    ] = None,
) -> None:
    """Hear calls while they last; print one JSON object a line until stopped (Ctrl-C, SIGTERM).

    Events of a call: start, provisional (what it looks like), final (the verdict), end. No sound
    is kept. `GET /calls/UUID` on the WebSocket port answers with the latest event of a call. How
    to send calls here: docs/telephony.md. The same options stand in section [live] of the
    settings, where `recognizer serve` reads them too.

    Examples:

      recognizer listen --audiosocket 127.0.0.1:9092

      recognizer listen --websocket 127.0.0.1:9093 --journal
    """
    import asyncio
    import logging
    import sys

    import msgspec

    from recognizer.cli.classify import settings_with
    from recognizer.pipeline import Recognizer

    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    settings = settings_with(phrases)
    given = {
        "audiosocket": audiosocket,
        "websocket": websocket,
        "peers": None if peer is None else " ".join(peer),
        "token_file": token_file,
        "callback": callback,
        "callback_secret_file": callback_secret_file,
        "journal": journal,
        "hang_up": hang_up,
        "max_channels": max_channels,
        "idle_s": idle,
        "max_call_s": max_call,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    live = msgspec.structs.replace(settings.live, **changes)
    if not (live.audiosocket or live.websocket):
        live = msgspec.structs.replace(live, audiosocket="127.0.0.1:9092")
    settings = msgspec.structs.replace(settings, live=live)
    _check(settings)
    if live.journal:
        from recognizer.crm.journal.database import await_server

        await_server(settings.journal.journal_url)
    recognizer = Recognizer.load(settings, engine=engine)
    asyncio.run(_listen(settings, recognizer))


def _check(settings: Settings) -> None:
    """Refuse what is wrong before a model is loaded."""
    from recognizer.base.errors import RecognizerError

    try:
        from recognizer.live.service import check_settings
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            f"listen needs the package {problem.name}; pip install 'recognizer[live]'"
        ) from problem
    check_settings(settings)


async def _listen(settings: Settings, recognizer: Recognizer) -> None:
    """Serve until a signal comes."""
    import asyncio
    import contextlib
    import signal
    import sys

    from recognizer.live.service import LiveService, notes_recorder

    stopped = asyncio.Event()

    def emit(event: dict[str, Any]) -> None:
        if note is not None:
            note(event)
        if not _print_event(event):
            stopped.set()

    journal, note = None, None
    with contextlib.ExitStack() as closing:
        if settings.live.journal:
            from recognizer.crm.journal.journal import Journal
            from recognizer.crm.journal.recorders import RecorderClock

            journal = closing.enter_context(Journal.of_settings(settings.journal))
            note = notes_recorder(RecorderClock(journal.database))
        service = LiveService(settings, recognizer, emit, journal=journal)
        bound = await service.start()
        for protocol, (host, port) in bound.items():
            print(f"listening for {protocol} on {host}:{port}", file=sys.stderr, flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        await service.stop()


def _print_event(event: dict[str, Any]) -> bool:
    """Print an event; return whether somebody still reads."""
    import json
    import sys

    try:
        print(json.dumps(event, ensure_ascii=False), flush=True)
    except OSError as problem:
        print(f"error: standard output: {problem}", file=sys.stderr)
        return False
    return True
