"""When a failed share is tried again, and when it is parked for a person to look at."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bookmarkai_assets.core.outcomes import Failure


@dataclass(frozen=True)
class RetryPolicy:
    """At most `max_attempts` attempts, with waits of `base_seconds` that double up to `max_seconds`."""

    max_attempts: int
    base_seconds: float
    max_seconds: float


def next_attempt_at(
    policy: RetryPolicy, failure: Failure, *, attempts: int, now: datetime, jitter: float
) -> datetime | None:
    """Return when to try again after `attempts` attempts, or None to park the share.

    `jitter` in [0, 1) spreads shares that failed together over the upper half of each wait.
    """
    if not failure.is_transient or attempts >= policy.max_attempts:
        return None
    # The exponent is bounded so that a large attempt limit cannot overflow the float.
    wait = min(policy.max_seconds, policy.base_seconds * 2 ** min(attempts - 1, 32))
    return now + timedelta(seconds=wait * (0.5 + jitter / 2))
