"""The ports of shares: the table of shares, and the ledger of the work on them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bookmarkai_assets.core.links.platforms import Platform
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.core.shares.share import Share, ShareProgress


@dataclass(frozen=True)
class AddedShare:
    """The result of adding a share: `is_new` is False when this user had shared this link before."""

    share: Share
    is_new: bool


class ShareTable(ABC):
    """BookmarkAI's `shares`."""

    @abstractmethod
    def add(self, *, url: str, user_id: str, platform: str, now: datetime) -> AddedShare:
        """Record a share as pending, once per (url, user); a second time returns the first one's row."""

    @abstractmethod
    def get(self, share_id: str) -> Share:
        """Read one share; raises `UnknownShareError`."""

    @abstractmethod
    def list(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        platforms: Collection[Platform] = (),
        limit: int | None = None,
    ) -> Sequence[Share]:
        """Read shares, newest first.

        Only those whose status is in `statuses`, whose last attempt ended with one of `outcomes` and whose link belongs
        to one of `platforms` (as `platforms.unified` names it), as far as any are named.
        """

    @abstractmethod
    def hinted_language(self, share_id: str) -> str | None:
        """Give the language that the gateway has for a share in `platform_data.language`; None where it says nothing.

        It is Whisper's code for one, if it is any: de for `de-AT`.
        """


@dataclass(frozen=True)
class DueShare:
    """A row that wants work, read without trust: every column is the text that the database holds.

    `crashes` counts the runs that died with the share in hand, the one that this listing found included. When it
    `runs_alone`, it held up others before.
    """

    share_id: str
    url: str | None
    created_at: str | None
    attempts: int
    crashes: int
    runs_alone: bool = False


@dataclass(frozen=True)
class Begun:
    """This owner has the share now; `attempts` counts this one."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Another owner has the share; `reason` says who."""

    reason: str


@dataclass(frozen=True)
class ParkedShare:
    """A share that was given up, when and why: `outcome` is an `Outcome`, `reason` its evidence in words."""

    share_id: str
    outcome: str | None
    reason: str | None
    parked_at: datetime


class WorkLedger(ABC):
    """Who works on which share, under which lease, and how it ended. The sensor selects by this and nothing else.

    States of a share here: none yet (new) -> claimed (by a sensor tick) -> running (in a run) -> done, waiting (for a
    retry, or to be continued) or parked. A lease is held on the media, so two shares of one video take turns. A lease
    that has expired is nobody's. Times are parameters; none of these methods reads a clock.
    """

    @abstractmethod
    def due(self, *, now: datetime, limit: int, slots: Mapping[str, int] | None = None) -> Sequence[DueShare]:
        """List shares that want work, oldest first: new ones, due retries, claims and runs whose lease expired.

        A parked share whose `shares.status` somebody has set back to `pending` counts as new. Of the shares that are
        held for a site in `slots`, at most so many are given; of those held for another, all. Never raises for a
        malformed row.
        """

    @abstractmethod
    def wait_for_site(self, share_id: str, media_id: str, *, held_for: str, reason: str, now: datetime) -> None:
        """Let a due share wait for a site that takes no fetch now, which is recorded as outcome `postponed`.

        It stays pending, and no attempt is counted.
        """

    @abstractmethod
    def set_aside(self, share_id: str, failure: Failure, *, now: datetime) -> None:
        """Park a share without an attempt (a malformed row, or one that keeps crashing its worker)."""

    @abstractmethod
    def claim(self, share_id: str, media_id: str, *, claim_id: str, now: datetime, until: datetime) -> bool:
        """Reserve a due share for a run about to be launched; False when another holds the media or took the share.

        A share found running under an expired lease counts one crash. Sets `shares.status` to `processing`.
        """

    @abstractmethod
    def open_claims(self, *, expiring_before: datetime) -> Sequence[str]:
        """List the claim ids of shares still claimed (no run has begun them) whose lease ends before that moment."""

    @abstractmethod
    def extend_claim(self, claim_id: str, *, until: datetime) -> None:
        """Extend the leases of a claim's shares that no run has begun: its run is known to be queued."""

    @abstractmethod
    def begin(
        self, share_id: str, media_id: str, *, owner: str, claim_id: str | None, now: datetime, until: datetime
    ) -> Begun | Refused:
        """Take the share over for a run (`owner` is the run's id); counts an attempt unless this owner has it already.

        A run's later steps begin again and find it their own. Succeeds when the lease is free, expired, `owner`'s or
        `claim_id`'s. A run launched for a claim is refused once a later claim has replaced it. A share that is done
        stays done; its lease is taken all the same.
        """

    @abstractmethod
    def mark(self, share_id: str, status: str, *, owner: str, now: datetime) -> None:
        """Set `shares.status` to a stage of the work in progress (`fetching`, `fetched`); a done share stays done.

        With `fetched` the share is described as well: see `finish`.
        """

    @abstractmethod
    def fail(self, share_id: str, failure: Failure, *, owner: str, now: datetime, retry_at: datetime | None) -> None:
        """Record a failed attempt and free the lease: waiting until `retry_at`, or parked as `error` when that is None.

        A share that was done before stays done, with the failure remembered. Raises `LeaseLostError` when the lease has
        gone to another owner.
        """

    @abstractmethod
    def postpone(
        self,
        share_id: str,
        *,
        reason: str,
        owner: str,
        now: datetime,
        until: datetime,
        held_for: str | None = None,
        alone: bool = False,
    ) -> None:
        """Put a share back that `owner` has begun (outcome `postponed`), without counting the attempt.

        Its lease is freed. It is due again at `until`, and with `held_for` once `due` is told that this site takes
        fetches. With `alone` it is to have runs of its own until it is done, or a person has it retried. A share that
        is done stays done. Raises `LeaseLostError` as `finish`.
        """

    @abstractmethod
    def finish(
        self, share_id: str, *, media_url: str, owner: str, now: datetime, outcome: Outcome = Outcome.DONE
    ) -> None:
        """Record an end that is one of `outcomes.ENDS_WELL`: `shares.status` done, `shares.media_url` set.

        The lease is freed. Raises `LeaseLostError`, and `ValueError` for an outcome that is a failure.

        Title, author, description, thumbnail and media type go to the share's columns, and what else is known of the
        video (extractor, posted_at, duration_seconds, width, height) into its `platform_data`.
        """

    @abstractmethod
    def release(self, owner: str, *, now: datetime) -> None:
        """Free what `owner` still holds at the end of its run; unfinished shares are due again at once.

        So is a finished share whose media is staged again, because its stored bytes were lost and fetched anew.
        """

    @abstractmethod
    def failure_in(self, share_id: str, owner: str) -> Failure | None:
        """Tell how the share failed in this very run, if it did."""

    @abstractmethod
    def retry(self, share_ids: Sequence[str], *, now: datetime, is_lost: bool = False) -> Sequence[str]:
        """Make shares due at once with their attempts reset; returns those that changed.

        Those that are parked or waiting, and done ones whose media has expired: they are fetched anew. So are done ones
        that no run has in hand when the caller has found that their stored media `is_lost`.
        """

    @abstractmethod
    def adopt(self, share_id: str, media_id: str, *, media_url: str, now: datetime) -> bool:
        """Remember of which media a share is that is done and that no work is known of, as after a rebuild.

        Sets its `shares.media_url`. A share that is not done, or that has a history here, is left alone (False).
        """

    @abstractmethod
    def failed_share_ids(self) -> Sequence[str]:
        """List the parked shares, oldest first."""

    @abstractmethod
    def parked_since(self, moment: datetime, *, limit: int) -> Sequence[ParkedShare]:
        """Read the shares that were parked at that moment or later and still are, newest first. One indexed look."""

    @abstractmethod
    def progress(self, share_id: str) -> ShareProgress:
        """Say how far a share has come; zero attempts and None throughout for one never claimed."""
