"""`bookmarkai serve`: the HTTP door, in a process of its own."""

from contextlib import suppress
from typing import Annotated, Any

import typer

from bookmarkai_assets.cli.output import fail, tell
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog

_WRONG_USAGE = 2
_INSTALL = "pip install 'bookmarkai-assets[door]'"


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, instead of DOOR_HOST; beyond loopback a token must be set")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, instead of DOOR_PORT; 0 takes a free one")
    ] = None,
) -> None:
    """Serve the HTTP door: share links, list shares, read transcripts and figures as JSON, until told to stop.

    Requests under way are answered before it ends. `bookmarkai token new` makes a token. Without one, everybody on this
    machine may come in, and nobody else.

    Example: bookmarkai serve --port 8080
    """
    try:
        from bookmarkai_assets.door.access import read_tokens  # noqa: PLC0415 - as below
        from bookmarkai_assets.door.server import run_door  # noqa: PLC0415 - an extra, and only this command needs it
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bookmarkai_assets"):
            raise
        raise ConfigurationError(
            f"expected the extra `door` for the HTTP door, found no package {error.name}; {_INSTALL}"
        ) from None
    changes: dict[str, Any] = {
        name: value for name, value in (("door_host", host), ("door_port", port)) if value is not None
    }
    settings = load_settings(**changes)
    try:
        read_tokens(settings)
    except ConfigurationError as error:
        fail(str(error))
        raise typer.Exit(_WRONG_USAGE) from None
    # Before it listens, because uvicorn would tell of a catalog that cannot be opened by a traceback.
    with open_catalog(settings):
        pass
    # uvicorn has ended in order by the time that it passes a Ctrl-C on.
    with suppress(KeyboardInterrupt):
        run_door(settings, on_ready=lambda url: tell(f"The door is open at {url}"))
