"""The second asset: the media at its place. The IO manager does the placing, before it is handed the handles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from bookmarkai_assets.batches import HANDLES, Checked, begin_step, yield_results
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.media import Media, Part
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.share import Share
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
    check_specs=[
        dg.AssetCheckSpec(
            BYTES_ARE_THERE,
            asset="stored_media",
            description="What was just put is at its recorded place with its recorded size and SHA-256. Looks at what "
            "one run has put. A share whose video is not there has failed and goes no further. Amber: a part that can "
            "be made again is lost, or a store did not say",
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
) -> Iterator[dg.Output[ShareResults[tuple[Share, Media]]] | dg.AssetCheckResult]:
    hold = begin_step(context, catalog, rules, stores)
    placed = media_io_manager.place(context.run, raw_video)
    yield from yield_results(
        context,
        hold,
        placed,
        lambda done: stored_media_metadata(*done),
        check=lambda placed: _bytes_are_there(hold, placed),
        data_version=VIDEO_OF_THE_LINK,
    )


def _bytes_are_there(hold: Hold, placed: ShareResults[tuple[Share, Media]]) -> Checked:
    """Look at each stored media; what fails is recorded as its share's failure."""
    from bookmarkai_assets.operations.media.placing import confirm_media  # noqa: PLC0415 - only its own runs need it

    with hold.renew_leases():
        checked = ShareResults(
            run_step(
                hold,
                placed.succeeded,
                lambda _, done: confirm_media(hold.stores, done[1]),
                concurrency=hold.rules.download_concurrency,
                interrupt=hold.stores.interrupt,
            )
        )
    return Checked([_check_result(checked)], checked.failures)


_NOT_FOR_THIS_RUN = frozenset({Outcome.POSTPONED, Outcome.SUPERSEDED})
"""The outcomes of a share that waits, or that another run has: nothing is wrong with it, and it was not looked at."""


def _check_result(checked: ShareResults[list[Part]]) -> dg.AssetCheckResult:
    """Say what was found: red for a video that is not there, amber for a lost part and a store that did not say."""
    missing = {key for key, why in checked.failures.items() if why.outcome is Outcome.MEDIA_MISSING}
    failed = {key: why for key, why in checked.failures.items() if why.outcome not in _NOT_FOR_THIS_RUN}
    lost = {key: [part.kind for part in parts] for key, parts in checked.succeeded.items() if parts}
    looked_at = len(checked.succeeded) + len(missing)
    return dg.AssetCheckResult(
        check_name=BYTES_ARE_THERE,
        passed=not failed and not lost,
        severity=dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN,
        description=f"looked at {looked_at}: {_in_words(len(missing), len(lost), len(failed) - len(missing))}",
        metadata={
            "looked_at": looked_at,
            **{name: dg.MetadataValue.json(shares) for name, shares in _named(failed, lost).items() if shares},
        },
    )


def _named(
    failed: Mapping[str, Failure], lost: Mapping[str, Sequence[PartKind]]
) -> dict[str, dict[str, Any] | list[str]]:
    return {
        "failed": {share_id: failure.reason for share_id, failure in failed.items()},
        "audio_track_lost": [share_id for share_id, kinds in lost.items() if PartKind.AUDIO in kinds],
        "transcript_files_lost": {
            share_id: files
            for share_id, kinds in lost.items()
            if (files := [kind for kind in kinds if kind.is_transcript])
        },
    }


def _in_words(missing: int, without_a_part: int, not_looked_at: int) -> str:
    counts = {"not there": missing, "without a part": without_a_part, "could not be looked at": not_looked_at}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none is missing"
