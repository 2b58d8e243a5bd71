"""The Dagster resources: each adapter behind its port, made when a run or a tick first needs it.

The resources carry no Dagster config. Settings are validated as a whole at the start, and a config schema would show
their values, including secrets, in the UI (docs/adr/0004).
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.downloads.ports import Downloader
from bookmarkai_assets.core.log_ids import work_for_run
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.io_manager import CatalogIOManager, MediaIOManager
from bookmarkai_assets.run_tags import WORKER_TAG
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.dagster_ui import make_links_from_within
from bookmarkai_assets.wiring.downloads import make_downloader
from bookmarkai_assets.wiring.monitoring import make_alert_receivers, make_metric_sinks
from bookmarkai_assets.wiring.rules import make_rules
from bookmarkai_assets.wiring.speech import make_speech_engine
from bookmarkai_assets.wiring.storage import make_stores
from bookmarkai_assets.wiring.upload_events import make_upload_inbox


def build_resources(settings: Settings) -> dict[str, Any]:
    """Make every resource of the definitions, by key."""
    return {
        "rules": _resource("The operator's rules, from the settings", lambda: make_rules(settings)),
        "catalog": dg.ResourceDefinition(
            resource_fn=lambda context: _open_catalog(settings, context),
            description="The records of shares, media and transcripts",
        ),
        "stores": _resource("The stores for media: the local directory, the bucket", lambda: make_stores(settings)),
        "upload_inbox": _resource("Where uploads arrive", lambda: make_upload_inbox(settings)),
        "downloader": dg.ResourceDefinition(
            resource_fn=lambda _: _run_downloader(settings), description="yt-dlp behind the egress guard"
        ),
        "speech": _resource("The speech engine", lambda: make_speech_engine(settings)),
        "ui": _resource("Makes the links to pages of Dagster's UI", lambda: make_links_from_within(settings)),
        "alert_receivers": _resource("Where alerts are sent, besides the log", lambda: make_alert_receivers(settings)),
        "metric_sinks": _resource("Where metrics are published", lambda: make_metric_sinks(settings)),
        # For what yields no value, such as checks and reports. Dagster's own default would pickle it to disk.
        "io_manager": dg.mem_io_manager,
        "failed_shares": _resource("What failed in one run, and at which step", dict[str, Failure]),
        "catalog_io_manager": dg.IOManagerDefinition(
            lambda context: CatalogIOManager(
                context.resources.catalog, context.resources.rules, context.resources.failed_shares
            ),
            required_resource_keys={"catalog", "rules", "failed_shares"},
            description="Passes on what the catalog records",
        ),
        "media_io_manager": dg.IOManagerDefinition(
            lambda context: MediaIOManager(
                context.resources.catalog,
                context.resources.rules,
                context.resources.failed_shares,
                context.resources.stores,
            ),
            required_resource_keys={"catalog", "rules", "failed_shares", "stores"},
            description="Stores media where the storage mode places them",
        ),
    }


def _open_catalog(settings: Settings, context: dg.InitResourceContext) -> Iterator[Catalog]:
    """Open the catalog. Every run uses it, so it is also where a run announces itself and renews its sign of life."""
    from bookmarkai_assets.operations.workers.presence import announced_run, this_process, worker_name  # noqa: PLC0415 - runs alone need it

    run, worker = context.run, worker_name()
    if run is not None and worker is not None and context.instance is not None:
        context.instance.add_run_tags(run.run_id, {WORKER_TAG: worker})
    with open_catalog(settings) as catalog:
        if run is None:
            yield catalog
            return
        announced = announced_run(
            catalog,
            make_rules(settings),
            this_process(),
            run_id=run.run_id,
            job=run.job_name,
            clock=lambda: datetime.now(UTC),
        )
        with announced, work_for_run(run.run_id):
            yield catalog


def _run_downloader(settings: Settings) -> Iterator[Downloader]:
    with closing(make_downloader(settings)) as downloader:
        yield downloader


def _resource(description: str, make: Callable[[], object]) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(resource_fn=lambda _: make(), description=description)
