"""When a share is tried again: by the kind of its failure, with waits that double, up to a limit."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.failures.retries import RetryPolicy, next_attempt_at
from bookmarkai_assets.core.outcomes import ENDS_WELL, FAILURES, Failure, Outcome

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = RetryPolicy(max_attempts=4, base_seconds=30, max_seconds=100)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 30), (2, 60), (3, 100)])
def test_waits_double_up_to_the_longest(attempts: int, seconds: float) -> None:
    """The waits after the first attempts are the base, twice the base, and never more than the limit."""
    at = next_attempt_at(POLICY, Failure(Outcome.UNREACHABLE, ""), attempts=attempts, now=NOW, jitter=1)
    assert at == NOW + timedelta(seconds=seconds)


def test_the_last_attempt_parks_the_share() -> None:
    """After the allowed number of attempts there is no next one."""
    assert next_attempt_at(POLICY, Failure(Outcome.UNREACHABLE, ""), attempts=4, now=NOW, jitter=0) is None


@pytest.mark.parametrize("outcome", [outcome for outcome, kind in FAILURES.items() if not kind.is_transient])
def test_a_terminal_failure_is_never_tried_again(outcome: Outcome) -> None:
    """A failure that another attempt cannot change parks the share at once."""
    assert next_attempt_at(POLICY, Failure(outcome, ""), attempts=1, now=NOW, jitter=0) is None


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_at_least_half_of_the_full_one_and_at_most_the_longest(attempts: int, jitter: float) -> None:
    """Jitter spreads the waits over their upper half, for any number of attempts."""
    policy = RetryPolicy(max_attempts=10**7, base_seconds=30, max_seconds=3600)
    at = next_attempt_at(policy, Failure(Outcome.UNREACHABLE, ""), attempts=attempts, now=NOW, jitter=jitter)
    assert at is not None
    assert timedelta(seconds=15) <= at - NOW <= timedelta(seconds=3600)


def test_every_failure_says_what_to_do_next() -> None:
    """No failure leaves a person without a next step."""
    assert set(FAILURES) == set(Outcome) - ENDS_WELL
    assert all(kind.next_step.endswith(".") for kind in FAILURES.values())
