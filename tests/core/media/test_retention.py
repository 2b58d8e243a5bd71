"""Which local copies may be deleted, and when a bucket's rule may delete an object."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.retention import (
    Evidence,
    Kept,
    LocalCopy,
    Removal,
    RetentionPolicy,
    lifecycle_end,
    removal_of,
)

POLICY = RetentionPolicy(grace_seconds=86_400, local_days=7, s3_days=7)
COPY = LocalCopy(
    age=timedelta(days=30), is_expired=False, is_staged=False, is_leased=False, is_settled=True, in_s3=Evidence.SAME
)

copies = st.builds(
    LocalCopy,
    age=st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    is_expired=st.booleans(),
    is_staged=st.booleans(),
    is_leased=st.booleans(),
    is_settled=st.booleans(),
    in_s3=st.none() | st.sampled_from(Evidence),
    s3_left=st.none() | st.timedeltas(timedelta(days=-10), timedelta(days=30)),
)
policies = st.builds(
    RetentionPolicy,
    grace_seconds=st.floats(0, 864_000),
    local_days=st.none() | st.floats(0.001, 400),
    s3_days=st.integers(1, 400),
)


@given(copies, policies)
def test_a_copy_goes_only_with_a_proof_or_past_its_retention(copy: LocalCopy, policy: RetentionPolicy) -> None:
    """A copy may go if it is free, older than the grace, and proven in S3, expired, or settled past its retention."""
    verdict = removal_of(copy, policy)
    if isinstance(verdict, Removal):
        assert not copy.is_leased
        assert not copy.is_staged
        assert copy.age >= policy.grace
        assert (
            (copy.is_expired and copy.is_settled)
            or (
                copy.in_s3 is Evidence.SAME and (copy.is_settled or copy.s3_left is None or copy.s3_left > policy.grace)
            )
            or (
                copy.is_settled
                and policy.local_days is not None
                and copy.age >= timedelta(days=policy.local_days)
                and copy.in_s3 in {None, Evidence.EXPIRED}
            )
        )


@given(copies, policies, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_copy_that_may_go_may_go_later_too(copy: LocalCopy, policy: RetentionPolicy, later: timedelta) -> None:
    """Time alone never makes a copy worth keeping again."""
    if isinstance(removal_of(copy, policy), Removal):
        assert isinstance(removal_of(replace(copy, age=copy.age + later), policy), Removal)


@given(policies, st.sampled_from(Evidence) | st.none())
def test_a_file_from_the_future_stays(policy: RetentionPolicy, in_s3: Evidence | None) -> None:
    """A clock that was set back makes files younger than any grace."""
    assert isinstance(removal_of(replace(COPY, age=timedelta(seconds=-1), in_s3=in_s3), policy), Kept)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Removal.IN_S3),
        ({"is_settled": False}, Removal.IN_S3),
        ({"is_leased": True}, Kept.LEASED),
        ({"age": timedelta(hours=23)}, Kept.WITHIN_GRACE),
        ({"is_staged": True}, Kept.STAGED),
        ({"is_expired": True, "in_s3": None}, Removal.EXPIRED),
        ({"is_expired": True, "in_s3": None, "is_settled": False}, Kept.NOT_TRANSCRIBED),
        ({"s3_left": timedelta(hours=23)}, Removal.IN_S3),
        ({"s3_left": timedelta(hours=23), "is_settled": False}, Kept.NOT_TRANSCRIBED),
        ({"s3_left": timedelta(hours=25), "is_settled": False}, Removal.IN_S3),
        ({"in_s3": None}, Removal.PAST_RETENTION),
        ({"in_s3": None, "age": timedelta(days=6)}, Kept.WITHIN_RETENTION),
        ({"in_s3": None, "is_settled": False}, Kept.NOT_TRANSCRIBED),
        ({"in_s3": Evidence.EXPIRED}, Removal.PAST_RETENTION),
        ({"in_s3": Evidence.EXPIRED, "is_settled": False}, Kept.NOT_TRANSCRIBED),
        ({"in_s3": Evidence.ABSENT}, Kept.NOT_IN_S3),
        ({"in_s3": Evidence.ABSENT, "age": timedelta(days=2)}, Kept.NOT_IN_S3),
        ({"in_s3": Evidence.DIFFERENT}, Kept.DIFFERENT_IN_S3),
        ({"in_s3": Evidence.UNKNOWN}, Kept.UNVERIFIED),
    ],
)
def test_each_case_by_example(changes: dict[str, object], verdict: Removal | Kept) -> None:
    """An old, transcribed video with a proven copy may go, and each change to that has its own verdict."""
    assert removal_of(replace(COPY, **changes), POLICY) is verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "end"),
    [
        ("2026-01-15T10:30:00+00:00", "2026-01-23T00:00:00+00:00"),
        ("2026-01-15T00:00:00+00:00", "2026-01-22T00:00:00+00:00"),
        ("2026-01-15T23:59:59+00:00", "2026-01-23T00:00:00+00:00"),
        ("2026-01-15T23:30:00-05:00", "2026-01-24T00:00:00+00:00"),
    ],
)
def test_a_lifecycle_rule_ends_at_a_midnight(stored: str, end: str) -> None:
    """Amazon S3 adds the days and rounds up to the next midnight UTC."""
    assert lifecycle_end("temp/videos/a.mp4", datetime.fromisoformat(stored), 7) == datetime.fromisoformat(end)


@given(st.integers(0, 10**11).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)), st.integers(1, 3650))
def test_no_object_expires_before_its_days_are_over(stored: datetime, days: int) -> None:
    """An object expires never early, and less than a day late."""
    end = lifecycle_end("temp/a", stored, days)
    assert end is not None
    assert timedelta(0) <= end - stored - timedelta(days=days) < timedelta(days=1)


def test_without_days_nothing_expires() -> None:
    """A bucket without a rule keeps everything, and without a local retention no file is ever too old."""
    assert lifecycle_end("temp/a.mp4", datetime(2026, 1, 1, tzinfo=UTC), None) is None
    policy = RetentionPolicy(grace_seconds=86_400, local_days=None, s3_days=None)
    assert removal_of(replace(COPY, in_s3=None, age=timedelta(days=9999)), policy) is Kept.WITHIN_RETENTION


def test_no_rule_covers_objects_outside_the_temporary_prefix() -> None:
    """Objects under another prefix stay until somebody deletes them."""
    assert lifecycle_end("videos/a.mp4", datetime(2026, 1, 1, tzinfo=UTC), 7) is None
