"""The program that runs downloads: `python -m bookmarkai_assets.adapters.downloader.child EXTRACTORS`.

It imports yt-dlp and PyAV once and forks a worker for each download. Each worker confines itself to its directory, its
limits and its walls before it opens the link. EXTRACTORS is a JSON list of names. stdin is the control socket.
"""

import gc
import json
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bookmarkai_assets.adapters.common.processes.fork_server import ForkServer, control_on_stdin
from bookmarkai_assets.adapters.common.walls.raising import raise_walls
from bookmarkai_assets.adapters.common.walls.readable import find_readable
from bookmarkai_assets.adapters.common.walls.room import Kernel, Room
from bookmarkai_assets.adapters.downloader.examine import examine
from bookmarkai_assets.adapters.downloader.fetch import fetch
from bookmarkai_assets.adapters.downloader.job import STDERR_FILE, Job, result_to_json
from bookmarkai_assets.adapters.downloader.ytdlp import too_much_memory, warm_up
from bookmarkai_assets.core.downloads.walls import HOW_TO_GET_WALLS, WallsPolicy, describe_missing, missing_walls
from bookmarkai_assets.core.outcomes import Failure, Outcome

# On top of the byte limit: the last block read before the limit was noticed, and what merging adds.
_FILE_SLACK_BYTES = 8 * 1024 * 1024
# More than yt-dlp, its extractors and ffmpeg have open together. Some Pythons close every number below it at each start
# of a program.
_MAX_OPEN_FILES = 1024
# A page of nested tags can keep the regular expressions of a page reader busy for hours. Reading and hashing the
# largest video and cutting out its audio takes a tenth of this.
_MAX_CPU_SECONDS = 300
# Put aside for the last words of a download that has taken all the others.
_SPARE_BYTES = 8 * 1024 * 1024
# The parent process enforces the deadline. This one is for the case that the parent was killed.
_DEADLINE_GRACE_SECONDS = 10


def main(kernel: Kernel | None = None) -> None:
    """Serve downloads until the other end of stdin closes. Only tests name a `kernel` that is not this machine's."""
    allowed_extractors = tuple(json.loads(sys.argv[1]))
    control = control_on_stdin()
    warm_up(allowed_extractors)
    find_readable(has_programs=True)
    # Every fork shares the memory of what is imported by now. A garbage collection there would copy it page by page.
    gc.collect()
    gc.freeze()
    ForkServer(control, partial(work, allowed_extractors, kernel or Kernel.of_this_machine())).serve()


def work(allowed_extractors: tuple[str, ...], kernel: Kernel, text: bytes) -> bytes:
    """Do one job in its own process."""
    job = Job.from_json(text)
    _confine(job)
    missing = missing_walls(raise_walls(room_of(job.directory, job.proxy_url), kernel))
    if missing and job.walls is WallsPolicy.REQUIRED:
        reason = f"DOWNLOAD_WALLS=required: {describe_missing(missing)}; {HOW_TO_GET_WALLS}, or set it to best"
        return result_to_json(Failure(Outcome.MISCONFIGURED, reason))
    spare = bytearray(_SPARE_BYTES)
    try:
        result = examine(job) if job.file is not None else fetch(job, allowed_extractors=allowed_extractors)
        return result_to_json(result)
    except MemoryError:  # there was none left even to say so
        del spare
        return result_to_json(too_much_memory())


def room_of(directory: Path, proxy_url: str) -> Room:
    """Return what stays open to a download: its directory, its programs and the egress guard.

    An examination has no guard, and so no sockets either.
    """
    return Room(
        readable=find_readable(has_programs=True),
        writable=directory,
        proxy_port=urlsplit(proxy_url).port,
        starts_programs=True,
    )


def _confine(job: Job) -> None:
    """Confine this process to its directory, its limits and its time."""
    directory = str(job.directory)
    os.chdir(directory)
    os.environ.update(TMPDIR=directory, HOME=directory)
    stderr = os.open(STDERR_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    os.dup2(stderr, sys.stderr.fileno())
    os.close(stderr)
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, job.limits.max_bytes + _FILE_SLACK_BYTES),
        (resource.RLIMIT_DATA, job.limits.max_memory_bytes),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_CPU, _MAX_CPU_SECONDS),
    ):
        _, hard = resource.getrlimit(kind)
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowest, lowest))
    signal.setitimer(signal.ITIMER_REAL, job.limits.timeout_seconds + _DEADLINE_GRACE_SECONDS)


if __name__ == "__main__":
    main()
