"""The placement rule: stable, monotone in the percentage, and absolute at both ends."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy, bucket_of, place

SHARE_IDS = st.uuids().map(str)
PERCENTAGES = st.integers(0, 100)


@given(SHARE_IDS, PERCENTAGES, PERCENTAGES)
def test_raising_the_percentage_never_takes_a_share_off_s3(share_id: str, one: int, other: int) -> None:
    """A share that is in S3 at some percentage is in S3 at every higher one."""
    low, high = sorted((one, other))
    if place(StoragePolicy(StorageMode.HYBRID, low), share_id).backend is Backend.S3:
        assert place(StoragePolicy(StorageMode.HYBRID, high), share_id).backend is Backend.S3


@given(SHARE_IDS)
def test_0_and_100_percent_are_absolute(share_id: str) -> None:
    """At 0% nothing goes to S3 and at 100% everything does."""
    assert place(StoragePolicy(StorageMode.HYBRID, 0), share_id).backend is Backend.LOCAL
    assert place(StoragePolicy(StorageMode.HYBRID, 100), share_id).backend is Backend.S3


@given(SHARE_IDS, PERCENTAGES)
def test_the_pure_modes_ignore_the_percentage(share_id: str, percentage: int) -> None:
    """Mode local never chooses S3 and mode s3 never chooses local."""
    assert place(StoragePolicy(StorageMode.LOCAL, percentage), share_id).backend is Backend.LOCAL
    assert place(StoragePolicy(StorageMode.S3, percentage), share_id).backend is Backend.S3


@given(SHARE_IDS, PERCENTAGES)
def test_a_placement_has_what_it_was_decided_by(share_id: str, percentage: int) -> None:
    """The recorded bucket and percentage are enough to repeat the decision."""
    placement = place(StoragePolicy(StorageMode.HYBRID, percentage), share_id)
    assert (placement.bucket < placement.percentage) == (placement.backend is Backend.S3)
    assert placement.bucket == bucket_of(share_id)
    assert str(placement.bucket) in placement.reason


def test_a_bucket_never_changes() -> None:
    """The hash is part of the contract: these values were recorded when the rule was made."""
    assert bucket_of("00000000-0000-4000-8000-000000000001") == 92
    assert bucket_of("6f1c0c8e-5d0f-4c53-9d2c-0a5b8f7e1d11") == 17


def test_the_split_is_even() -> None:
    """Of 20,000 random shares each percentage gets its fraction, within four standard deviations."""
    buckets = [bucket_of(str(uuid.UUID(int=n * 0x9E3779B97F4A7C15 % 2**128, version=4))) for n in range(20_000)]
    for percentage in (10, 25, 50, 75):
        expected = 20_000 * percentage / 100
        deviation = (expected * (1 - percentage / 100)) ** 0.5
        assert abs(sum(bucket < percentage for bucket in buckets) - expected) < 4 * deviation


@pytest.mark.parametrize("percentage", [-1, 101])
def test_a_percentage_outside_0_to_100_is_refused(percentage: int) -> None:
    """A policy cannot be made with an impossible percentage."""
    with pytest.raises(ValueError, match="0 to 100"):
        StoragePolicy(StorageMode.HYBRID, percentage)


@pytest.mark.parametrize("backend", Backend)
def test_a_backend_is_known_by_its_urls(backend: Backend) -> None:
    """By the scheme that it alone has; what has none of a backend's schemes is a path."""
    assert Backend.of_url(f"{backend.facts.scheme}://bucket/key" if backend.is_remote else "/media/key") is backend
    assert [other for other in Backend if other.facts.scheme == backend.facts.scheme] == [backend]
