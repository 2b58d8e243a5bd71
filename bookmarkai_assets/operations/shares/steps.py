"""Run one step for each share of a run: lease, attempt, step and outcome, for each share by itself."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from bookmarkai_assets.core.errors import (
    CatalogUnavailableError,
    ConfigurationError,
    LeaseLostError,
    PostponedError,
    ShareFailedError,
    StoreError,
    StoreErrorClass,
    TranscriptionError,
    UnknownShareError,
)
from bookmarkai_assets.core.failures.retries import next_attempt_at
from bookmarkai_assets.core.log_ids import work_on
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.ports import Begun, Refused
from bookmarkai_assets.core.shares.share import Share, ShareStatus
from bookmarkai_assets.operations.shares.hold import Hold
from bookmarkai_assets.operations.shares.intake import link_of

logger = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class LeasedShare:
    """A share whose media this run has leased, with the names that the work on it uses."""

    share: Share
    media_id: str
    canonical_url: str
    platform: str


def run_step(
    hold: Hold,
    inputs: Mapping[str, In | Failure],
    step: Callable[[LeasedShare, In], Out],
    *,
    concurrency: int = 1,
    interrupt: Callable[[], object] = lambda: None,
) -> dict[str, Out | Failure]:
    """Run `step` for each share, `concurrency` at a time, and return each one's result or failure.

    A failure among the inputs is passed on. Shares of one media take turns, so that the second finds what the first has
    done. The results are in the order of `inputs`. `interrupt` is called when this thread is told to stop while steps
    run in others: it should make them end soon, for they are waited for.
    """
    results: dict[str, Out | Failure] = {}
    shares: dict[str, list[tuple[LeasedShare, In]]] = defaultdict(list)
    for share_id, value in inputs.items():
        if isinstance(value, Failure):
            results[share_id] = value
            continue
        leased = _identify(hold, share_id)
        if isinstance(leased, Failure):
            results[share_id] = leased
        else:
            shares[leased.media_id].append((leased, value))
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="share") as pool:
        try:
            for done in pool.map(lambda media_id: _take_turn(hold, media_id, shares[media_id], step), shares):
                results.update(done)
        except BaseException as error:
            if not isinstance(error, Exception):
                hold.stopping.set()
                interrupt()
            raise
    return {share_id: results[share_id] for share_id in inputs}


@contextmanager
def continue_as(hold: Hold, leased: LeasedShare, canonical_url: str) -> Iterator[LeasedShare]:
    """Continue a step with a share whose short link has turned out to stand for another media.

    During the block the share holds the lease of that media in place of its own. Raises `PostponedError` when another
    run holds it.
    """
    named = replace(leased, media_id=media_id_of(canonical_url), canonical_url=canonical_url)
    # This cannot deadlock: the media of a canonical URL never waits for another.
    with hold.turns[named.media_id]:
        hold.wait(0)
        begun = _begin(hold, named)
        if isinstance(begun, Refused):
            raise PostponedError(
                f"the link leads to a video that is being worked on: {begun.reason}", until=hold.clock()
            )
        hold.catalog.leases.free(leased.media_id, owner=hold.owner)
        yield named


def _identify(hold: Hold, share_id: str) -> LeasedShare | Failure:
    try:
        share = hold.catalog.shares.get(share_id)
        link = link_of(share, hold.catalog, hold.rules.allowed_hosts)
    except (UnknownShareError, CatalogUnavailableError) as error:
        return failure_of(error)
    except ShareFailedError as error:
        with suppress(CatalogUnavailableError):  # the sensor sets it aside as well
            hold.catalog.work.park(share_id, error.failure, now=hold.clock())
        return error.failure
    return LeasedShare(share, media_id_of(link.canonical_url), link.canonical_url, share.platform)


def _take_turn(
    hold: Hold, media_id: str, shares: list[tuple[LeasedShare, In]], step: Callable[[LeasedShare, In], Out]
) -> dict[str, Out | Failure]:
    with hold.turns[media_id]:
        results: dict[str, Out | Failure] = {}
        for leased, value in shares:
            with work_on(share_id=leased.share.share_id):
                results[leased.share.share_id] = _run_one(hold, leased, value, step)
        return results


def _run_one(hold: Hold, leased: LeasedShare, value: In, step: Callable[[LeasedShare, In], Out]) -> Out | Failure:
    share_id = leased.share.share_id
    try:
        begun = _begin(hold, leased)
    except (UnknownShareError, CatalogUnavailableError) as error:
        return failure_of(error)
    if isinstance(begun, Refused):
        return Failure(Outcome.SUPERSEDED, begun.reason)
    try:
        return step(leased, value)
    except LeaseLostError as error:
        return Failure(Outcome.SUPERSEDED, str(error))
    except PostponedError as error:
        return _postpone(hold, share_id, error)
    except StoreError as error:
        if error.error_class is StoreErrorClass.INTERRUPTED:
            # No attempt failed: the run was ended, and its shares are due again as soon as it frees them.
            return failure_of(error)
        postponed = _postponement_for(hold, leased, error)
        if postponed is not None:
            return _postpone(hold, share_id, postponed)
        failure = failure_of(error)
    except Exception as error:
        # The boundary that keeps one share's fault from its neighbours. Nothing is hidden, all of it is recorded.
        failure = failure_of(error)
        if failure.outcome is Outcome.INTERNAL_ERROR:
            logger.exception("internal error at share %s", share_id)
    return _record_failure(hold, share_id, failure, attempts=begun.attempts)


def _begin(hold: Hold, leased: LeasedShare) -> Begun | Refused:
    now = hold.clock()
    return hold.catalog.work.begin(
        leased.share.share_id,
        leased.media_id,
        owner=hold.owner,
        claim_id=hold.claim_id,
        now=now,
        until=hold.lease_end(now),
    )


def _postponement_for(hold: Hold, leased: LeasedShare, error: StoreError) -> PostponedError | None:
    """Return what to postpone a share with, if its store fails for everybody.

    A finished share is never postponed, because nothing would take it up again: it was only worked on once more.
    """
    from bookmarkai_assets.operations.shares.store_turns import postponement_for  # noqa: PLC0415 - only failures need it

    try:
        postponed = postponement_for(
            hold.catalog, hold.rules, hold.stores, error, media_id=leased.media_id, clock=hold.clock
        )
    except CatalogUnavailableError:
        logger.exception("could not record that a store failed: %s", error)
        return None
    return None if leased.share.status == ShareStatus.DONE else postponed


def _postpone(hold: Hold, share_id: str, error: PostponedError) -> Failure:
    try:
        hold.catalog.work.postpone(
            share_id,
            reason=str(error),
            owner=hold.owner,
            now=hold.clock(),
            until=error.until,
            held_for=error.held_for,
            alone=error.alone,
        )
    except (LeaseLostError, CatalogUnavailableError) as another:
        return failure_of(another)
    return failure_of(error)


def _record_failure(hold: Hold, share_id: str, failure: Failure, *, attempts: int) -> Failure:
    now = hold.clock()
    retry_at = next_attempt_at(hold.rules.retry, failure, attempts=attempts, now=now, jitter=hold.jitter())
    try:
        hold.catalog.work.fail(share_id, failure, owner=hold.owner, now=now, retry_at=retry_at)
    except LeaseLostError as error:
        return Failure(Outcome.SUPERSEDED, str(error))
    except CatalogUnavailableError:
        # The run still names the failure. The share itself is found again when its lease has ended.
        logger.exception("could not record that share %s failed: %s", share_id, failure)
    return failure


def failure_of(error: Exception) -> Failure:
    """Return the failure that an exception stands for. What nobody foresaw is an internal error."""
    match error:
        case ShareFailedError():
            return error.failure
        case PostponedError():
            return Failure(Outcome.POSTPONED, str(error))
        case LeaseLostError():
            return Failure(Outcome.SUPERSEDED, str(error))
        case StoreError():
            return Failure(Outcome.STORAGE_FAILED, f"{error.error_class}: {error}")
        case TranscriptionError():
            return Failure(Outcome.TRANSCRIPTION_FAILED, str(error))
        case UnknownShareError():
            return Failure(Outcome.REFUSED, str(error))
        case CatalogUnavailableError():
            return Failure(Outcome.CATALOG_UNAVAILABLE, str(error))
        case ConfigurationError():
            return Failure(Outcome.MISCONFIGURED, str(error))
        case _:
            return Failure(Outcome.INTERNAL_ERROR, f"{type(error).__name__}: {error}")
