"""Make the downloader."""

from bookmarkai_assets.core.downloads.access import SiteAccess, UpstreamProxy
from bookmarkai_assets.core.downloads.ports import Downloader
from bookmarkai_assets.settings.settings import Settings


def make_downloader(settings: Settings) -> Downloader:
    """Make the downloader. Raises `ConfigurationError` if it cannot impersonate the configured browser."""
    from bookmarkai_assets.adapters.downloader import YtDlpDownloader  # noqa: PLC0415 - adapters load when used
    from bookmarkai_assets.adapters.downloader.impersonation import check_target  # noqa: PLC0415 - as above

    if settings.ytdlp_impersonate is not None:
        check_target(settings.ytdlp_impersonate)
    return YtDlpDownloader(
        allowed_extractors=settings.ytdlp_allowed_extractors,
        allowed_hosts=settings.egress_allowed_hosts,
        access=SiteAccess(
            cookies=settings.ytdlp_cookies,
            proxy=proxy_of(settings),
            impersonate=settings.ytdlp_impersonate,
            pause_seconds=settings.ytdlp_sleep_seconds,
        ),
        walls=settings.download_walls,
    )


def proxy_of(settings: Settings) -> UpstreamProxy | None:
    """Return the proxy for downloads, or None if none is set."""
    url = settings.ytdlp_proxy
    return UpstreamProxy.parse(url.get_secret_value()) if url else None
