"""How shares that want work are handed to runs: selected by the catalog's state, leased, packed into batches."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bookmarkai_assets.core.batching import pack_runs
from bookmarkai_assets.core.media import media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.ports import DueShare, WorkLedger
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.urls import AdmittedLink, RefusedLink, admit

GLANCE_SECONDS = 0.25
"""Between two looks: far below what a run takes to start, and 4 cheap queries a second."""


def watch_for_due_shares(
    work: WorkLedger, rules: PipelineRules, *, clock: Callable[[], datetime], sleep: Callable[[float], object]
) -> None:
    """Return once shares want work and no more are coming in, or after `rules.watch_seconds`.

    Whoever adds a backlog adds it one by one; the second look lets it become batches, not a lone share and a rest.
    """
    enough, before = rules.batch_size * rules.batches_per_tick, 0
    end = clock() + timedelta(seconds=rules.watch_seconds)
    while clock() < end:
        count = len(work.due(now=clock(), limit=enough))
        if count == enough or (count and count == before):
            return
        before = count
        sleep(GLANCE_SECONDS)


@dataclass(frozen=True)
class ClaimedRun:
    """One run to launch: the shares that are leased to its claim, neighbours in the order of the partitions."""

    claim_id: str
    share_ids: list[str]


def claim_due_shares(
    work: WorkLedger,
    rules: PipelineRules,
    *,
    new_claim_id: Callable[[], str],
    now: datetime,
    positions: Callable[[], Mapping[str, int]],
) -> list[ClaimedRun]:
    """Claim what is due, at most `batch_size * batches_per_tick` shares, in runs that have a claim of their own each.

    A malformed row, and a share that took its worker down too often, is set aside here and stops nobody else.
    `positions` gives the place of every partition that exists; it is asked only when something is due.
    """
    until = now + timedelta(seconds=rules.lease_seconds)
    media_ids: dict[str, str] = {}
    suspects: set[str] = set()
    for due in work.due(now=now, limit=rules.batch_size * rules.batches_per_tick):
        link = _link_of_row(due, rules)
        if isinstance(link, Failure):
            work.set_aside(due.share_id, link, now=now)
            continue
        media_ids[due.share_id] = media_id_of(link.canonical_url)
        if due.crashes:
            suspects.add(due.share_id)
    if not media_ids:
        return []
    pack = partial(pack_runs, positions=positions(), alone=suspects, batch_size=rules.batch_size)
    runs: list[ClaimedRun] = []
    for batch in pack(media_ids):
        claim_id = new_claim_id()
        claimed = [
            share_id
            for share_id in batch
            if work.claim(share_id, media_ids[share_id], claim_id=claim_id, now=now, until=until)
        ]
        # What could not be claimed (its media is another share's now) may leave a gap, which divides the batch.
        runs += [ClaimedRun(claim_id, share_ids) for share_ids in pack(claimed)]
    return runs


def keep_queued_claims(
    work: WorkLedger, *, now: datetime, lease_seconds: float, live_claims: Callable[[list[str]], set[str]]
) -> None:
    """Extend the claims whose run still waits to start; `live_claims` picks these from the given claim ids.

    A claim without such a run is left to expire: its run was never launched, or died before it began. A run that has
    started extends its own claim as long as it lives.
    """
    expiring = list(work.open_claims(expiring_before=now + timedelta(seconds=lease_seconds / 2)))
    if expiring:
        for claim_id in live_claims(expiring):
            work.extend_claim(claim_id, until=now + timedelta(seconds=lease_seconds))


def _link_of_row(due: DueShare, rules: PipelineRules) -> AdmittedLink | Failure:
    """Read a row that nobody has vouched for; a `Failure` says what is wrong with it."""
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
    link = admit(due.url or "", allowed_hosts=rules.allowed_hosts)
    return Failure(Outcome.REFUSED, link.reason) if isinstance(link, RefusedLink) else link
