"""A running cluster for tests: the processes of deploy/cluster over a real PostgreSQL, RabbitMQ and S3 server."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.shares.ports import AddedShare
from bookmarkai_assets.demo.cluster.postgres import PostgresServer
from bookmarkai_assets.demo.cluster.processes import Cluster
from bookmarkai_assets.demo.cluster.rabbitmq import RabbitMQServer
from bookmarkai_assets.demo.cluster.run import cluster_environment
from bookmarkai_assets.demo.dagster_dev import free_port
from bookmarkai_assets.demo.run import own_environment
from bookmarkai_assets.demo.samples import SHORT_SAMPLES
from bookmarkai_assets.demo.seaweed import SeaweedServer
from bookmarkai_assets.demo.site import SampleSite
from bookmarkai_assets.operations.shares.intake import add_shares
from tests.support.catalog import USER
from tests.support.deadlines import PIPELINE_SECONDS
from tests.support.graphql import GraphQL
from tests.support.hostile_site import HostileSite, hostile_site
from tests.support.processes import wait_until

LEASE_SECONDS = 8
"""Short, so that the shares of a killed worker come back soon, but long enough for a machine that is busy."""

_ENDED = frozenset({"done", "error"})


@dataclass(frozen=True)
class LiveCluster:
    """The running parts. `odd_site` answers as a test sets it."""

    cluster: Cluster
    postgres: PostgresServer
    rabbitmq: RabbitMQServer
    seaweed: SeaweedServer
    site: SampleSite
    odd_site: HostileSite
    catalog: Catalog
    media: Path

    @property
    def graphql(self) -> GraphQL:
        """Dagster's webserver."""
        return GraphQL(self.cluster.url)

    def links(self, count: int) -> list[str]:
        """Return links to short sample videos that no test has used, each a video of its own to the pipeline."""
        return [
            f"{self.site.url}/videos/{SHORT_SAMPLES[number % len(SHORT_SAMPLES)].file}?n={uuid.uuid4().hex}"
            for number in range(count)
        ]

    def share(self, *urls: str) -> list[str]:
        """Share links, and return the shares' ids."""
        opened = frozenset({HostPort.parse(self.site.host_and_port), self.odd_site.host_port})
        added = add_shares(self.catalog.shares, urls, user_id=USER, allowed_hosts=opened, now=datetime.now(UTC))
        return [result.share.share_id for result in added if isinstance(result, AddedShare)]

    def statuses(self, share_ids: Sequence[str]) -> list[str]:
        """Return the shares' statuses."""
        return [self.catalog.shares.get(share_id).status for share_id in share_ids]

    def have_ended(self, share_ids: Sequence[str]) -> bool:
        """Whether every share is done or parked."""
        return set(self.statuses(share_ids)) <= _ENDED

    def wait_until_ended(self, share_ids: Sequence[str]) -> list[str]:
        """Wait until every share is done or parked, and return their statuses."""
        wait_until(lambda: self.have_ended(share_ids), seconds=PIPELINE_SECONDS)
        return self.statuses(share_ids)


@contextmanager
def running_cluster(directory: Path, *, workers: int = 2, **settings: str) -> Iterator[LiveCluster]:
    """Start every part below `directory`, and stop them at the end. Raises `ConfigurationError` if one is missing."""
    with ExitStack() as running:
        postgres = running.enter_context(PostgresServer())
        rabbitmq = running.enter_context(RabbitMQServer(directory / "rabbitmq", start_timeout_seconds=PIPELINE_SECONDS))
        seaweed = running.enter_context(
            SeaweedServer(directory / "s3", bucket="cluster", start_timeout_seconds=PIPELINE_SECONDS)
        )
        site = running.enter_context(SampleSite())
        odd_site = running.enter_context(hostile_site())
        media = directory / "media"
        environment = {
            **own_environment(),
            **seaweed.variables,
            **cluster_environment(postgres, rabbitmq, seaweed),
            "STORAGE_MODE": "hybrid",
            "S3_SPLIT_PERCENTAGE": "50",
            "YTDLP_DOWNLOAD_DIR": str(media),
            "YTDLP_ALLOWED_EXTRACTORS": "generic",
            "EGRESS_ALLOWED_HOSTS": f"{site.host_and_port},{odd_site.host}:{odd_site.port}",
            "WHISPER_MODEL": "tiny.en",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "RETRY_BASE_SECONDS": "0.5",
            # A share whose worker has died three times would be parked, as one that kills its workers.
            "RETRY_MAX_ATTEMPTS": "100",
            **settings,
        }
        cluster = Cluster(directory, environment, port=free_port(), workers=workers)
        running.callback(cluster.stop)
        cluster.start()
        catalog = running.enter_context(open_catalog(environment["CATALOG_URL"]))
        yield LiveCluster(cluster, postgres, rabbitmq, seaweed, site, odd_site, catalog, media)
