"""What the benchmarks share: real servers on loopback, a Dagster of their own, and links without end."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.samples import LONG_SAMPLE, SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Bench:
    """A running pipeline: environment for the command line, the site to share from, the bucket's server."""

    dagster: DagsterDev
    site: SampleSite
    seaweed: SeaweedServer
    environment: dict[str, str]

    def short_links(self, count: int) -> list[str]:
        """Give `count` different links to the short clips: another query is another video to the pipeline."""
        files = [sample.file for sample in SHORT_SAMPLES]
        return [f"{self.site.url}/videos/{files[n % len(files)]}?n={n}" for n in range(count)]

    def long_link(self, n: int) -> str:
        """Give a link to the clip of half a minute."""
        return f"{self.site.url}/videos/{LONG_SAMPLE.file}?n={n}"


@contextmanager
def running_pipeline(*, mode: str = "hybrid", percentage: int = 50) -> Iterator[Bench]:
    """Start everything that `make dev` starts, with its dagster.yaml and default intervals, over a state of its own."""
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
            "EGRESS_ALLOWED_HOSTS": site.host_and_port,
            "WHISPER_MODEL": "tiny.en",
            "DAGSTER_HOME": str(state / "home"),
            "CATALOG_URL": f"sqlite:///{state / 'home' / 'catalog.db'}",
        }
        home = state / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text((PROJECT / "dagster_home" / "dagster.yaml").read_text())
        dagster = stack.enter_context(DagsterDev(home, environment, port=free_port(), log=state / "dagster.log"))
        yield Bench(dagster, site, seaweed, environment)


def machine() -> str:
    """Describe the machine in a line, for the figures to be read by."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.release()}"
