"""The work ledger against a plain Python model: for any sequence of calls, crashes and times, they agree.

The model is single-threaded and has the rules in their simplest form. The ledger under test is the SQLite one.
"""

import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from bookmarkai_assets.adapters.catalog import open_catalog
from bookmarkai_assets.core.errors import LeaseLostError
from tests.support.catalog import GONE, LEASE_SECONDS, UNREACHABLE, add_share, at, begin, claim, execute, fail, finish
from tests.support.examples import examples

RUNS = ("run-a", "run-b", "run-c")
MEDIA = ("m1", "m2")
FOREVER = 1_000_000


@dataclass
class ModelShare:
    """What the ledger should know about one share."""

    share_id: str
    media_id: str
    status: str = "pending"
    state: str = "new"
    claim_id: str | None = None
    owner: str | None = None
    last_owner: str | None = None
    failed_by: str | None = None
    attempts: int = 0
    crashes: int = 0
    next_at: float = 0
    is_media_known: bool = False

    @property
    def is_reopened(self) -> bool:
        """Whether the gateway has set it back to pending."""
        return self.state == "parked" and self.status == "pending"


@dataclass
class Model:
    """Shares in the order of their creation, and leases from media to (owner, end)."""

    shares: dict[str, ModelShare] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    def is_live(self, media_id: str, now: float) -> bool:
        """Whether somebody has a live lease on the media."""
        return media_id in self.leases and self.leases[media_id][1] > now

    def wants_work(self, share: ModelShare, now: float) -> bool:
        """Whether a share is due, leases aside."""
        return (share.state == "new" or share.is_reopened or share.state in {"claimed", "running"}) or (
            share.state == "waiting" and share.next_at <= now
        )

    def due(self, now: float) -> list[str]:
        """List what is due. Until somebody names a share's media, the ledger cannot know that the media is leased."""
        return [
            share.share_id
            for share in self.shares.values()
            if self.wants_work(share, now) and not (share.is_media_known and self.is_live(share.media_id, now))
        ]

    def claim(self, share: ModelShare, claim_id: str, now: float) -> bool:
        """Claim a share."""
        if self.is_live(share.media_id, now):
            if share.state == "new" or share.is_reopened:
                self._reset_if_reopened(share)
                share.state, share.next_at = "waiting", now
            share.is_media_known = share.is_media_known or share.state == "waiting"
            return False
        if not self.wants_work(share, now):
            return False
        self._reset_if_reopened(share)
        share.crashes += share.state == "running"
        share.state, share.status, share.claim_id, share.owner = "claimed", "processing", claim_id, None
        share.is_media_known = True
        self.leases[share.media_id] = (claim_id, now + LEASE_SECONDS)
        return True

    def begin(self, share: ModelShare, run: str, claim_id: str | None, now: float) -> int | None:
        """Have a run take a share over."""
        if self.is_live(share.media_id, now) and self.leases[share.media_id][0] not in {run, claim_id}:
            return None
        if claim_id is not None and share.claim_id not in {None, claim_id}:
            return None
        self._reset_if_reopened(share)
        share.attempts += share.last_owner != run
        share.owner = share.last_owner = run
        share.is_media_known = True
        if share.state != "done":
            share.state, share.status = "running", "processing"
        self.leases[share.media_id] = (run, now + LEASE_SECONDS)
        return share.attempts

    def has_in_hand(self, share: ModelShare, run: str) -> bool:
        """Whether a run may end a share."""
        return share.owner == run and self.leases.get(share.media_id, ("", 0))[0] == run

    def end(self, share: ModelShare, state: str, status: str, *, failed_by: str | None) -> None:
        """End an attempt."""
        run, share.owner, share.failed_by = share.owner, None, failed_by
        if share.state != "done":
            share.state, share.status = state, status
        if not any(other.owner == run and other.media_id == share.media_id for other in self.shares.values()):
            del self.leases[share.media_id]

    def release(self, run: str, now: float) -> None:
        """End a run."""
        self.leases = {media: lease for media, lease in self.leases.items() if lease[0] != run}
        for share in self.shares.values():
            if share.owner == run:
                share.owner = None
                if share.state != "done":
                    share.state, share.status, share.next_at = "waiting", "pending", now

    def park(self, share: ModelShare, now: float) -> None:
        """Park without an attempt."""
        if share.state == "done" or (share.state == "running" and self.is_live(share.media_id, now)):
            return
        self._reset_if_reopened(share)
        if share.claim_id and self.leases.get(share.media_id, ("", 0))[0] == share.claim_id:
            del self.leases[share.media_id]
        share.state, share.status, share.owner, share.failed_by = "parked", "error", None, None

    def retry(self, share: ModelShare, now: float) -> bool:
        """Retry a share, with its history reset."""
        if share.state not in {"parked", "waiting"}:
            return False
        share.state, share.status, share.next_at = "waiting", "pending", now
        share.attempts = share.crashes = 0
        share.last_owner = None
        return True

    def _reset_if_reopened(self, share: ModelShare) -> None:
        if share.is_reopened:
            share.attempts = share.crashes = 0
            share.last_owner = None


class LedgerMachine(RuleBasedStateMachine):
    """Does everything to both and compares every answer."""

    shares = Bundle("shares")
    claims = Bundle("claims")

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.catalog = open_catalog(f"sqlite:///{file}")
        self.model = Model()
        self.now = 0.0
        self.numbers = count()

    @override
    def teardown(self) -> None:
        """Check that each share is done, parked or due once every lease and every wait is over."""
        due = set(self._due(FOREVER))
        for share_id in self.model.shares:
            assert self.catalog.shares.get(share_id).status in {"done", "error"} or share_id in due
        self.catalog.close()

    @precondition(lambda self: len(self.model.shares) < 5)
    @rule(target=shares, media_id=st.sampled_from(MEDIA))
    def add(self, media_id: str) -> str:
        """A user shares a link."""
        share_id = add_share(self.catalog, seconds=next(self.numbers) / 1000)
        self.model.shares[share_id] = ModelShare(share_id, media_id)
        return share_id

    @rule(target=claims, share_id=shares)
    def claim(self, share_id: str) -> str:
        """A tick tries to claim a share."""
        share, claim_id = self.model.shares[share_id], f"tick-{next(self.numbers)}"
        expected = self.model.claim(share, claim_id, self.now)
        assert claim(self.catalog, share_id, share.media_id, claim_id, self.now) == expected
        return claim_id

    @rule(share_id=shares, run=st.sampled_from(RUNS), claim_id=st.none() | claims)
    def begin(self, share_id: str, run: str, claim_id: str | None) -> None:
        """A run tries to take a share over, for some claim or for a backfill."""
        share = self.model.shares[share_id]
        expected = self.model.begin(share, run, claim_id, self.now)
        assert begin(self.catalog, share_id, share.media_id, run, self.now, claim_id=claim_id) == expected

    @rule(share_id=shares, run=st.sampled_from(RUNS), retry_in=st.none() | st.sampled_from([0, 30, 100]))
    def fail(self, share_id: str, run: str, retry_in: float | None) -> None:
        """A run records a failure."""
        share = self.model.shares[share_id]
        may_end = self.model.has_in_hand(share, run)
        if may_end:
            share.next_at = self.now + (retry_in or 0)
            ends = ("parked", "error") if retry_in is None else ("waiting", "pending")
            self.model.end(share, *ends, failed_by=run)
        assert _is_done(lambda: fail(self.catalog, share_id, run, self.now, retry_in=retry_in)) == may_end
        if may_end:
            assert self.catalog.work.failure_in(share_id, run) == (GONE if retry_in is None else UNREACHABLE)

    @rule(share_id=shares, run=st.sampled_from(RUNS))
    def finish(self, share_id: str, run: str) -> None:
        """A run records success."""
        share = self.model.shares[share_id]
        may_end = self.model.has_in_hand(share, run)
        if may_end:
            self.model.end(share, "done", "done", failed_by=None)
        assert _is_done(lambda: finish(self.catalog, share_id, run, self.now)) == may_end

    @rule(run=st.sampled_from(RUNS))
    def renew(self, run: str) -> None:
        """A run's heartbeat renews its leases."""
        leased = {media for media, lease in self.model.leases.items() if lease[0] == run}
        self.model.leases |= dict.fromkeys(leased, (run, self.now + LEASE_SECONDS))
        assert self.catalog.leases.renew(run, until=at(self.now + LEASE_SECONDS)) == leased

    @rule(claim_id=claims)
    def extend(self, claim_id: str) -> None:
        """A tick finds a claim's run still queued."""
        for share in self.model.shares.values():
            if (
                share.state == "claimed"
                and self.model.leases.get(share.media_id, ("", 0))[0] == share.claim_id == claim_id
            ):
                self.model.leases[share.media_id] = (claim_id, self.now + LEASE_SECONDS)
        self.catalog.work.extend_claim(claim_id, until=at(self.now + LEASE_SECONDS))

    @rule(run=st.sampled_from(RUNS))
    def release(self, run: str) -> None:
        """A run ends."""
        self.model.release(run, self.now)
        self.catalog.work.release(run, now=at(self.now))

    @rule(share_id=shares)
    def park(self, share_id: str) -> None:
        """A tick finds a row malformed."""
        self.model.park(self.model.shares[share_id], self.now)
        self.catalog.work.park(share_id, GONE, now=at(self.now))

    @rule(share_id=shares)
    def retry(self, share_id: str) -> None:
        """A person retries a share."""
        expected = [share_id] if self.model.retry(self.model.shares[share_id], self.now) else []
        assert self.catalog.work.retry([share_id], now=at(self.now)) == expected

    @rule(share_id=shares)
    def reopen(self, share_id: str) -> None:
        """The gateway sets a parked share back to pending."""
        if self.model.shares[share_id].state == "parked":
            self.model.shares[share_id].status = "pending"
            execute(self.catalog, "UPDATE shares SET status = 'pending' WHERE id = :id", id=share_id)

    @rule(seconds=st.sampled_from([1, 20, LEASE_SECONDS, 2 * LEASE_SECONDS]))
    def wait(self, seconds: float) -> None:
        """Time passes, and whoever does not renew has died."""
        self.now += seconds

    @invariant()
    def they_agree(self) -> None:
        """The queue, the counters, the statuses and the lease owners are those of the model."""
        due = {due.share_id: due for due in self.catalog.work.due(now=at(self.now), limit=100)}
        assert list(due) == self.model.due(self.now)
        for share_id, row in due.items():
            share = self.model.shares[share_id]
            found_dead = share.state == "running"
            expected = (0, 0) if share.is_reopened else (share.attempts, share.crashes + found_dead)
            assert (row.attempts, row.crashes) == expected
        assert {share.share_id: share.status for share in self.catalog.shares.list()} == {
            share.share_id: share.status for share in self.model.shares.values()
        }
        for media_id in MEDIA:
            holders = [run for run in RUNS if self.catalog.leases.holds(run, media_id)]
            holder = self.model.leases.get(media_id, (None, 0))[0]
            assert holders == ([holder] if holder in RUNS else [])

    def _due(self, seconds: float) -> list[str]:
        return [due.share_id for due in self.catalog.work.due(now=at(seconds), limit=100)]


def _is_done(act: Any) -> bool:
    try:
        act()
    except LeaseLostError:
        return False
    return True


@pytest.mark.hypothesis
def test_the_ledger_agrees_with_its_model(sqlite_template: Path, tmp_path: Path) -> None:
    """For no sequence of claims, begins, renewals, failures, ends, deaths and retries do ledger and model differ."""
    numbers = count()

    def machine() -> LedgerMachine:
        return LedgerMachine(Path(shutil.copy(sqlite_template, tmp_path / f"{next(numbers)}.db")))

    runs = settings(max_examples=examples(40), stateful_step_count=30, deadline=None)
    run_state_machine_as_test(machine, settings=runs)  # type: ignore[arg-type] # it takes any maker of machines
