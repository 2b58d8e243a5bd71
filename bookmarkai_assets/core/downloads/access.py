"""How downloads access sites, as the operator decides: cookies, proxy, impersonation, pauses.

The downloader reads the cookies and connects to the proxy.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from typing_extensions import override

from bookmarkai_assets.core.links.platforms import Platform, platform_of_host
from bookmarkai_assets.core.sites.breaker import site_of_platform

_EXPECTED_PROXY = "expected http://host:port or http://user:password@host:port"
_EXPECTED_COOKIES = "expected platform=/absolute/path, such as tiktok=/etc/bookmarkai/tiktok.txt"
_PLATFORMS = tuple(platform for platform in Platform if platform is not Platform.UNKNOWN)
# Other bytes could end a header and begin another.
_IN_HEADER = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True)
class CookiesFile:
    """One entry of `YTDLP_COOKIES`: the cookies file for the links of one platform."""

    platform: Platform
    path: Path

    @classmethod
    def parse(cls, text: str) -> "CookiesFile":
        """Parse `platform=/path`. Raises a `ValueError` that says what is expected."""
        name, _, path = text.strip().partition("=")
        if name.strip().lower() not in _PLATFORMS:
            raise ValueError(f"expected one of {', '.join(_PLATFORMS)} before the =, found {name.strip()[:40]!r}")
        if not Path(path.strip()).is_absolute():
            raise ValueError(f"{_EXPECTED_COOKIES}; found {path.strip()[:80]!r} for the path")
        return cls(Platform(name.strip().lower()), Path(path.strip()))

    @property
    def site(self) -> str:
        """The platform's site. Twitter and X are one."""
        return site_of_platform(self.platform)

    def is_for_host(self, host: str) -> bool:
        """Whether a host, of a link or of a cookie, belongs to the site."""
        return site_of_platform(platform_of_host(host)) == self.site

    @override
    def __str__(self) -> str:
        """Return the entry as it is written in the setting."""
        return f"{self.platform}={self.path}"


def cookies_files(text: str) -> frozenset[CookiesFile]:
    """Parse all of `YTDLP_COOKIES`. Raises a `ValueError` that says what is expected."""
    files = [CookiesFile.parse(entry) for entry in text.split(",") if entry.strip()]
    sites = [file.site for file in files]
    duplicate = next((site for site in sites if sites.count(site) > 1), None)
    if duplicate is not None:
        raise ValueError(f"expected one file for each site, found several for {duplicate}")
    return frozenset(files)


@dataclass(frozen=True)
class UpstreamProxy:
    """The operator's own HTTP proxy for downloads. Its password is never shown."""

    host: str
    port: int
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> "UpstreamProxy":
        """Parse `YTDLP_PROXY`. Raises a `ValueError` that says what is expected and repeats nothing of the URL."""
        parts = _split(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not _IN_HEADER.fullmatch(user + password) or ":" in user:
            raise ValueError("expected a user name and password in ASCII, and no colon in the name")
        return cls(parts.hostname or "", parts.port or 0, user, password)

    @property
    def address(self) -> str:
        """Its host and port, without user name and password."""
        return f"{self.host}:{self.port}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:  # its message repeats the URL, with the password
        raise ValueError(_EXPECTED_PROXY) from None
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise ValueError(_EXPECTED_PROXY)
    return parts


@dataclass(frozen=True)
class SiteAccess:
    """All of an operator's decisions about access.

    `impersonate` is one of yt-dlp's impersonation targets. `pause_seconds` is the time between two requests of one
    download.
    """

    cookies: frozenset[CookiesFile] = frozenset()
    proxy: UpstreamProxy | None = None
    impersonate: str | None = None
    pause_seconds: float = 0

    def cookies_for(self, host: str) -> CookiesFile | None:
        """Return the cookies file for links to a host; None if there is none."""
        return next((file for file in self.cookies if file.is_for_host(host)), None)


PLAIN_ACCESS = SiteAccess()
"""No cookies, no proxy, no impersonation, no pauses."""
