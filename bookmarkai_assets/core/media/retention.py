"""How long bytes are kept where, and which local copy may go. Pure rules: the evidence is gathered by clean-up."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bookmarkai_assets.core.media.media import Media

EXPIRING_PREFIX = "temp/"
"""What the bucket's lifecycle rule is set on. Objects elsewhere stay until somebody deletes them."""


@dataclass(frozen=True)
class RetentionPolicy:
    """What the operator has set.

    `grace_seconds`: clean-up touches nothing younger. `local_days`: a local file that nobody needs any more goes after
    so long, never when None. `s3_days`: the lifecycle rule's days for objects under `temp/`, None without a rule.
    """

    grace_seconds: float
    local_days: float | None
    s3_days: int | None

    @property
    def grace(self) -> timedelta:
        """The grace period."""
        return timedelta(seconds=self.grace_seconds)


def lifecycle_end(key: str, stored_at: datetime, days: int | None) -> datetime | None:
    """Say when a lifecycle rule of so many days may delete an object; None for one that no rule covers.

    Amazon S3 adds the days to the time of storing and rounds up to the next midnight, UTC. It deletes some time after.
    """
    if days is None or not key.startswith(EXPIRING_PREFIX):
        return None
    end = stored_at.astimezone(UTC) + timedelta(days=days)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight == end else midnight + timedelta(days=1)


def expiry_of(media: Media, policy: RetentionPolicy) -> datetime | None:
    """Say when the bucket's rule may delete a media; None where no rule does, and for what is on the disk.

    A record from before such moments were kept has none; its end follows from when it was stored.
    """
    if media.backend is None or not media.backend.is_remote or media.stored_at is None:
        return None
    return media.expires_at or lifecycle_end(media.video.key, media.stored_at, policy.s3_days)


class Removal(StrEnum):
    """Why a local copy may go."""

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
    """What a look at the bucket, taken now, says of a media that is recorded there."""

    SAME = "same"
    DIFFERENT = "different"
    ABSENT = "absent"
    EXPIRED = "expired"  # absent, and its lifecycle rule's time has come
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class LocalCopy:
    """What is known of a media that has files in the local directory.

    `age` counts from the youngest of its files and of the record of its place. `in_s3` is None where the catalog
    records the media on the local backend. `s3_left` is the time until the bucket's rule may delete the object, None
    without a rule.
    """

    age: timedelta
    is_expired: bool
    is_staged: bool
    is_leased: bool
    is_settled: bool
    in_s3: Evidence | None
    s3_left: timedelta | None = None


def removal_of(copy: LocalCopy, policy: RetentionPolicy) -> Removal | Kept:
    """Decide whether a local copy may go: only with another copy proven at this moment, or when nobody needs it.

    A negative age (a clock that was set back, a file from the future) is younger than any grace.
    """
    if copy.is_leased:
        return Kept.LEASED
    if copy.age < policy.grace:
        return Kept.WITHIN_GRACE
    if copy.is_staged:
        return Kept.STAGED
    if copy.is_expired:
        # Found here after it was given up for gone (a disk that was away): what is still needed stays.
        return Removal.EXPIRED if copy.is_settled else Kept.NOT_TRANSCRIBED
    if copy.in_s3 is Evidence.SAME:
        # An object about to be deleted by its rule is no second copy of what is still needed.
        is_lasting = copy.s3_left is None or copy.s3_left > policy.grace
        return Removal.IN_S3 if is_lasting or copy.is_settled else Kept.NOT_TRANSCRIBED
    if policy.local_days is None or copy.age < timedelta(days=policy.local_days):
        return _KEPT_FOR_EVIDENCE[copy.in_s3] if copy.in_s3 else Kept.WITHIN_RETENTION
    if not copy.is_settled:
        return Kept.NOT_TRANSCRIBED
    # A bucket that cannot be asked, that holds other bytes, or that lost its object before its time, is a reason for a
    # person to look before the last copy goes.
    if copy.in_s3 in {Evidence.UNKNOWN, Evidence.DIFFERENT, Evidence.ABSENT}:
        return _KEPT_FOR_EVIDENCE[copy.in_s3]
    return Removal.PAST_RETENTION


_KEPT_FOR_EVIDENCE = {
    Evidence.ABSENT: Kept.NOT_IN_S3,
    Evidence.EXPIRED: Kept.NOT_IN_S3,
    Evidence.DIFFERENT: Kept.DIFFERENT_IN_S3,
    Evidence.UNKNOWN: Kept.UNVERIFIED,
}
