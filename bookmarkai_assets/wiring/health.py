"""Run the health checks that look at an adapter."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from bookmarkai_assets.core.health import Finding
from bookmarkai_assets.settings.settings import Settings
from bookmarkai_assets.wiring.downloads import proxy_of
from bookmarkai_assets.wiring.storage import connection_of


def look_at_cookies(settings: Settings, name: str) -> Finding | None:
    """Look at the cookies files, sending none; None where none is set."""
    from bookmarkai_assets.adapters.downloader import cookies  # noqa: PLC0415 - adapters load when used

    if not settings.ytdlp_cookies:
        return None
    return cookies.look_at_cookies(name, settings.ytdlp_cookies, now=datetime.now(UTC))


def look_at_proxy(settings: Settings, name: str) -> Finding | None:
    """Look for the proxy that downloads leave by; None where none is set."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    proxy = proxy_of(settings)
    return health.look_at_proxy(name, proxy) if proxy else None


def look_at_impersonation(settings: Settings, name: str) -> Finding | None:
    """Look whether yt-dlp can impersonate what it is to; None where it is to be itself."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    target = settings.ytdlp_impersonate
    return health.look_at_impersonation(name, target) if target else None


def look_at_tools(*, python: str, ytdlp: str, ffmpeg: str, today: date) -> dict[str, Callable[[], Finding]]:
    """Give the looks at what is installed, by the names that their findings are to have."""
    from bookmarkai_assets.adapters import installation  # noqa: PLC0415 - adapters load when used

    return {
        python: lambda: installation.look_at_python(python, today=today),
        ytdlp: lambda: installation.look_at_ytdlp(ytdlp, today=today),
        ffmpeg: lambda: installation.look_at_ffmpeg(ffmpeg),
    }


def look_at_downloads(
    settings: Settings | None, *, media: str, guard: str, process: str, sample: Path
) -> dict[str, Callable[[], Finding]]:
    """Give the looks at the downloader's parts, by name; without usable settings, no host counts as opened."""
    from bookmarkai_assets.adapters.downloader import health  # noqa: PLC0415 - adapters load when used

    opened = settings.egress_allowed_hosts if settings else frozenset()
    return {
        media: lambda: health.look_at_media(media, sample),
        guard: lambda: health.look_at_guard(guard, opened=opened),
        process: lambda: health.look_at_download(process),
    }


def look_at_catalog(settings: Settings, name: str) -> Finding:
    """Look at the catalog without upgrading it. Raises `ConfigurationError` when it cannot be reached or written."""
    from bookmarkai_assets.adapters.catalog.health import look_at_catalog as look  # noqa: PLC0415 - as `open_catalog`

    return look(name, settings.resolved_catalog_url())


def look_at_dagster(
    home: Path, wanted: Sequence[str], names: tuple[str, str, str, str], *, tell: Callable[[Finding], None]
) -> None:
    """Look at Dagster's home, as `adapters.dagster_home.look_at_home` says."""
    from bookmarkai_assets.adapters.dagster_home import look_at_home  # noqa: PLC0415 - adapters load when used

    look_at_home(names, home, wanted, tell=tell)


def look_at_webhook(settings: Settings, name: str) -> Finding | None:
    """Look at where alerts go, posting nothing; None where no webhook is set."""
    from bookmarkai_assets.adapters.webhook.health import look_at_webhook as look  # noqa: PLC0415 - as above

    if settings.alert_webhook_url is None:
        return None
    url = settings.alert_webhook_url.get_secret_value()
    return look(name, url, is_signed=settings.alert_webhook_secret is not None)


def look_at_metric_sinks(settings: Settings, name: str) -> Finding | None:
    """Look whether metrics could be published, publishing none; None where they are not to be."""
    from bookmarkai_assets.adapters.cloudwatch import look_at_publishing  # noqa: PLC0415 - adapters load when used

    if settings.cloudwatch_namespace is None:
        return None
    connection = connection_of(settings)
    has_keys = connection["endpoint"] is None and connection["access_key"] is not None
    return look_at_publishing(name, settings.cloudwatch_namespace, region=connection["region"], has_keys=has_keys)
