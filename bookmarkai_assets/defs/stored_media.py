"""The second asset: the media at its place. The IO manager does the placing, before it is handed the handles."""

from collections.abc import Iterator

import dagster as dg

from bookmarkai_assets.batches import HANDLES, Checked, hold_of, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.defs.common import SHARE_ASSET, VIDEO_OF_THE_LINK
from bookmarkai_assets.io_manager import MediaIOManager
from bookmarkai_assets.metadata.keys import describe_asset
from bookmarkai_assets.metadata.media import stored_media_metadata
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.share_results import ShareResults
from bookmarkai_assets.operations.shares.steps import run_step
from bookmarkai_assets.operations.stores import Stores

BYTES_ARE_THERE = "bytes_are_there"


@dg.asset(
    **SHARE_ASSET,
    ins={"raw_video": HANDLES},
    kinds={"s3", "video"},
    tags={"stage": "store"},
    io_manager_key="media_io_manager",
    output_required=False,  # a run whose every share waits for its store ends well, with nothing materialized
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
    hold = hold_of(context.run, catalog, rules, stores)
    placed = media_io_manager.place(context.run, raw_video)
    for share_id, (share, media) in placed.succeeded.items():
        context.add_asset_metadata(dict(stored_media_metadata(share, media)), partition_key=share_id)
    yield from yield_results(
        context,
        hold,
        placed.map(lambda done: done[1]),
        check=lambda placed: _bytes_are_there(hold, placed),
        inputs=raw_video,
        data_version=VIDEO_OF_THE_LINK,
    )


def _bytes_are_there(hold: Hold, placed: ShareResults[Media]) -> Checked:
    """Look at each stored media; what fails is recorded as its share's failure."""
    from bookmarkai_assets.operations.media.placing import confirm_media  # noqa: PLC0415 - only its own runs need it

    stored = placed.succeeded
    with hold.renew_leases():
        checked = ShareResults(
            run_step(
                hold,
                stored,
                lambda _, media: confirm_media(hold.stores, media),
                concurrency=hold.rules.download_concurrency,
                interrupt=hold.stores.interrupt,
            )
        )
    failures = checked.failures
    lost = {share_id: [part.kind for part in missing] for share_id, missing in checked.succeeded.items() if missing}
    blocks = bool(failures) and len(failures) == len(stored)
    result = dg.AssetCheckResult(
        check_name=BYTES_ARE_THERE,
        passed=not failures and not lost,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata={
            "looked_at": len(stored),
            "failed": dg.MetadataValue.json({share_id: str(failure.reason) for share_id, failure in failures.items()}),
            "audio_track_lost": dg.MetadataValue.json(
                [share_id for share_id, kinds in lost.items() if PartKind.AUDIO in kinds]
            ),
            "transcript_files_lost": dg.MetadataValue.json(
                {
                    share_id: files
                    for share_id, kinds in lost.items()
                    if (files := [kind for kind in kinds if kind.is_transcript])
                }
            ),
        },
    )
    return Checked([result], failures)
