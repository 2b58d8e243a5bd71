"""The job that the sensor launches: every asset of a share over the partitions of one run."""

import dagster as dg

from bookmarkai_assets.defs.common import SHARE_ASSET
from bookmarkai_assets.defs.stale_transcripts import made_as_set

share_to_transcript = dg.define_asset_job(
    "share_to_transcript",
    # Left out is a look at all transcripts, which new shares do not make stale.
    selection=dg.AssetSelection.groups(SHARE_ASSET["group_name"]) - dg.AssetSelection.checks(made_as_set),
    description="Fetch, store and transcribe one share or a batch of them",
)
