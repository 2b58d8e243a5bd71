"""A catalog in which every metric has samples, and the page of metrics as Prometheus reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from bookmarkai_assets.adapters.catalog import OpenCatalog
from bookmarkai_assets.adapters.prometheus import OPENMETRICS, MetricsPage
from bookmarkai_assets.core.alerts.incidents import Incident
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.core.sites.breaker import SiteRules
from bookmarkai_assets.operations.overview.catalog_figures import read_catalog_figures
from tests.support.catalog import add_share, at, begin, fail, finish, lease, store, stored_media
from tests.support.rollout import rollout_rules
from tests.support.storage_events import transfer

NOW = at(3600)
"""When the catalog below is scraped."""

Labels = tuple[tuple[str, str], ...]


def priced_rules() -> PipelineRules:
    """Return the rules of a rollout with a budget."""
    rules = rollout_rules()
    return replace(rules, gate=replace(rules.gate, budget_usd=100.0))


def fill(catalog: OpenCatalog) -> None:
    """Write shares, work, media, transfers, a paused site and store, and incidents, an hour before `NOW`."""
    shares = [add_share(catalog, seconds=number) for number in range(6)]
    for number, retry_in in enumerate((None, 60.0)):
        begin(catalog, shares[number], f"m{number}", "run")
        fail(catalog, shares[number], "run", retry_in=retry_in)
    begin(catalog, shares[2], "m2", "run")
    finish(catalog, shares[2], "run")
    store(catalog, stored_media("m2", shares[2]))
    lease(catalog, "m9", "mover", 3590)
    for held_for, number in (("tiktok", 3), ("s3 store", 4)):
        catalog.work.wait_for_site(shares[number], f"m{number}", held_for=held_for, reason="paused", now=at(1))
        catalog.sites.record_refusal(held_for, f"m{number}", reason="no", rules=SiteRules(1, 1e6, 1e6), now=at(1))
    for seconds, error in ((0.2, None), (3.0, None), (4000.0, None), (1.0, "access_denied"), (1.0, "interrupted")):
        catalog.events.record(transfer(at(2), seconds=seconds, error=error))
    catalog.events.record(transfer(at(2), "get", "s3", "transcribe", kind="audio"))
    catalog.events.record(transfer(at(2), "put", "local", None, kind="srt"))
    catalog.events.record(transfer(at(2), "fetch", "site", "fetch", error="blocked"))
    catalog.totals.roll_up()
    for kind in ("run_failed", "disk_low"):
        catalog.incidents.open(Incident(kind, kind, "summary", "next step", {}, opened_at=at(3)))


def page_of(catalog: Catalog, rules: PipelineRules | None = None, *, now: datetime = NOW) -> MetricsPage:
    """Return a page of metrics over a catalog, as of `now`."""
    used = rules or priced_rules()
    return MetricsPage(lambda: read_catalog_figures(catalog, used, now=now), clock=lambda: 0.0)


def parse(page: bytes) -> list[Metric]:
    """Parse a page in OpenMetrics as Prometheus's own client library does, which refuses what is not valid."""
    return list(text_string_to_metric_families(page.decode()))  # type: ignore[no-untyped-call] # not annotated


def samples_of(families: Iterable[Metric]) -> Mapping[str, Mapping[Labels, float]]:
    """Return the values by the samples' names and labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def scrape(page: MetricsPage) -> Mapping[str, Mapping[Labels, float]]:
    """Read a page in OpenMetrics, and return its values."""
    return samples_of(parse(page.render(OPENMETRICS)[1]))


def later(hours: float) -> datetime:
    """Return a moment after `NOW`."""
    return NOW + timedelta(hours=hours)
