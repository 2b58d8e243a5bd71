"""What a line of the log is about: the share, the run or the request that is being worked on where it is written.

Whoever begins such work says so once. Only the log reads it: nothing may depend on it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_here: ContextVar[Mapping[str, str]] = ContextVar("log_ids")

_everywhere: dict[str, str] = {}
"""The ids of this process. Threads that work for a run know nothing of where they were started."""


@contextmanager
def work_on(**ids: str) -> Iterator[None]:
    """Have every line that this block logs name these ids, such as `share_id`. Other threads' lines do not."""
    token = _here.set({**_here.get({}), **ids})
    try:
        yield
    finally:
        _here.reset(token)


@contextmanager
def work_for_run(run_id: str) -> Iterator[None]:
    """Have every line that this process logs during the block name a run. A process works for one at a time."""
    _everywhere["run_id"] = run_id
    try:
        yield
    finally:
        _everywhere.pop("run_id", None)


def current_ids() -> Mapping[str, str]:
    """Return the ids for a line that is logged here and now."""
    return {**_everywhere, **_here.get({})}
