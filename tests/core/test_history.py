"""What Dagster may forget."""

from datetime import UTC, datetime, timedelta

import pytest

from bookmarkai_assets.core.history import (
    Fact,
    Kept,
    OldRun,
    PartitionState,
    can_be_latest,
    cutoff,
    why_partition_stays,
    why_run_stays,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=100)
DONE = PartitionState(is_share=True, is_done=True, is_in_use=False, finished_at=LONG_AGO)


def test_without_days_nothing_is_ever_old() -> None:
    """A rule that is off has no moment; one of 90 days has the moment 90 days ago."""
    assert cutoff(None, NOW) is None
    assert cutoff(90, NOW) == NOW - timedelta(days=90)


@pytest.mark.parametrize(("listed", "why"), [({"a"}, Kept.HAS_PARTITION), ({"b"}, Kept.HAS_PARTITION), ({"c"}, None)])
def test_a_run_stays_with_a_partition_that_it_names(listed: set[str], why: Kept | None) -> None:
    """The first or the last partition of its range is enough. The runs of other partitions do not matter."""
    assert why_run_stays(OldRun("run", ("a", "b")), listed) == why


def test_a_run_without_partitions_may_go() -> None:
    """Measurements and clean-ups name no partition."""
    assert why_run_stays(OldRun("run", ()), {"a"}) is None


@pytest.mark.parametrize(
    ("asset", "partition", "is_looked_for"),
    [
        ("transcript", "listed", True),
        ("transcript", "gone", False),
        ("transcript", None, True),
        ("rollout_metrics", "2026-03-01", True),
        ("local_cleanup", None, True),
    ],
)
def test_only_what_is_of_a_removed_partition_is_not_looked_for(
    asset: str, partition: str | None, *, is_looked_for: bool
) -> None:
    """Days, and assets as a whole, are looked for whether or not a share's partition has that name."""
    fact = Fact("materialization", asset, partition)
    assert can_be_latest(fact, {"listed"}, {"transcript"}) is is_looked_for


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (DONE, None),
        (PartitionState(is_share=False, is_done=False, is_in_use=False, finished_at=None), Kept.NO_SHARE),
        (PartitionState(is_share=True, is_done=False, is_in_use=False, finished_at=LONG_AGO), Kept.NOT_DONE),
        (PartitionState(is_share=True, is_done=True, is_in_use=False, finished_at=None), Kept.NOT_DONE),
        (PartitionState(is_share=True, is_done=True, is_in_use=False, finished_at=NOW), Kept.NOT_OLD),
        (PartitionState(is_share=True, is_done=True, is_in_use=True, finished_at=LONG_AGO), Kept.IN_USE),
    ],
)
def test_only_the_partition_of_a_share_that_was_done_long_ago_may_go(state: PartitionState, why: Kept | None) -> None:
    """Not that of a share that failed, is young or is worked on, and none that is no share."""
    assert why_partition_stays(state, finished_before=NOW - timedelta(days=90)) == why
