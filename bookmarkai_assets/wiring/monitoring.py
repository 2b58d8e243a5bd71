"""Make the alert receivers and the metric sinks."""

import time

from bookmarkai_assets.core.alerts.ports import AlertReceiver, MetricSink
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.storage import connection_of


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
