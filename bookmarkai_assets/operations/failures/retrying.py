"""Make shares due again at a person's request: failed ones, and finished ones whose video is to be fetched again.

Nothing is fetched here, and no other record changes. The run that takes such a share checks once more, under the lease,
whether the bytes are there, and fetches only if they are not.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ShareFailedError, StoreError, UnknownShareError
from bookmarkai_assets.core.links.platforms import Platform, platform_of_link
from bookmarkai_assets.core.media.media import MediaState
from bookmarkai_assets.core.outcomes import Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.operations.media.catalog_reads import media_of_share
from bookmarkai_assets.operations.stores import Stores

PAGE = 200
"""Shares per transaction. On SQLite a transaction takes the only write lock, here for some tenths of a second."""

_LEFT_ALONE = "unknown, done, or being worked on"


@dataclass(frozen=True)
class RetriedShares:
    """The shares that are due now (`changed`), those of them whose video is `lost`, and why the others are not due."""

    changed: list[str] = field(default_factory=list)
    lost: frozenset[str] = frozenset()
    unchanged: dict[str, str] = field(default_factory=dict)


def retry_shares(
    catalog: Catalog, stores: Stores, rules: PipelineRules, share_ids: Sequence[str], *, now: datetime
) -> RetriedShares:
    """Make shares due that failed, whose media has expired, or whose stored video is lost.

    A video counts as lost only if every backend answers now that it does not have the recorded bytes.
    """
    wanted = list(dict.fromkeys(share_ids))
    changed = set(catalog.work.retry(wanted, now=now))
    unchanged: dict[str, str] = {}
    lost: list[str] = []
    for share_id in wanted:
        if share_id in changed:
            continue
        try:
            is_lost = _is_lost(catalog, stores, rules, share_id)
        except StoreError as error:
            unchanged[share_id] = f"not every store says whether it has the video: {error}"
            continue
        except (UnknownShareError, ShareFailedError):
            is_lost = False
        if is_lost:
            lost.append(share_id)
        else:
            unchanged[share_id] = _LEFT_ALONE
    found = frozenset(catalog.work.retry(lost, now=now, is_lost=True))
    unchanged |= dict.fromkeys((share_id for share_id in lost if share_id not in found), _LEFT_ALONE)
    return RetriedShares([share_id for share_id in wanted if share_id in changed | found], found, unchanged)


@dataclass(frozen=True)
class RetriedFailures:
    """How many standing failures matched, by outcome, and how many are due again now. In a dry run none is."""

    matched: Mapping[Outcome, int]
    retried: int


def retry_failures(
    catalog: Catalog,
    *,
    outcomes: Collection[Outcome],
    platforms: Collection[Platform] = (),
    older_than: timedelta = timedelta(0),
    now: datetime,
    is_dry_run: bool = False,
) -> RetriedFailures:
    """Make every share due whose failure stands with one of these outcomes, unless somebody is working on it.

    If any `platforms` are given, only shares with links of these count (as `unify_platform` names them). The failure
    has to be at least `older_than` old. A share that somebody takes up meanwhile is not counted as retried.
    """
    wanted = {
        failure.share_id: failure.outcome
        for failure in catalog.failures.standing(outcomes=outcomes)
        if (not platforms or platform_of_link(failure.url) in platforms) and now - failure.failed_at >= older_than
    }
    matched, retried = Counter(wanted.values()), 0
    if not is_dry_run:
        share_ids = list(wanted)
        for start in range(0, len(share_ids), PAGE):
            retried += len(catalog.work.retry(share_ids[start : start + PAGE], now=now))
    return RetriedFailures(matched, retried)


def _is_lost(catalog: Catalog, stores: Stores, rules: PipelineRules, share_id: str) -> bool:
    media = media_of_share(catalog, rules, share_id)
    return media is not None and media.state is MediaState.STORED and not stores.has_video(media)
