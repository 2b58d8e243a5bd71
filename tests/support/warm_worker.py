"""A process that executes runs as a worker's does, one after the other: a run's id on a line, its memory on another.

What it writes is JSON: megabytes as the system counts them, and without what is shared; open files; threads. After
`count` behind the id also how many objects are left by a full collection of garbage, and how many of each type.
"""

import gc
import json
import sys
from collections import Counter
from typing import Any

import dagster as dg
import psutil

from bookmarkai_assets.adapters.celery_worker import forget_dialects
from tests.support.dagster_internals import execute_as_a_celery_task


def main() -> None:
    """Execute runs until the end of the input."""
    process = psutil.Process()
    for line in sys.stdin:
        with dg.DagsterInstance.get() as instance:
            run_id, *words = line.split()
            execute_as_a_celery_task(instance, run_id)
        forget_dialects()  # as Celery's signal has it after each task
        memory = process.memory_full_info()
        figures: dict[str, Any] = {
            "rss": memory.rss / 1e6,
            "uss": memory.uss / 1e6,
            "files": process.num_fds(),
            "threads": process.num_threads(),
        }
        if words == ["count"]:
            gc.collect()
            types = Counter(type(one).__qualname__ for one in gc.get_objects())
            figures |= {"objects": types.total(), "types": dict(types.most_common(25))}
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
