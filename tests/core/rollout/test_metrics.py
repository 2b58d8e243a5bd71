"""A window's figures, compared with a naive count of its events."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bookmarkai_assets.core.media.placement import Backend, StorageMode, StoragePolicy
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.metrics import (
    Latency,
    WindowMetrics,
    count_losses,
    target_percentage,
    window_metrics,
)
from bookmarkai_assets.core.rollout.windows import Window
from tests.support.plain_count import COUNTED_ERRORS, assert_counted
from tests.support.storage_events import NOON, totals_of, transfer, transfers

windows = st.builds(
    lambda offset, fives: Window(
        NOON + timedelta(minutes=5 * offset), NOON + timedelta(minutes=5 * offset) + timedelta(minutes=5 * fives)
    ),
    st.integers(-300, 300),
    st.integers(0, 600),
)
DAY = Window(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def metrics_of(events: Sequence[StorageEvent], window: Window = DAY) -> WindowMetrics:
    """Return the figures as the pipeline computes them: rolled up and read from the totals."""
    return window_metrics(totals_of(events, window), window)


@given(st.lists(transfers(within=timedelta(days=1)), max_size=60), windows)
@example([transfer(NOON), transfer(NOON + timedelta(hours=1))], Window(NOON, NOON + timedelta(hours=1)))
def test_figures_are_those_of_a_plain_count(events: list[StorageEvent], window: Window) -> None:
    """Counts, bytes and rates are exactly those of the events that began in the half-open window."""
    assert_counted(metrics_of(events, window), events, window)


def test_an_empty_window_has_no_rates() -> None:
    """Without events, counts are zero, rates, means and quantiles are None, and every error class is there."""
    metrics = metrics_of([])
    assert (metrics.total_requests, metrics.s3_uploads, metrics.local_storage, metrics.interrupted) == (0, 0, 0, 0)
    assert (metrics.s3_upload_rate, metrics.success_rate, metrics.error_rate) == (None, None, None)
    assert metrics.upload == metrics.download == Latency(0, None, None, None, None)
    assert metrics.errors_by_class == dict.fromkeys([*COUNTED_ERRORS, "other"], 0)
    assert metrics.bytes_put == metrics.bytes_got == metrics.objects_put == dict.fromkeys(Backend, 0)


def test_only_failures_have_a_rate_and_no_latency() -> None:
    """When every upload failed, the success rate is 0, not None, and there is no upload time."""
    metrics = metrics_of([transfer(error="timeout"), transfer(error="timeout")])
    assert (metrics.success_rate, metrics.error_rate, metrics.s3_upload_errors) == (0.0, 100.0, 2)
    assert metrics.upload.mean is None


def test_quantiles_are_p50_p95_and_p99() -> None:
    """Of 100 uploads, each a tenth longer than the one before, p50, p95 and p99 are the 50th, the 95th and the 99th."""
    upload = metrics_of([transfer(seconds=1.1**n) for n in range(1, 101)]).upload
    assert [upload.p50, upload.p95, upload.p99] == pytest.approx([1.1**50, 1.1**95, 1.1**99], rel=0.011)


@pytest.mark.parametrize("purpose", ["shadow", "move"])
def test_the_split_is_of_newly_placed_videos(purpose: str) -> None:
    """Shadow copies, moves and audio tracks are uploads, but do not count for the split between S3 and local."""
    metrics = metrics_of(
        [
            transfer(),
            transfer(kind="audio"),
            *[transfer(backend="local") for _ in range(3)],
            *[transfer(purpose=purpose) for _ in range(7)],
        ]
    )
    assert metrics.s3_upload_rate == 25.0
    assert metrics.s3_uploads == 9


@pytest.mark.parametrize("purpose", ["shadow", "move"])
def test_downloads_are_those_of_workers(purpose: str) -> None:
    """What a move or a comparison reads from S3 is a request, but no worker's waiting time."""
    read = transfer(operation="get", purpose="transcribe", seconds=2)
    metrics = metrics_of([read, transfer(operation="get", purpose=purpose, seconds=100)])
    assert (metrics.download.count, metrics.download.mean) == (1, 2.0)
    assert metrics.total_requests == 2


def test_a_stop_of_our_own_is_no_failure() -> None:
    """A transfer that our own shutdown interrupted counts as interrupted, and neither as a request nor as an error."""
    metrics = metrics_of([transfer(), transfer(error="interrupted"), transfer(operation="get", error="interrupted")])
    assert (metrics.interrupted, metrics.total_requests, metrics.s3_uploads) == (2, 1, 1)
    assert (metrics.success_rate, metrics.error_rate) == (100.0, 0.0)


@pytest.mark.parametrize(
    ("event", "losses"),
    [
        (transfer(operation="get", purpose="transcribe", error="not_found"), 1),
        (transfer(operation="get", purpose="move", error="checksum"), 1),
        (transfer(operation="get", purpose="shadow", error="checksum"), 1),
        (transfer(operation="get", purpose="transcribe", error="timeout"), 0),
        (transfer(operation="put", error="checksum"), 0),
        (transfer(operation="get", backend="local", error="not_found"), 0),
        (transfer(operation="get", purpose="transcribe"), 0),
    ],
)
def test_a_loss_is_missing_or_different_bytes(event: StorageEvent, losses: int) -> None:
    """Bytes that S3 does not have, or that differ from the record, are a loss; a failed read is not."""
    assert count_losses(totals_of([event], DAY)) == losses


@pytest.mark.parametrize(
    ("policy", "percentage"),
    [
        (StoragePolicy(StorageMode.LOCAL, 50), 0),
        (StoragePolicy(StorageMode.S3, 50), 100),
        (StoragePolicy(StorageMode.HYBRID, 50), 50),
        (StoragePolicy(StorageMode.HYBRID, 0, is_shadow=True), 0),
    ],
)
def test_the_target_follows_the_mode(policy: StoragePolicy, percentage: int) -> None:
    """The recorded percentage counts only in hybrid: local is 0 and s3 is 100."""
    assert target_percentage(policy) == percentage
