"""`recognizer listen`: live calls in, verdicts out while they last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from recognizer.cli import options

if TYPE_CHECKING:
    from recognizer.live.calls import LiveLimits
    from recognizer.pipeline import Recognizer

__all__ = ["listen"]


def listen(
    *,
    audiosocket: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Listen for Asterisk's AudioSocket here.")
    ] = "127.0.0.1:9092",
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Another machine or network that may connect; needed off this machine.",
            show_default=False,
        ),
    ] = None,
    engine: options.Engine = None,
    phrases: options.Phrases = None,
    max_channels: Annotated[int, typer.Option(min=1, help="Calls at once.")] = 100,
    idle: Annotated[
        float, typer.Option(min=1.0, help="Seconds without a byte after which a call ends.")
    ] = 30.0,
    max_call: Annotated[
        float, typer.Option(min=5.0, help="Seconds of a call that are heard.")
    ] = 180.0,
) -> None:
    """Hear calls while they last; print one JSON object a line until stopped (Ctrl-C, SIGTERM).

    Events of a call: start, provisional (what it looks like), final (the verdict), end. No sound
    is kept. How to send calls here: docs/telephony.md.

    Example:

      recognizer listen --audiosocket 127.0.0.1:9092
    """
    import asyncio
    import logging
    import sys

    from recognizer.cli.classify import settings_with
    from recognizer.live.calls import LiveLimits
    from recognizer.live.listener import check_exposure, check_peers, parse_address
    from recognizer.pipeline import Recognizer

    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    peers = tuple(peer or ())
    host, port = parse_address(audiosocket)
    check_exposure(host, peers=peers)
    check_peers(peers)
    limits = LiveLimits(max_channels=max_channels, idle_s=idle, max_call_s=max_call)
    recognizer = Recognizer.load(settings_with(phrases), engine=engine)
    asyncio.run(_listen(recognizer, limits, (host, port), peers))


async def _listen(
    recognizer: Recognizer, limits: LiveLimits, address: tuple[str, int], peers: tuple[str, ...]
) -> None:
    """Serve until a signal comes."""
    import asyncio
    import signal
    import sys

    from recognizer.base.errors import RecognizerError
    from recognizer.live.calls import LiveCalls
    from recognizer.live.listener import AudioSocketListener

    calls = LiveCalls(recognizer, _print_event, limits=limits)
    listener = AudioSocketListener(calls, peers=peers)
    try:
        port = await listener.start(*address)
    except OSError as problem:
        raise RecognizerError(f"cannot listen on {address[0]}:{address[1]}: {problem}") from problem
    print(f"listening for AudioSocket on {address[0]}:{port}", file=sys.stderr, flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await listener.stop()
    calls.close()


def _print_event(event: dict[str, Any]) -> None:
    import json

    print(json.dumps(event, ensure_ascii=False), flush=True)
