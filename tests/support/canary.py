"""A listener to which nobody may connect: it counts connections, whatever they send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Canary:
    """A free port of 127.0.0.1 where connections wait to be counted. Nobody is answered."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._count = 0
        self.port: int = listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    @property
    def visits(self) -> int:
        """The number of connections so far. The system completes them, so none is missed."""
        with suppress(BlockingIOError):
            while True:
                self._listener.accept()[0].close()
                self._count += 1
        return self._count


@contextmanager
def canary() -> Iterator[Canary]:
    """Open the port for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)
        yield Canary(listener)
