"""Make the chart painter, the alert receivers and the metric sinks."""

import time

from bookmarkai_assets.core.alerts.ports import AlertReceiver, MetricSink
from bookmarkai_assets.core.rollout.charts import ChartPainter
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.storage import connection_of


def make_chart_painter() -> ChartPainter:
    """Give what draws the rollout's charts."""
    from bookmarkai_assets.adapters.charts import MatplotlibPainter  # noqa: PLC0415 - adapters load when used

    return MatplotlibPainter()


def make_alert_receivers(settings: Settings) -> list[AlertReceiver]:
    """Give whom alerts are told beside the log: the webhook, where one is set."""
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
    """Give where metrics are published: CloudWatch, where a namespace is set.

    The keys for S3 are AWS's, and so good for CloudWatch, unless they are for another server.
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
