"""The page of metrics over a real catalog, read by Prometheus's own parsers."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from bookmarkai_assets.adapters.catalog import OpenCatalog, open_catalog
from bookmarkai_assets.adapters.prometheus import CACHE_SECONDS, OPENMETRICS, MetricsPage
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import CatalogUnavailableError
from bookmarkai_assets.core.monitoring.families import BUCKETS, FAMILIES
from bookmarkai_assets.core.monitoring.figures import CatalogFigures
from bookmarkai_assets.core.sites.breaker import SiteRules
from bookmarkai_assets.operations.overview.catalog_figures import read_catalog_figures
from tests.support.catalog import USER, at, execute, together
from tests.support.monitoring import NOW, fill, later, page_of, parse, priced_rules, samples_of, scrape
from tests.support.storage_events import transfer

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2"
)
HOSTILE = ('"} 1\nbookmarkai_live_leases 9', "\x00", "\ud800", "x" * 5000, "{{evil}}", "done\\", "🙁", "")

NEEDED_BY = {
    "shares": {"statuses", "outcomes"},
    "work": {"work"},
    "sites": {"work", "breakers"},
    "failures": {"postponed"},
    "totals": {"transfers", "gate"},
    "rollout": {"rollout", "gate"},
    "media": {"stored"},
    "incidents": {"incidents"},
    "leases": {"leases"},
    "workers": {"workers"},
}
"""Which sources need which part of the catalog. The other parts are not read."""


@pytest.fixture
def catalog(each_catalog: OpenCatalog) -> OpenCatalog:
    """Return a catalog in which every metric has samples."""
    fill(each_catalog)
    return each_catalog


def test_the_values_are_those_of_the_catalog(catalog: OpenCatalog) -> None:
    """Each figure is what was written, in base units."""
    found = scrape(page_of(catalog))

    shares = found["bookmarkai_shares"]
    assert (shares[("status", "pending"),], shares[("status", "done"),], shares[("status", "error"),]) == (4, 1, 1)
    assert found["bookmarkai_share_outcomes"][("outcome", "gone"),] == 1
    assert found["bookmarkai_due_shares"][("queue", "dagster"),] == 2
    assert found["bookmarkai_oldest_due_seconds"][("queue", "dagster"),] == 3595
    assert found["bookmarkai_postponed_shares"][("held_by", "site"), ("name", "tiktok")] == 1
    assert found["bookmarkai_postponed_shares"][("held_by", "store"), ("name", "s3")] == 1
    put = (("backend", "s3"), ("kind", "video"), ("operation", "put"), ("purpose", "place"))
    assert found["bookmarkai_transfers_total"][*put, ("result", "ok")] == 3
    assert found["bookmarkai_transfers_total"][*put, ("result", "access_denied")] == 1
    assert found["bookmarkai_transferred_bytes_total"][put] == 3000
    assert found["bookmarkai_access_denied_total"] == {(("backend", "s3"),): 1}
    assert found["bookmarkai_uploads_total"] == {
        (("backend", "s3"), ("result", "ok")): 3,
        (("backend", "s3"), ("result", "failed")): 1,
    }
    assert found["bookmarkai_placed_videos_total"] == {(("backend", "local"),): 0, (("backend", "s3"),): 3}
    assert found["bookmarkai_stored_media"] == {(("backend", "local"),): 0, (("backend", "s3"),): 1}
    assert found["bookmarkai_stored_bytes"][("backend", "s3"),] == 5_000_480_000
    assert found["bookmarkai_rollout_target_ratio"][()] == pytest.approx(0.3)
    assert found["bookmarkai_gate_rule"][("rule", "access_denied"), ("status", "fail")] == 1
    assert found["bookmarkai_gate_rule"][("rule", "upload_failures"), ("status", "insufficient")] == 1
    assert found["bookmarkai_budget_usd"][()] == 100
    assert found["bookmarkai_projected_cost_usd"][()] > 0
    assert found["bookmarkai_paused_sites"][("site", "tiktok"),] == 1
    assert found["bookmarkai_paused_stores"][("backend", "s3"),] == 1
    assert found["bookmarkai_open_incidents"][("kind", "disk_low"),] == 1
    assert found["bookmarkai_live_leases"][()] == 1
    assert set(found["bookmarkai_source_failed"].values()) == {0}


def test_every_metric_has_samples(catalog: OpenCatalog) -> None:
    """The catalog of these tests leaves no metric without a sample, and every label has the declared name."""
    found = samples_of(parse(page_of(catalog).render(OPENMETRICS)[1]))

    for family in FAMILIES:
        name = f"{family.name}_bucket" if family.kind == "histogram" else family.name
        assert {tuple(label for label, _ in labels if label != "le") for labels in found[name]} == {
            tuple(sorted(family.labels))
        }
    assert len(found["bookmarkai_build_info"]) == 1


def test_a_histogram_counts_what_its_buckets_say(catalog: OpenCatalog) -> None:
    """The buckets are cumulative, what is longer than the last bound is in none but +Inf, and the sum is exact."""
    found = scrape(page_of(catalog))
    put = (("backend", "s3"), ("kind", "video"))

    within = {
        dict(labels)["le"]: value
        for labels, value in found["bookmarkai_transfer_seconds_bucket"].items()
        if set(put) | {("operation", "put")} <= set(labels)
    }

    assert [within[str(bound)] for bound in BUCKETS] == [0 if b < 0.2 else 1 if b < 3 else 2 for b in BUCKETS]
    assert within["+Inf"] == 3
    assert found["bookmarkai_transfer_seconds_count"][*put, ("operation", "put")] == 3
    assert found["bookmarkai_transfer_seconds_sum"][*put, ("operation", "put")] == pytest.approx(4003.2)


def test_the_text_format_says_the_same(catalog: OpenCatalog) -> None:
    """What a client gets that does not ask for OpenMetrics has the same samples."""
    page = page_of(catalog)
    content_type, text = page.render("text/html,*/*")

    assert content_type.startswith("text/plain; version=0.0.4")
    assert samples_of(parse_text(text.decode())) == scrape(page)


@pytest.mark.parametrize(
    ("accept", "is_openmetrics"),
    [
        (PROMETHEUS_ACCEPTS, True),
        (OPENMETRICS, True),
        ("application/openmetrics-text; version=evil", True),
        ("APPLICATION/OPENMETRICS-TEXT;version=9.9;escaping=evil", True),
        ("", False),
        ("text/plain;version=evil", False),
        (",;=,;;", False),
        ("text/plain; version=1.0.0", False),
        ("x" * 100_000, False),
    ],
)
def test_any_accept_header_gets_a_page(sqlite_catalog: OpenCatalog, accept: str, is_openmetrics: bool) -> None:
    """A header that makes no sense is no error, and nothing of it is repeated in the content type."""
    content_type, page = page_of(sqlite_catalog).render(accept)

    assert content_type.startswith("application/openmetrics-text; version=1.0.0;") is is_openmetrics
    assert "evil" not in content_type
    assert "9.9" not in content_type
    assert page.endswith(b"# EOF\n") is is_openmetrics


def test_any_instance_says_the_same_also_after_a_restart(each_catalog_url: str) -> None:
    """Two pages over two connections are equal byte by byte, and so is one of a process that starts later."""
    with open_catalog(each_catalog_url) as first, open_catalog(each_catalog_url) as second:
        fill(first)
        pages = [page_of(opened).render(OPENMETRICS) for opened in (first, second)]
    with open_catalog(each_catalog_url) as again:
        pages.append(page_of(again).render(OPENMETRICS))

    assert pages[0] == pages[1] == pages[2]
    assert b"bookmarkai_transfers_total{" in pages[0][1]


def test_counters_never_move_back(catalog: OpenCatalog) -> None:
    """Whatever happens, no sample of a counter or of a histogram becomes less or disappears."""
    growing = re.compile(r".*_(total|bucket|count|sum)")

    def read() -> dict[tuple[str, Any], float]:
        return {
            (name, labels): value
            for name, samples in scrape(page_of(catalog, now=later(1))).items()
            if growing.fullmatch(name)
            for labels, value in samples.items()
        }

    before = read()
    catalog.events.record(transfer(at(-(10**7)), seconds=0.5))
    catalog.events.record(transfer(at(10), error="throttled"))
    catalog.totals.roll_up()
    catalog.totals.remove_counted(before=later(1))
    execute(catalog, "DELETE FROM shares")
    execute(catalog, "DELETE FROM media")
    after = read()

    assert before
    assert {key: value for key, value in before.items() if after[key] < value} == {}
    assert sum(after.values()) > sum(before.values())


def test_a_snapshot_is_shown_for_ten_seconds(catalog: OpenCatalog) -> None:
    """Scrapes within that time cost no reading and show the same. The first one after it reads again."""
    times, readings = [1000.0], []

    def read() -> CatalogFigures:
        readings.append(times[0])
        return read_catalog_figures(catalog, priced_rules(), now=NOW)

    page = MetricsPage(read, clock=lambda: times[0])
    first = page.render(OPENMETRICS)
    execute(catalog, "DELETE FROM leases")
    for seconds in (0.0, 5.0, CACHE_SECONDS - 0.01):
        times[0] = 1000.0 + seconds
        assert page.render(OPENMETRICS) == first
    assert readings == [1000.0]

    times[0] = 1000.0 + CACHE_SECONDS

    assert scrape(page)["bookmarkai_live_leases"][()] == 0
    assert readings == [1000.0, 1000.0 + CACHE_SECONDS]


def test_of_many_scrapes_at_once_one_reads(sqlite_catalog: OpenCatalog) -> None:
    """The others wait for its snapshot, so a crowd costs the catalog no more than one."""
    readings = []

    def read() -> CatalogFigures:
        readings.append(1)
        return read_catalog_figures(sqlite_catalog, priced_rules(), now=NOW)

    page = MetricsPage(read, clock=lambda: 0.0)

    pages = together([page.render] * 8)

    assert len(set(pages)) == 1
    assert len(readings) == 1


class _Broken:
    """A part of the catalog of which nothing works."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(*_arguments: object, **_options: object) -> Any:
            raise CatalogUnavailableError(f"expected {name} to answer, found that it does not")

        return fail


@pytest.mark.parametrize("part", [field.name for field in fields(Catalog)])
def test_one_part_that_fails_leaves_the_others(sqlite_catalog: OpenCatalog, part: str) -> None:
    """Metrics that cannot be had are absent and not 0, the page says which, and all others are as they were."""
    fill(sqlite_catalog)
    parts = {field.name: getattr(sqlite_catalog, field.name) for field in fields(Catalog)}
    whole = scrape(page_of(Catalog(**parts)))

    found = scrape(page_of(Catalog(**{**parts, part: _Broken()})))

    failed = {dict(labels)["source"] for labels, value in found["bookmarkai_source_failed"].items() if value}
    absent = whole.keys() - found.keys()
    assert failed == NEEDED_BY.get(part, set())
    assert bool(absent) == bool(failed)
    assert {name: found[name] for name in found if name != "bookmarkai_source_failed"} == {
        name: whole[name] for name in whole if name not in {"bookmarkai_source_failed", *absent}
    }


def test_a_catalog_that_is_gone_is_a_page_all_the_same(sqlite_catalog: OpenCatalog) -> None:
    """Then it has the version, the budget and what failed, which is everything."""
    parts: dict[str, Any] = dict.fromkeys((field.name for field in fields(Catalog)), _Broken())

    found = scrape(page_of(Catalog(**parts)))

    assert set(found) == {"bookmarkai_build_info", "bookmarkai_budget_usd", "bookmarkai_source_failed"}
    assert set(found["bookmarkai_source_failed"].values()) == {1}
    assert sqlite_catalog.shares.count() == 0


def test_strangers_cannot_make_series(catalog: OpenCatalog) -> None:
    """A thousand shares with hostile links, titles, platforms, statuses, hosts and errors add no series and no text."""
    before = page_of(catalog).render(OPENMETRICS)[1]
    is_sqlite = catalog.database.is_sqlite
    for number in range(1000):
        evil = HOSTILE[number % len(HOSTILE)].replace("\ud800", "?")
        evil = evil if is_sqlite else evil.replace("\x00", "?")
        execute(
            catalog,
            "INSERT INTO shares (id, user_id, url, platform, status, title, author) "
            "VALUES (:id, :user, :url, :platform, :status, :title, :title)",
            id=str(uuid4()),
            user=USER,
            url=f"https://evil-{number}.example/{evil}",
            platform=evil[:40] + str(number),
            status=evil[:40] + str(number),
            title=evil,
        )
    for number in range(50):
        evil = HOSTILE[number % len(HOSTILE)].replace("\ud800", "?").replace("\x00", "?")
        event = transfer(at(5), error=f"{evil[:40]}{number}")
        catalog.events.record(replace(event, backend=f"b{number}"))
        catalog.sites.record_refusal(
            f"evil-{number}.example", f"x{number}", reason=evil, rules=SiteRules(1, 1e6, 1e6), now=at(5)
        )
    catalog.totals.roll_up()

    page = page_of(catalog).render(OPENMETRICS)[1]

    new = _series(page) - _series(before)
    assert b"evil" not in page
    assert all('"other"' in series for series in new)
    assert len(new) <= 3
    found = samples_of(parse(page))
    assert found["bookmarkai_shares"][("status", "other"),] == 1000
    assert found["bookmarkai_paused_sites"][("site", "other"),] == 50
    assert found["bookmarkai_live_leases"][()] == 1


def _series(page: bytes) -> set[str]:
    return {line.rpartition(" ")[0] for line in page.decode().splitlines() if not line.startswith("#")}


def test_reading_changes_nothing(sqlite_catalog: OpenCatalog) -> None:
    """A scrape may use a database user that only reads: SQLite is told to refuse every write."""
    fill(sqlite_catalog)
    with sqlite_catalog.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.rollback()
    try:
        with pytest.raises(CatalogUnavailableError, match="readonly"):
            sqlite_catalog.leases.free("m9", owner="mover")
        found = scrape(page_of(sqlite_catalog))
    finally:
        with sqlite_catalog.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = OFF")

    assert set(found["bookmarkai_source_failed"].values()) == {0}
    assert found["bookmarkai_stored_media"][("backend", "s3"),] == 1
