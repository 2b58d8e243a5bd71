"""What the benchmarks share: real servers on loopback, a Dagster of their own, and as many links as needed."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog, upgrade_catalog
from bookmarkai_assets.adapters.speech.models import find_model
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.postgres import running_postgres

PROJECT = Path(__file__).parents[1]
POLL_SECONDS = 0.2
DEADLINE_SECONDS = 600


@dataclass(frozen=True)
class Bench:
    """A running pipeline: the command line's environment, the site to share from, and the bucket's server."""

    dagster: DagsterDev
    site: SampleSite
    seaweed: SeaweedServer
    environment: dict[str, str]

    def short_links(self, count: int) -> list[str]:
        """Return `count` different links to the short clips. To the pipeline, another query is another video."""
        files = [sample.file for sample in SHORT_SAMPLES]
        return [f"{self.site.url}/videos/{files[n % len(files)]}?n={n}" for n in range(count)]

    def long_link(self, n: int) -> str:
        """Return a link to the clip of half a minute."""
        return f"{self.site.url}/videos/{LONG_SAMPLE.file}?n={n}"


class _Files(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    @override
    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send a file, unless the client disconnects: a downloader first reads the beginning only, and leaves."""
        with contextlib.suppress(ConnectionError):
            super().copyfile(source, outputfile)


@contextmanager
def file_site(directory: Path) -> Iterator[str]:
    """Serve the files of a directory, whatever the query, on a free loopback port. Yields its host:port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running_pipeline(
    *,
    mode: str = "hybrid",
    percentage: int = 50,
    allowed_hosts: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Bench]:
    """Start everything that `make dev` starts, with its dagster.yaml and default intervals, in a state of its own.

    As many runs as there are cores may go at a time. Downloads may also reach `allowed_hosts`, each a host:port.
    `variables` are settings by environment variable, and come before those that are made here.
    """
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bookmarkai-bench-")))
        seaweed = stack.enter_context(SeaweedServer(state / "s3", bucket="bench-media"))
        site = stack.enter_context(SampleSite())
        environment = {
            **os.environ,
            "STORAGE_MODE": mode,
            "S3_SPLIT_PERCENTAGE": str(percentage),
            **seaweed.variables,
            "YTDLP_DOWNLOAD_DIR": str(state / "media"),
            "YTDLP_ALLOWED_EXTRACTORS": "generic",
            "EGRESS_ALLOWED_HOSTS": ",".join([site.host_and_port, *allowed_hosts]),
            "WHISPER_MODEL": "tiny.en",
            "DAGSTER_HOME": str(state / "home"),
            "CATALOG_URL": f"sqlite:///{state / 'home' / 'catalog.db'}",
            **(variables or {}),
        }
        home = state / "home"
        home.mkdir()
        config = (PROJECT / "dagster_home" / "dagster.yaml").read_text()
        cores = f"max_concurrent_runs: {os.cpu_count()}"
        (home / "dagster.yaml").write_text(config.replace("max_concurrent_runs: 2", cores))
        dagster = stack.enter_context(DagsterDev(home, environment, port=free_port(), log=state / "dagster.log"))
        yield Bench(dagster, site, seaweed, environment)


@contextmanager
def empty_catalog(database: str, *, postgres_settings: Sequence[str] = ()) -> Iterator[OpenCatalog]:
    """Open an empty catalog in a new database, `sqlite` or `postgresql`, which is deleted at the end.

    PostgreSQL's superuser runs the statements in `postgres_settings` before the catalog is created.
    """
    if database == "sqlite":
        with (
            tempfile.TemporaryDirectory(prefix="bookmarkai-bench-") as directory,
            open_catalog(f"sqlite:///{Path(directory) / 'catalog.db'}") as catalog,
        ):
            yield catalog
        return
    with running_postgres() as server:
        server.run(*postgres_settings)
        with server.database() as url:
            upgrade_catalog(url)
            with open_catalog(url) as catalog:
                yield catalog


def machine() -> str:
    """Describe the machine in one line, as context for the figures."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}"


def seconds_until_done(bench: Bench, catalog: Catalog, links: Sequence[str]) -> float:
    """Share links with the command line, and return the seconds until the last one is done."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "links.txt"
        file.write_text("\n".join(links))
        command = [sys.executable, "-m", "bookmarkai_assets.cli", "shares", "add", "--from-file", str(file)]
        subprocess.run(command, env=bench.environment, check=True, stdout=subprocess.DEVNULL)
    wanted = set(links)
    while time.monotonic() - start < DEADLINE_SECONDS:
        statuses = [share.status for share in catalog.shares.list(limit=len(links)) if share.url in wanted]
        if "error" in statuses:
            raise SystemExit("expected every share to succeed, found an error; see `bookmarkai shares list`")
        if statuses == ["done"] * len(links):
            return time.monotonic() - start
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"expected {len(links)} transcripts within {DEADLINE_SECONDS} s")


def seconds_of_plain_script(bench: Bench, links: Sequence[str]) -> float:
    """Run the plain script in a process of its own, and return the seconds it counts, imports and model included."""
    job = {
        "links": list(links),
        "model": str(find_model("tiny.en")),
        "bucket": bench.seaweed.bucket,
        "endpoint": bench.seaweed.endpoint,
        "access_key": bench.seaweed.access_key,
        "secret_key": bench.seaweed.secret_key,
    }
    script = Path(__file__).with_name("plain_script.py")
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(job), text=True, check=True, stdout=subprocess.PIPE
    )
    return float(done.stdout)
