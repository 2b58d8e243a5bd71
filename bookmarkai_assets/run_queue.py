"""Dagster's queue of runs, looked at twice a second. `dagster.yaml` names this class, and Dagster's daemon loads it.

Nothing else belongs here: a daemon that cannot import this module does not start.
"""

import dagster as dg
from typing_extensions import override

INTERVAL_SECONDS = 0.5


class PromptRunCoordinator(dg.QueuedRunCoordinator):
    """Dagster's own coordinator, whose configuration takes whole seconds only.

    A lone share waits for half of the interval on average. A look costs two queries.
    """

    @property
    @override
    def dequeue_interval_seconds(self) -> float:  # type: ignore[override]
        """The daemon waits for any number of seconds, although this is declared to be a whole one."""
        return INTERVAL_SECONDS
