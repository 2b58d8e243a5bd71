"""Forward TCP connections on loopback to another socket, as fast as it is told: a server's port, or a slow network."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_BLOCK_BYTES = 16_384


class Forwarder:
    """Listens on a port of loopback while the `with` block runs. `bytes_per_second` may change at any time."""

    def __init__(self, port: int, connect: Callable[[], socket.socket]) -> None:
        self.bytes_per_second: float | None = None
        self._connect = connect
        self._listening = socket.create_server(("127.0.0.1", port))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave it listening for as long as the thread waits for a connection.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = self._connect()
                threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_upload: bool) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                if is_upload and self.bytes_per_second is not None:
                    time.sleep(len(block) / self.bytes_per_second)
                target.sendall(block)
        for side in (source, target):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
