"""The canonical URL of a video behind its many links. Whether a link may be fetched at all is decided in `urls`.

A platform's link in a form that is known here is named by the video's id alone, so two links to one video are one
media. Any other link only loses the parameters that never choose another video. Two names for one video cost a
download, but one name for two videos would show a user somebody else's. The canonical URL is also what is fetched, so
nobody can put another video under it. What a short link leads to is in `short_links`.
"""

import re
from urllib.parse import SplitResult, quote, unquote_plus

from bookmarkai_assets.core.links.platforms import Platform, platform_of_host

DEFAULT_PORTS = {"http": 80, "https": 443}
"""By scheme. No other scheme is admitted."""

_TIKTOK = r"(?:(?:www|m)\.)?tiktok\.com"
_YOUTUBE = r"(?:(?:www|m|music)\.)?youtube\.com|(?:www\.)?youtube(?:-nocookie|kids)\.com"
# The two words are players without one video. They are as long as an id and stand where it does.
_YOUTUBE_ID = r"(?P<id>(?!videoseries|live_stream)[0-9A-Za-z_-]{11})"
_INSTAGRAM = r"(?:(?:www|m)\.)?instagram\.com"
_INSTAGRAM_USER = r"(?:(?!share/|stories/|explore/)[^/]+/)"
_REDDIT = r"(?:(?:www|old|new|np|nr|m|i|sh|amp)\.)?reddit\.com"
_X = r"(?:(?:www|mobile|m)\.)?(?:twitter|x)\.com"

# Host and path of each form, and its canonical URL. Sources: the platforms' own share buttons and embedding codes, and
# the `_VALID_URL`s of yt-dlp's extractors, which match every canonical form. An id names a TikTok post whatever user
# name precedes it, and a photo post as well. `@_` is what yt-dlp writes for any user.
_VIDEO_FORMS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (
            rf"{_TIKTOK}/(?:(?:@|%40)[^/]*/(?:video|photo)|embed(?:/v[23])?|player/v1|(?:i18n/)?share/video)/(?P<id>[0-9]+)/?",
            "https://www.tiktok.com/@_/video/{id}",
        ),
        (r"(?:www\.|m\.)?tiktokv\.com/share/video/(?P<id>[0-9]+)/?", "https://www.tiktok.com/@_/video/{id}"),
        (rf"{_TIKTOK}/v/(?P<id>[0-9]+)(?:\.html)?/?", "https://www.tiktok.com/@_/video/{id}"),
        (rf"(?:{_YOUTUBE})/(?:shorts|embed|live|v|e)/{_YOUTUBE_ID}/?", "https://www.youtube.com/watch?v={id}"),
        (rf"(?:www\.)?youtu\.be/{_YOUTUBE_ID}/?", "https://www.youtube.com/watch?v={id}"),
        (
            rf"{_INSTAGRAM}/{_INSTAGRAM_USER}?(?:p|tv|reels?)/(?!audio/?$)(?P<id>[0-9A-Za-z_-]+)(?:/embed(?:/captioned)?)?/?",
            "https://www.instagram.com/p/{id}/",
        ),
        (
            rf"{_REDDIT}/(?:(?:r|u|user)/[^/]+/)?(?:comments|gallery)/(?P<id>[0-9A-Za-z]+)(?:/.*)?",
            "https://www.reddit.com/comments/{id}/",
        ),
        (r"(?:www\.)?redd\.it/(?P<id>[0-9A-Za-z]+)/?", "https://www.reddit.com/comments/{id}/"),
        (rf"{_X}/(?:i/web|[^/]+)/status(?:es)?/(?P<id>[0-9]+)/?", "https://x.com/i/status/{id}"),
        (rf"{_X}/(?:statuses|i/videos(?:/tweet)?)/(?P<id>[0-9]+)/?", "https://x.com/i/status/{id}"),
        # A post may hold several videos. The number chooses one of them, counted together with the photos.
        (
            rf"{_X}/(?:i/web|[^/]+)/status(?:es)?/(?P<id>[0-9]+)/(?:video|photo)/(?P<number>[1-9][0-9]*)/?",
            "https://x.com/i/status/{id}/video/{number}",
        ),
    )
)
# Only the site knows what these lead to. The code is all that counts.
_SHORT_FORMS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"(?P<host>v[mt])\.tiktok\.com/(?P<id>\w+)/?", "https://{host}.tiktok.com/{id}/"),
        (rf"{_TIKTOK}/t/(?P<id>\w+)/?", "https://www.tiktok.com/t/{id}/"),
        (
            rf"{_INSTAGRAM}/share/(?P<kind>p/|reel/)?(?P<id>[0-9A-Za-z_-]+)/?",
            "https://www.instagram.com/share/{kind}{id}/",
        ),
        (
            rf"{_REDDIT}/(?P<kind>r|u|user)/(?P<name>[\w-]+)/s/(?P<id>\w+)/?",
            "https://www.reddit.com/{kind}/{name}/s/{id}",
        ),
    )
)
_YOUTUBE_WATCH = re.compile(rf"(?:{_YOUTUBE})/watch(?:_popup)?/?")

# Added by campaigns on any site, and by each platform's own share button. They never choose another video there. On a
# site that is not listed, `share_id` may well name the video.
_CAMPAIGN_PARAMETERS = frozenset(
    {"dclid", "fbclid", "gbraid", "gclid", "gclsrc", "mc_cid", "mc_eid", "msclkid", "srsltid", "ttclid", "twclid"}
    | {"wbraid", "yclid", "_ga", "_gl"}
)
_SHARE_BUTTON_PARAMETERS = {
    Platform.TIKTOK: frozenset(
        {"_d", "_r", "_t", "is_copy_url", "is_from_webapp", "sender_device", "sender_web_id", "share_id", "u_code"}
    ),
    Platform.INSTAGRAM: frozenset({"igsh", "igshid"}),
    Platform.YOUTUBE: frozenset({"app", "feature", "pp", "si"}),
    Platform.REDDIT: frozenset({"rdt", "share_id"}),
    Platform.TWITTER: frozenset({"ref_src", "s", "t"}),
    Platform.X: frozenset({"ref_src", "s", "t"}),
}
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
# RFC 3986, 2.3, without the dot, because two dots between slashes are no name.
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


def canonical_url(parts: SplitResult, *, host: str, port: int | None) -> str:
    """Return the canonical URL of an admitted link. `parts` is the link, `host` its host in ASCII.

    The result is ASCII, is its own canonical URL, and has a host of the same owner.
    """
    path = _normalize(parts.path or "/")
    parameters = [_normalize(parameter) for parameter in parts.query.split("&")]
    # Some pages read their route from the fragment, which may name another video than the path.
    is_routed = parts.fragment.startswith(("/", "!"))
    is_plain = port in {None, DEFAULT_PORTS[parts.scheme]} and not is_routed
    known = _known_name(f"{host}{path}", parameters) if is_plain else None
    if known is not None:
        return known
    query = "&".join(_drop_tracking(parameters, platform_of_host(host)))
    # A second number sign has no meaning in a link, but yt-dlp would take orders behind it.
    fragment = f"#{_normalize(parts.fragment.replace('#', '%23'))}" if is_routed else ""
    bracketed = f"[{host}]" if ":" in host else host
    explicit_port = f":{port}" if port is not None and port != DEFAULT_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{bracketed}{explicit_port}{path}{'?' if query else ''}{query}{fragment}"


def is_short(canonical: str) -> bool:
    """Whether a canonical URL is of a platform's short link, which says nothing about the video behind it."""
    return _match_forms(_SHORT_FORMS, canonical.removeprefix("https://")) == canonical


def has_video_id(canonical: str) -> bool:
    """Whether a canonical URL names a video by the id that its platform gave it."""
    host_and_path, _, query = canonical.removeprefix("https://").partition("?")
    return _video_name(host_and_path, query.split("&")) == canonical


def _known_name(host_and_path: str, parameters: list[str]) -> str | None:
    return _video_name(host_and_path, parameters) or _match_forms(_SHORT_FORMS, host_and_path)


def _video_name(host_and_path: str, parameters: list[str]) -> str | None:
    if _YOUTUBE_WATCH.fullmatch(host_and_path):
        pairs = (parameter.partition("=") for parameter in parameters)
        ids = {value for name, _, value in pairs if unquote_plus(name) == "v"}
        only = ids.pop() if len(ids) == 1 else ""
        return f"https://www.youtube.com/watch?v={only}" if re.fullmatch(_YOUTUBE_ID, only) else None
    return _match_forms(_VIDEO_FORMS, host_and_path)


def _match_forms(forms: tuple[tuple[re.Pattern[str], str], ...], host_and_path: str) -> str | None:
    for form, name in forms:
        match = form.fullmatch(host_and_path)
        if match:
            return name.format_map(match.groupdict(""))
    return None


def _drop_tracking(parameters: list[str], platform: Platform) -> list[str]:
    """Drop the parameters that only say who shared the link where. The others stay in order, byte for byte."""
    tracking = _CAMPAIGN_PARAMETERS | _SHARE_BUTTON_PARAMETERS.get(platform, frozenset())
    names = [(unquote_plus(parameter.partition("=")[0]), parameter) for parameter in parameters if parameter]
    return [parameter for name, parameter in names if name not in tracking and not name.startswith("utm_")]


def _normalize(text: str) -> str:
    """Return a part of a link in ASCII, with its percent-encoding normalized as in RFC 3986 (6.2.2).

    Text with a percent sign that escapes nothing keeps its percents, because each site decides what they mean.
    """
    escapes = list(_PERCENT.finditer(text))
    if all(escape[1] for escape in escapes):
        text = _PERCENT.sub(_normalize_escape, text)
    return quote(text, safe=_PRINTABLE)


def _normalize_escape(escape: re.Match[str]) -> str:
    letter = chr(int(escape[1], 16))
    return letter if letter in _UNRESERVED else escape[0].upper()
