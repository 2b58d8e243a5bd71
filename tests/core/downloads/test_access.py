"""How an operator's settings for cookies and proxy are read, and which link gets which cookies."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.downloads.access import CookiesFile, SiteAccess, UpstreamProxy, cookies_files
from bookmarkai_assets.core.links.platforms import Platform

TIKTOK = CookiesFile(Platform.TIKTOK, Path("/etc/bookmarkai/tiktok.txt"))


def test_cookies_are_named_by_platform() -> None:
    """Entries are separated by commas; spaces around them and capitals do not matter."""
    found = cookies_files(" TikTok = /etc/bookmarkai/tiktok.txt , x=/x.txt,")
    assert found == {TIKTOK, CookiesFile(Platform.X, Path("/x.txt"))}
    assert str(TIKTOK) == "tiktok=/etc/bookmarkai/tiktok.txt"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/etc/cookies.txt", "expected one of tiktok, reddit,"),
        ("elsewhere=/e.txt", "found 'elsewhere'"),
        ("unknown=/u.txt", "found 'unknown'"),
        ("tiktok=cookies.txt", "expected platform=/absolute/path"),
        ("tiktok=", "expected platform=/absolute/path"),
        ("tiktok=/a,tiktok=/b", "several for tiktok"),
        ("twitter=/a,x=/b", "several for x"),
    ],
)
def test_malformed_cookie_settings_are_refused(text: str, words: str) -> None:
    """An entry that is not understood is never silently ignored."""
    with pytest.raises(ValueError, match=words):
        cookies_files(text)


@pytest.mark.parametrize(
    ("host", "platform"),
    [
        ("www.tiktok.com", Platform.TIKTOK),
        ("vm.tiktok.com", Platform.TIKTOK),
        ("tiktok.com.evil.example", Platform.GENERIC),
        ("nottiktok.com", Platform.GENERIC),
        ("x.com", Platform.X),
        ("mobile.twitter.com", Platform.X),
        ("youtu.be", None),
    ],
)
def test_a_link_gets_the_cookies_of_its_own_site(host: str, platform: Platform | None) -> None:
    """A link gets cookies by its domain, of which X has two, and a name that only looks like it gets none."""
    named = (Platform.TIKTOK, Platform.X, Platform.GENERIC)
    access = SiteAccess(frozenset(CookiesFile(name, Path(f"/{name}.txt")) for name in named))
    found = access.cookies_for(host)
    assert (found.platform if found else None) is platform


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy.example:3128", UpstreamProxy("proxy.example", 3128)),
        ("http://10.0.0.5:3128/", UpstreamProxy("10.0.0.5", 3128)),
        ("http://me:p%40ss%3A@[fd00::5]:80", UpstreamProxy("fd00::5", 80, "me", "p@ss:")),
    ],
)
def test_a_proxy_is_read(url: str, proxy: UpstreamProxy) -> None:
    """A proxy may have a name and a password, and odd characters in them are percent-encoded."""
    assert UpstreamProxy.parse(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128",
        "https://me:s3cret@proxy.example:3128",
        "socks5://me:s3cret@proxy.example:1080",
        "http://me:s3cret@proxy.example",
        "http://me:s3cret@proxy.example:0",
        "http://me:s3cret@proxy.example:many",
        "http://me:s3cret@proxy.example:3128/path",
        "http://me:s3cret@:3128",
        "http://me:s3cret%0D%0AX:1@proxy.example:3128",
        "http://m%3Ae:s3cret@proxy.example:3128",
        "http://me:s3cret@[::1",
    ],
)
def test_anything_but_an_http_proxy_is_refused_without_repeating_it(url: str) -> None:
    """The message says what is expected, and no password, line break or header gets anywhere."""
    with pytest.raises(ValueError, match="expected") as caught:
        UpstreamProxy.parse(url)
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=60))
def test_no_text_is_a_surprise(text: str) -> None:
    """Any text is read or refused with a reason, and a proxy that is read has an address and shows no password."""
    for prefix in ("", "http://", "http://me:s3cret@"):
        found = read(prefix + text)
        assert found is not None
        assert "s3cret" not in str(found)


def read(url: str) -> UpstreamProxy | ValueError | None:
    """Return the proxy, or the reason for its refusal."""
    try:
        proxy = UpstreamProxy.parse(url)
    except ValueError as error:
        return error if "expected" in str(error) else None
    return proxy if proxy.host and proxy.port else None
