"""What happens between the assets: media are given their place, and handles are read back from the catalog.

No bytes pass through Dagster. `CatalogIOManager` hands on what the operations have recorded; `MediaIOManager` puts each
media where the storage mode says before that.
"""

from typing import Any

import dagster as dg
from typing_extensions import override

from bookmarkai_assets.batches import hold_of
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ShareFailedError, UnknownShareError
from bookmarkai_assets.core.links.upload_urls import upload_id_of
from bookmarkai_assets.core.media.media import Media, media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.dagster_internals import narrow_to, run_of
from bookmarkai_assets.operations.shares.intake import link_of
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.shares.steps import LeasedShare, failure_of, run_step
from bookmarkai_assets.operations.stores import Stores


class CatalogIOManager(dg.IOManager):
    """Passes handles by way of the catalog: what a step has recorded is what the next one reads.

    `failed` is what the IO managers of one run remember together: the shares that failed in it.
    """

    def __init__(self, catalog: Catalog, rules: PipelineRules, failed: dict[str, Failure]) -> None:
        self.catalog = catalog
        self.rules = rules
        self._failed = failed

    @override
    def handle_output(self, context: dg.OutputContext, obj: ShareResults[Any]) -> None:
        """Materialize the partitions whose share succeeded, which may be none. The step itself says what failed."""
        self._failed.update(obj.failures)
        if context.has_asset_partitions:
            narrow_to(context, obj.succeeded.keys())

    @override
    def load_input(self, context: dg.InputContext) -> ShareResults[Media]:
        """Read each partition's media as it is now: the handle points at wherever the bytes are."""
        run_id = run_of(context).run_id
        return ShareResults({share_id: self._load(share_id, run_id) for share_id in context.asset_partition_keys})

    def _load(self, share_id: str, run_id: str) -> Media | Failure:
        # What this run was refused is on no record, because the share is another run's. What failed in it is, but not
        # at which step.
        failure = self._failed.get(share_id) or self.catalog.work.failure_in(share_id, run_id)
        if failure is not None:
            return failure
        try:
            link = link_of(self.catalog.shares.get(share_id), self.catalog, self.rules.allowed_hosts)
        except (UnknownShareError, ShareFailedError) as error:
            return failure_of(error)
        media = self.catalog.media.get(media_id_of(link.canonical_url))
        if media is None:
            return Failure(Outcome.MEDIA_MISSING, "expected a fetched video, found none; materialize raw_video first")
        return media


class MediaIOManager(CatalogIOManager):
    """Applies the storage mode: asks the placement rule, puts through a store, verifies, records the location."""

    def __init__(self, catalog: Catalog, rules: PipelineRules, failed: dict[str, Failure], stores: Stores) -> None:
        super().__init__(catalog, rules, failed)
        self.stores = stores

    def place(self, run: dg.DagsterRun, staged: ShareResults[Media]) -> ShareResults[tuple[Share, Media]]:
        """Place each share's media. A share whose transfer fails has failed, and one whose store is paused waits.

        The asset calls this before it yields, because it has to know what failed before it says what it has made.
        """
        from bookmarkai_assets.operations.media.placing import place_media  # noqa: PLC0415 - only runs of stored_media need it

        def place(leased: LeasedShare, media: Media) -> tuple[Share, Media]:
            placed = place_media(hold, leased, media)
            if upload_id_of(leased.share.url) is not None:
                from bookmarkai_assets.operations.uploads.sweeping import release_after_storing  # noqa: PLC0415 - few shares are uploads

                release_after_storing(hold, leased.share)
            return leased.share, placed

        hold = hold_of(run, self.catalog, self.rules, self.stores)
        with hold.renew_leases():
            return ShareResults(
                run_step(
                    hold,
                    staged,
                    place,
                    concurrency=self.rules.download_concurrency,
                    interrupt=self.stores.interrupt,
                )
            )
