"""The figures of one installation at one moment, with every name that a stranger can choose folded into a fixed set.

A host, a status, an error class: each becomes a time series in Prometheus, so there must be few. How the figures are
read is in `operations/overview/catalog_figures`, and which metrics they become in `families`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bookmarkai_assets.core.alerts.conditions import AlertKind
from bookmarkai_assets.core.errors import StoreErrorClass
from bookmarkai_assets.core.links.platforms import Platform, unify_platform
from bookmarkai_assets.core.media.kinds import TRANSCRIPT_CONTENT_TYPES, PartKind
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.ports import StoredMedia
from bookmarkai_assets.core.media.storage_events import SITE, Operation, Purpose
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.rollout.gate import Judgement
from bookmarkai_assets.core.rollout.tallies import Series, Tally, Totals
from bookmarkai_assets.core.shares.share import ShareStatus
from bookmarkai_assets.core.sites.breaker import Site
from bookmarkai_assets.core.sites.stores import backend_of, is_store
from bookmarkai_assets.core.workers.worker import WorkerKind

OTHER = "other"
"""What a name is counted under that is not one of ours."""

TRANSCRIPT = "transcript"
"""The kind of all the files of a transcript."""

STATUSES = (*(status.value for status in ShareStatus), OTHER)
OUTCOMES = (*(outcome.value for outcome in Outcome), OTHER)
ALERT_KINDS = (*(kind.value for kind in AlertKind), OTHER)
SITES = (*sorted({unify_platform(platform).value for platform in Platform} - {Platform.GENERIC.value}), OTHER)
"""The platforms. Every host without one is `other`."""

_OPERATIONS = frozenset(operation.value for operation in Operation)
_BACKENDS = frozenset({SITE, *(backend.value for backend in Backend)})
_PURPOSES = frozenset({"", *(purpose.value for purpose in Purpose)})
_KINDS = frozenset({PartKind.VIDEO.value, PartKind.AUDIO.value})
_TRANSCRIPT_KINDS = frozenset(kind.value for kind in TRANSCRIPT_CONTENT_TYPES)
_ERRORS = frozenset({"", *(error.value for error in StoreErrorClass), *OUTCOMES})
"""A transfer to or from a store fails with an error class, and a fetch from a site with an outcome."""


@dataclass(frozen=True)
class QueueFigures:
    """The work of one queue: shares that wait for a worker, shares that have one, how long the oldest has waited."""

    due_shares: int
    running_shares: int
    oldest_due_seconds: float


@dataclass(frozen=True)
class BySite:
    """Counts of sites by platform, of stores by backend, and what is neither. Every name has an entry."""

    sites: Mapping[str, int]
    stores: Mapping[Backend, int]
    neither: int = 0


@dataclass(frozen=True)
class CatalogFigures:
    """One installation's figures. A figure is None if it could not be read, and then `failed` says so by its name.

    * `shares_by_status`, `shares_by_outcome`: all shares, and those whose work has had an end, by its last one.
    * `queues`: the work, by queue; `postponed`: how many shares wait for a site, for a store or for something else.
    * `transfers`: the totals of all transfers ever, as far as they are added up.
    * `target_percentage`: which percentage of new media S3 is to take.
    * `judgement`: the gate's, with its figures and the projected cost of the month in USD.
    * `paused`: how many breakers are open or half-open.
    * `budget_usd`: the month's budget; None without one.
    """

    shares_by_status: Mapping[str, int] | None
    shares_by_outcome: Mapping[str, int] | None
    queues: Mapping[str, QueueFigures] | None
    postponed: BySite | None
    transfers: Totals | None
    stored: Mapping[Backend, StoredMedia] | None
    target_percentage: int | None
    judgement: Judgement | None
    paused: BySite | None
    open_incidents: Mapping[str, int] | None
    live_leases: int | None
    workers: Mapping[WorkerKind, int] | None
    budget_usd: float | None
    failed: Mapping[str, bool]


def fold(counts: Mapping[str, int], names: Collection[str]) -> Mapping[str, int]:
    """Add up counts under these names, of which `OTHER` is one. Each has an entry."""
    folded = dict.fromkeys(names, 0)
    for name, count in counts.items():
        folded[_known(name, names)] += count
    return folded


def fold_series(totals: Totals) -> Totals:
    """Add up the series whose names fold into the same ones. An empty purpose or error class stays empty."""
    folded: dict[Series, Tally] = {}
    for series, tally in totals.items():
        known = Series(
            operation=_known(series.operation, _OPERATIONS),
            backend=_known(series.backend, _BACKENDS),
            purpose=_known(series.purpose, _PURPOSES),
            kind=TRANSCRIPT if series.kind in _TRANSCRIPT_KINDS else _known(series.kind, _KINDS),
            error_class=_known(series.error_class, _ERRORS),
        )
        folded.setdefault(known, Tally()).add(tally)
    return folded


def fold_sites(counts: Mapping[str | None, int]) -> BySite:
    """Add up counts by the names of breakers, which are sites and stores. None is neither."""
    named = {name: count for name, count in counts.items() if name is not None}
    by_backend = {backend_of(name): count for name, count in named.items() if is_store(name)}
    return BySite(
        sites=fold({name: count for name, count in named.items() if not is_store(name)}, SITES),
        stores={backend: by_backend.get(backend.value, 0) for backend in Backend},
        neither=counts.get(None, 0),
    )


def count_paused(sites: Iterable[Site]) -> BySite:
    """Count the breakers that are open or half-open."""
    return fold_sites(Counter[str | None](site.name for site in sites if not site.is_closed))


def count_workers(kinds: Sequence[WorkerKind]) -> Mapping[WorkerKind, int]:
    """Count workers by kind. Each kind has an entry."""
    return {kind: kinds.count(kind) for kind in WorkerKind}


def _known(name: str, names: Collection[str]) -> str:
    # A member of an enumeration equals its value, and the value is the label.
    return str(name) if name in names else OTHER
