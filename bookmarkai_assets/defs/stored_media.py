"""The second asset: the media at its place. The IO manager does the placing, when it is handed the handles."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets import metadata
from bookmarkai_assets.batches import ShareResults, work_of, yield_results
from bookmarkai_assets.core.ports import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET


@dg.asset(
    **SHARE_ASSET,
    kinds={"s3", "video"},
    tags={"stage": "store"},
    io_manager_key="media_io_manager",
    description=metadata.described(
        "stored_media",
        "The video and its audio track at the place that the storage mode gave them: verified, recorded, kept there.",
    ),
)
def stored_media(
    context: dg.AssetExecutionContext,
    raw_video: ShareResults,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
) -> Iterator[dg.Output[ShareResults]]:
    work = work_of(context.run, catalog, rules)
    yield from yield_results(context, work, raw_video)
