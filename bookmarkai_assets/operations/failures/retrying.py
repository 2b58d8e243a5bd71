"""Shares that a person asks to be tried again: failed ones, and finished ones whose video is to be fetched anew.

Nothing is fetched here, and no record changes but that the share is due: the run that takes it looks once more, under
its lease, whether the bytes are at hand, and fetches only if they are not.
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
"""Shares in one transaction: on SQLite it holds the one write lock, here for some tenths of a second."""

_LEFT_ALONE = "unknown, done, or being worked on"


@dataclass(frozen=True)
class Retried:
    """The shares that are due now, those of them whose video is `lost`, and why the others are left alone."""

    changed: list[str] = field(default_factory=list)
    lost: frozenset[str] = frozenset()
    unchanged: dict[str, str] = field(default_factory=dict)


def retry_shares(
    catalog: Catalog, stores: Stores, rules: PipelineRules, share_ids: Sequence[str], *, now: datetime
) -> Retried:
    """Make shares due that failed, whose media has expired, or whose stored video is nowhere to be found.

    The last only when every backend has answered at this moment that it does not have the recorded bytes.
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
    return Retried([share_id for share_id in wanted if share_id in changed | found], found, unchanged)


@dataclass(frozen=True)
class RetriedFailures:
    """How many standing failures matched, by outcome, and how many of them are due now: none in a dry run."""

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
    """Make every share due that failed so and stands so, as far as nobody has it in hand.

    Only those whose link belongs to one of `platforms` (as `platforms.unified` names it), if any are named, and that
    failed at least `older_than` ago. One that somebody takes up meanwhile is left to them, and not counted as retried.
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
