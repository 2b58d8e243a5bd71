"""The settings of cookies, proxy and impersonation: read, refused, masked, and given to the downloader."""

from contextlib import closing
from pathlib import Path

import pytest

from bookmarkai_assets.core.downloads.ports import DownloadLimits
from bookmarkai_assets.core.errors import ConfigurationError
from bookmarkai_assets.core.outcomes import Failure, Outcome
from bookmarkai_assets.settings.masking import MASK
from bookmarkai_assets.settings.settings import Settings, load_settings
from bookmarkai_assets.wiring.downloads import make_downloader
from tests.support.hostile_site import HostileSite

LIMITS = DownloadLimits(max_bytes=3_000_000, max_duration_seconds=60, timeout_seconds=30)


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own environment out of these tests."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    """Read the settings from these variables."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(env_file=None)


def test_settings_are_shown_without_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and target are shown as written, and nothing of the proxy, because its password is part of it."""
    settings = settings_of(
        monkeypatch,
        YTDLP_COOKIES="x=/etc/x.txt,tiktok=/etc/tiktok.txt",
        YTDLP_PROXY="http://me:s3cret@proxy.example:3128",
        YTDLP_IMPERSONATE="chrome-146:macos",
        YTDLP_SLEEP_SECONDS="1.5",
    )
    shown = settings.shown()
    assert shown["YTDLP_COOKIES"] == "tiktok=/etc/tiktok.txt,x=/etc/x.txt"
    assert shown["YTDLP_PROXY"] == MASK
    assert shown["YTDLP_IMPERSONATE"] == "chrome-146:macos"
    assert shown["YTDLP_SLEEP_SECONDS"] == "1.5"
    assert "s3cret" not in repr(settings)


def test_every_bad_setting_is_named_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each bad variable is named with what was expected, and a proxy that cannot be parsed is not shown either."""
    with pytest.raises(ConfigurationError) as caught:
        settings_of(
            monkeypatch,
            YTDLP_COOKIES="tiktok=cookies.txt",
            YTDLP_PROXY="socks5://me:s3cret@proxy.example:1080",
            YTDLP_IMPERSONATE="Chrome 99; rm -rf",
            YTDLP_SLEEP_SECONDS="-1",
        )
    message = str(caught.value)
    for expected in (
        "YTDLP_COOKIES = tiktok=cookies.txt: expected platform=/absolute/path",
        f"YTDLP_PROXY = {MASK}: expected http://host:port",
        "YTDLP_IMPERSONATE = Chrome 99; rm -rf:",
        "YTDLP_SLEEP_SECONDS = -1:",
    ):
        assert expected in message
    assert "s3cret" not in message


def test_an_unavailable_target_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The downloader is not made, and the message names what can be impersonated."""
    with pytest.raises(ConfigurationError, match=r"YTDLP_IMPERSONATE=netscape: .*chrome, .*firefox"):
        make_downloader(settings_of(monkeypatch, YTDLP_IMPERSONATE="netscape"))


def test_the_downloader_gets_all_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, site: HostileSite) -> None:
    """Cookies and a proxy that do not work are noticed by the first download that needs them."""
    settings = settings_of(
        monkeypatch,
        YTDLP_COOKIES=f"tiktok={tmp_path / 'none.txt'}",
        YTDLP_PROXY=f"http://me:s3cret@127.0.0.1:{site.port}",
        YTDLP_IMPERSONATE="chrome",
        YTDLP_ALLOWED_EXTRACTORS="generic,tiktok",
    )
    with closing(make_downloader(settings)) as downloader:
        without_cookies = downloader.download("https://www.tiktok.com/@a/video/1", tmp_path, LIMITS)
        by_proxy = downloader.download("http://93.184.215.14/video.mp4", tmp_path, LIMITS)
    assert isinstance(without_cookies, Failure)
    assert without_cookies.outcome is Outcome.MISCONFIGURED
    assert "none.txt" in without_cookies.reason
    assert isinstance(by_proxy, Failure)
    assert by_proxy.outcome is Outcome.MISCONFIGURED  # the site here is no proxy: it does not know CONNECT
    assert "it refused" in by_proxy.reason
