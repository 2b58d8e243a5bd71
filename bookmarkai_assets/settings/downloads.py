"""Settings for downloads: where they go, what one may cost, how sites are reached, and when a site is paused."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from bookmarkai_assets.core.downloads.access import CookiesFile, UpstreamProxy, cookies_files
from bookmarkai_assets.core.downloads.walls import WallsPolicy
from bookmarkai_assets.core.links.platforms import EXTRACTORS
from bookmarkai_assets.core.links.urls import HostPort
from bookmarkai_assets.core.sites.breaker import parse_by_site
from bookmarkai_assets.settings.types import AbsolutePath, SettingsPart


class DownloadSettings(SettingsPart):
    """The settings for downloads and the sites that they come from."""

    ytdlp_download_dir: AbsolutePath = Field(
        Path("/tmp/bookmarkai-videos"),  # noqa: S108 - the path BookmarkAI's operators already have on their disks
        description="Directory of local media, with downloads in progress in .staging; an absolute path",
    )
    ytdlp_allowed_extractors: Annotated[tuple[str, ...], NoDecode] = Field(
        EXTRACTORS,
        min_length=1,
        description="Allowed yt-dlp extractors: names or patterns, comma-separated; generic allows any page",
    )
    ytdlp_cookies: Annotated[frozenset[CookiesFile], NoDecode] = Field(
        frozenset(),
        description="Cookies file by platform, such as tiktok=/etc/bookmarkai/tiktok.txt,x=/etc/bookmarkai/x.txt",
    )
    ytdlp_proxy: SecretStr | None = Field(
        None,
        description="HTTP proxy for downloads, http://user:password@host:port; the egress guard stays in force",
    )
    ytdlp_impersonate: str | None = Field(
        None,
        pattern=r"^[a-z]+(-[0-9.]+)?(:[a-z]+(-[0-9.]+)?)?$",
        description="Browser to impersonate, by yt-dlp's names: chrome, firefox-147, safari:ios",
    )
    ytdlp_sleep_seconds: float = Field(
        0, ge=0, le=60, description="Seconds to wait between the requests that a download makes to find its video"
    )
    download_max_bytes: int = Field(2_000_000_000, gt=0, description="Largest video, in bytes")
    download_max_duration_seconds: float = Field(7200, gt=0, le=864_000, description="Longest video, in seconds")
    download_timeout_seconds: float = Field(
        900, gt=0, le=86_400, description="Longest time that a download may take, in seconds"
    )
    download_max_memory_bytes: int = Field(
        700_000_000, ge=300_000_000, description="Most memory that a process of a download may take, in bytes"
    )
    download_walls: WallsPolicy = Field(
        WallsPolicy.BEST,
        description="Where a wall around downloads cannot be raised: best does without it, required refuses downloads",
    )
    download_patience_seconds: float = Field(
        1,
        gt=0,
        le=86_400,
        description="Minimum seconds that a batch waits for a slow download before giving it a run of its own",
    )
    download_concurrency: int = Field(4, ge=1, le=64, description="Downloads at a time in one run")
    download_min_free_bytes: int = Field(
        2_500_000_000, ge=0, description="No share is started while the disk of the local media has fewer bytes free"
    )
    site_max_refusals: int = Field(
        5, ge=1, le=1000, description="Refusals in a row (blocked, rate-limited) after which a site is paused"
    )
    site_pause_seconds: float = Field(
        300, gt=0, le=86_400, description="First pause of a site that refuses fetches, in seconds; doubles each time"
    )
    site_max_pause_seconds: float = Field(21_600, gt=0, le=604_800, description="Longest pause of a site, in seconds")
    site_concurrency: Annotated[Mapping[str, Annotated[int, Field(ge=1)]], NoDecode] = Field(
        {}, description="Fetches at a time by site, such as tiktok=2,youtube=4; sites not listed have no limit"
    )
    site_fetches_per_minute: Annotated[Mapping[str, Annotated[float, Field(gt=0)]], NoDecode] = Field(
        {}, description="Fetches begun per minute by site, such as tiktok=30; sites not listed have no limit"
    )
    egress_allowed_hosts: Annotated[frozenset[HostPort], NoDecode] = Field(
        frozenset(),
        description="host:port pairs, comma-separated, that downloads may reach although they are not public",
    )

    @field_validator("site_concurrency", "site_fetches_per_minute", mode="before")
    @classmethod
    def _by_site(cls, value: object) -> object:
        return parse_by_site(value) if isinstance(value, str) else value

    @field_validator("ytdlp_allowed_extractors", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("ytdlp_allowed_extractors")
    @classmethod
    def _are_patterns(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            try:
                re.compile(name)
            except re.error as error:
                raise ValueError(f"expected names or regular expressions, but {name!r} is none: {error}") from None
        return names

    @field_validator("ytdlp_cookies", mode="before")
    @classmethod
    def _split_cookies(cls, value: object) -> object:
        return cookies_files(value) if isinstance(value, str) else value

    @field_validator("ytdlp_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            UpstreamProxy.parse(value.get_secret_value())
        return value

    @field_validator("egress_allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(HostPort.parse(pair) for pair in value.split(",") if pair.strip())
        return value
