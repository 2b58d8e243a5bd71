"""Interrupts that come a moment later, so that no process is started that nobody knows of."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def later_interrupts() -> Iterator[None]:
    """Deliver SIGINT and SIGTERM when the block ends instead of within it.

    An interrupt within `Popen` would leave a running process whose id nobody has. The signals are not blocked, because
    processes inherit that. Ignored ones stay ignored. In other threads than the main one, which signals
    never interrupt, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        arrived.append(number)

    handlers = {number: signal.getsignal(number) for number in _NUMBERS}
    # None is a handler that was not set from Python, which could not be set again.
    replaced = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in replaced:
        signal.signal(number, remember)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for late in arrived:
            signal.raise_signal(late)
