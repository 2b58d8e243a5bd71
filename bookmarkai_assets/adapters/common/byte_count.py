"""The progress of one transfer in bytes. Each byte is reported once, across threads and repeated attempts."""

import threading
import time
from collections.abc import Callable

_ASK_EVERY_SECONDS = 0.1
"""A transfer that takes less time is never asked about."""


class ByteCount:
    """Calls `on_bytes` with numbers of bytes, each byte once. After a success the numbers add up to `size_bytes`.

    An attempt that begins again is reported only from where an earlier one ended. Calls come from several threads, but
    one at a time.
    """

    def __init__(self, size_bytes: int, on_bytes: Callable[[int], object]) -> None:
        self._size = size_bytes
        self._on_bytes = on_bytes
        self._lock = threading.Lock()
        self._in_attempt = 0
        self._reported = 0
        self._called_at = time.monotonic()

    def begin_attempt(self) -> None:
        """Start again at 0 bytes."""
        with self._lock:
            self._in_attempt = 0

    def add(self, size_bytes: int) -> None:
        """Count bytes that this attempt has transferred."""
        with self._lock:
            self._in_attempt += size_bytes
            self._report(min(self._in_attempt, self._size))

    def finish(self) -> None:
        """Count the rest, because the transfer is done. The bytes may have been stored before."""
        with self._lock:
            self._report(self._size)

    def ask(self) -> None:
        """Call `on_bytes` with 0, because the transfer waits, unless it was called a moment ago.

        What it raises is to end the transfer.
        """
        with self._lock:
            if time.monotonic() - self._called_at >= _ASK_EVERY_SECONDS:
                self._call(0)

    def _report(self, reached: int) -> None:
        if reached > self._reported:
            size_bytes, self._reported = reached - self._reported, reached
            self._call(size_bytes)

    def _call(self, size_bytes: int) -> None:
        self._called_at = time.monotonic()
        self._on_bytes(size_bytes)
