"""Run the adapters' health checks with the configured settings.

A check returns None if the settings do not configure what it checks.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from bookmarkai_assets.core.downloads.walls import WallsPolicy
from bookmarkai_assets.core.health import CheckResult, CheckStatus
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.shares.partition_selections import SHARE_PARTITIONS
from bookmarkai_assets.core.workers.worker import Signs
from bookmarkai_assets.operations.workers.presence import read_signs
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.catalog import open_catalog
from bookmarkai_assets.wiring.downloads import proxy_of
from bookmarkai_assets.wiring.storage import connection_of
from bookmarkai_assets.wiring.upload_events import queue_connection_of


def check_python() -> CheckResult:
    """Check the Python that runs this."""
    from bookmarkai_assets.adapters import installation  # noqa: PLC0415 - adapters load when used

    return installation.check_python(today=_today())


def check_ytdlp() -> CheckResult:
    """Check the release of yt-dlp that is installed."""
    from bookmarkai_assets.adapters import installation  # noqa: PLC0415 - adapters load when used

    return installation.check_ytdlp(today=_today())


def check_ffmpeg() -> CheckResult:
    """Check that the ffmpeg that is installed with this package runs."""
    from bookmarkai_assets.adapters import installation  # noqa: PLC0415 - adapters load when used

    return installation.check_ffmpeg()


def check_media_reading(sample: Path) -> CheckResult:
    """Check that a sample video can be read."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    return health.check_media_reading(sample)


def check_guard(opened: frozenset[HostPort]) -> CheckResult:
    """Check that the egress guard refuses private addresses, and warn of the hosts that are opened."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    return health.check_guard(opened=opened)


def check_guarded_download() -> CheckResult:
    """Check that a real download cannot get past the egress guard."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    return health.check_guarded_download()


def check_walls(policy: WallsPolicy) -> CheckResult:
    """Check that a rogue program cannot break out of the walls around a download."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    return health.check_walls(policy)


def check_cookies(settings: Settings) -> CheckResult | None:
    """Check the cookies files. No cookie is sent."""
    from bookmarkai_assets.adapters.downloader import cookies  # noqa: PLC0415 - adapters load when used

    if not settings.ytdlp_cookies:
        return None
    return cookies.check_cookies(settings.ytdlp_cookies, now=datetime.now(UTC))


def check_proxy(settings: Settings) -> CheckResult | None:
    """Check that the proxy for downloads takes connections."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    proxy = proxy_of(settings)
    return health.check_proxy(proxy) if proxy else None


def check_impersonation(settings: Settings) -> CheckResult | None:
    """Check that yt-dlp can impersonate the browser in the settings."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    target = settings.ytdlp_impersonate
    return health.check_impersonation(target) if target else None


def check_catalog(settings: Settings) -> CheckResult:
    """Check the catalog without upgrading it. Raises `ConfigurationError` if it cannot be reached or written."""
    from bookmarkai_assets.adapters.catalog import health  # noqa: PLC0415 - as `open_catalog`

    return health.check_catalog(settings.resolved_catalog_url())


def check_dagster(settings: Settings, wanted: Sequence[str], *, report: Callable[[CheckResult], None]) -> None:
    """Check Dagster's home: its directory, configuration, daemon, switches, runs and partitions. Report six results.

    `wanted` are the names of the sensors and schedules that are on by default.
    """
    from bookmarkai_assets.adapters.dagster_home import check_home  # noqa: PLC0415 - adapters load when used

    def signs() -> Signs | None:
        if check_catalog(settings).status is not CheckStatus.PASS:
            return None
        with open_catalog(settings) as catalog:
            return read_signs(catalog, now=datetime.now(UTC), start_seconds=settings.worker_start_seconds)

    def strangers(keys: Sequence[str]) -> Sequence[str] | None:
        if check_catalog(settings).status is not CheckStatus.PASS:
            return None
        with open_catalog(settings) as catalog:
            return catalog.shares.without_row(keys)

    check_home(
        settings.dagster_home or Path("dagster_home").absolute(),
        wanted,
        signs=signs,
        partitions=SHARE_PARTITIONS,
        strangers=strangers,
        report=report,
    )


def check_webhook(settings: Settings) -> CheckResult | None:
    """Check the webhook for alerts. Nothing is posted."""
    from bookmarkai_assets.adapters.webhook import health  # noqa: PLC0415 - adapters load when used

    if settings.alert_webhook_url is None:
        return None
    url = settings.alert_webhook_url.get_secret_value()
    return health.check_webhook(url, is_signed=settings.alert_webhook_secret is not None)


def check_upload_queue(settings: Settings) -> CheckResult | None:
    """Check the queue of the bucket's events. No message is received."""
    from bookmarkai_assets.adapters.sqs_queue.health import check_queue  # noqa: PLC0415 - adapters load when used

    connection = queue_connection_of(settings)
    if connection is None:
        return None
    return check_queue(connection, max_receives=settings.upload_events_max_receives)


def check_cloudwatch(settings: Settings) -> CheckResult | None:
    """Check that metrics could be published to CloudWatch. None are."""
    from bookmarkai_assets.adapters.cloudwatch import check_publishing  # noqa: PLC0415 - adapters load when used

    if settings.cloudwatch_namespace is None:
        return None
    connection = connection_of(settings)
    has_keys = connection["endpoint"] is None and connection["access_key"] is not None
    return check_publishing(settings.cloudwatch_namespace, region=connection["region"], has_keys=has_keys)


def _today() -> date:
    return datetime.now(UTC).date()
