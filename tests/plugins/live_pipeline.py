"""The pipeline as a user has it: daemon, webserver and code server in processes of their own, a real S3 server, a site.

`tests/integration/conftest.py` has the fixture. Tests share it, and each adds shares with links that no other uses. All
of them run on one worker (`tests/plugins/scheduling.py`), so that there is only one pipeline.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.demo.dagster_dev import DagsterDev, free_port
from bookmarkai_assets.demo.samples import Sample
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.reports import share_report
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.catalog import open_catalog
from tests.support.catalog import USER
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.graphql import GraphQL
from tests.support.hostile_site import HostileSite, hostile_site
from tests.support.project import PROJECT

SHORT_DAEMON_INTERVAL = PROJECT / "tests" / "support" / "short_daemon_interval"
BUCKET = "live-media"
LEASE_SECONDS = 8
"""Short, so that the shares of a killed run come back soon, but long enough for a machine that is busy."""

FILE_SETTING = "RETRY_MAX_ATTEMPTS"
"""A setting that is not exported, only in `.env`."""

_ENDED = frozenset({"done", "error"})
_POLL_SECONDS = 0.5
# All that the processes get of this one's environment.
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")

Found = TypeVar("Found")


class LateError(AssertionError):
    """What a test waited for did not come in time."""


@dataclass
class LivePipeline:
    """Access to the running pipeline.

    `environment` is the whole environment of its processes and of the command line. `odd_site` answers as a test sets
    it.
    """

    state: Path
    dagster: DagsterDev
    seaweed: SeaweedServer
    site: SampleSite
    odd_site: HostileSite
    catalog: Catalog
    graphql: GraphQL = field(init=False)

    def __post_init__(self) -> None:
        self.graphql = GraphQL(self.dagster.url)

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment of the pipeline's processes."""
        return self.dagster.environment

    @property
    def media_dir(self) -> Path:
        """Where local media are."""
        return Path(self.environment["YTDLP_DOWNLOAD_DIR"])

    @property
    def media_group_url(self) -> str:
        """The page of the UI with the lineage of a share's three assets."""
        workspace = "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }"
        (location,) = self.graphql.ask(workspace)["workspaceOrError"]["locationEntries"]
        return f"{self.dagster.url}/locations/{location['name']}/asset-groups/media"

    def link(self, path: str) -> str:
        """Return a link to the sample site that no test has used. To the pipeline, another query is another video."""
        return f"{self.site.url}{path}?n={uuid.uuid4().hex}"

    def share(self, *urls: str) -> list[str]:
        """Share links as `shares add` does, without the second that a command takes, and return the shares' ids."""
        opened = frozenset({HostPort.parse(self.site.host_and_port), self.odd_site.host_port})
        added = add_shares(self.catalog.shares, urls, user_id=USER, allowed_hosts=opened, now=datetime.now(UTC))
        return [result.share.share_id for result in added if isinstance(result, AddedShare)]

    def report(self, share_id: str) -> dict[str, Any]:
        """Return what `shares show --json` prints about a share, without the second that a command takes."""
        return share_report(self.catalog, share_id).as_dict()

    def command(self, *arguments: str, **variables: str) -> Any:
        """Run the command line as a user does, and return the JSON that it prints. It must succeed.

        `variables` are added to its environment.
        """
        done = subprocess.run(
            [sys.executable, "-m", "bookmarkai_assets.cli", *arguments],
            env={**self.environment, **variables},
            cwd=self.state,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"bookmarkai {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def statuses(self, *share_ids: str) -> list[str]:
        """Return the shares' statuses."""
        return [self.catalog.shares.get(share_id).status for share_id in share_ids]

    def wait_until_ended(self, *share_ids: str) -> list[str]:
        """Wait until every share is done or parked, and return their statuses."""
        self.wait_until(lambda: set(self.statuses(*share_ids)) <= _ENDED, what="the shares end")
        return self.statuses(*share_ids)

    def wait_until(self, find: Callable[[], Found | None], *, what: str) -> Found:
        """Poll until `find` returns something true, and return that. Raise `LateError` with `what` if it does not."""
        deadline = time.monotonic() + PIPELINE_SECONDS
        while not (found := find()):
            self.dagster.check_alive()
            if time.monotonic() > deadline:
                log = self.dagster.log.read_text(errors="replace")
                raise LateError(f"not within {PIPELINE_SECONDS} s: {what}; the end of Dagster's log:\n{log[-3000:]}")
            time.sleep(_POLL_SECONDS)
        return found


@dataclass(frozen=True)
class Backlog:
    """Shares that were added together, all ended: `good` in the order of their partitions, with the text of each."""

    good: dict[str, Sample]
    twins: list[str]
    broken: str
    fetches_of_twins: int


@contextmanager
def running_live_pipeline(state: Path) -> Iterator[LivePipeline]:
    """Start every part below `state`, and stop them at the end."""
    with ExitStack() as running:
        seaweed = running.enter_context(
            SeaweedServer(state / "s3", bucket=BUCKET, start_timeout_seconds=PIPELINE_SECONDS)
        )
        site = running.enter_context(SampleSite())
        odd_site = running.enter_context(hostile_site())
        home = state / "home"
        home.mkdir()
        shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", home)
        # What Dagster reads by itself, and puts over what is exported. It must not count.
        (home / ".env").write_text(f"STORAGE_MODE=s3\nS3_SPLIT_PERCENTAGE=99\n{FILE_SETTING}=2\n")
        environment = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "STORAGE_MODE": "hybrid",
            "S3_SPLIT_PERCENTAGE": "50",
            **seaweed.variables,
            "YTDLP_DOWNLOAD_DIR": str(state / "media"),
            "YTDLP_ALLOWED_EXTRACTORS": "generic",
            "EGRESS_ALLOWED_HOSTS": f"{site.host_and_port},{odd_site.host}:{odd_site.port}",
            "WHISPER_MODEL": "tiny.en",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RETRY_BASE_SECONDS": "0.5",
            "PYTHONPATH": str(SHORT_DAEMON_INTERVAL),
        }
        dagster = running.enter_context(DagsterDev(home, environment, port=free_port(), log=state / "dagster.log"))
        settings = load_settings(env_file=None, catalog_url=f"sqlite:///{home / 'catalog.db'}")
        catalog = running.enter_context(open_catalog(settings))
        yield LivePipeline(state, dagster, seaweed, site, odd_site, catalog)
