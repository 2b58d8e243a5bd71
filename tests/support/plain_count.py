"""A window's figures by a naive count over its events, which shares nothing with the pipeline's computation."""

import math
from collections.abc import Sequence

import pytest

from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.latency import RELATIVE_ERROR, SHORTEST_SECONDS
from bookmarkai_assets.core.rollout.metrics import Latency, WindowMetrics
from bookmarkai_assets.core.rollout.windows import Window

COUNTED_ERRORS = ["throttled", "access_denied", "timeout", "not_found", "checksum"]
"""The errors that have a count of their own."""


def assert_counted(metrics: WindowMetrics, events: Sequence[StorageEvent], window: Window) -> None:
    """Compare a window's figures with those of the events that began in it."""
    inside = [e for e in events if window.start <= e.occurred_at < window.end]
    inside = [e for e in inside if e.operation != "fetch" and e.backend != "site"]
    ended = [e for e in inside if e.error_class != "interrupted"]
    on_s3 = [e for e in ended if e.backend == "s3"]
    uploads = [e for e in on_s3 if e.operation == "put"]
    errors = [e.error_class for e in on_s3 if e.error_class]
    placed = [
        e.backend
        for e in ended
        if e.operation == "put" and e.kind == "video" and not e.error_class and e.purpose in {None, "place"}
    ]
    assert metrics.window == window
    assert metrics.total_requests == len(ended)
    assert metrics.interrupted == len(inside) - len(ended)
    assert metrics.s3_uploads == len(uploads)
    assert metrics.s3_upload_errors == sum(1 for e in uploads if e.error_class)
    assert metrics.success_rate == _percent(sum(1 for e in uploads if not e.error_class), len(uploads))
    assert (metrics.s3_storage, metrics.local_storage) == (placed.count("s3"), placed.count("local"))
    assert metrics.s3_upload_rate == _percent(placed.count("s3"), len(placed))
    assert metrics.errors_by_class == {
        **{name: errors.count(name) for name in COUNTED_ERRORS},
        "other": sum(1 for name in errors if name not in COUNTED_ERRORS),
    }
    assert metrics.error_rate == _percent(len(errors), len(on_s3))
    assert metrics.access_denied == errors.count("access_denied")
    for backend in Backend:
        good = [e for e in ended if e.backend == backend and not e.error_class]
        assert metrics.bytes_put[backend] == sum(e.size_bytes for e in good if e.operation == "put")
        assert metrics.bytes_got[backend] == sum(e.size_bytes for e in good if e.operation == "get")
        assert metrics.objects_put[backend] == sum(1 for e in good if e.operation == "put")
    big = [e for e in uploads if e.kind in {"video", "audio"}]
    _assert_latency(metrics.upload, [e.seconds for e in big if not e.error_class])
    read = [e for e in on_s3 if e.operation == "get" and e.purpose in {None, "transcribe"} and not e.error_class]
    _assert_latency(metrics.download, [e.seconds for e in read])


def _percent(part: int, whole: int) -> object:
    """Return a percentage, or None of nothing."""
    return pytest.approx(part / whole * 100) if whole else None


def _assert_latency(latency: Latency, seconds: list[float]) -> None:
    """Compare with the exact mean and the exact nearest ranks."""
    assert latency.count == len(seconds)
    if not seconds:
        assert latency == Latency(0, None, None, None, None)
        return
    assert latency.mean == pytest.approx(math.fsum(seconds) / len(seconds))
    ranked = sorted(max(value, SHORTEST_SECONDS) for value in seconds)
    for found, fraction in ((latency.p50, 0.5), (latency.p95, 0.95), (latency.p99, 0.99)):
        exact = ranked[math.ceil(fraction * len(ranked)) - 1]
        assert found == pytest.approx(exact, rel=RELATIVE_ERROR * 1.000001)
