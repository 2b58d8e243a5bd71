"""A server that hangs: it takes connections and never answers."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from bookmarkai_assets.demo.seaweed import SeaweedServer


@contextmanager
def stopped(server: SeaweedServer) -> Iterator[None]:
    """Stop a server's process for the block: it takes connections, and answers nothing."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)
