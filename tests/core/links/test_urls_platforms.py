"""The one canonical URL of each platform's video, whichever of its links was shared."""

import string
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookmarkai_assets.core.links.platforms import Platform, platform_of_host
from bookmarkai_assets.core.links.urls import AdmittedLink, RefusedLink, admit

TIKTOK = "7300000000000000001"
YOUTUBE = "dQw4w9WgXcQ"
INSTAGRAM = "C0_a-9bZ"
REDDIT = "6rrwyj"
X = "1700000000000000001"
# Twitter and X are one site under two names.
OWNERS = {platform: platform for platform in Platform} | {Platform.TWITTER: Platform.X}


def canonical(text: str) -> str:
    """Admit a good link and return its canonical URL."""
    link = admit(text)
    assert isinstance(link, AdmittedLink), link
    return link.canonical_url


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.tiktok.com/@user/video/{TIKTOK}",
        f"https://www.tiktok.com/@someone.else_/video/{TIKTOK}/",
        f"https://www.tiktok.com/@/video/{TIKTOK}",
        f"http://tiktok.com/@user/video/{TIKTOK}?is_from_webapp=1&sender_device=pc&web_id=1",
        f"https://m.tiktok.com/v/{TIKTOK}.html?u_code=1&_r=1#top",
        f"https://m.tiktok.com/@user/video/{TIKTOK}?lang=en",
        f"https://www.tiktok.com/embed/{TIKTOK}",
        f"https://www.tiktok.com/embed/v2/{TIKTOK}?lang=en",
        f"https://www.tiktok.com/player/v1/{TIKTOK}",
        f"https://www.tiktok.com/share/video/{TIKTOK}",
        f"https://www.tiktokv.com/share/video/{TIKTOK}/",
        f"https://www.tiktok.com/@user/photo/{TIKTOK}",
    ],
)
def test_a_post_of_tiktok_is_identified_by_its_number(link: str) -> None:
    """Whoever's name is in a TikTok link and however it is shown, the number alone identifies the post."""
    assert canonical(link) == f"https://www.tiktok.com/@_/video/{TIKTOK}"


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.youtube.com/watch?v={YOUTUBE}",
        f"https://www.youtube.com/watch?v={YOUTUBE}&t=5",
        f"https://www.youtube.com/watch?app=desktop&list=PL1&index=3&v={YOUTUBE}&pp=x#t=1m",
        f"http://m.youtube.com/watch?v={YOUTUBE}",
        f"https://music.youtube.com/watch?v={YOUTUBE}&feature=share",
        f"https://youtube.com:443/watch/?v={YOUTUBE}",
        f"https://youtu.be/{YOUTUBE}",
        f"https://youtu.be/{YOUTUBE}/?si=tracker&t=5",
        f"https://www.youtube.com/shorts/{YOUTUBE}",
        f"https://youtube.com/shorts/{YOUTUBE}?feature=share",
        f"https://www.youtube.com/embed/{YOUTUBE}?autoplay=1&start=5",
        f"https://www.youtube-nocookie.com/embed/{YOUTUBE}",
        f"https://www.youtubekids.com/watch?v={YOUTUBE}",
        f"https://www.youtube.com/live/{YOUTUBE}?si=x",
        f"https://www.youtube.com/v/{YOUTUBE}",
    ],
)
def test_a_video_of_youtube_is_identified_by_its_id(link: str) -> None:
    """Short links, Shorts, music, embedded players and positions in a video or list are one video."""
    assert canonical(link) == f"https://www.youtube.com/watch?v={YOUTUBE}"


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.instagram.com/p/{INSTAGRAM}/",
        f"https://www.instagram.com/p/{INSTAGRAM}?img_index=2&igsh=x",
        f"https://instagram.com/reel/{INSTAGRAM}/?igshid=x",
        f"https://www.instagram.com/reels/{INSTAGRAM}/",
        f"https://m.instagram.com/tv/{INSTAGRAM}",
        f"https://www.instagram.com/some.user/reel/{INSTAGRAM}/",
        f"https://www.instagram.com/p/{INSTAGRAM}/embed/captioned/",
    ],
)
def test_a_post_of_instagram_is_identified_by_its_code(link: str) -> None:
    """Post, reel and video are views of one code, and the picture shown first makes no difference."""
    assert canonical(link) == f"https://www.instagram.com/p/{INSTAGRAM}/"


@pytest.mark.parametrize(
    "link",
    [
        f"https://www.reddit.com/r/videos/comments/{REDDIT}/that_small_heart_attack/",
        f"https://old.reddit.com/r/videos/comments/{REDDIT}/",
        f"https://np.reddit.com/r/videos/comments/{REDDIT}/a_title/e1abc2d/?context=3",
        f"https://new.reddit.com/user/someone/comments/{REDDIT}/a_title",
        f"https://www.reddit.com/u/someone/comments/{REDDIT}",
        f"https://reddit.com/comments/{REDDIT}?share_id=x&utm_name=ioscss",
        f"https://redd.it/{REDDIT}",
        f"https://www.reddit.com/gallery/{REDDIT}",
    ],
)
def test_a_post_of_reddit_is_identified_by_its_id(link: str) -> None:
    """The subreddit, the title and a comment in a Reddit link add nothing to the post's id."""
    assert canonical(link) == f"https://www.reddit.com/comments/{REDDIT}/"


@pytest.mark.parametrize(
    "link",
    [
        f"https://x.com/user/status/{X}",
        f"https://twitter.com/user/status/{X}?s=20&t=x",
        f"https://mobile.twitter.com/user/status/{X}/",
        f"https://www.x.com/i/web/status/{X}",
        f"https://x.com/i/status/{X}",
        f"http://twitter.com/statuses/{X}",
        f"https://twitter.com/i/videos/{X}",
    ],
)
def test_a_post_of_x_is_identified_by_its_number_under_either_name(link: str) -> None:
    """A post on twitter.com and on x.com is one post, whoever's name comes before it."""
    assert canonical(link) == f"https://x.com/i/status/{X}"


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("https://vm.tiktok.com/ZMabc123", "https://vm.tiktok.com/ZMabc123/"),
        ("http://vm.tiktok.com/ZMabc123/?_r=1#x", "https://vm.tiktok.com/ZMabc123/"),
        ("https://vt.tiktok.com/ZMabc123/", "https://vt.tiktok.com/ZMabc123/"),
        ("https://tiktok.com/t/ZTabc123?_t=1", "https://www.tiktok.com/t/ZTabc123/"),
        ("https://www.instagram.com/share/reel/BAx_1?igsh=1", "https://www.instagram.com/share/reel/BAx_1/"),
        ("https://instagram.com/share/BAx_1/", "https://www.instagram.com/share/BAx_1/"),
        ("https://old.reddit.com/r/videos/s/AbC123/", "https://www.reddit.com/r/videos/s/AbC123"),
        ("https://reddit.com/u/some-one/s/AbC123?rdt=1", "https://www.reddit.com/u/some-one/s/AbC123"),
    ],
)
def test_a_short_link_is_identified_by_its_code(link: str, name: str) -> None:
    """Only the site knows what a short link leads to, so it has a canonical URL of its own, without trimmings."""
    assert canonical(link) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"https://www.tiktok.com/@user/video/{TIKTOK}", f"https://www.tiktok.com/@user/video/{TIKTOK}1"),
        ("https://vm.tiktok.com/ZMabc123/", "https://vm.tiktok.com/zmabc123/"),
        (f"https://youtu.be/{YOUTUBE}", f"https://youtu.be/{YOUTUBE.lower()}"),
        ("https://www.youtube.com/clip/Ugkx1", "https://www.youtube.com/clip/Ugkx2"),
        ("https://www.youtube.com/playlist?list=PL1", "https://www.youtube.com/playlist?list=PL2"),
        ("https://www.instagram.com/p/share/", "https://www.instagram.com/share/p/share/"),
        ("https://www.instagram.com/reels/audio/1/", "https://www.instagram.com/reels/audio/2/"),
        ("https://v.redd.it/abc", "https://redd.it/abc"),
        (f"https://x.com/u/status/{X}/video/1", f"https://x.com/u/status/{X}/video/2"),
        (f"https://x.com/u/status/{X}", f"https://x.com/u/status/{X}/video/2"),
    ],
)
def test_what_may_be_another_video_has_another_canonical_url(one: str, other: str) -> None:
    """Ids keep their case, and what chooses among several videos stays in the URL."""
    assert canonical(one) != canonical(other)


# --- Rules ----------------------------------------------------------------------------------------------------------

HOSTS = st.sampled_from(
    [
        *("www.tiktok.com", "TikTok.com", "m.tiktok.com", "vm.tiktok.com", "vt.tiktok.com.", "www.tiktokv.com"),
        *("www.youtube.com", "youtu.be", "music.youtube.com", "www.youtube-nocookie.com", "youtubekids.com"),
        *("www.instagram.com", "instagram.com", "old.reddit.com", "redd.it", "v.redd.it", "www.reddit.com"),
        *("x.com", "mobile.twitter.com", "twitter.com", "eviltiktok.com", "youtu.be.evil.example", "ex\u00e4mple.com"),
    ]
)
IDS = st.one_of(
    st.sampled_from([TIKTOK, YOUTUBE, INSTAGRAM, REDDIT, X, "videoseries", "1", "audio"]),
    st.text(alphabet=string.ascii_letters + string.digits + "-_%.~\u0661\u00e9", max_size=12),
)
WORDS = st.sampled_from(
    [
        *("@user", "@", "%40u", "video", "photo", "embed", "v2", "share", "v", "t", "watch", "shorts", "live", "p"),
        *("reel", "reels", "tv", "r", "u", "user", "comments", "s", "gallery", "status", "i", "web", "statuses", ""),
        *("..", ".", "%2e%2e", "%76ideo", "%", "%%34%31", ";v=", "videos"),
    ]
)
PATHS = st.lists(st.one_of(WORDS, IDS), max_size=6).map("/".join)
NAMES = st.sampled_from(["v", "%76", "V", "t", "utm_x", "utm%5Fx", "si", "list", "igsh", "s", "fbclid", "id", ""])
QUERIES = st.lists(st.builds("{}={}".format, NAMES, IDS), max_size=4).map("&".join)
FRAGMENTS = st.sampled_from(["", "#t=5", "#/watch?v=aaaaaaaaaaa", "#!/x#y", "##", "#__youtubedl_smuggle=%7B%7D", "#/%"])


@st.composite
def links(draw: st.DrawFn) -> str:
    """A link that is at or near a platform's own form."""
    scheme = draw(st.sampled_from(["https", "http", "HTTPS"]))
    port = draw(st.sampled_from(["", "", ":443", ":80", ":"]))
    query = draw(QUERIES)
    return f"{scheme}://{draw(HOSTS)}{port}/{draw(PATHS)}{'?' if query else ''}{query}{draw(FRAGMENTS)}"


@given(links())
def test_a_canonical_url_is_admitted_and_is_its_own(link: str) -> None:
    """The canonical URL of an admitted link is admitted, in ASCII, and canonical already."""
    admitted = admit(link)
    assert isinstance(admitted, AdmittedLink), admitted
    assert canonical(admitted.canonical_url) == admitted.canonical_url
    assert admitted.canonical_url.isascii()
    assert admitted.canonical_url.count("#") <= 1


@given(links())
def test_a_canonical_url_keeps_the_owner(link: str) -> None:
    """A canonical URL's host is the link's or of the same platform, and no other site's link becomes a platform's."""
    admitted = admit(link)
    assert isinstance(admitted, AdmittedLink), admitted
    named = urlsplit(admitted.canonical_url)
    assert named.hostname
    shared = (urlsplit(link).hostname or "").encode("idna").decode().removesuffix(".")
    if named.hostname != shared:
        assert admitted.platform is not Platform.GENERIC
        assert OWNERS[platform_of_host(named.hostname)] is OWNERS[admitted.platform] is OWNERS[platform_of_host(shared)]
    assert "@" not in named.netloc


@given(
    st.text(max_size=12),
    st.sampled_from(["://", ":", "//", ":/", "://@"]),
    st.text(max_size=40),
    st.sampled_from(["/", "?", "#", ":", "", "\\", "@"]),
    st.text(max_size=40),
)
def test_no_text_makes_admission_fail(scheme: str, colon: str, host: str, end: str, tail: str) -> None:
    """Whatever is in a link's parts, the answer is a link or a reason, and an admitted link stays admitted."""
    for text in (
        f"{scheme}{colon}{host}{end}{tail}",
        f"https://{host}{end}{tail}",
        f"http://www.{host}.example/{tail}",
    ):
        link = admit(text)
        if isinstance(link, RefusedLink):
            assert link.reason.isprintable()
        else:
            assert canonical(link.canonical_url) == link.canonical_url


@given(
    st.sampled_from([f"/@user/video/{TIKTOK}", f"/v/{TIKTOK}", "/@user", "/tag/x"]),
    st.lists(st.sampled_from(["utm_source=a", "_r=1", "fbclid=1", "is_from_webapp=1", "u_code=x"])),
)
def test_tracking_never_makes_another_video(path: str, tracking: list[str]) -> None:
    """Any number of tracking parameters in any order gives the canonical URL of the bare link."""
    bare = f"https://www.tiktok.com{path}"
    assert canonical(f"{bare}?{'&'.join(tracking)}") == canonical(bare)


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_~\u00e9\u4e2d", min_size=1, max_size=20))
def test_percent_encoding_does_not_make_another_path(name: str) -> None:
    """Unneeded percent-encoding, also in lower case, does not make another canonical URL."""
    spelled = "".join(f"%{byte:02x}" for byte in name.encode())
    assert canonical(f"https://example.com/{spelled}") == canonical(f"https://example.com/{quote(name, safe='~')}")
