"""Make the alert receivers, the metric sinks and the page of metrics."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bookmarkai_assets.core.alerts.ports import AlertReceiver, MetricSink
from bookmarkai_assets.core.catalog import Catalog
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.rules import PipelineRules
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.storage import connection_of

if TYPE_CHECKING:
    from bookmarkai_assets.adapters.prometheus import MetricsPage


def make_alert_receivers(settings: Settings) -> list[AlertReceiver]:
    """Make the receivers of alerts besides the log: the webhook, if one is set."""
    from bookmarkai_assets.adapters.webhook.receiver import WebhookReceiver  # noqa: PLC0415 - adapters load when used

    if settings.alert_webhook_url is None:
        return []
    secret = settings.alert_webhook_secret
    return [
        WebhookReceiver(
            settings.alert_webhook_url.get_secret_value(),
            secret.get_secret_value() if secret else None,
            clock=time.time,
        )
    ]


def make_metric_sinks(settings: Settings) -> list[MetricSink]:
    """Make the sinks that metrics are published to: CloudWatch, if a namespace is set.

    Unless the keys for S3 are for another server, they are AWS's, and CloudWatch accepts them too.
    """
    from bookmarkai_assets.adapters.cloudwatch import CloudWatchSink  # noqa: PLC0415 - adapters load when used

    if settings.cloudwatch_namespace is None:
        return []
    connection = connection_of(settings)
    is_aws = connection["endpoint"] is None
    return [
        CloudWatchSink(
            settings.cloudwatch_namespace,
            region=connection["region"],
            access_key=connection["access_key"] if is_aws else None,
            secret_key=connection["secret_key"] if is_aws else None,
        )
    ]


def make_metrics_page(catalog: Catalog, rules: PipelineRules) -> "MetricsPage":
    """Make the page of metrics over a catalog. Raises `ConfigurationError` if the extra `door` is not installed."""
    from bookmarkai_assets.operations.overview.catalog_figures import read_catalog_figures  # noqa: PLC0415 - as above

    try:
        from bookmarkai_assets.adapters.prometheus import MetricsPage  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"expected the extra `door`, found that {error.name} is missing; pip install 'bookmarkai-assets[door]'"
        ) from error
    return MetricsPage(lambda: read_catalog_figures(catalog, rules, now=datetime.now(UTC)), clock=time.monotonic)
