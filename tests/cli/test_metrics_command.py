"""`bookmarkai metrics`: its figures compared with the recorded transfers."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.core.media.placement import Backend
from bookmarkai_assets.core.media.storage_events import StorageEvent
from bookmarkai_assets.core.rollout.stages import Action
from bookmarkai_assets.core.rollout.windows import window_ending
from bookmarkai_assets.operations.rollout.measuring import read_month_cost
from tests.plugins.command_line import BookmarkAI
from tests.support.rollout_past import ago, decide, rules
from tests.support.storage_events import transfer

KEYS = {
    "total_requests",
    "s3_uploads",
    "s3_upload_errors",
    "local_storage",
    "s3_upload_rate",
    "success_rate",
    "upload_seconds",
    "download_seconds",
    "errors_by_class",
    "storage_mode",
    "split_percentage",
    "s3_configured",
    "cost_usd",
}


@pytest.fixture
def catalog(hybrid_catalog: OpenCatalog, monkeypatch: pytest.MonkeyPatch) -> OpenCatalog:
    """Return the command's catalog, with settings that say hybrid at 40% and have a bucket."""
    monkeypatch.setenv("S3_SPLIT_PERCENTAGE", "40")
    return hybrid_catalog


def record(catalog: OpenCatalog, *events: StorageEvent) -> None:
    """Record transfers."""
    for event in events:
        catalog.events.record(event)


def test_the_json_has_what_was_recorded(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Counts, rates, latencies and bytes are those of the recorded transfers, without fetches from sites."""
    record(
        catalog,
        *(transfer(ago(minutes=10), seconds=seconds, size_bytes=2_000) for seconds in (1.0, 2.0, 3.0)),
        transfer(ago(minutes=10), error="throttled"),
        transfer(ago(minutes=10), error="access_denied"),
        transfer(ago(minutes=10), error="no_space"),
        transfer(ago(minutes=10), error="interrupted"),
        transfer(ago(minutes=10), "put", "local", size_bytes=500),
        transfer(ago(minutes=10), "get", "s3", "transcribe", kind="audio", seconds=0.25, size_bytes=100),
        transfer(ago(minutes=10), "get", "s3", "transcribe", kind="audio", error="not_found"),
        transfer(ago(minutes=10), "fetch", "site", "fetch"),
    )

    found = bookmarkai("metrics", "--json").json

    assert set(found) >= KEYS
    assert found["total_requests"] == 9
    assert (found["s3_uploads"], found["s3_upload_errors"], found["interrupted"]) == (6, 3, 1)
    assert (found["success_rate"], found["s3_upload_rate"]) == (50.0, 75.0)
    assert (found["s3_storage"], found["local_storage"]) == (3, 1)
    assert found["upload_seconds"]["count"] == 3
    assert found["upload_seconds"]["mean"] == pytest.approx(2.0)
    assert found["upload_seconds"]["p50"] == pytest.approx(2.0, rel=0.02)
    assert found["upload_seconds"]["p95"] == pytest.approx(3.0, rel=0.02)
    assert found["download_seconds"]["mean"] == pytest.approx(0.25)
    assert found["errors_by_class"] == {
        "throttled": 1,
        "access_denied": 1,
        "timeout": 0,
        "not_found": 1,
        "checksum": 0,
        "other": 1,
    }
    nothing = {backend.value: 0 for backend in Backend}
    assert found["bytes_put"] == {**nothing, "local": 500, "s3": 6_000}
    assert found["bytes_got"] == {**nothing, "s3": 100}


@pytest.mark.parametrize(("name", "uploads"), [("1h", 1), ("24h", 3), ("7d", 7)])
def test_the_window_says_how_far_back(catalog: OpenCatalog, bookmarkai: BookmarkAI, name: str, uploads: int) -> None:
    """Transfers before the window are left out, and the output has its ends, on whole five minutes."""
    hours = {"1h": 1, "24h": 24, "7d": 168}
    record(catalog, transfer(ago(minutes=10)), *[transfer(ago(hours=3))] * 2, *[transfer(ago(days=3))] * 4)

    found = bookmarkai("metrics", "--window", name, "--json").json

    start, end = (datetime.fromisoformat(found["window"][side]) for side in ("start", "end"))
    assert found["s3_uploads"] == uploads
    assert (found["window"]["name"], end - start) == (name, timedelta(hours=hours[name]))
    assert end == window_ending(end, timedelta(0)).end


def test_five_minutes_are_the_last_whole_ones(bookmarkai: BookmarkAI) -> None:
    """With --window 5m the figures are of five minutes that are over."""
    window = bookmarkai("metrics", "--window", "5m", "--json").json["window"]
    end = datetime.fromisoformat(window["end"])
    assert end - datetime.fromisoformat(window["start"]) == timedelta(minutes=5)
    assert timedelta(0) <= datetime.now(UTC) - end < timedelta(minutes=10)


def test_each_call_counts_the_newest_transfers_and_none_twice(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """The command adds up what was recorded since the last time, and only that."""
    for looks in (1, 2, 3):
        record(catalog, transfer(ago(minutes=10)))
        assert bookmarkai("metrics", "--json").json["s3_uploads"] == looks


def test_the_cost_is_that_of_the_month_by_the_price_table(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """The sums are the operation's for the same moment, and the prices' source and date are named."""
    record(
        catalog,
        *(transfer(ago(hours=hour, minutes=10), size_bytes=3 << 30) for hour in range(5)),
        transfer(ago(minutes=10), "get", "s3", "transcribe", size_bytes=1 << 30),
    )

    found = bookmarkai("metrics", "--json").json

    expected = read_month_cost(catalog, rules(), now=datetime.fromisoformat(found["window"]["end"]))
    cost = found["cost_usd"]
    assert (cost["storage"], cost["requests"], cost["transfer"]) == (
        expected.to_date.storage,
        expected.to_date.requests,
        expected.to_date.transfer,
    )
    assert cost["projected_month"] == expected.projected.total
    assert cost["to_date"] == expected.to_date.total
    assert cost["projected"]["total"] == cost["projected_month"]
    assert (cost["prices"]["source"], cost["prices"]["as_of"]) == (rules().prices.source, f"{rules().prices.as_of}")
    assert f"{rules().prices.as_of}" in bookmarkai("metrics").out


def test_the_percentage_is_the_one_in_effect(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """Without a decision it is the setting, then the stage, and zero while rolled back."""

    def effect() -> tuple[str, str, int]:
        found = bookmarkai("metrics", "--json").json
        return found["storage_mode"], found["effective_mode"], found["split_percentage"]

    assert effect() == ("hybrid", "hybrid", 40)
    decide(catalog, 25, action=Action.SET)
    assert effect() == ("hybrid", "hybrid", 25)
    decide(catalog, 25, action=Action.SET, is_rolled_back=True)
    assert effect() == ("hybrid", "local", 0)


@pytest.mark.usefixtures("catalog")
def test_without_transfers_rates_are_unknown_and_not_zero(bookmarkai: BookmarkAI) -> None:
    """Without transfers, rates and latencies are null in JSON and a dash for people."""
    found = bookmarkai("metrics", "--json").json
    assert (found["total_requests"], found["success_rate"], found["s3_upload_rate"]) == (0, None, None)
    assert found["upload_seconds"]["p95"] is None
    assert found["cost_usd"]["projected_month"] == 0
    ended = bookmarkai("metrics")
    assert ended.code == 0
    assert "success rate\t-" in ended.out


def test_without_a_bucket_it_says_so(bookmarkai: BookmarkAI) -> None:
    """In local mode without a bucket the target is 0% and `s3_configured` is false."""
    found = bookmarkai("metrics", "--json").json
    assert (found["s3_configured"], found["storage_mode"], found["split_percentage"]) == (False, "local", 0)
    assert "S3_MEDIA_BUCKET is not set" in bookmarkai("metrics").out


def test_people_read_the_same_figures_with_their_units(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """The tables name seconds, bytes, percent and USD."""
    record(
        catalog,
        *(transfer(ago(minutes=10), seconds=2.0, size_bytes=1_500_000) for _ in range(3)),
        transfer(ago(minutes=10), error="timeout"),
        transfer(ago(minutes=10), "put", "local"),
    )
    lines = bookmarkai("metrics").out.splitlines()
    assert "uploads to S3\t4, of which 1 failed" in lines
    assert "success rate\t75%" in lines
    assert "S3's share\t75%; the target is now 40%" in lines
    assert "errors of S3\t1 timeout; rate 25%" in lines
    assert "placed videos\t3 in S3, 1 in the local directory" in lines
    assert any(line.startswith("seconds\tcount\tmean") for line in lines)
    assert any(line.startswith("upload to S3\t3\t2.000") for line in lines)
    assert any(line.startswith("s3\t3\t4.5 MB") for line in lines)
    assert any(line.startswith("USD, this month\tto date\tprojected") for line in lines)


@pytest.mark.parametrize("window", ["3h", "", "-1h", "24H"])
def test_another_window_is_wrong_use(bookmarkai: BookmarkAI, window: str) -> None:
    """Another window is exit code 2, and the message names the windows that exist."""
    ended = bookmarkai("metrics", "--window", window)
    assert (ended.code, ended.out) == (2, "")
    assert "5m, 1h, 24h, 7d" in ended.err


def test_prometheus_gets_what_was_recorded(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """The text format has all transfers ever, those of a moment ago too, and stands alone on standard output."""
    record(catalog, transfer(ago(days=400)), transfer(ago(minutes=1)), transfer(ago(minutes=1), error="throttled"))

    ended = bookmarkai("metrics", "--prometheus")

    assert ended.code == 0
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(ended.out)
        for sample in family.samples
        if sample.labels.get("result", "ok") == "ok"
    }
    assert samples["bookmarkai_transfers_total"] == 2
    assert samples["bookmarkai_rollout_target_ratio"] == pytest.approx(0.4)
    assert "# EOF" not in ended.out


def test_without_the_extra_prometheus_says_what_to_install(
    catalog: OpenCatalog, bookmarkai: BookmarkAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation without prometheus-client says which extra it lacks, and the other forms work on."""
    assert catalog.shares.count() == 0
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "bookmarkai_assets.adapters.prometheus", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    ended = bookmarkai("metrics", "--prometheus")

    assert (ended.code, ended.out) == (1, "")
    assert "pip install 'bookmarkai-assets[door]'" in " ".join(ended.err.split())
    assert bookmarkai("metrics", "--json").code == 0


def test_one_format_at_a_time(catalog: OpenCatalog, bookmarkai: BookmarkAI) -> None:
    """JSON and Prometheus's format together are refused before anything is read."""
    assert catalog.shares.count() == 0

    ended = bookmarkai("metrics", "--json", "--prometheus")

    assert (ended.code, ended.out) == (2, "")
    assert "expected one format" in ended.err
