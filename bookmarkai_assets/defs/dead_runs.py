"""Runs whose process died without a word: ended here, so that they do not hold the queue's places for hours.

Dagster asks a run's launcher for its health, and the launcher of one machine cannot tell once the code server has died
as well: such a run stays STARTED. A living run of ours always holds a lease; one that holds none is dead.
"""

from datetime import datetime

import dagster as dg

from bookmarkai_assets.core.shares.leases import LeaseLedger
from bookmarkai_assets.dagster_internals import end_as_failed
from bookmarkai_assets.defs.raw_video import raw_video
from bookmarkai_assets.defs.share_to_transcript import share_to_transcript
from bookmarkai_assets.defs.stored_media import stored_media
from bookmarkai_assets.defs.transcript import transcript

GRACE_SECONDS = 60
"""A run starts some seconds before it takes its first lease; this is far more."""

_SHARE_ASSETS = {raw_video.key, stored_media.key, transcript.key}


def end_dead_runs(
    instance: dg.DagsterInstance, leases: LeaseLedger, *, suspects: set[str], now: datetime, lease_seconds: float
) -> set[str]:
    """Report as failed each run in `suspects` that still looks dead, and give the runs to suspect at the next look.

    Two looks are needed, because a run that has just finished its last share holds no lease either.
    """
    oldest_start = now.timestamp() - lease_seconds - GRACE_SECONDS
    records = instance.get_run_records(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    silent = {
        record.dagster_run.run_id: record.dagster_run
        for record in records
        if _is_ours(record.dagster_run)
        and record.start_time is not None
        and record.start_time < oldest_start
        and not leases.has_live_lease(record.dagster_run.run_id, now=now)
    }
    for run_id in silent.keys() & suspects:
        end_as_failed(
            instance,
            silent[run_id],
            "The run's process has died: it is marked as started but has held no lease for some time. Its shares that "
            "were not finished are tried again.",
        )
    return silent.keys() - suspects


def _is_ours(run: dg.DagsterRun) -> bool:
    if run.job_name == share_to_transcript.name:
        return True
    return bool(run.asset_selection) and set(run.asset_selection or ()) <= _SHARE_ASSETS
