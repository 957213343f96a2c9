"""`recognizer serve` and `recognizer api-keys`: the operators' page and the HTTP API."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Annotated

import typer

from recognizer.cli import options
from recognizer.cli.groups import new_group

if TYPE_CHECKING:
    from recognizer.web.auth.api_keys import ApiKeys

__all__ = ["api_keys", "serve"]


def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; anything but this machine's own is reached by others.",
            show_default="127.0.0.1",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port.", show_default="8765")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Recognition processes; 0: one a processor core.",
            show_default="0",
        ),
    ] = None,
) -> None:
    """Serve the operators' page and the HTTP API until stopped (Ctrl-C, SIGTERM).

    Without an API key only programs on this machine may use the API; see `recognizer api-keys`.
    TLS is a reverse proxy's work. Limits and folders: section [server] of the settings.

    Examples:

      recognizer serve

      curl -F file=@call.wav http://127.0.0.1:8765/api/v1/classifications
    """
    import msgspec

    from recognizer.base.errors import RecognizerError
    from recognizer.base.settings import load_settings

    try:
        import uvicorn

        from recognizer.crm.journal.database import await_server
        from recognizer.web.app import create_app
    except ModuleNotFoundError as problem:
        raise RecognizerError(
            f"serve needs the package {problem.name}; pip install 'recognizer[server,page]'"
        ) from problem
    from recognizer.web.connections import limited_protocol

    options.known_engine(None)
    settings = load_settings()
    given = {"host": host, "port": port, "workers": workers}
    changes = {name: value for name, value in given.items() if value is not None}
    settings = msgspec.structs.replace(
        settings, server=msgspec.structs.replace(settings.server, **changes)
    )
    await_server(settings.journal.journal_url)
    app = create_app(settings)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
            """Say where the page is once it can be opened."""
            await super().startup(sockets)  # type: ignore[arg-type]
            if self.started:
                _say_where(self, settings.server.host)

    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        log_level="warning",
        access_log=False,  # paths and queries hold numbers of people
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=30,
        ws="none",
        http=limited_protocol(settings.server.max_connections, settings.server.header_timeout_s),
    )
    server = Server(config)
    # A problem that has a sentence is said in it, not in the framework's tracebacks.
    logging.getLogger("uvicorn.error").addFilter(
        lambda _: getattr(app.state, "startup_problem", None) is None
    )
    with contextlib.suppress(SystemExit):
        server.run()
    if not server.started:
        raise getattr(app.state, "startup_problem", None) or typer.Exit(1)


def _say_where(server: object, host: str) -> None:
    from recognizer.base.network import is_loopback
    from recognizer.web.app import has_page

    app = server.config.app  # type: ignore[attr-defined]
    port = server.servers[0].sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    shown = f"[{host}]" if ":" in host else host
    print(f"recognizer serves http://{shown}:{port}/ (stop with Ctrl-C)", flush=True)
    if not is_loopback(host) and not app.state.api_keys.exist():
        print("other machines need an API key: recognizer api-keys create NAME", flush=True)
    if has_page():
        from recognizer.web.pages.site import setup_path

        path = setup_path(app)
        if path is not None:
            print(f"make the first administrator: http://{shown}:{port}{path}", flush=True)


api_keys = new_group(
    "Keys of the HTTP API: create, list, revoke. Once there is one, nobody gets in without.",
)


@api_keys.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it, e.g. crm.")],
) -> None:
    """Create a key and print it: this once, it is kept as a digest only.

    A running server knows it at once.

    Example:

      recognizer api-keys create crm
    """
    _, secret = _keys().create(name)
    print(secret)


@api_keys.command("list")
def list_keys() -> None:
    """List the keys: id, name, when created, when revoked.

    Example:

      recognizer api-keys list
    """
    for key in _keys().all():
        revoked = "" if key.revoked_at is None else f"  revoked {key.revoked_at:%Y-%m-%d %H:%M}"
        print(f"{key.id}  {key.name}  created {key.created_at:%Y-%m-%d %H:%M}{revoked}")


@api_keys.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="ID|NAME", help="Which key.")],
) -> None:
    """Revoke a key: a running server refuses it at once.

    Example:

      recognizer api-keys revoke crm
    """
    key = _keys().revoke(which)
    print(f"revoked {key.id} ({key.name})")


def _keys() -> ApiKeys:
    from recognizer.base.settings import load_settings
    from recognizer.web.auth.api_keys import ApiKeys

    return ApiKeys(load_settings().server.state_folder / "api_keys.json")
