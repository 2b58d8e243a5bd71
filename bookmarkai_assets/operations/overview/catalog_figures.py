"""Read what monitoring shows of an installation: one snapshot of figures, from the catalog's totals alone.

Nothing here writes. No figure costs more after years, except that all shares are counted.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.monitoring.figures import (
    ALERT_KINDS,
    OUTCOMES,
    STATUSES,
    CatalogFigures,
    QueueFigures,
    count_paused,
    count_workers,
    fold,
    fold_series,
    fold_sites,
)
from bookmarkai_assets.core.rollout.gate import Judgement
from bookmarkai_assets.core.rollout.metrics import target_percentage
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.rollout.evidence import judge_stage
from bookmarkai_assets.operations.rollout.history import read_state
from bookmarkai_assets.operations.rollout.measuring import read_gate_figures
from bookmarkai_assets.operations.shares.backlog import work_by_queue

logger = logging.getLogger(__name__)

T = TypeVar("T")


def read_catalog_figures(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> CatalogFigures:
    """Read all figures. One that cannot be read is None, and the others are read all the same."""
    failed: dict[str, bool] = {}

    def read(source: str, reader: Callable[[], T]) -> T | None:
        failed[source] = True
        try:
            value = reader()
        except Exception as error:  # noqa: BLE001 - whatever ails one figure, the others help to find it
            logger.warning("could not read %s for the metrics, which lack it: %s", source, error)
            return None
        failed[source] = False
        return value

    return CatalogFigures(
        shares_by_status=read("statuses", lambda: fold(catalog.shares.count_by_status(), STATUSES)),
        shares_by_outcome=read("outcomes", lambda: fold(catalog.shares.count_by_outcome(), OUTCOMES)),
        queues=read("work", lambda: _read_queues(catalog, rules, now)),
        postponed=read("postponed", lambda: fold_sites({w.site: w.count for w in catalog.failures.waiting()})),
        transfers=read("transfers", lambda: fold_series(catalog.totals.all_time())),
        stored=read("stored", catalog.media.stored_totals),
        target_percentage=read("rollout", lambda: target_percentage(current_policy(catalog, rules))),
        judgement=read("gate", lambda: _judge(catalog, rules, now)),
        paused=read("breakers", lambda: count_paused(load.site for load in catalog.sites.loads(now=now).values())),
        open_incidents=read("incidents", lambda: fold(catalog.incidents.count_open(), ALERT_KINDS)),
        live_leases=read("leases", lambda: catalog.leases.count_live(now=now)),
        workers=read("workers", lambda: count_workers([worker.kind for worker in catalog.workers.living(now=now)])),
        budget_usd=rules.gate.budget_usd,
        failed=failed,
    )


def _read_queues(catalog: Catalog, rules: PipelineRules, now: datetime) -> Mapping[str, QueueFigures]:
    return {
        work.queue: QueueFigures(work.due_shares, work.running_shares, work.oldest_due_seconds)
        for work in work_by_queue(catalog, rules, now=now)
    }


def _judge(catalog: Catalog, rules: PipelineRules, now: datetime) -> Judgement:
    return judge_stage(rules, read_gate_figures(catalog, rules, now=now), read_state(catalog), now=now)
