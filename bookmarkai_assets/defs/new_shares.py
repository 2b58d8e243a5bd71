"""The sensor that picks up shares. It selects by the catalog's state; Dagster's cursor and run keys only save work."""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.dagster_internals import max_concurrent_runs, partition_range_tags, positions_of_partitions
from bookmarkai_assets.defs.share_to_transcript import share_to_transcript
from bookmarkai_assets.partitions import shares_partitions
from bookmarkai_assets.run_tags import CLAIM_TAGS, claim_of, launch_tags

if TYPE_CHECKING:
    from bookmarkai_assets.operations.shares.claiming import ClaimedRun

# A run renews its own leases from the moment at which it has begun its shares.
_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


# Dagster's sensor daemon begins a round every 5 seconds at most, whatever interval a sensor asks for. A tick that finds
# nothing therefore keeps watching the catalog for most of that time, so that a lone share starts at once. The interval
# is below Dagster's own: at 5 seconds, milliseconds would decide whether a round counts as too early.
_TICK_INTERVAL_SECONDS = 1

# Of the code server, which evaluates the ticks of one daemon.
_BEGAN = datetime.now(UTC)


@dg.sensor(
    job=share_to_transcript,
    minimum_interval_seconds=_TICK_INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Hands shares that want work to runs: one alone at once, a backlog in batches, retries when due",
)
def new_shares(
    context: dg.SensorEvaluationContext,
    catalog: dg.ResourceParam[Catalog],
    rules: dg.ResourceParam[PipelineRules],
) -> dg.SensorResult | dg.SkipReason:
    from bookmarkai_assets.operations.downloads.disk_room import shortage_of_room  # noqa: PLC0415 - only its own ticks need it
    from bookmarkai_assets.operations.shares import claiming  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.sites.turns import waiting_by_site  # noqa: PLC0415 - as above
    from bookmarkai_assets.operations.workers.presence import announce_daemon, this_process  # noqa: PLC0415 - as above

    tick_began = datetime.now(UTC)
    announce_daemon(catalog, rules, this_process(), began=_BEGAN, now=tick_began)
    claiming.keep_queued_claims(
        catalog.work,
        now=datetime.now(UTC),
        lease_seconds=rules.lease_seconds,
        live_claims=lambda claim_ids: _live_claims(
            context.instance, claim_ids, started_after=tick_began.timestamp() - rules.lease_seconds / 2
        ),
    )
    shortage = shortage_of_room(rules)
    if shortage is not None:
        return dg.SkipReason(shortage.message)
    partitions = _Partitions(context.instance)
    claiming.watch_for_due_shares(catalog, rules, began=tick_began, clock=lambda: datetime.now(UTC), sleep=time.sleep)
    runs = claiming.claim_due_shares(
        catalog,
        rules,
        new_claim_id=lambda: uuid.uuid4().hex,
        now=datetime.now(UTC),
        positions=partitions.positions,
        run_slots=_run_slots(context.instance),
    )
    if not runs:
        return dg.SkipReason(_nothing_to_do(waiting_by_site(catalog)))
    new = partitions.without(share_id for run in runs for share_id in run.share_ids)
    return dg.SensorResult(
        run_requests=[_run_request(run) for run in runs],
        dynamic_partitions_requests=[shares_partitions.build_add_request(new)] if new else [],
    )


def _run_slots(instance: dg.DagsterInstance) -> int:
    """Return how many runs `dagster.yaml` allows at a time; 1 if it names no limit."""
    limit = max_concurrent_runs(instance)
    return 1 if limit is None else max(limit, 1)


def _nothing_to_do(held: Mapping[str, int]) -> str:
    if not held:
        return "no share wants work"
    sites = ", ".join(f"{site} {count}" for site, count in sorted(held.items()))
    return f"no share can be taken up now; {sum(held.values())} wait for their site or a store: {sites}"


class _Partitions:
    """Which of the shares that are due have a partition, and where. What else exists is not read."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._positions: dict[str, int] = {}

    def positions(self, share_ids: Sequence[str]) -> dict[str, int]:
        """Read the positions of those that have a partition, and of the newest partition."""
        self._positions = positions_of_partitions(self._instance, shares_partitions.name or "", share_ids)
        return self._positions

    def without(self, share_ids: Iterable[str]) -> list[str]:
        """Return those of the shares just read that have no partition, in their order."""
        return [share_id for share_id in share_ids if share_id not in self._positions]


def _run_request(run: "ClaimedRun") -> dg.RunRequest:
    # A claim is new each time, so a run key never blocks a later attempt.
    share_ids, tags = run.share_ids, launch_tags(run.claim_id, len(run.share_ids))
    run_key = f"{run.claim_id}:{share_ids[0]}"
    if len(share_ids) == 1:
        return dg.RunRequest(run_key=run_key, partition_key=share_ids[0], tags=tags)
    return dg.RunRequest(run_key=run_key, tags=tags | partition_range_tags(share_ids[0], share_ids[-1]))


def _live_claims(instance: dg.DagsterInstance, claim_ids: list[str], *, started_after: float) -> set[str]:
    """Pick the claims whose run waits to start, or has started after that moment and is about to begin its shares.

    After an outage of this sensor, as in an upgrade, a claim may have expired when its run starts. An older run that
    has not begun a share gets nothing: one whose process died without a word stays STARTED for hours.
    """
    statuses = [*_WAITING, dg.DagsterRunStatus.STARTED]
    filters = [dg.RunsFilter(tags={tag: claim_ids}, statuses=statuses) for tag in CLAIM_TAGS]
    records = [record for one in filters for record in instance.get_run_records(filters=one)]
    claims = [
        claim_of(record.dagster_run)
        for record in records
        if record.dagster_run.status is not dg.DagsterRunStatus.STARTED or (record.start_time or 0) > started_after
    ]
    return {claim for claim in claims if claim is not None}
