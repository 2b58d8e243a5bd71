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
    def add(
        self, *, url: str, user_id: str, platform: str, now: datetime, idempotency_key: str | None = None
    ) -> AddedShare:
        """Record a share as pending, once per (url, user). A second call returns the row of the first.

        A new row keeps the `idempotency_key`, of at most 100 characters, which is unique over all users. Raises
        `IdempotencyKeyError` if a row with another link or user has it.
        """

    @abstractmethod
    def get(self, share_id: str) -> Share:
        """Read one share. Raises `UnknownShareError`."""

    @abstractmethod
    def list(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        platforms: Collection[Platform] = (),
        words: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Share]:
        """Read shares, newest first.

        Only those whose status is in `statuses`, whose last attempt ended with one of `outcomes` and whose link belongs
        to one of `platforms` (named as by `platforms.unify_platform`). Only those shared at `since` or later and before
        `until`. With `user_id` only that user's shares. Each of `words` must be part of the link, the id, the title,
        the author or the platform, whatever the case and the accents. An empty collection does not restrict. `after` is
        the id of a share: only those that come after it in this order are read, as the next page of a list. Raises
        `UnknownShareError` if no share has it, or with `user_id` none of the user's.
        """

    @abstractmethod
    def count(
        self,
        *,
        statuses: Collection[str] = (),
        outcomes: Collection[Outcome] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        user_id: str | None = None,
    ) -> int:
        """Count the shares that `list` would read."""

    @abstractmethod
    def count_by_status(self) -> Mapping[str, int]:
        """Count all shares by `status`, which may be any text. One query, of which the finished shares cost least."""

    @abstractmethod
    def count_by_outcome(self) -> Mapping[str, int]:
        """Count the shares whose work has had an end, by the outcome of the last one. One query, as above."""

    @abstractmethod
    def read(self, share_ids: Sequence[str]) -> Sequence[Share]:
        """Read many shares with a few queries, in the order of their ids. Unknown ones are left out."""

    @abstractmethod
    def of_link(self, urls: Collection[str], media_ids: Collection[str]) -> Sequence[Share]:
        """Read the shares of one of these links, or of one of these media, newest first. Read by indexes."""

    @abstractmethod
    def without_row(self, share_ids: Sequence[str]) -> Sequence[str]:
        """Return those ids that no share has, in their order. The ids may be any text."""

    @abstractmethod
    def hinted_language(self, share_id: str) -> str | None:
        """Return the language that the gateway has for a share in `platform_data.language`; None if it has none.

        A language tag is returned as Whisper's code: de for `de-AT`.
        """


@dataclass(frozen=True)
class DueShare:
    """A share that is due, not validated: every column is the text that is in the database.

    `crashes` counts the runs that died while they worked on the share, including the one that this listing found. A
    share that `runs_alone` has delayed others before. `held_for` is the site or store that it waits for, if any.
    """

    share_id: str
    url: str | None
    created_at: str | None
    attempts: int
    crashes: int
    runs_alone: bool = False
    held_for: str | None = None


@dataclass(frozen=True)
class Backlog:
    """How much work there is. `due` shares wait for a worker: new ones, due retries, and those claimed but not begun.

    `oldest_since` is since when the one of these that has waited longest does so: since it was shared, became due again
    or was claimed. None if there is none. `running` shares are with a run.
    """

    due: int
    running: int
    oldest_since: datetime | None


@dataclass(frozen=True)
class Begun:
    """This owner has the share now. `attempts` includes this one."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Another owner has the share. `reason` says who."""

    reason: str


@dataclass(frozen=True)
class ParkedShare:
    """A parked share, when it was parked and why: `outcome` is an `Outcome`, `reason` its evidence in words."""

    share_id: str
    outcome: str | None
    reason: str | None
    parked_at: datetime


class WorkLedger(ABC):
    """Who works on which share, under which lease, and how it ended. The sensor selects by this and nothing else.

    A share's states are: none yet (new) -> claimed (by a sensor tick) -> running (in a run) -> done, waiting (for a
    retry, or to be continued) or parked. A lease is on the media, so two shares of one video take turns. An expired
    lease belongs to nobody. Times are parameters, and none of these methods reads a clock.
    """

    @abstractmethod
    def due(self, *, now: datetime, limit: int, slots: Mapping[str, int] | None = None) -> Sequence[DueShare]:
        """List shares that are due, oldest first: new ones, due retries, claims and runs whose lease expired.

        A parked share whose `shares.status` somebody has set back to `pending` counts as new. `slots` limits how many
        of the shares that wait for a site are returned, by site. Those that wait for a site not in it are not limited.
        Never raises for a malformed row.
        """

    @abstractmethod
    def backlog(self, *, now: datetime, slots: Mapping[str, int]) -> Backlog:
        """Count the shares that wait for a worker, and those that have one. Reads only unfinished shares.

        Of the shares that wait for a site in `slots`, only as many count as the site has slots. Never raises for a
        malformed row.
        """

    @abstractmethod
    def wait_for_site(self, share_id: str, media_id: str, *, held_for: str, reason: str, now: datetime) -> None:
        """Postpone a due share while its site takes no fetches, or a store fails. Its outcome becomes `postponed`.

        It stays pending, and no attempt is counted.
        """

    @abstractmethod
    def park(self, share_id: str, failure: Failure, *, now: datetime) -> None:
        """Park a share without an attempt (a malformed row, or one that keeps crashing its worker)."""

    @abstractmethod
    def claim(self, share_id: str, media_id: str, *, claim_id: str, now: datetime, until: datetime) -> bool:
        """Reserve a due share for a run that will be launched. False if another has leased the media or the share.

        A share found running under an expired lease counts one crash. Sets `shares.status` to `processing`.
        """

    @abstractmethod
    def open_claims(self, *, expiring_before: datetime) -> Sequence[str]:
        """List the claim ids of shares that no run has begun yet and whose lease ends before `expiring_before`."""

    @abstractmethod
    def extend_claim(self, claim_id: str, *, until: datetime) -> None:
        """Extend the leases of a claim's shares that no run has begun yet, because its run is known to be queued."""

    @abstractmethod
    def begin(
        self, share_id: str, media_id: str, *, owner: str, claim_id: str | None, now: datetime, until: datetime
    ) -> Begun | Refused:
        """Take the share for a run (`owner` is the run's id). Counts an attempt unless this owner has it already.

        A run's later steps begin the share again, which succeeds. It succeeds when the lease is free or expired, or
        belongs to `owner` or `claim_id`. A run launched for a claim is refused once a later claim has replaced it. A
        share that is done stays done, but its lease is taken.
        """

    @abstractmethod
    def mark(self, share_id: str, status: str, *, owner: str, now: datetime) -> None:
        """Set `shares.status` to a state of the work in progress (`fetching`, `fetched`). A done share stays done.

        With `fetched`, what is known of the video is written to the share as well, as `finish` does.
        """

    @abstractmethod
    def fail(self, share_id: str, failure: Failure, *, owner: str, now: datetime, retry_at: datetime | None) -> None:
        """Record a failed attempt and free the lease.

        The share waits until `retry_at`, or is parked as `error` when that is None. A share that was done before stays
        done, and the failure is recorded. Raises `LeaseLostError` if another owner has the lease now.
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
        """Postpone a share that `owner` has begun (outcome `postponed`), without counting the attempt.

        Its lease is freed. It is due again at `until`. With `held_for`, it also waits for that site or store, as
        the `slots` of `due` say. With `alone`, it gets runs of its own until it is done or a person retries it. A share
        that is done stays done. Raises `LeaseLostError` as `finish` does.
        """

    @abstractmethod
    def finish(
        self, share_id: str, *, media_url: str, owner: str, now: datetime, outcome: Outcome = Outcome.DONE
    ) -> None:
        """Record an outcome of `outcomes.ENDS_WELL`: `shares.status` becomes done, and `shares.media_url` is set.

        The lease is freed. Raises `LeaseLostError`, and `ValueError` for an outcome that is a failure.

        Title, author, description, thumbnail and media type go to the share's columns. What else is known of the video
        (extractor, posted_at, duration_seconds, width, height) goes into its `platform_data`.
        """

    @abstractmethod
    def release(self, owner: str, *, now: datetime) -> None:
        """Free all leases of `owner` at the end of its run. Unfinished shares are due again at once.

        So is a finished share whose media is staged again, because its stored bytes were lost and fetched again.
        """

    @abstractmethod
    def failure_in(self, share_id: str, owner: str) -> Failure | None:
        """Return the share's failure in the run of `owner`; None if it did not fail there."""

    @abstractmethod
    def retry(self, share_ids: Sequence[str], *, now: datetime, is_lost: bool = False) -> Sequence[str]:
        """Make shares due at once and reset their attempts. Return the ids of those that changed.

        Shares change if they are parked or waiting, or done with expired media, which is fetched again. With `is_lost`
        (the caller has found that the stored media is lost), done shares that no run works on change as well.
        """

    @abstractmethod
    def adopt(self, share_id: str, media_id: str, *, media_url: str, now: datetime) -> bool:
        """Record which media a done share is of, if the ledger knows nothing of the share, as after a rebuild.

        Sets its `shares.media_url`. Returns False, and changes nothing, for a share that is not done or has a history
        here.
        """

    @abstractmethod
    def failed_share_ids(self) -> Sequence[str]:
        """List the parked shares, oldest first."""

    @abstractmethod
    def parked_since(self, moment: datetime, *, limit: int) -> Sequence[ParkedShare]:
        """Read the shares that were parked at that moment or later and still are, newest first. One indexed query."""

    @abstractmethod
    def progress(self, share_id: str) -> ShareProgress:
        """Return a share's progress. For one that was never claimed, attempts is 0 and everything else is None."""

    @abstractmethod
    def progress_of(self, share_ids: Sequence[str]) -> Sequence[ShareProgress]:
        """Return the progress of many shares, in their order, with a few queries for all of them."""
