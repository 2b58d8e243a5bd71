"""Metrics in Prometheus's formats. Nothing else imports `prometheus_client`.

The catalog's totals are what is counted, and no process counts for itself. So a restart loses nothing, and every
instance over one catalog says the same.
"""

import platform
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry
from typing_extensions import override

from bookmarkai_assets.core.monitoring.families import (
    BUCKETS,
    FAMILIES,
    Distribution,
    Family,
    FamilyKind,
    Sample,
    Samples,
)
from bookmarkai_assets.core.monitoring.figures import CatalogFigures

_OPENMETRICS_TYPE = "application/openmetrics-text"

OPENMETRICS = f"{_OPENMETRICS_TYPE}; version=1.0.0"
"""The header `Accept` of those who want OpenMetrics, as Prometheus does."""

CACHE_SECONDS = 10.0
"""How long a snapshot is shown. Several servers that scrape, or a page that is reloaded, cost one reading."""

_UNITS = ("seconds", "bytes", "ratio")


class MetricsPage:
    """The page of metrics. Threads may share it, and one of them reads for all.

    `read` reads the figures. `clock` returns seconds that only rise.
    """

    def __init__(self, read: Callable[[], CatalogFigures], *, clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._figures: CatalogFigures | None = None
        self._read_at = 0.0

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """Return the content type and the page: in OpenMetrics if the header `Accept` names it, else in text format.

        A header that asks for anything else, or makes no sense, gets the text format.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._current()))
        # `choose_encoder` fails on a version that is no number, and repeats any other one in its answer.
        accepted = {entry.partition(";")[0].strip().lower() for entry in accept.split(",")}
        encode, content_type = choose_encoder(OPENMETRICS if _OPENMETRICS_TYPE in accepted else "")
        return content_type, encode(registry)

    def _current(self) -> CatalogFigures:
        with self._lock:
            if self._figures is None or self._clock() - self._read_at >= CACHE_SECONDS:
                self._figures = self._read()
                self._read_at = self._clock()
            return self._figures


class _Collector(Collector):
    """All metrics of one snapshot."""

    def __init__(self, figures: CatalogFigures) -> None:
        self._figures = figures

    @override
    def collect(self) -> Iterable[Metric]:
        build = {"version": version("bookmarkai-assets"), "python": platform.python_version()}
        yield InfoMetricFamily("bookmarkai_build", "The version of the pipeline, and of Python.", value=build)
        for family in FAMILIES:
            samples = family.read(self._figures)
            if samples is not None:
                yield _metric(family, samples)


def _metric(family: Family, samples: Samples) -> Metric:
    stem = family.name.removesuffix("_total")
    unit = next((unit for unit in _UNITS if stem.endswith(f"_{unit}")), "")
    if family.kind is FamilyKind.HISTOGRAM:
        histogram = HistogramMetricFamily(stem, family.meaning, labels=family.labels, unit=unit)
        for sample in samples:
            if isinstance(sample, Distribution):
                histogram.add_metric(sample.labels, buckets=_buckets(sample), sum_value=sample.total)
        return histogram
    make = CounterMetricFamily if family.kind is FamilyKind.COUNTER else GaugeMetricFamily
    metric = make(stem, family.meaning, labels=family.labels, unit=unit)
    for sample in samples:
        if isinstance(sample, Sample):
            metric.add_metric(sample.labels, sample.value)
    return metric


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    return list(zip(bounds, map(float, (*distribution.within, distribution.count)), strict=True))
