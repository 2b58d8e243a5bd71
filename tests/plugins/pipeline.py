"""The production graph over a real SQLite catalog and a real directory, with fakes in place of the outside world."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.local_store import LocalStore
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.dagster_internals import partition_range_tags
from bookmarkai_assets.definitions import EXECUTOR, build_defs
from bookmarkai_assets.operations.shares.intake import add_shares
from bookmarkai_assets.operations.shares.reports import share_report
from bookmarkai_assets.operations.stores import Stores
from bookmarkai_assets.settings.settings import load_settings
from bookmarkai_assets.wiring.rules import make_rules
from tests.fakes.downloader import DownloadCall, FakeDownloader
from tests.fakes.speech import FakeSpeechEngine, speech_bytes
from tests.fakes.stores import FakeMediaStore
from tests.support.dagster_internals import execute_in_process_with, make_ephemeral_instances_quick

USER = "11111111-1111-4111-8111-111111111111"
ASSETS = ("raw_video", "stored_media", "transcript")


@dataclass
class Pipeline:
    """One installation: what is behind its ports, and ways to use it as the sensor, an analyst or a user would."""

    directory: Path
    settings: dict[str, Any]
    speech: FakeSpeechEngine = field(default_factory=FakeSpeechEngine)
    s3: FakeMediaStore = field(default_factory=lambda: FakeMediaStore(Backend.S3))
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def __post_init__(self) -> None:
        self.catalog: OpenCatalog = open_catalog(self.settings["catalog_url"])
        self.on_download: Callable[[DownloadCall], object] = lambda _: None
        self.downloader = FakeDownloader(on_download=self._call_on_download)
        self._made_of: tuple[object, ...] = ()

    def close(self) -> None:
        """Close the catalog and Dagster's storage."""
        self.catalog.close()
        self.instance.dispose()

    def use_instance(self, instance: dg.DagsterInstance) -> None:
        """Go on over another Dagster storage, as after the loss of the present one."""
        self.instance.dispose()
        self.instance = instance

    def _call_on_download(self, call: DownloadCall) -> None:
        self.on_download(call)

    @property
    def media_dir(self) -> Path:
        """Where local media are."""
        return self.directory / "media"

    def configure(self, **settings: Any) -> None:
        """Change settings, as an operator would before the next run."""
        self.settings |= settings

    def defs(self) -> dg.Definitions:
        """Return the production definitions with the fakes in place, the same until a setting or a fake is another."""
        made_of = (*sorted(self.settings.items()), self.downloader, self.speech, self.s3)
        if self._made_of != made_of:
            resources = {
                "downloader": self.downloader,
                "speech": self.speech,
                "stores": Stores({Backend.LOCAL: LocalStore(self.media_dir), Backend.S3: self.s3}),
            }
            self._defs = build_defs(
                load_settings(env_file=None, **self.settings),
                resources={key: dg.ResourceDefinition.hardcoded_resource(part) for key, part in resources.items()},
            )
            self._made_of = made_of
        return self._defs

    def share(self, *names: str, user: str = USER) -> list[str]:
        """Share `https://example.com/{name}`, each a video that says its name, and return the ids."""
        for name in names:
            self.downloader.serve(link(name), audio=speech_bytes(f"This is {name}"))
        return self.share_links(*(link(name) for name in names), user=user)

    def share_links(self, *links: str, user: str = USER) -> list[str]:
        """Share links, whether or not there is a video behind them, and return the ids."""
        results = add_shares(self.catalog.shares, links, user_id=user, allowed_hosts=frozenset(), now=datetime.now(UTC))
        return [result.share.share_id for result in results if hasattr(result, "share")]

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Run the sensor once, and do what Dagster's daemon does with the partitions that it requests."""
        rules = make_rules(load_settings(env_file=None, **self.settings))
        resources = {"catalog": self.catalog, "rules": rules}
        with dg.build_sensor_context(instance=self.instance, resources=resources) as context:
            result = self.defs().resolve_sensor_def("new_shares")(context)
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or ():
                assert isinstance(request, dg.AddDynamicPartitionsRequest)
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return result

    def tick_and_run(self) -> list[dg.ExecuteInProcessResult]:
        """Run the sensor once, and then the runs that it requests."""
        result = self.tick()
        requests = result.run_requests or [] if isinstance(result, dg.SensorResult) else []
        job = self.defs().resolve_job_def("share_to_transcript")
        return [
            job.execute_in_process(
                instance=self.instance,
                partition_key=request.partition_key,
                tags=dict(request.tags),
                raise_on_error=False,
            )
            for request in requests
        ]

    def materialize(self, share_ids: Sequence[str], assets: Sequence[str] = ASSETS) -> dg.ExecuteInProcessResult:
        """Do what one run of an analyst's backfill does: materialize assets over neighbouring partitions."""
        self.instance.add_dynamic_partitions("shares", list(share_ids))
        ordered = [key for key in self.instance.get_dynamic_partitions("shares") if key in share_ids]
        job = self.defs().resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            tags=partition_range_tags(ordered[0], ordered[-1]),
            raise_on_error=False,
        )

    def run_schedule(self, name: str) -> dg.ExecuteInProcessResult:
        """Run what a schedule launches."""
        defs = self.defs()
        job_name = defs.get_repository_def().get_schedule_def(name).job_name
        return defs.resolve_job_def(job_name).execute_in_process(instance=self.instance, raise_on_error=False)

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
        """Return the asset checks that a run evaluated, by name."""
        return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}

    def report_metadata(self, asset: str) -> dict[str, Any]:
        """Return the latest metadata of an asset without partitions."""
        materialization = self.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert materialization is not None
        assert materialization.asset_materialization is not None
        return {key: value.value for key, value in materialization.asset_materialization.metadata.items()}

    def materialized(self, asset: str) -> set[str]:
        """Return the partitions that Dagster shows as materialized."""
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset)))

    def metadata(self, asset: str, share_id: str) -> dict[str, Any]:
        """Return the latest metadata of one partition."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[share_id]), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return {key: value.value for key, value in materialization.metadata.items()}

    def report(self, share_id: str) -> dict[str, Any]:
        """Return what `bookmarkai shares show --json` prints."""
        return share_report(self.catalog, share_id).as_dict()


def link(name: str) -> str:
    """Return the link that `Pipeline.share` shares for a name."""
    return f"https://example.com/{name}"


@pytest.fixture(scope="session", autouse=True)
def quick_instances() -> Iterator[None]:
    """Make ephemeral instances faster, see `make_ephemeral_instances_quick`."""
    with pytest.MonkeyPatch.context() as patch:
        make_ephemeral_instances_quick(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def production_executor() -> Iterator[None]:
    """Have runs in this process go as in production, where a step can begin after one that has failed."""
    with pytest.MonkeyPatch.context() as patch:
        execute_in_process_with(patch, EXECUTOR)
        yield


@pytest.fixture
def pipeline(tmp_path: Path, sqlite_url: str) -> Iterator[Pipeline]:
    """Return an installation of its own that stores locally and retries at once."""
    made = make_pipeline(tmp_path, sqlite_url)
    yield made
    made.close()


def make_pipeline(directory: Path, catalog_url: str) -> Pipeline:
    """Return an installation over a catalog, which the caller closes."""
    return Pipeline(
        directory,
        {
            "catalog_url": catalog_url,
            "ytdlp_download_dir": directory / "media",
            "s3_media_bucket": "fake-bucket",
            "aws_region": "us-east-1",
            "retry_base_seconds": 0.001,
            "retry_max_seconds": 0.001,
            "sensor_watch_seconds": 0,
        },
    )
