"""How long tests wait. Whether something happens is a fact; how soon depends on the machine, which may be busy."""

from collections.abc import Callable, Iterator

HANG_SECONDS = 120.0
"""When a test gives up waiting: far more than anything takes anywhere, so that only a hang exceeds it."""

PIPELINE_SECONDS = 300.0
"""The same where the whole pipeline is running, because one run starts a dozen processes."""

PLENTY_SECONDS = 600.0
"""A limit for the product that should never run out: whatever ends only by it hangs, as `HANG_SECONDS` then shows."""

_TRIES = 8


def growing(seconds: float) -> Iterator[float]:
    """Yield time limits for something that has to get somewhere before it is cut off, doubling each time.

    A slow machine takes a few more tries. It ends at `PLENTY_SECONDS`, which no test should reach.
    """
    while seconds < PLENTY_SECONDS:
        yield seconds
        seconds *= 2


def quickest(act: Callable[[], float], *, seconds: float) -> float:
    """Repeat something a few times at most until it takes less than so many seconds, and return the shortest time.

    `act` returns the seconds that count. A busy machine spoils a try or two, but what is slow by itself is slow each
    time.
    """
    shortest = act()
    for _ in range(_TRIES - 1):
        if shortest < seconds:
            break
        shortest = min(shortest, act())
    return shortest
