"""Several requests of one transfer at a time, and the word to end them all. Knows nothing of S3."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

from bookmarkai_assets.core.errors import StoreError, StoreErrorClass

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 4
"""Requests at a time per transfer: with 16 MB parts as fast as s5cmd (0.97 of its time); more bring nothing."""


class Interruption:
    """Whether the process was told to stop. Any thread, and a signal handler, may set it: it takes no lock."""

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Let every check from now on raise."""
        self._is_set = True

    def check(self, action: str) -> None:
        """Raise `StoreError` (interrupted) once it is set; `action` is words such as `storing s3://bucket/key`."""
        if self._is_set:
            raise StoreError(
                StoreErrorClass.INTERRUPTED,
                f"{action}: ended, for the process was told to stop; nothing partial was kept: run it again",
            )


def run_all(task: Callable[[Item], Result], items: Iterable[Item], *, before_each: Callable[[], None]) -> list[Result]:
    """Run `task` over the items on `THREADS` threads and give the results in the items' order.

    The first failure, of `before_each` too, or an interrupt of this thread, cancels what has not begun; what has begun
    is waited for, so that nothing is under way any more when this raises.
    """

    def run(item: Item) -> Result:
        before_each()
        return task(item)

    items = list(items)
    if len(items) == 1:
        return [run(items[0])]
    with_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3-transfer")
    try:
        futures = [with_threads.submit(run, item) for item in items]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        return [future.result() for future in futures]
    finally:
        with_threads.shutdown(wait=True, cancel_futures=True)
