"""The bytes of one transfer as they are told to whoever waits for it: each once, over threads and repeated attempts."""

import threading
from collections.abc import Callable


class ByteCount:
    """Tells `on_bytes` of each byte of `size_bytes` once, in amounts that add up to it when the transfer succeeds.

    An attempt that begins anew is told of only from where an earlier one came to. Calls come from several threads, one
    at a time.
    """

    def __init__(self, size_bytes: int, on_bytes: Callable[[int], object]) -> None:
        self._size = size_bytes
        self._on_bytes = on_bytes
        self._lock = threading.Lock()
        self._in_attempt = 0
        self._told = 0

    def begin_attempt(self) -> None:
        """Count from nothing again."""
        with self._lock:
            self._in_attempt = 0

    def add(self, size_bytes: int) -> None:
        """Count bytes that this attempt has transferred."""
        with self._lock:
            self._in_attempt += size_bytes
            self._tell(min(self._in_attempt, self._size))

    def finish(self) -> None:
        """Count what is left: the transfer is done, perhaps because the bytes were there already."""
        with self._lock:
            self._tell(self._size)

    def _tell(self, reached: int) -> None:
        if reached > self._told:
            news, self._told = reached - self._told, reached
            self._on_bytes(news)
