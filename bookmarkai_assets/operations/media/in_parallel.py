"""Work on many media in parallel, for operators' commands and scheduled jobs."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from bookmarkai_assets.operations.shares.hold import Hold

Done = TypeVar("Done")

_QUEUED_PER_WORKER = 2
"""How many media wait for each thread. With all of them queued, those of a large catalog would be in memory."""


def act_in_parallel(
    hold: Hold,
    act: Callable[[str], Done],
    media_ids: Iterable[str],
    *,
    workers: int,
    on_done: Callable[[Done], object],
    is_enough: Callable[[Done], bool] = lambda _: False,
) -> list[Done]:
    """Call `act` with each media id, `workers` at a time, while the owner's leases are renewed; return the results.

    Results come in the order in which they are done, and `on_done` is called with each, in this thread. `act` leases
    its media itself and returns failures as results. `media_ids` are asked for as they are needed. After a result that
    `is_enough`, none is begun any more, and only those under way are waited for. When the process is told to stop, the
    transfers under way are ended and the exception is raised.
    """
    results: list[Done] = []
    left = iter(media_ids)
    waiting: set[Future[Done | None]] = set()
    is_over = threading.Event()

    def act_unless_over(media_id: str) -> Done | None:
        if is_over.is_set():
            return None
        done = act(media_id)
        if is_enough(done):
            is_over.set()
        return done

    with hold.renew_leases():
        with ThreadPoolExecutor(workers, thread_name_prefix="media") as pool:
            try:
                while True:
                    wanted = 0 if is_over.is_set() else workers * _QUEUED_PER_WORKER - len(waiting)
                    waiting |= {pool.submit(act_unless_over, media_id) for media_id in islice(left, wanted)}
                    if not waiting:
                        break
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for done in (future.result() for future in finished):
                        if done is not None:
                            results.append(done)
                            on_done(done)
            except BaseException:
                hold.stores.interrupt()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        hold.release()
    return results
