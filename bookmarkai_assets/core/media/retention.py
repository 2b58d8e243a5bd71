"""How long bytes are kept, and which local copies may be removed. Clean-up gathers the evidence for these rules."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.media.media import Media

EXPIRING_PREFIX = "temp/"
"""The prefix that the bucket's lifecycle rule applies to. Objects elsewhere stay until somebody deletes them."""


@dataclass(frozen=True)
class RetentionPolicy:
    """How long the operator wants bytes to be kept.

    Clean-up touches nothing younger than `grace_seconds`. A local file that nobody needs any more is removed after
    `local_days`, or never if that is None. `s3_days` are the lifecycle rule's days for objects under `temp/`, None
    without a rule.
    """

    grace_seconds: float
    local_days: float | None
    s3_days: int | None

    @property
    def grace(self) -> timedelta:
        """The grace period."""
        return timedelta(seconds=self.grace_seconds)


def lifecycle_end(key: str, stored_at: datetime, days: int | None) -> datetime | None:
    """Return when a lifecycle rule of so many days may delete an object; None if no rule applies to it.

    Amazon S3 adds the days to the time of storing and rounds up to the next midnight UTC. It deletes some time after.
    """
    if days is None or not key.startswith(EXPIRING_PREFIX):
        return None
    end = stored_at.astimezone(UTC) + timedelta(days=days)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == end else midnight + timedelta(days=1)


def expiry_of(media: Media, policy: RetentionPolicy) -> datetime | None:
    """Return when the bucket's rule may delete a media; None if no rule does, and for media on the disk.

    A record from before these times were recorded has none. It is then computed from when the media was stored.
    """
    if media.backend is None or not media.backend.is_remote or media.stored_at is None:
        return None
    return media.expires_at or lifecycle_end(media.video.key, media.stored_at, policy.s3_days)


class Removal(StrEnum):
    """Why a local copy may be removed."""

    IN_S3 = "in_s3"
    PAST_RETENTION = "past_retention"
    EXPIRED = "expired"


class Kept(StrEnum):
    """Why a local file stays."""

    UNKNOWN = "unknown_to_the_catalog"
    WITHIN_GRACE = "within_grace"
    LEASED = "leased"
    STAGED = "staged"
    NOT_IN_S3 = "not_in_s3"
    DIFFERENT_IN_S3 = "different_in_s3"
    UNVERIFIED = "unverified"
    WITHIN_RETENTION = "within_retention"
    NOT_TRANSCRIBED = "not_transcribed"


class Evidence(StrEnum):
    """What the bucket shows now of a media that is recorded there."""

    SAME = "same"
    DIFFERENT = "different"
    ABSENT = "absent"
    EXPIRED = "expired"  # absent, after its lifecycle rule's time
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class LocalCopy:
    """What is known about a media that has files in the local directory.

    `age` counts from the newest of its files or, if that is newer, from the record of where it is stored. `in_s3` is
    None if the catalog records the media on the local backend. `s3_left` is the time until the bucket's rule may delete
    the object, None without a rule.
    """

    age: timedelta
    is_expired: bool
    is_staged: bool
    is_leased: bool
    is_settled: bool
    in_s3: Evidence | None
    s3_left: timedelta | None = None


def removal_of(copy: LocalCopy, policy: RetentionPolicy) -> Removal | Kept:
    """Decide whether a local copy may be removed: only if another copy is proven now, or if nobody needs it.

    A negative age (a clock that was set back, a file from the future) is younger than any grace period.
    """
    if copy.is_leased:
        return Kept.LEASED
    if copy.age < policy.grace:
        return Kept.WITHIN_GRACE
    if copy.is_staged:
        return Kept.STAGED
    if copy.is_expired:
        # It was recorded as gone but is here, as when a disk was unmounted. Files that are still needed stay.
        return Removal.EXPIRED if copy.is_settled else Kept.NOT_TRANSCRIBED
    if copy.in_s3 is Evidence.SAME:
        # An object that its rule is about to delete does not count as another copy while the media is needed.
        is_lasting = copy.s3_left is None or copy.s3_left > policy.grace
        return Removal.IN_S3 if is_lasting or copy.is_settled else Kept.NOT_TRANSCRIBED
    if policy.local_days is None or copy.age < timedelta(days=policy.local_days):
        return _KEPT_FOR_EVIDENCE[copy.in_s3] if copy.in_s3 else Kept.WITHIN_RETENTION
    if not copy.is_settled:
        return Kept.NOT_TRANSCRIBED
    # If the bucket cannot be checked, has other bytes, or lost its object too early, a person should check before the
    # last copy is removed.
    if copy.in_s3 in {Evidence.UNKNOWN, Evidence.DIFFERENT, Evidence.ABSENT}:
        return _KEPT_FOR_EVIDENCE[copy.in_s3]
    return Removal.PAST_RETENTION


_KEPT_FOR_EVIDENCE = {
    Evidence.ABSENT: Kept.NOT_IN_S3,
    Evidence.EXPIRED: Kept.NOT_IN_S3,
    Evidence.DIFFERENT: Kept.DIFFERENT_IN_S3,
    Evidence.UNKNOWN: Kept.UNVERIFIED,
}
