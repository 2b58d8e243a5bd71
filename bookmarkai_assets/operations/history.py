"""dagster_retention: remove from Dagster's storage what is old and nobody looks for.

One run and one partition at a time, so that Dagster's daemon and webserver never wait for longer than one of them. What
is not reached within the time is left for the next day.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.history import (
    DagsterHistory,
    Fact,
    HistoryRules,
    Kept,
    OldRun,
    PartitionState,
    can_be_latest,
    cutoff,
    why_partition_stays,
    why_run_stays,
)
from bookmarkai_assets.core.shares.share import ShareStatus

RUNS_AT_ONCE = 200
PARTITIONS_AT_ONCE = 500
EVENTS_AT_ONCE = 2_000


@dataclass
class HistoryReport:
    """What was removed, and what was kept and why. `freed_bytes` are those of files; a database's are not known."""

    runs: int = 0
    partitions: int = 0
    events: int = 0
    freed_bytes: int = 0
    is_complete: bool = True
    kept_runs: Counter[Kept] = field(default_factory=Counter)
    kept_partitions: Counter[Kept] = field(default_factory=Counter)


def prune_history(
    history: DagsterHistory,
    catalog: Catalog,
    rules: HistoryRules,
    *,
    share_assets: Collection[str],
    now: datetime,
    is_time_left: Callable[[], bool],
) -> HistoryReport:
    """Remove old partitions, then old runs, which go with their partitions, then old events. Stops in time.

    `share_assets` are the names of the assets that have a partition per share.
    """
    report = HistoryReport()
    finished_before = cutoff(rules.partition_days, now)
    if finished_before is not None:
        _remove_partitions(history, catalog, finished_before, report, is_time_left)
    ended_before = cutoff(rules.run_days, now)
    if ended_before is not None:
        _Runs(history, share_assets, report).remove(ended_before, is_time_left)
    happened_before = cutoff(rules.event_days, now)
    if happened_before is not None:
        _remove_events(catalog, happened_before, report, is_time_left)
    return report


def _remove_events(
    catalog: Catalog, happened_before: datetime, report: HistoryReport, is_time_left: Callable[[], bool]
) -> None:
    while is_time_left():
        removed = catalog.totals.remove_counted(before=happened_before, limit=EVENTS_AT_ONCE)
        report.events += removed
        if removed < EVENTS_AT_ONCE:
            return
    report.is_complete = False


def _remove_partitions(
    history: DagsterHistory,
    catalog: Catalog,
    finished_before: datetime,
    report: HistoryReport,
    is_time_left: Callable[[], bool],
) -> None:
    keys = history.partitions()
    for start in range(0, len(keys), PARTITIONS_AT_ONCE):
        if not is_time_left():
            report.is_complete = False
            break
        batch = keys[start : start + PARTITIONS_AT_ONCE]
        # Read again for each batch: a backfill may have begun since.
        in_use = history.partitions_in_use()
        shares = {share.share_id: share for share in catalog.shares.read(batch)}
        for key in batch:
            share = shares.get(key)
            is_old = share is not None and share.created_at < finished_before
            # A share that is younger was not done before. Only the others cost a query each.
            is_done = share is not None and share.status in {ShareStatus.DONE, ShareStatus.ENRICHED}
            finished_at = catalog.work.progress(key).finished_at if is_old and is_done else None
            if share is not None and not is_old:
                continue
            why = why_partition_stays(
                PartitionState(share is not None, is_done, key in in_use, finished_at), finished_before=finished_before
            )
            if why is None:
                history.remove_partition(key)
                report.partitions += 1
            else:
                report.kept_partitions[why] += 1
    if report.partitions:
        history.forget_statuses()


class _Runs:
    """The removal of runs. What is the latest of its kind is asked once, for nothing makes an older run the latest."""

    def __init__(self, history: DagsterHistory, share_assets: Collection[str], report: HistoryReport) -> None:
        self._history, self._share_assets, self._report = history, share_assets, report
        self._listed = frozenset(history.partitions())
        self._latest: dict[Fact, str | None] = {}

    def remove(self, ended_before: datetime, is_time_left: Callable[[], bool]) -> None:
        last_kept: str | None = None
        while runs := self._history.old_runs(ended_before=ended_before, after=last_kept, limit=RUNS_AT_ONCE):
            for run in runs:
                if not is_time_left():
                    self._report.is_complete = False
                    return
                why = why_run_stays(run, self._listed) or self._why_facts_stay(run)
                if why is None:
                    self._report.freed_bytes += self._history.remove_run(run.run_id)
                    self._report.runs += 1
                else:
                    self._report.kept_runs[why] += 1
                    last_kept = run.run_id

    def _why_facts_stay(self, run: OldRun) -> Kept | None:
        facts = [
            fact for fact in self._history.facts(run.run_id) if can_be_latest(fact, self._listed, self._share_assets)
        ]
        return Kept.IS_LATEST if any(self._latest_run(fact) == run.run_id for fact in facts) else None

    def _latest_run(self, fact: Fact) -> str | None:
        if fact not in self._latest:
            self._latest[fact] = self._history.latest_run(fact)
        return self._latest[fact]
