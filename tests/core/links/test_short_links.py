"""Which canonical URL a short link may resolve to, whatever its site says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.links.canonical_urls import has_video_id, is_short
from bookmarkai_assets.core.links.platforms import platform_of_host
from bookmarkai_assets.core.links.short_links import video_behind
from bookmarkai_assets.core.links.urls import AdmittedLink, admit
from tests.core.links.test_urls_platforms import links

SHORT_LINKS = [
    "https://vm.tiktok.com/ZMabc123/",
    "https://vt.tiktok.com/ZMabc123/",
    "https://www.tiktok.com/t/ZTabc123/",
    "https://www.instagram.com/share/BAx_1/",
    "https://www.instagram.com/share/reel/BAx_1/",
    "https://www.reddit.com/r/videos/s/AbC123",
    "https://www.reddit.com/u/some-one/s/AbC123",
]
NAMES = [
    "https://www.tiktok.com/@_/video/7300000000000000001",
    "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
    "https://www.instagram.com/p/C0_a-9bZ/",
    "https://www.reddit.com/comments/6rrwyj/",
    "https://x.com/i/status/1700000000000000001",
    "https://x.com/i/status/1700000000000000001/video/2",
]
TIKTOK, INSTAGRAM, REDDIT = SHORT_LINKS[0], SHORT_LINKS[3], SHORT_LINKS[5]


@pytest.mark.parametrize("link", SHORT_LINKS)
def test_a_short_link_is_recognized_by_its_form(link: str) -> None:
    """Its canonical URL is a short link's and identifies no video."""
    assert is_short(link)
    assert not has_video_id(link)


@pytest.mark.parametrize("name", NAMES)
def test_a_video_url_is_no_short_link(name: str) -> None:
    """Its canonical URL identifies the video."""
    assert has_video_id(name)
    assert not is_short(name)


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/watch/1",
        "https://vm.tiktok.com/",
        "https://www.tiktok.com/@user",
        "https://www.youtube.com/playlist?list=PL1",
        "http://vm.tiktok.com/ZMabc123/",
        "vm.tiktok.com/ZMabc123/",
        "",
    ],
)
def test_a_url_of_an_unknown_form_is_neither(link: str) -> None:
    """Pages, lists, other sites and other spellings are neither short links nor videos."""
    assert not is_short(link)
    assert not has_video_id(link)


@pytest.mark.parametrize(
    ("short", "page", "name"),
    [
        (TIKTOK, "https://www.tiktok.com/@pasta.anna/video/7300000000000000001?_r=1&_t=x", NAMES[0]),
        (TIKTOK, "https://www.tiktok.com/@pasta.anna/photo/7300000000000000001", NAMES[0]),
        (TIKTOK, "https://m.tiktok.com/v/7300000000000000001.html", NAMES[0]),
        (INSTAGRAM, "https://www.instagram.com/some.user/reel/C0_a-9bZ/?igsh=x", NAMES[2]),
        (REDDIT, "https://www.reddit.com/r/videos/comments/6rrwyj/a_title/?share_id=x&rdt=1", NAMES[3]),
        (TIKTOK, "https://www.tiktok.com/@pasta.anna", None),
        (TIKTOK, "https://www.tiktok.com/login?redirect_url=x", None),
        (TIKTOK, "https://www.tiktok.com/t/ZTabc123/", None),
        (TIKTOK, TIKTOK, None),
        (TIKTOK, NAMES[1], None),
        (TIKTOK, NAMES[2], None),
        (TIKTOK, "https://eviltiktok.com/@pasta.anna/video/7300000000000000001", None),
        (TIKTOK, "https://www.tiktok.com:8443/@pasta.anna/video/7300000000000000001", None),
        (TIKTOK, "https://user:pw@www.tiktok.com/@pasta.anna/video/7300000000000000001", None),
        (TIKTOK, "http://127.0.0.1/@pasta.anna/video/7300000000000000001", None),
        (TIKTOK, "", None),
        (NAMES[0], "https://www.tiktok.com/@pasta.anna/video/7300000000000000002", None),
        ("https://example.com/1", "https://example.com/2", None),
    ],
)
def test_a_short_link_resolves_to_a_video_of_its_own_site(short: str, page: str, name: str | None) -> None:
    """Only a page whose address identifies a video of the same platform resolves a short link."""
    assert video_behind(short, page) == name


@given(st.one_of(st.sampled_from(SHORT_LINKS), links()), st.one_of(links(), st.text(max_size=40)))
def test_a_resolved_url_keeps_the_owner_and_resolves_no_further(link: str, page: str) -> None:
    """Whatever link resolves to whatever page, the URL is canonical, of the link's owner, and resolves to itself."""
    short = admit(link)
    assert isinstance(short, AdmittedLink)
    name = video_behind(short.canonical_url, page)
    if name is None:
        return
    named = admit(name)
    assert isinstance(named, AdmittedLink)
    assert named.canonical_url == name
    assert named.platform is short.platform
    assert is_short(short.canonical_url)
    assert not is_short(name)
    assert video_behind(short.canonical_url, name) == name
    assert video_behind(name, page) is None


@given(links())
def test_a_canonical_url_is_short_or_a_video_or_neither(link: str) -> None:
    """No canonical URL is both, and one of a site that is no platform is neither."""
    admitted = admit(link)
    assert isinstance(admitted, AdmittedLink)
    name = admitted.canonical_url
    assert not (is_short(name) and has_video_id(name))
    if is_short(name) or has_video_id(name):
        assert platform_of_host(name.split("/")[2]) is not platform_of_host("example.com")
