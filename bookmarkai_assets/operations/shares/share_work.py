"""The frame around every step of a run: lease, attempt, step, outcome, for each share by itself."""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from bookmarkai_assets.core.catalog import Catalog
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
from bookmarkai_assets.core.media.media import media_id_of
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.shares.ports import Refused
from bookmarkai_assets.core.shares.share import Share
from bookmarkai_assets.operations.shares.intake import link_of
from bookmarkai_assets.operations.shares.leases import heartbeat

logger = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class LeasedShare:
    """A share that this run holds, with the names that the work on it uses."""

    share: Share
    media_id: str
    canonical_url: str
    platform: str


class Turns:
    """Whose turn it is at each media, among the threads of one run: they all have its lease."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def __getitem__(self, media_id: str) -> threading.Lock:
        """Give the lock of a media's turn."""
        with self._guard:
            return self._locks.setdefault(media_id, threading.Lock())


@dataclass(frozen=True)
class ShareWork:
    """One run's hold on its shares. `owner` is the run's id; `claim_id` the claim it was launched for, if any.

    `clock` gives aware UTC times and `jitter` numbers in [0, 1). `stopping` is set when the run is told to end.
    """

    catalog: Catalog
    rules: PipelineRules
    owner: str
    claim_id: str | None
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    stopping: threading.Event = field(default_factory=threading.Event, compare=False)
    turns: Turns = field(default_factory=Turns, compare=False)

    def each(
        self,
        inputs: Mapping[str, In | Failure],
        step: Callable[[LeasedShare, In], Out],
        *,
        concurrency: int = 1,
        interrupt: Callable[[], object] = lambda: None,
    ) -> dict[str, Out | Failure]:
        """Do one step for each share, `concurrency` at a time, and give each one's result or failure.

        A failure that comes in is passed on. Shares of one media take turns, so that the second finds what the first
        has done. The order of the result is that of `inputs`. `interrupt` is called when this thread is told to stop
        while steps are under way in the others: they are waited for, so it should make them end soon.
        """
        results: dict[str, Out | Failure] = {}
        shares: dict[str, list[tuple[LeasedShare, In]]] = defaultdict(list)
        for share_id, value in inputs.items():
            if isinstance(value, Failure):
                results[share_id] = value
                continue
            leased = self._identify(share_id)
            if isinstance(leased, Failure):
                results[share_id] = leased
            else:
                shares[leased.media_id].append((leased, value))
        with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="share") as pool:
            try:
                for done in pool.map(lambda media_id: self._turn(media_id, shares[media_id], step), shares):
                    results.update(done)
            except BaseException as error:
                if not isinstance(error, Exception):
                    self.stopping.set()
                    interrupt()
                raise
        return {share_id: results[share_id] for share_id in inputs}

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Renew this run's leases, and the claims it has yet to begin, from a thread for as long as the block lasts.

        A block that is left by an error, or because a person ended the run, frees what the run holds: that is no crash,
        and the shares are due again at once.
        """
        with heartbeat(self._renew, clock=self.clock, seconds=self.rules.lease_seconds):
            try:
                yield
            except BaseException:
                self.release()
                raise

    @contextmanager
    def under_its_name(self, leased: LeasedShare, canonical_url: str) -> Iterator[LeasedShare]:
        """Go on within a step with a share whose short link has turned out to stand for another media.

        For the block the share holds that one's lease in place of its own, and it is that one's turn. Raises
        `PostponedError` when another run has it.
        """
        named = replace(leased, media_id=media_id_of(canonical_url), canonical_url=canonical_url)
        # Nobody who waits here is waited for: what a name names is never waiting for another.
        with self.turns[named.media_id]:
            self.wait(0)
            now = self.clock()
            begun = self.catalog.work.begin(
                leased.share.share_id,
                named.media_id,
                owner=self.owner,
                claim_id=self.claim_id,
                now=now,
                until=self._until(now),
            )
            if isinstance(begun, Refused):
                raise PostponedError(f"the link leads to a video that is being worked on: {begun.reason}", until=now)
            self.catalog.leases.free(leased.media_id, owner=self.owner)
            yield named

    def wait(self, seconds: float) -> None:
        """Wait within a step. Raises `PostponedError` when the run is told to end meanwhile."""
        if self.stopping.wait(seconds):
            raise PostponedError("the run was told to end", until=self.clock())

    def release(self) -> None:
        """Free what this run still holds; an unfinished share is due again at once."""
        self.catalog.work.release(self.owner, now=self.clock())

    def _identify(self, share_id: str) -> LeasedShare | Failure:
        try:
            share = self.catalog.shares.get(share_id)
            link = link_of(share, self.catalog, self.rules.allowed_hosts)
        except (UnknownShareError, CatalogUnavailableError) as error:
            return failure_of(error)
        except ShareFailedError as error:
            with suppress(CatalogUnavailableError):  # the sensor sets it aside as well
                self.catalog.work.set_aside(share_id, error.failure, now=self.clock())
            return error.failure
        return LeasedShare(share, media_id_of(link.canonical_url), link.canonical_url, share.platform)

    def _turn(
        self, media_id: str, shares: list[tuple[LeasedShare, In]], step: Callable[[LeasedShare, In], Out]
    ) -> dict[str, Out | Failure]:
        with self.turns[media_id]:
            return {leased.share.share_id: self._one(leased, value, step) for leased, value in shares}

    def _one(self, leased: LeasedShare, value: In, step: Callable[[LeasedShare, In], Out]) -> Out | Failure:
        share_id, now = leased.share.share_id, self.clock()
        try:
            begun = self.catalog.work.begin(
                share_id, leased.media_id, owner=self.owner, claim_id=self.claim_id, now=now, until=self._until(now)
            )
        except (UnknownShareError, CatalogUnavailableError) as error:
            return failure_of(error)
        if isinstance(begun, Refused):
            return Failure(Outcome.SUPERSEDED, begun.reason)
        try:
            return step(leased, value)
        except LeaseLostError as error:
            return Failure(Outcome.SUPERSEDED, str(error))
        except PostponedError as error:
            return self._put_back(share_id, error)
        except Exception as error:
            if isinstance(error, StoreError) and error.error_class is StoreErrorClass.INTERRUPTED:
                # No attempt that failed: the run was ended, and its shares are due again as soon as it lets go.
                return failure_of(error)
            # The boundary that keeps one share's fault from its neighbours; nothing is hidden, all of it is recorded.
            failure = failure_of(error)
            if failure.outcome is Outcome.INTERNAL_ERROR:
                logger.exception("internal error at share %s", share_id)
        return self._record(share_id, failure, attempts=begun.attempts)

    def _put_back(self, share_id: str, error: PostponedError) -> Failure:
        try:
            self.catalog.work.postpone(
                share_id,
                reason=str(error),
                owner=self.owner,
                now=self.clock(),
                until=error.until,
                held_for=error.held_for,
                alone=error.alone,
            )
        except (LeaseLostError, CatalogUnavailableError) as another:
            return failure_of(another)
        return failure_of(error)

    def _record(self, share_id: str, failure: Failure, *, attempts: int) -> Failure:
        now = self.clock()
        retry_at = next_attempt_at(self.rules.retry, failure, attempts=attempts, now=now, jitter=self.jitter())
        try:
            self.catalog.work.fail(share_id, failure, owner=self.owner, now=now, retry_at=retry_at)
        except LeaseLostError as error:
            return Failure(Outcome.SUPERSEDED, str(error))
        except CatalogUnavailableError:
            # The run still names the failure; the share itself is found again when its lease has ended.
            logger.exception("could not record that share %s failed: %s", share_id, failure)
        return failure

    def _renew(self, until: datetime) -> None:
        self.catalog.leases.renew(self.owner, until=until)
        if self.claim_id is not None:
            self.catalog.work.extend_claim(self.claim_id, until=until)

    def _until(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.rules.lease_seconds)


def failure_of(error: Exception) -> Failure:
    """Type the failure that an exception stands for; what nobody foresaw is an internal error."""
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
