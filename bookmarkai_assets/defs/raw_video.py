"""The first asset: the video behind a share's link, fetched into staging."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets.batches import begin_step, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.downloads.ports import Downloader
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET, VIDEO_OF_THE_LINK
from bookmarkai_assets.defs.shares import shares
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.metadata.media import raw_video_metadata
from bookmarkai_assets.operations.downloads.fetched_media import FetchedMedia
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores


@dg.asset(
    **SHARE_ASSET,
    deps=[shares],
    kinds={"yt-dlp", "video"},
    tags={"stage": "fetch"},
    io_manager_key="catalog_io_manager",
    description=describe_asset(
        "raw_video",
        "The video behind a share's link, fetched once per video, checked that it plays, with its audio track cut out.",
    ),
)
def raw_video(
    context: dg.AssetExecutionContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
    downloader: dg.ResourceParam[Downloader],
) -> Iterator[dg.Output[ShareResults[FetchedMedia]] | dg.AssetCheckResult]:
    from bookmarkai_assets.operations.downloads.fetching import fetch_media  # noqa: PLC0415 - only its own runs need it
    from bookmarkai_assets.operations.downloads.run_patience import run_patience  # noqa: PLC0415 - as above

    hold = begin_step(context, catalog, rules, stores)
    patience = run_patience(rules, shares=len(context.partition_keys))
    with hold.renew_leases():
        fetched = run_step(
            hold,
            dict.fromkeys(context.partition_keys),
            lambda leased, _: fetch_media(hold, leased, downloader=downloader, patience=patience),
            concurrency=rules.download_concurrency,
        )
    yield from yield_results(context, hold, fetched, raw_video_metadata, data_version=VIDEO_OF_THE_LINK)
