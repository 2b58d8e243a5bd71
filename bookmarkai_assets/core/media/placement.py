"""The rule that places a share's media on a backend. It decides once, and reads follow the recorded decision."""

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlsplit

BUCKET_COUNT = 100
"""One bucket per percentage point, because `S3_SPLIT_PERCENTAGE` is a whole number."""


class StorageMode(StrEnum):
    """`STORAGE_MODE`. Where a media actually went is its `Backend`."""

    LOCAL = "local"
    S3 = "s3"
    HYBRID = "hybrid"


class Decider(StrEnum):
    """Who decided a placement."""

    POLICY = "policy"
    OPERATOR = "operator"
    FOUND = "found"


@dataclass(frozen=True)
class BackendFacts:
    """What is known of a backend without its adapter.

    `title` is its name in a sentence. `scheme` is the scheme of its URLs, empty for paths. `location_setting` is the
    setting that says where media are put, and `settings` are all that it needs, in words.
    """

    title: str
    scheme: str
    location_setting: str
    settings: str


class Backend(StrEnum):
    """Where bytes are. All but the local directory are remote: reached over a network, and shared with others."""

    LOCAL = "local"
    S3 = "s3"

    @property
    def facts(self) -> BackendFacts:
        """What is known of this backend."""
        return _FACTS[self]

    @property
    def is_remote(self) -> bool:
        """Whether bytes there must be fetched before they can be read as a file."""
        return self is not Backend.LOCAL

    @classmethod
    def of_url(cls, url: str) -> "Backend":
        """Return the backend that a recorded URL names: `s3://…`, or a path for the local directory."""
        return _BACKENDS_BY_SCHEME.get(urlsplit(url).scheme, Backend.LOCAL)


_FACTS = {
    Backend.LOCAL: BackendFacts(
        title="the local directory",
        scheme="",
        location_setting="YTDLP_DOWNLOAD_DIR",
        settings="YTDLP_DOWNLOAD_DIR",
    ),
    Backend.S3: BackendFacts(
        title="S3",
        scheme="s3",
        location_setting="S3_MEDIA_BUCKET",
        settings="S3_MEDIA_BUCKET and AWS_REGION (or S3_ENDPOINT)",
    ),
}
_BACKENDS_BY_SCHEME = {facts.scheme: backend for backend, facts in _FACTS.items()}

REMOTE_BACKENDS = frozenset(backend for backend in Backend if backend.is_remote)
"""The backends that `StorageMode.S3` means and that S3's metrics count."""


@dataclass(frozen=True)
class StoragePolicy:
    """The mode, and for `hybrid` the percentage of media that goes to S3.

    `is_shadow`: media placed on local are also put to S3 and compared. `decision_id` is the rollout's decision that
    the policy follows; None if it follows the settings alone. `remote` is the backend that `s3` and `hybrid` use.
    """

    mode: StorageMode
    s3_percentage: int
    is_shadow: bool = False
    decision_id: int | None = None
    remote: Backend = Backend.S3

    def __post_init__(self) -> None:
        """Refuse a percentage outside 0 to 100 (`ValueError`)."""
        if not 0 <= self.s3_percentage <= BUCKET_COUNT:
            raise ValueError(f"the S3 percentage must be a whole number from 0 to 100, not {self.s3_percentage}")

    @property
    def keeps_nothing_local(self) -> bool:
        """Whether no media at all is placed on the local directory."""
        return self.mode is StorageMode.S3

    @property
    def effect(self) -> str:
        """Where new media go, in words."""
        match self.mode:
            case StorageMode.LOCAL:
                return "everything new goes to the local directory"
            case StorageMode.S3:
                return "everything new goes to S3"
            case StorageMode.HYBRID if self.is_shadow:
                return "everything new goes to the local directory, and a copy of it to S3 to be compared"
            case StorageMode.HYBRID:
                return f"{self.s3_percentage}% of new media go to S3"


@dataclass(frozen=True)
class Placement:
    """A decision and its reasons: who made it, the policy at that time, and the share's bucket (0 to 99).

    `decision_id` is the rollout's decision that the policy followed; None if it followed the settings alone.
    """

    backend: Backend
    mode: StorageMode
    percentage: int
    bucket: int
    decided_by: Decider = Decider.POLICY
    decision_id: int | None = None

    @property
    def reason(self) -> str:
        """In words, why the media is where it is."""
        if self.decided_by is Decider.OPERATOR:
            return f"an operator moved it to {self.backend}"
        if self.decided_by is Decider.FOUND:
            return f"its bytes were found in {self.backend}"
        under = "" if self.decision_id is None else f" (rollout decision {self.decision_id})"
        if self.mode is not StorageMode.HYBRID:
            return f"storage mode {self.mode} sends everything to {self.backend}{under}"
        side = "below" if self.backend.is_remote else "not below"
        bucket = f"bucket {self.bucket} is {side} {self.percentage}"
        return f"hybrid at {self.percentage}%{under}: {bucket}, so {self.backend}"


def describe_rule(mode: StorageMode, percentage: int, decision_id: int | None) -> str:
    """Name the setting or the decision that media were placed by, and what it said."""
    if mode is not StorageMode.HYBRID:
        return f"STORAGE_MODE={mode}"
    by = "S3_SPLIT_PERCENTAGE" if decision_id is None else f"decision {decision_id}"
    return f"{percentage}% by {by}"


def bucket_of(share_id: str) -> int:
    """Return a share's bucket, 0 to 99. It never changes and does not depend on any other share."""
    return int.from_bytes(hashlib.sha256(share_id.encode()).digest()[:8]) % BUCKET_COUNT


def place(policy: StoragePolicy, share_id: str) -> Placement:
    """Decide the backend for a share's media.

    In `hybrid`, S3 takes the buckets below the percentage. Raising it only ever adds shares to S3, and lowering it
    removes exactly those added last. 0 is all local, and 100 is all S3.
    """
    bucket = bucket_of(share_id)
    is_remote = policy.mode is StorageMode.S3 or (policy.mode is StorageMode.HYBRID and bucket < policy.s3_percentage)
    return Placement(
        backend=policy.remote if is_remote else Backend.LOCAL,
        mode=policy.mode,
        percentage=policy.s3_percentage,
        bucket=bucket,
        decision_id=policy.decision_id,
    )


def placed_by(decider: Decider, policy: StoragePolicy, share_id: str, backend: Backend) -> Placement:
    """Return the placement of a media that is on a backend because of `decider` and not because of the rule."""
    return replace(place(policy, share_id), backend=backend, decided_by=decider)
