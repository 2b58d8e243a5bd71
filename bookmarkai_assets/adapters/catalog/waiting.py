"""Wait for a database server that is still starting, as when all containers are started at once."""

import time
from collections.abc import Callable
from contextlib import closing

from sqlalchemy.exc import OperationalError

from bookmarkai_assets.adapters.catalog.engine import Database, parse_url, reason_of
from bookmarkai_assets.core.errors import ConfigurationError

PAUSE_SECONDS = 1.0
"""Between two attempts. A server needs some seconds to start."""

_REFUSED = "FATAL:"
_SOON = (
    "starting up",
    "shutting down",
    "not yet accepting",
    "recovery",
    "too many clients",
    "remaining connection slots",
)
"""With what a server refuses connections that it will take later. All else it refuses for good."""


def wait_for_database(
    url: str,
    *,
    seconds: float,
    on_wait: Callable[[str], object] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Return once the server behind `url` takes connections, or refuses them for good. SQLite needs no server.

    `on_wait` is called once with what was found, if it is not there at once. Raises `ConfigurationError` if it takes no
    connection within `seconds`.
    """
    database = Database(parse_url(url))
    if database.is_sqlite:
        return
    deadline = time.monotonic() + seconds
    is_told = False
    with closing(database):
        while True:
            try:
                with database.engine.connect():
                    return
            except OperationalError as error:
                reason = reason_of(error)
            if _REFUSED in reason and not any(words in reason for words in _SOON):
                return
            if time.monotonic() + PAUSE_SECONDS > deadline:
                raise ConfigurationError(
                    f"expected the server of the catalog {database.name} to take connections within {seconds:g} s, "
                    f"found: {reason}; start it, or wait longer with --wait"
                )
            if not is_told:
                on_wait(reason)
                is_told = True
            sleep(PAUSE_SECONDS)
