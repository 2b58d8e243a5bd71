"""Work on many media in parallel, for operators' commands and scheduled jobs."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from bookmarkai_assets.operations.shares.hold import Hold

Done = TypeVar("Done")


def act_in_parallel(
    hold: Hold,
    act: Callable[[str], Done],
    media_ids: Sequence[str],
    *,
    workers: int,
    on_done: Callable[[Done], object],
) -> list[Done]:
    """Call `act` with each media id, `workers` at a time, while the owner's leases are renewed; return the results.

    Results come in the order in which they are done, and `on_done` is called with each, in this thread. `act` leases
    its media itself and returns failures as results. When the process is told to stop, the transfers under way are
    ended and the exception is raised.
    """
    results: list[Done] = []
    with hold.renew_leases():
        with ThreadPoolExecutor(workers, thread_name_prefix="media") as pool:
            futures = [pool.submit(act, media_id) for media_id in dict.fromkeys(media_ids)]
            try:
                for future in as_completed(futures):
                    results.append(future.result())
                    on_done(results[-1])
            except BaseException:
                hold.stores.interrupt()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        hold.release()
    return results
