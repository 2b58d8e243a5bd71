"""The job that the sensor launches: the three assets over the partitions of one run."""

import dagster as dg

from bookmarkai_assets.defs.raw_video import raw_video
from bookmarkai_assets.defs.stale_transcripts import made_as_set
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript

share_to_transcript = dg.define_asset_job(
    "share_to_transcript",
    # Left out is a look at all transcripts, which new shares do not make stale.
    selection=dg.AssetSelection.assets(raw_video, stored_media, transcript) - dg.AssetSelection.checks(made_as_set),
    description="Fetch, store and transcribe one share or a batch of them",
)
