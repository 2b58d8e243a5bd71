"""How long tests wait. That a thing comes is a fact; how soon depends on the machine, which may be slow and busy."""

from collections.abc import Callable, Iterator

HANG_SECONDS = 120.0
"""When a test gives up on what should come: far beyond what it takes anywhere, so that only what hangs is met."""

PIPELINE_SECONDS = 300.0
"""The same where the whole pipeline is at work: a run of its own has a dozen processes to start."""

PLENTY_SECONDS = 600.0
"""A limit given to the product that is not to run out: what ends only by it hangs, as `HANG_SECONDS` then finds."""

_TRIES = 8


def growing(seconds: float) -> Iterator[float]:
    """Return limits for what has to get somewhere before it is cut off: the first, and twice as many each time.

    A slow machine takes a few more tries. Ends at `PLENTY_SECONDS`, which no test should come to.
    """
    while seconds < PLENTY_SECONDS:
        yield seconds
        seconds *= 2


def quickest(act: Callable[[], float], *, seconds: float) -> float:
    """Do something until it has taken less than so many seconds, a few times at most; returns the shortest time.

    `act` returns the seconds that count. A busy machine spoils a try or two; what is slow by itself is slow each time.
    """
    shortest = act()
    for _ in range(_TRIES - 1):
        if shortest < seconds:
            break
        shortest = min(shortest, act())
    return shortest
