"""Measure the memory that a run takes for a video of 500 MB that is placed in S3. It must not grow with the file."""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from common import machine
from typing_extensions import override

from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer

MEGABYTE = 1_000_000

_RUN = """
import os, sys, uuid
from datetime import UTC, datetime
import dagster as dg
from bookmarkai_assets.definitions import build_defs
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
settings = load_settings(env_file=None)
catalog = open_catalog(settings).__enter__()
[added] = add_shares(catalog.shares, [sys.argv[1]], user_id=str(uuid.uuid4()),
                     allowed_hosts=settings.egress_allowed_hosts, now=datetime.now(UTC))
instance = dg.DagsterInstance.ephemeral()
instance.add_dynamic_partitions("shares", [added.share.share_id])
job = build_defs(settings).resolve_job_def("share_to_transcript")
result = job.execute_in_process(instance=instance, partition_key=added.share.share_id)
media = catalog.media.get(catalog.work.progress(added.share.share_id).media_id)
assert result.success and media.video.url.startswith("s3://"), media
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="*", default=[5, 500])
    sizes = parser.parse_args().megabytes
    print(f"machine: {machine()}")
    for megabytes in sizes:
        run_peak, child_peak, seconds = peak_memory(megabytes)
        print(
            f"{megabytes} MB: peak memory of the run's process {run_peak / MEGABYTE:.0f} MB, of the download's process "
            f"{child_peak / MEGABYTE:.0f} MB; {seconds:.1f} s"
        )


def peak_memory(megabytes: int) -> tuple[int, int, float]:
    """Run one share of that size. Return the peak resident bytes of the run and of its children, and the seconds."""
    with tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as name:
        state = Path(name)
        web = state / "web"
        web.mkdir()
        padded_sample(web / "big.mp4", megabytes * MEGABYTE)
        with SeaweedServer(state / "s3", bucket="bench-media") as seaweed, serving(web) as host:
            (state / "home").mkdir()
            environment = {
                **os.environ,
                "STORAGE_MODE": "s3",
                **seaweed.variables,
                "YTDLP_DOWNLOAD_DIR": str(state / "media"),
                "YTDLP_ALLOWED_EXTRACTORS": "generic",
                "EGRESS_ALLOWED_HOSTS": host,
                "WHISPER_MODEL": "tiny.en",
                "CATALOG_URL": f"sqlite:///{state / 'home' / 'catalog.db'}",
            }
            start = time.monotonic()
            with (state / "run.log").open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-c", _RUN, f"http://{host}/big.mp4"], env=environment, stdout=log, stderr=log
                )
                run_peak, child_peak = watched(process)
            if process.returncode != 0:
                raise SystemExit((state / "run.log").read_text()[-4000:])
            return run_peak, child_peak, time.monotonic() - start


def watched(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Sample the resident memory of a process, and of its descendants, until it ends."""
    own = children = 0
    run = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            own = max(own, run.memory_info().rss)
            children = max(children, sum(child.memory_info().rss for child in run.children(recursive=True)))
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.02)
    return own, children


def padded_sample(path: Path, size_bytes: int) -> None:
    """Make a playable mp4 of that size: a sample, followed by a box of random bytes that players skip."""
    shutil.copy(SHORT_SAMPLES[0].path, path)
    padding = size_bytes - path.stat().st_size
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", padding, b"free"))
        for _ in range(0, padding - 8, MEGABYTE):
            file.write(os.urandom(min(MEGABYTE, size_bytes - file.tell())))


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Serve a directory on loopback. Yields its host:port."""

    class Quiet(SimpleHTTPRequestHandler):
        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        @override
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Ignore connections that a downloader dropped after it had probed a link."""

    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    main()
