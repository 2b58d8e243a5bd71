"""The door's process: uvicorn over the application."""

import logging
from collections.abc import Callable
from socket import socket

import uvicorn
from typing_extensions import override

from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.door.app import make_app
from bookmarkai_assets.settings.settings import Settings

MAX_HEADER_BYTES = 32_768
"""The headers of one request together. A larger flood is answered with 400 and the connection closed."""

_CONNECTIONS_PER_REQUEST = 16
"""How many connections may be open for each request that is worked on. Most of them wait."""

_GRACE_SECONDS = 20


class _Server(uvicorn.Server):
    """Tells when it listens, and where: port 0 becomes a free one."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], object]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @override
    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                host, port, *_ = listening.getsockname()
                self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def run_door(settings: Settings, *, on_ready: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM. Raises `ConfigurationError` as `make_app` does.

    `on_ready` is called with the door's address once it listens.
    """
    logging.getLogger("bookmarkai.door").setLevel(logging.INFO)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    server = _Server(
        uvicorn.Config(
            make_app(settings),
            host=settings.door_host,
            port=settings.door_port,
            # In Python and strict: what two parsers might read differently is refused.
            http="h11",
            ws="none",
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            limit_concurrency=settings.door_concurrency * _CONNECTIONS_PER_REQUEST,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            # Its access log has whole addresses, queries included. `request_ids` has a line for each request.
            access_log=False,
            log_config=None,
            log_level="warning",
            # The address of a client counts failures, so a header must not choose it.
            proxy_headers=False,
            server_header=False,
        ),
        on_ready,
    )
    try:
        server.run()
    except SystemExit:
        if server.started:
            raise
        raise ConfigurationError(
            f"expected to listen on {settings.door_host} port {settings.door_port}, found that the system does not "
            "allow it, as the line above says; choose another with --port or --host"
        ) from None
