"""The downloads' own program, for tests: unchanged, but a download whose link says so dies as by a fault in a decoder.

`python -m tests.support.crashing_child EXTRACTORS`.
"""

import os
import signal
from typing import Any

from bookmarkai_assets.adapters.downloader import child
from bookmarkai_assets.adapters.downloader.job import Job

MARK = "/crashes/"


def main() -> None:
    """Run the program."""
    fetch = vars(child)["fetch"]

    def fetch_or_crash(job: Job, **options: Any) -> Any:
        if MARK in job.url:
            os.kill(os.getpid(), signal.SIGSEGV)
        return fetch(job, **options)

    vars(child)["fetch"] = fetch_or_crash
    child.main()


if __name__ == "__main__":
    main()
