"""What yt-dlp makes of our canonical URLs: the platform's own video, by the same id."""

import pytest

from bookmarkai_assets.core.links.platforms import FACTS, Platform
from bookmarkai_assets.core.links.urls import AdmittedLink, admit


@pytest.mark.parametrize(
    ("shared", "extractor", "video_id"),
    [
        ("https://tiktok.com/@user/photo/7300000000000000001", "TikTok", "7300000000000000001"),
        ("https://m.tiktok.com/v/7300000000000000001.html", "TikTok", "7300000000000000001"),
        ("https://vm.tiktok.com/ZMabc123?_r=1", "TikTokVM", "ZMabc123"),
        ("https://tiktok.com/t/ZMabc123", "TikTokVM", "ZMabc123"),
        ("https://music.youtube.com/watch?v=dQw4w9WgXcQ&list=RD1", "Youtube", "dQw4w9WgXcQ"),
        ("https://www.youtube.com/watch?x=;v=aaaaaaaaaaa&v=dQw4w9WgXcQ", "Youtube", "dQw4w9WgXcQ"),
        ("https://m.instagram.com/user/reel/C0_a-9bZ", "Instagram", "C0_a-9bZ"),
        ("https://redd.it/6rrwyj", "Reddit", "6rrwyj"),
        ("https://old.reddit.com/u/someone/comments/6rrwyj/title", "Reddit", "6rrwyj"),
        ("https://twitter.com/user/statuses/1700000000000000001", "Twitter", "1700000000000000001"),
        ("https://x.com/user/status/1700000000000000001/photo/2", "Twitter", "1700000000000000001"),
    ],
)
def test_a_canonical_url_leads_to_its_video(shared: str, extractor: str, video_id: str) -> None:
    """The platform's extractor takes the canonical URL and reads the same id from it."""
    from yt_dlp.extractor import get_info_extractor
    from yt_dlp.utils import unsmuggle_url

    link = admit(shared)
    assert isinstance(link, AdmittedLink)
    reader = get_info_extractor(extractor)
    assert reader.suitable(link.canonical_url)
    assert reader._match_valid_url(link.canonical_url)["id"] == video_id
    assert unsmuggle_url(link.canonical_url) == (link.canonical_url, None)


def test_instructions_to_yt_dlp_in_a_link_are_not_passed_on() -> None:
    """A fragment that would change what yt-dlp sends and trusts is removed from the link that is fetched."""
    from yt_dlp.utils import smuggle_url, unsmuggle_url

    for shared in ("https://example.com/v.mp4", "https://example.com/#/v", "https://example.com/#!v#"):
        link = admit(smuggle_url(shared, {"http_headers": {"Authorization": "x"}}))
        assert isinstance(link, AdmittedLink)
        assert unsmuggle_url(link.canonical_url) == (link.canonical_url, None)


@pytest.mark.parametrize("platform", FACTS)
def test_yt_dlp_has_the_extractors_that_are_named(platform: Platform) -> None:
    """A name that it does not know would leave the platform's links without a reader by default."""
    from yt_dlp.extractor import gen_extractor_classes

    names = {extractor.IE_NAME.lower() for extractor in gen_extractor_classes()}
    assert set(FACTS[platform].extractors) <= names
