"""The second asset: the media at its place. The IO manager does the placing, when it is handed the handles."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets.batches import ShareResults, failures_in, work_of, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.outcomes import Failure
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET, VIDEO_OF_THE_LINK
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.operations.media.placing import confirm_media
from bookmarkai_assets.operations.media.stores import Stores, interrupt_all
from bookmarkai_assets.operations.shares.share_work import ShareWork

BYTES_ARE_THERE = "bytes_are_there"


@dg.asset(
    **SHARE_ASSET,
    kinds={"s3", "video"},
    tags={"stage": "store"},
    io_manager_key="media_io_manager",
    check_specs=[
        dg.AssetCheckSpec(
            BYTES_ARE_THERE,
            asset="stored_media",
            blocking=True,
            description="What was just put is at its recorded place with its recorded size and SHA-256. A share whose "
            "video is not goes no further; the check blocks the run when that leaves none.",
        )
    ],
    description=describe_asset(
        "stored_media",
        "The video and its audio track at the place that the storage mode gave them: verified and recorded. "
        "Materializing it again moves them to where today's storage mode and percentage place them.",
    ),
)
def stored_media(
    context: dg.AssetExecutionContext,
    raw_video: ShareResults,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
) -> Iterator[dg.Output[ShareResults] | dg.AssetCheckResult]:
    work = work_of(context.run, catalog, rules)
    yield from yield_results(
        context,
        work,
        raw_video,
        check=lambda results: [_bytes_are_there(work, results, stores)],
        inputs=raw_video,
        data_version=VIDEO_OF_THE_LINK,
    )


def _bytes_are_there(work: ShareWork, results: ShareResults, stores: Stores) -> dg.AssetCheckResult:
    """Look at each stored media; one that fails becomes a failure in `results`, recorded as its share's."""
    stored = {share_id: media for share_id, media in results.items() if share_id not in failures_in(results)}
    with work.hold():
        looks = work.each(
            stored,
            lambda _, media: confirm_media(media, stores),
            concurrency=work.rules.download_concurrency,
            interrupt=lambda: interrupt_all(stores),
        )
    failures = failures_in(looks)
    results.update(failures)
    lost = {share_id: wrong for share_id, wrong in looks.items() if not isinstance(wrong, Failure) and wrong}
    blocks = bool(failures) and len(failures) == len(stored)
    return dg.AssetCheckResult(
        check_name=BYTES_ARE_THERE,
        passed=not failures and not lost,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata={
            "looked_at": len(stored),
            "failed": dg.MetadataValue.json({share_id: str(failure.reason) for share_id, failure in failures.items()}),
            "audio_track_lost": dg.MetadataValue.json(
                [share_id for share_id, wrong in lost.items() if "audio" in wrong]
            ),
            "transcript_files_lost": dg.MetadataValue.json(
                {share_id: kinds for share_id, wrong in lost.items() if (kinds := [k for k in wrong if k != "audio"])}
            ),
        },
    )
