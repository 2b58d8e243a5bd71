"""Hand due shares to runs: select them by the catalog's state, lease them, and pack them into batches."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ShareFailedError, UnknownShareError
from bookmarkai_assets.core.links.upload_urls import link_of_upload
from bookmarkai_assets.core.links.urls import AdmittedLink, RefusedLink
from bookmarkai_assets.core.media.media import MediaState, media_id_of
from bookmarkai_assets.core.media.placement import Backend, StoragePolicy, place
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.batching import even_batch_size, pack_runs
from bookmarkai_assets.core.shares.ports import DueShare, WorkLedger
from bookmarkai_assets.core.sites.breaker import site_of
from bookmarkai_assets.core.sites.ports import NoSlot, SiteLoad
from bookmarkai_assets.core.sites.stores import backend_of, is_store
from bookmarkai_assets.operations.rollout.current_policy import current_policy
from bookmarkai_assets.operations.shares.intake import known_link, link_of
from bookmarkai_assets.operations.sites.turns import free_slots_by_site, is_fetched, is_restricted

POLL_SECONDS = 0.25
"""Between two polls. A run takes far longer than this to start, and a few queries a second are cheap."""

SETTLE_SECONDS = 0.1
"""From the first share seen to the poll that shows whether more are coming in. A backlog adds one in milliseconds."""

_MAX_ROUNDS = 50
"""Limits one tick while thousands of shares of a paused site come in. The next tick continues from there."""

_MAX_FREED = 1000
"""Limits how many shares one tick looks at that wait for a store. The next tick continues from there."""


def watch_for_due_shares(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    began: datetime,
    clock: Callable[[], datetime],
    sleep: Callable[[float], object],
) -> None:
    """Return once shares are due and no more are coming in, or `rules.watch_seconds` after the tick `began`.

    A backlog is added share by share. The second poll lets it become even batches, not one share and then the rest.
    """
    enough, before = rules.batch_size * rules.batches_per_tick, 0
    # Counted from the beginning of the tick. One that takes longer than Dagster's interval misses the next round.
    end = began + timedelta(seconds=rules.watch_seconds)
    while (now := clock()) < end:
        slots = free_slots_by_site(catalog.sites.loads(now=now), rules, now=now)
        count = len(catalog.work.due(now=now, limit=enough, slots=slots))
        if count == enough or (count and count == before):
            return
        before = count
        sleep(SETTLE_SECONDS if count else POLL_SECONDS)


@dataclass(frozen=True)
class ClaimedRun:
    """One run to launch: the shares leased to its claim. Their partitions are neighbours in Dagster's order."""

    claim_id: str
    share_ids: list[str]


def claim_due_shares(
    catalog: Catalog,
    rules: PipelineRules,
    *,
    new_claim_id: Callable[[], str],
    now: datetime,
    positions: Callable[[Sequence[str]], Mapping[str, int]],
    run_slots: int = 1,
) -> list[ClaimedRun]:
    """Claim due shares, at most `batch_size * batches_per_tick`, and return the runs to launch, each with a claim.

    A malformed row, and a share that took its worker down too often, is parked and stops no other. A share whose site
    takes no fetch now waits for the site, and one whose store fails for the store. `positions` returns the positions of
    those of the given shares that have a partition, and of the newest partition, as `pack_runs` takes them. It is
    called once at most, and only when something is due. `run_slots` is how many runs may go at a time. A backlog is
    divided evenly among them.
    """
    until = now + timedelta(seconds=rules.lease_seconds)
    candidates = _candidates(catalog, rules, now=now)
    if not candidates:
        return []
    pack = partial(
        pack_runs,
        positions=positions(list(candidates)),
        alone={share_id for share_id, candidate in candidates.items() if candidate.is_suspect},
        lanes={share_id: candidate.lane for share_id, candidate in candidates.items()},
        batch_size=even_batch_size(len(candidates), batch_size=rules.batch_size, run_slots=run_slots),
    )
    runs: list[ClaimedRun] = []
    for batch in pack(candidates):
        claim_id = new_claim_id()
        claimed = []
        for share_id in batch:
            media_id = candidates[share_id].media_id
            if catalog.work.claim(share_id, media_id, claim_id=claim_id, now=now, until=until):
                claimed.append(share_id)
            elif candidates[share_id].lane:
                catalog.sites.free_slot(media_id)
        # A share that could not be claimed (another run has its media now) may leave a gap, which divides the batch.
        runs += [ClaimedRun(claim_id, share_ids) for share_ids in pack(claimed)]
    return runs


@dataclass(frozen=True)
class _Candidate:
    """A share to claim. `lane` is its site if fetches from there may have to wait, else empty."""

    media_id: str
    lane: str
    is_suspect: bool


def _candidates(catalog: Catalog, rules: PipelineRules, *, now: datetime) -> dict[str, _Candidate]:
    """Select the shares to claim and take slots for those that need one. Park or postpone the rest."""
    candidates: dict[str, _Candidate] = {}
    limit = rules.batch_size * rules.batches_per_tick
    for _ in range(_MAX_ROUNDS):
        is_any_postponed = False
        loads = catalog.sites.loads(now=now)
        slots = free_slots_by_site(loads, rules, now=now)
        freed = _freed_by_policy(catalog, rules, loads, slots, now=now)
        for due in (*freed.values(), *catalog.work.due(now=now, limit=limit, slots=slots)):
            if due.share_id in candidates:
                continue
            link = _link_of_row(due, catalog, rules)
            if isinstance(link, Failure):
                catalog.work.park(due.share_id, link, now=now)
                continue
            media_id = media_id_of(link.canonical_url)
            site = site_of(link.canonical_url)
            lane = "" if due.share_id in freed else _lane_of(due, site, media_id, loads, rules, catalog)
            slot = catalog.sites.take_slot(lane, media_id, rules=rules.sites, now=now) if lane else None
            if isinstance(slot, NoSlot):
                catalog.work.wait_for_site(due.share_id, media_id, held_for=lane, reason=slot.reason, now=now)
                is_any_postponed = True
                continue
            candidates[due.share_id] = _Candidate(media_id, lane, is_suspect=due.crashes > 0 or due.runs_alone)
        # Those just postponed are not listed again, and the next listing shows the shares behind them.
        if not is_any_postponed or len(candidates) >= limit:
            break
    return dict(islice(candidates.items(), limit))


def _lane_of(
    due: DueShare, site: str, media_id: str, loads: Mapping[str, SiteLoad], rules: PipelineRules, catalog: Catalog
) -> str:
    """Return the site or store that a share needs a slot of; empty for none."""
    if due.held_for is not None and is_store(due.held_for) and is_restricted(due.held_for, loads, rules):
        return due.held_for
    return site if is_restricted(site, loads, rules) and not is_fetched(catalog, media_id) else ""


def _freed_by_policy(
    catalog: Catalog,
    rules: PipelineRules,
    loads: Mapping[str, SiteLoad],
    slots: Mapping[str, int],
    *,
    now: datetime,
) -> dict[str, DueShare]:
    """Return the shares that wait for a store to which the policy in force no longer sends their media."""
    failing = [name for name, load in loads.items() if is_store(name) and not load.site.is_closed]
    held = {name: _MAX_FREED for name in failing if Backend(backend_of(name)).is_remote}
    if not held or (policy := current_policy(catalog, rules)).keeps_nothing_local:
        return {}
    listed = catalog.work.due(now=now, limit=_MAX_FREED, slots=dict.fromkeys(slots, 0) | held)
    return {due.share_id: due for due in listed if due.held_for in held and _goes_local(catalog, rules, policy, due)}


def _goes_local(catalog: Catalog, rules: PipelineRules, policy: StoragePolicy, due: DueShare) -> bool:
    link = _link_of_row(due, catalog, rules)
    media = None if isinstance(link, Failure) else catalog.media.get(media_id_of(link.canonical_url))
    if media is None or media.state is not MediaState.STAGED:
        return False
    return not place(policy, media.share_id).backend.is_remote


def keep_queued_claims(
    work: WorkLedger, *, now: datetime, lease_seconds: float, live_claims: Callable[[list[str]], set[str]]
) -> None:
    """Extend the claims whose run still waits to start. `live_claims` selects these from the given claim ids.

    Any other claim is left to expire: its run was never launched, or died before it began. A run that has started
    extends its own claim as long as it lives.
    """
    expiring = list(work.open_claims(expiring_before=now + timedelta(seconds=lease_seconds / 2)))
    if expiring:
        for claim_id in live_claims(expiring):
            work.extend_claim(claim_id, until=now + timedelta(seconds=lease_seconds))


def _link_of_row(due: DueShare, catalog: Catalog, rules: PipelineRules) -> AdmittedLink | Failure:
    """Return the link of a row that nobody has validated, or a `Failure` that says what is wrong with the row."""
    if due.crashes >= rules.retry.max_attempts:
        return Failure(Outcome.CRASHED, f"the worker died in each of {due.crashes} attempts at this share")
    try:
        is_uuid = str(uuid.UUID(due.share_id)) == due.share_id
    except ValueError:
        is_uuid = False
    if not is_uuid:
        return Failure(
            Outcome.REFUSED, f"malformed row: expected a UUID in lower case as id, found {due.share_id[:80]!r}"
        )
    try:
        datetime.fromisoformat(due.created_at or "")
    except ValueError:
        return Failure(Outcome.REFUSED, f"malformed row: expected a time as created_at, found {due.created_at!r:.80}")
    try:
        # Whose upload it is must be known before the claim is, because the claim names the media in the share's record.
        if link_of_upload(due.url or "") is not None:
            return link_of(catalog.shares.get(due.share_id), catalog, rules.allowed_hosts)
    except ShareFailedError as error:
        return error.failure
    except UnknownShareError as error:
        return Failure(Outcome.REFUSED, str(error))
    link = known_link(due.url or "", catalog, rules.allowed_hosts)
    return Failure(Outcome.REFUSED, link.reason) if isinstance(link, RefusedLink) else link
