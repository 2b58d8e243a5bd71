"""The metrics, each with its name, type, labels and meaning, and how its samples follow from the figures.

The names keep to Prometheus's conventions: base units, `_total` for what only grows. No label is a share, a user or a
link. `adapters/prometheus` writes them in Prometheus's formats, and docs/monitoring.md has the same table.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.media.kinds import PartKind
from bookmarkai_assets.core.media.placement import BUCKET_COUNT, REMOTE_BACKENDS, Backend
from bookmarkai_assets.core.media.storage_events import Operation
from bookmarkai_assets.core.monitoring.figures import OTHER, CatalogFigures
from bookmarkai_assets.core.rollout.gate import RuleStatus, Verdict
from bookmarkai_assets.core.rollout.latency import count_within
from bookmarkai_assets.core.rollout.metrics import is_placing
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals

BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
"""The upper bounds of the histograms' buckets, in seconds."""

GOOD = "ok"
"""The result of a transfer that went well. Any other is its error class or outcome."""

FAILED = "failed"
"""The result of all other uploads, where it is not said why."""

UNKNOWN_PURPOSE = "unknown"
"""The purpose of transfers from before it was recorded."""


class FamilyKind(StrEnum):
    """The types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Sample:
    """One series' value: `labels` are the values of the family's labels, in their order."""

    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True)
class Distribution:
    """One series of a histogram: how many were within each of `BUCKETS`, how many there were, and their sum."""

    labels: tuple[str, ...]
    within: tuple[int, ...]
    count: int
    total: float


Samples = Iterable[Sample] | Iterable[Distribution]


@dataclass(frozen=True)
class Family:
    """One metric. `read` returns its samples, or None if what it shows could not be read: then it is left out."""

    name: str
    kind: FamilyKind
    labels: tuple[str, ...]
    meaning: str
    read: Callable[[CatalogFigures], Samples | None]


def _counts(counts: Mapping[str, float] | None) -> list[Sample] | None:
    return None if counts is None else [Sample((str(name),), float(count)) for name, count in counts.items()]


def _single(value: float | None) -> list[Sample] | None:
    return None if value is None else [Sample((), float(value))]


def _sum_series(
    totals: Totals | None, labels: Callable[[Series], tuple[str, ...] | None], amount: Callable[[Tally], float]
) -> list[Sample] | None:
    """Add up an amount by labels. Series whose labels are None do not count."""
    if totals is None:
        return None
    sums: dict[tuple[str, ...], float] = {}
    for series, tally in totals.items():
        found = labels(series)
        if found is not None:
            sums[found] = sums.get(found, 0.0) + amount(tally)
    return [Sample(names, value) for names, value in sorted(sums.items())]


def _events(tally: Tally) -> int:
    return tally.events


def _purpose(series: Series) -> str:
    return series.purpose or UNKNOWN_PURPOSE


def _transfers(figures: CatalogFigures) -> list[Sample] | None:
    return _sum_series(
        figures.transfers,
        lambda s: (s.operation, s.backend, _purpose(s), s.kind, s.error_class or GOOD),
        _events,
    )


def _bytes(figures: CatalogFigures) -> list[Sample] | None:
    return _sum_series(
        figures.transfers,
        lambda s: (s.operation, s.backend, _purpose(s), s.kind) if s.is_good else None,
        lambda tally: tally.size_bytes,
    )


def _requests(figures: CatalogFigures) -> list[Sample] | None:
    return _sum_series(
        figures.transfers,
        lambda s: (s.operation, s.backend) if s.backend in REMOTE_BACKENDS else None,
        lambda tally: tally.requests,
    )


def _seconds(figures: CatalogFigures) -> list[Distribution] | None:
    if figures.transfers is None:
        return None
    merged: dict[tuple[str, ...], Tally] = {}
    for series, tally in figures.transfers.items():
        if series.is_good:
            merged.setdefault((series.operation, series.backend, series.kind), Tally()).add(tally)
    return [
        Distribution(
            labels, tuple(count_within(tally.bins, bound) for bound in BUCKETS), sum(tally.bins.values()), tally.seconds
        )
        for labels, tally in sorted(merged.items())
    ]


def _denied(figures: CatalogFigures) -> list[Sample] | None:
    return _from_zero(
        figures.transfers,
        REMOTE_BACKENDS,
        lambda s: s.error_class == StoreErrorClass.ACCESS_DENIED and s.operation in {Operation.PUT, Operation.GET},
    )


def _uploads(figures: CatalogFigures) -> list[Sample] | None:
    def is_put(series: Series) -> bool:
        return series.operation == Operation.PUT and series.error_class != StoreErrorClass.INTERRUPTED

    good = _from_zero(figures.transfers, REMOTE_BACKENDS, lambda s: is_put(s) and s.is_good)
    failed = _from_zero(figures.transfers, REMOTE_BACKENDS, lambda s: is_put(s) and not s.is_good)
    if good is None or failed is None:
        return None
    results = ((GOOD, good), (FAILED, failed))
    return [Sample((*sample.labels, result), sample.value) for result, found in results for sample in found]


def _placed(figures: CatalogFigures) -> list[Sample] | None:
    return _from_zero(figures.transfers, Backend, lambda s: s.is_good and s.kind == PartKind.VIDEO and is_placing(s))


def _from_zero(
    totals: Totals | None, backends: Iterable[Backend], is_wanted: Callable[[Series], bool]
) -> list[Sample] | None:
    """Count by backend. Each has a sample from the start, so that `increase` sees the first one that counts."""
    if totals is None:
        return None
    return [
        Sample(
            (backend.value,),
            sum(t.events for s, t in totals.items() if s.backend == backend and is_wanted(s)),
        )
        for backend in sorted(backends)
    ]


def _rules(figures: CatalogFigures) -> list[Sample] | None:
    if figures.judgement is None:
        return None
    return [
        Sample((result.rule.value, status.value), float(result.status is status))
        for result in figures.judgement.rules
        for status in RuleStatus
    ]


def _verdicts(figures: CatalogFigures) -> list[Sample] | None:
    if figures.judgement is None:
        return None
    return [Sample((verdict.value,), float(figures.judgement.verdict is verdict)) for verdict in Verdict]


def _postponed(figures: CatalogFigures) -> list[Sample] | None:
    if figures.postponed is None:
        return None
    return [
        *(Sample(("site", name), float(count)) for name, count in figures.postponed.sites.items()),
        *(Sample(("store", backend.value), float(count)) for backend, count in figures.postponed.stores.items()),
        Sample((OTHER, OTHER), float(figures.postponed.neither)),
    ]


FAMILIES: tuple[Family, ...] = (
    Family(
        "bookmarkai_shares",
        FamilyKind.GAUGE,
        ("status",),
        "All shares, by the gateway's status.",
        lambda f: _counts(f.shares_by_status),
    ),
    Family(
        "bookmarkai_share_outcomes",
        FamilyKind.GAUGE,
        ("outcome",),
        "Shares whose work has had an end, by how the last attempt ended.",
        lambda f: _counts(f.shares_by_outcome),
    ),
    Family(
        "bookmarkai_due_shares",
        FamilyKind.GAUGE,
        ("queue",),
        "Shares that wait for a worker, as `bookmarkai work` counts them.",
        lambda f: None if f.queues is None else _counts({name: q.due_shares for name, q in f.queues.items()}),
    ),
    Family(
        "bookmarkai_running_shares",
        FamilyKind.GAUGE,
        ("queue",),
        "Shares that a run is working on.",
        lambda f: None if f.queues is None else _counts({name: q.running_shares for name, q in f.queues.items()}),
    ),
    Family(
        "bookmarkai_oldest_due_seconds",
        FamilyKind.GAUGE,
        ("queue",),
        "How long the due share that has waited longest has done so; 0 if none waits.",
        lambda f: None if f.queues is None else _counts({name: q.oldest_due_seconds for name, q in f.queues.items()}),
    ),
    Family(
        "bookmarkai_postponed_shares",
        FamilyKind.GAUGE,
        ("held_by", "name"),
        "Shares that wait for a site, by platform, for a store, by backend, or for something else, such as disk space.",
        _postponed,
    ),
    Family(
        "bookmarkai_transfers_total",
        FamilyKind.COUNTER,
        ("operation", "backend", "purpose", "kind", "result"),
        "Transfers that ended: fetches from sites, puts to and gets from stores. The result is ok or the error class.",
        _transfers,
    ),
    Family(
        "bookmarkai_transferred_bytes_total",
        FamilyKind.COUNTER,
        ("operation", "backend", "purpose", "kind"),
        "Bytes of the transfers that went well.",
        _bytes,
    ),
    Family(
        "bookmarkai_transfer_seconds",
        FamilyKind.HISTOGRAM,
        ("operation", "backend", "kind"),
        "How long the transfers took that went well, each within 1%.",
        _seconds,
    ),
    Family(
        "bookmarkai_store_requests_total",
        FamilyKind.COUNTER,
        ("operation", "backend"),
        "Requests to remote stores that are paid for, estimated from the sizes.",
        _requests,
    ),
    Family(
        "bookmarkai_access_denied_total",
        FamilyKind.COUNTER,
        ("backend",),
        "Puts to and gets from remote stores that were denied access.",
        _denied,
    ),
    Family(
        "bookmarkai_uploads_total",
        FamilyKind.COUNTER,
        ("backend", "result"),
        "Puts to remote stores, ok or failed, without those that our own stop interrupted.",
        _uploads,
    ),
    Family(
        "bookmarkai_placed_videos_total",
        FamilyKind.COUNTER,
        ("backend",),
        "New videos by the backend that took them: the split that really happened.",
        _placed,
    ),
    Family(
        "bookmarkai_stored_media",
        FamilyKind.GAUGE,
        ("backend",),
        "Media that are stored.",
        lambda f: None if f.stored is None else _counts({b.value: s.media for b, s in f.stored.items()}),
    ),
    Family(
        "bookmarkai_stored_bytes",
        FamilyKind.GAUGE,
        ("backend",),
        "Bytes of the stored videos and audio tracks.",
        lambda f: None if f.stored is None else _counts({b.value: s.size_bytes for b, s in f.stored.items()}),
    ),
    Family(
        "bookmarkai_rollout_target_ratio",
        FamilyKind.GAUGE,
        (),
        "Which part of new media S3 is to take, from 0 to 1.",
        lambda f: None if f.target_percentage is None else _single(f.target_percentage / BUCKET_COUNT),
    ),
    Family(
        "bookmarkai_gate_rule",
        FamilyKind.GAUGE,
        ("rule", "status"),
        "1 for the status that a rule of the rollout's gate has, 0 for the others; insufficient below its sample.",
        _rules,
    ),
    Family(
        "bookmarkai_gate_verdict",
        FamilyKind.GAUGE,
        ("verdict",),
        "1 for what the rollout's gate says, 0 for the others.",
        _verdicts,
    ),
    Family(
        "bookmarkai_projected_cost_usd",
        FamilyKind.GAUGE,
        (),
        "What S3 is projected to cost in this calendar month (UTC). Absent before the first transfer.",
        lambda f: None if f.judgement is None else _single(f.judgement.figures.projected_month_usd),
    ),
    Family(
        "bookmarkai_budget_usd",
        FamilyKind.GAUGE,
        (),
        "ROLLOUT_BUDGET_USD, for a calendar month. Absent without a budget.",
        lambda f: _single(f.budget_usd),
    ),
    Family(
        "bookmarkai_paused_sites",
        FamilyKind.GAUGE,
        ("site",),
        "Sites whose circuit breaker is open or half-open, by platform. Hosts without a platform are other.",
        lambda f: None if f.paused is None else _counts(f.paused.sites),
    ),
    Family(
        "bookmarkai_paused_stores",
        FamilyKind.GAUGE,
        ("backend",),
        "Stores whose circuit breaker is open or half-open.",
        lambda f: None if f.paused is None else _counts({b.value: count for b, count in f.paused.stores.items()}),
    ),
    Family(
        "bookmarkai_open_incidents",
        FamilyKind.GAUGE,
        ("kind",),
        "Incidents that are open, by the kind of alert.",
        lambda f: _counts(f.open_incidents),
    ),
    Family(
        "bookmarkai_live_leases",
        FamilyKind.GAUGE,
        (),
        "Media that somebody works on, by their leases.",
        lambda f: _single(f.live_leases),
    ),
    Family(
        "bookmarkai_workers",
        FamilyKind.GAUGE,
        ("kind",),
        "Runs and daemons that give a sign of life.",
        lambda f: None if f.workers is None else _counts({kind.value: n for kind, n in f.workers.items()}),
    ),
    Family(
        "bookmarkai_source_failed",
        FamilyKind.GAUGE,
        ("source",),
        "1 if a figure could not be read for this scrape; the metrics made of it are absent then.",
        lambda f: _counts({source: float(is_failed) for source, is_failed in f.failed.items()}),
    ),
)
"""All metrics but `bookmarkai_build_info`, in the order in which they are written."""
