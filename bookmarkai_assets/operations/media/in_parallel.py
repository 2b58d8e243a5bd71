"""Work on many media in parallel, for operators' commands and scheduled jobs."""

import threading
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
    is_enough: Callable[[Done], bool] = lambda _: False,
) -> list[Done]:
    """Call `act` with each media id, `workers` at a time, while the owner's leases are renewed; return the results.

    Results come in the order in which they are done, and `on_done` is called with each, in this thread. `act` leases
    its media itself and returns failures as results. After a result that `is_enough`, none is begun any more, and only
    those under way are waited for. When the process is told to stop, the transfers under way are
    ended and the exception is raised.
    """
    results: list[Done] = []
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
            futures = [pool.submit(act_unless_over, media_id) for media_id in dict.fromkeys(media_ids)]
            try:
                for future in as_completed(futures):
                    done = future.result()
                    if done is not None:
                        results.append(done)
                        on_done(done)
            except BaseException:
                hold.stores.interrupt()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        hold.release()
    return results
