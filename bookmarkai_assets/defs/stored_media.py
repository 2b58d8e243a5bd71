"""The second asset: the media at its place. The IO manager does the placing, when it is handed the handles."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets.batches import HANDLES, Checked, work_of, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET, VIDEO_OF_THE_LINK
from bookmarkai_assets.io_manager import MediaIOManager
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.operations.media.placing import confirm_media
from bookmarkai_assets.operations.media.stores import Stores, interrupt_all
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.shares.share_work import ShareWork

BYTES_ARE_THERE = "bytes_are_there"


@dg.asset(
    **SHARE_ASSET,
    ins={"raw_video": HANDLES},
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
    raw_video: ShareResults[Media],
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
    stores: dg.ResourceParam[Stores],
    media_io_manager: dg.ResourceParam[MediaIOManager],
) -> Iterator[dg.Output[ShareResults[Media]] | dg.AssetCheckResult]:
    work = work_of(context.run, catalog, rules)
    yield from yield_results(
        context,
        work,
        raw_video,
        handled=media_io_manager.placed,
        check=lambda placed: _bytes_are_there(work, placed, stores),
        inputs=raw_video,
        data_version=VIDEO_OF_THE_LINK,
    )


def _bytes_are_there(work: ShareWork, placed: ShareResults[Media], stores: Stores) -> Checked:
    """Look at each stored media; what fails is recorded as its share's failure."""
    stored = placed.succeeded
    with work.hold():
        looks = ShareResults(
            work.each(
                stored,
                lambda _, media: confirm_media(media, stores),
                concurrency=work.rules.download_concurrency,
                interrupt=lambda: interrupt_all(stores),
            )
        )
    failures = looks.failures
    lost = {share_id: wrong for share_id, wrong in looks.succeeded.items() if wrong}
    blocks = bool(failures) and len(failures) == len(stored)
    result = dg.AssetCheckResult(
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
    return Checked([result], failures)
